//! Values written as Erlang terms, for `amqp_tests::framing`.

use serde_json::{Map, Value};

/// Whether Erlang has all these values: it has no NaN and no infinity.
pub(crate) fn is_expressible(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().all(is_expressible),
        Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| name != "bits" && is_expressible(value)),
        _ => true,
    }
}

/// Makes every tag `L`, which RabbitMQ reads and never writes, the `l` that it writes instead.
pub(crate) fn normalize(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(normalize).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| match name.as_str() {
                "L" => ("l".to_owned(), value),
                _ => (name, normalize(value)),
            });
            Value::Object(fields.collect())
        }
        other => other,
    }
}

/// `[{name,value},…]`
pub(crate) fn fields(fields: &Map<String, Value>) -> String {
    list(
        fields
            .iter()
            .map(|(name, value)| format!("{{'{name}',{}}}", term(value))),
    )
}

fn list(terms: impl Iterator<Item = String>) -> String {
    format!("[{}]", terms.collect::<Vec<_>>().join(","))
}

/// The value of an argument or property.
fn term(value: &Value) -> String {
    match value {
        Value::Array(entries) => list(entries.iter().map(|entry| {
            let (kind, value) = tagged(&entry[1]);
            format!("{{{},{kind},{value}}}", term(&entry[0]))
        })),
        Value::String(text) => binary(text.as_bytes()),
        Value::Object(hex) => {
            let digits = hex["hex"].as_str().expect("octets that are no text are digits");
            let octets = (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
            binary(&octets.collect::<Result<Vec<u8>, _>>().expect("digits in pairs"))
        }
        other => other.to_string(),
    }
}

fn binary(octets: &[u8]) -> String {
    let octets: Vec<String> = octets.iter().map(u8::to_string).collect();
    format!("<<{}>>", octets.join(","))
}

/// RabbitMQ's name of the type, and the value.
fn tagged(value: &Value) -> (&'static str, String) {
    let (tag, value) = value
        .as_object()
        .and_then(|entry| entry.iter().next())
        .expect("a value has a tag");
    let bits = |number: &Value| format!("{{bits,{}}}", number.as_f64().expect("it is a number").to_bits());
    match tag.as_str() {
        "t" => ("bool", term(value)),
        "b" => ("byte", term(value)),
        "B" => ("unsignedbyte", term(value)),
        "s" => ("short", term(value)),
        "u" => ("unsignedshort", term(value)),
        "I" => ("signedint", term(value)),
        "i" => ("unsignedint", term(value)),
        "l" => ("long", term(value)),
        "f" => ("float", bits(value)),
        "d" => ("double", bits(value)),
        "D" => ("decimal", format!("{{{},{}}}", value["scale"], value["value"])),
        "S" => ("longstr", term(value)),
        "T" => ("timestamp", term(value)),
        "V" => ("void", "undefined".to_owned()),
        "x" => ("binary", term(value)),
        "F" => ("table", term(value)),
        "A" => {
            let values = value.as_array().expect("an array is a list");
            (
                "array",
                list(values.iter().map(|value| {
                    let (kind, value) = tagged(value);
                    format!("{{{kind},{value}}}")
                })),
            )
        }
        tag => panic!("RabbitMQ has no name for {tag}"),
    }
}
