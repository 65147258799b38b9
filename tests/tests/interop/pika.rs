//! pika, of Debian's package `python3-pika`: all properties, and headers of every type that Python and pika have.
//!
//! pika 1.2 reads some tags otherwise than it should: `b` as unsigned, `B` as signed, `l` as unsigned, and of `f` and `d`
//! the whole part alone. The tables below say for each value what it is on either side.

use amqp_client::protocol::v0_9_1::basic;
use amqp_tests::broker::Broker;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::foreign::run;
use crate::ours::{Count, Ours, PROPERTIES, hex, plan, properties, select, user};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/with_pika.py");
/// Debian's own: another `python3` that comes first in PATH does not see Debian's packages.
const PYTHON: &str = "/usr/bin/python3";
/// What both sides ask for and RabbitMQ offers.
const FRAME_MAX: usize = 131_072;

/// A value as the wire has it, under its tag, and as Python has it, under its type.
struct Both {
    name: Value,
    wire: Value,
    python: Value,
}

fn both(name: impl Into<Value>, wire: Value, python: Value) -> Both {
    let name = name.into();
    Both { name, wire, python }
}

/// The headers as a table of `amqp_protocol` and as Python's `dict`.
fn headers(values: Vec<Both>) -> (Value, Value) {
    let python_name = |name: &Value| match name.get("hex") {
        Some(octets) => json!({"bytes": octets}),
        None => json!({"str": name}),
    };
    let (wire, python): (Vec<_>, Vec<_>) = values
        .into_iter()
        .map(|Both { name, wire, python }| (json!([name, wire]), json!([python_name(&name), python])))
        .unzip();
    (json!(wire), json!({"dict": python}))
}

/// The Python side of properties that are no headers.
fn in_python(name: &str, value: &Value) -> Value {
    match value {
        Value::Number(_) => json!({"int": value}),
        Value::String(_) => json!({"str": value}),
        _ => json!({"bytes": value.get("hex").unwrap_or_else(|| panic!("{name}: {value}"))}),
    }
}

/// All properties with these headers, on the wire and in Python.
fn all(mut wire: Value, headers: (Value, Value)) -> (Value, Value) {
    let of_python = wire.as_object().expect("properties are an object").iter();
    let mut python: Value = of_python
        .map(|(name, value)| (name.clone(), in_python(name, value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    wire["headers"] = headers.0;
    python["headers"] = headers.1;
    (wire, python)
}

/// The properties whose flags are set, by the names that pika has for them.
fn select_python(python: &Value, flags: u16) -> Value {
    let mut chosen = select(python, flags);
    let chosen_properties = chosen.as_object_mut().expect("properties are an object");
    if let Some(value) = chosen_properties.remove("reserved") {
        chosen_properties.insert("cluster_id".to_owned(), value);
    }
    chosen
}

fn script(arguments: &[&str]) -> Command {
    let mut command = Command::new(PYTHON);
    command.arg(SCRIPT).arg(Broker::shared().url()).args(arguments);
    command
}

/// What pika writes: it has a tag for each of Python's types.
fn sent_by_pika() -> (Value, Value) {
    let deep_wire =
        json!({"F": [["a", {"F": [["b", {"F": []}], ["c", {"A": [{"F": [["d", {"t": false}]]}]}]]}]]});
    let deep = json!({"dict": [[{"str": "a"}, {"dict": [
        [{"str": "b"}, {"dict": []}],
        [{"str": "c"}, {"list": [{"dict": [[{"str": "d"}, {"bool": false}]]}]}],
    ]}]]});
    let list_wire =
        json!({"A": [{"I": 1}, {"S": "two"}, {"V": null}, {"x": {"hex": "03"}}, {"A": [{"A": []}]}]});
    let list = json!({"list": [
        {"int": 1}, {"str": "two"}, {"NoneType": null}, {"bytes": "03"}, {"list": [{"list": []}]},
    ]});
    let headers = headers(vec![
        both("bool False", json!({"t": false}), json!({"bool": false})),
        both("bool True", json!({"t": true}), json!({"bool": true})),
        both(
            "bytes",
            json!({"x": {"hex": "00ff0080"}}),
            json!({"bytes": "00ff0080"}),
        ),
        both("bytes empty", json!({"x": ""}), json!({"bytes": ""})),
        both(
            "bytes of text",
            json!({"x": "text"}),
            json!({"bytes": "74657874"}),
        ),
        both(
            "datetime",
            json!({"T": 1_234_567_890}),
            json!({"datetime": 1_234_567_890}),
        ),
        both("datetime first", json!({"T": 0}), json!({"datetime": 0})),
        both(
            "datetime last",
            json!({"T": 253_402_300_799_u64}),
            json!({"datetime": 253_402_300_799_u64}),
        ),
        both(
            "decimal",
            json!({"D": {"scale": 2, "value": 314}}),
            json!({"Decimal": "3.14"}),
        ),
        // -25 in 32 bits.
        both(
            "decimal below 0",
            json!({"D": {"scale": 1, "value": 4_294_967_271_u32}}),
            json!({"Decimal": "-2.5"}),
        ),
        both(
            "decimal small",
            json!({"D": {"scale": 28, "value": 1}}),
            json!({"Decimal": "1E-28"}),
        ),
        both(
            "decimal whole",
            json!({"D": {"scale": 0, "value": 4200}}),
            json!({"Decimal": "4.2E+3"}),
        ),
        both("dict", deep_wire, deep),
        both("dict empty", json!({"F": []}), json!({"dict": []})),
        both("int", json!({"I": 5}), json!({"int": 5})),
        both("int 32 bits", json!({"I": i32::MAX}), json!({"int": i32::MAX})),
        both(
            "int 33 bits",
            json!({"l": 2_147_483_648_i64}),
            json!({"int": 2_147_483_648_i64}),
        ),
        both("int 64 bits", json!({"l": i64::MAX}), json!({"int": i64::MAX})),
        both("int below 0", json!({"I": -1}), json!({"int": -1})),
        both(
            "int below 0, 32 bits",
            json!({"I": i32::MIN}),
            json!({"int": i32::MIN}),
        ),
        both(
            "int below 0, 33 bits",
            json!({"l": -2_147_483_649_i64}),
            json!({"int": -2_147_483_649_i64}),
        ),
        both(
            "int below 0, 64 bits",
            json!({"l": i64::MIN}),
            json!({"int": i64::MIN}),
        ),
        both("list", list_wire, list),
        both("list empty", json!({"A": []}), json!({"list": []})),
        both("long", json!({"l": 5}), json!({"long": 5})),
        both("long below 0", json!({"l": -5}), json!({"long": -5})),
        both("none", json!({"V": null}), json!({"NoneType": null})),
        both("str", json!({"S": "grüße ☕\0"}), json!({"str": "grüße ☕\0"})),
        both("str empty", json!({"S": ""}), json!({"str": ""})),
        both("ünïcödé", json!({"t": true}), json!({"bool": true})),
        both(
            json!({"hex": "ff00fe"}),
            json!({"V": null}),
            json!({"NoneType": null}),
        ),
    ]);
    let others = json!({
        "content_type": "text/plain; charset=utf-8",
        "content_encoding": "identity",
        "delivery_mode": 2,
        "priority": 255,
        "correlation_id": {"hex": "00ff80fe"},
        "reply_to": "reply ☕",
        "expiration": "4294967295",
        "message_id": "x".repeat(255),
        "timestamp": u64::MAX,
        "type": "",
        "user_id": user(),
        "app_id": "an app",
        "reserved": "a cluster",
    });
    all(others, headers)
}

#[tokio::test]
async fn what_pika_publishes_arrives_here() {
    let ours = Ours::with_queue("from-pika").await;
    let (wire, python) = sent_by_pika();
    let plan = plan(FRAME_MAX);
    let line = |flags, body: &[u8]| json!({"properties": select_python(&python, flags), "body": hex(body)});
    let input: String = plan
        .iter()
        .map(|planned| format!("{}\n", line(planned.flags, &planned.body)))
        .collect();
    run("python3", &mut script(&["publish", &ours.queue]), input).await;

    let expected: Vec<_> = plan
        .into_iter()
        .map(|planned| (properties(select(&wire, planned.flags)), planned.body))
        .collect();
    ours.expect("pika -> amqp-client", &expected).await;
    ours.finish().await;
}

/// Every tag that we write, and what pika makes of it.
fn sent_by_us() -> (Value, Value) {
    let array = json!({"A": [{"I": 1}, {"S": "two"}, {"V": null}, {"A": [{"F": [["k", {"t": true}]]}]}]});
    let list = json!({"list": [
        {"int": 1}, {"str": "two"}, {"NoneType": null}, {"list": [{"dict": [[{"str": "k"}, {"bool": true}]]}]},
    ]});
    let headers = headers(vec![
        both("A", array, list),
        both("A empty", json!({"A": []}), json!({"list": []})),
        both("B", json!({"B": 127}), json!({"int": 127})),
        both("B as signed", json!({"B": 255}), json!({"int": -1})),
        both(
            "D",
            json!({"D": {"scale": 2, "value": 314}}),
            json!({"Decimal": "3.14"}),
        ),
        both(
            "D negative",
            json!({"D": {"scale": 1, "value": 4_294_967_271_u32}}),
            json!({"Decimal": "-2.5"}),
        ),
        both(
            "F",
            json!({"F": [["F", {"F": [["x", {"x": ""}]]}]]}),
            json!({"dict": [
                [{"str": "F"}, {"dict": [[{"str": "x"}, {"bytes": ""}]]}],
            ]}),
        ),
        both("F empty", json!({"F": []}), json!({"dict": []})),
        both("I", json!({"I": i32::MAX}), json!({"int": i32::MAX})),
        both("I negative", json!({"I": i32::MIN}), json!({"int": i32::MIN})),
        both("L", json!({"L": i64::MAX}), json!({"long": i64::MAX})),
        both("L negative", json!({"L": i64::MIN}), json!({"long": i64::MIN})),
        both("S", json!({"S": "naïve ☃\0"}), json!({"str": "naïve ☃\0"})),
        both("S empty", json!({"S": ""}), json!({"str": ""})),
        both(
            "S octets",
            json!({"S": {"hex": "fffe00"}}),
            json!({"bytes": "fffe00"}),
        ),
        // The last second of the year 9999 is the last that Python has.
        both(
            "T",
            json!({"T": 253_402_300_799_u64}),
            json!({"datetime": 253_402_300_799_u64}),
        ),
        both("T zero", json!({"T": 0}), json!({"datetime": 0})),
        both("V", json!({"V": null}), json!({"NoneType": null})),
        both("b", json!({"b": 127}), json!({"int": 127})),
        both("b as unsigned", json!({"b": -128}), json!({"int": 128})),
        both("d as whole", json!({"d": -2.5}), json!({"long": -2})),
        both(
            "f as whole",
            json!({"f": 16_777_216.0}),
            json!({"long": 16_777_216}),
        ),
        both("i", json!({"i": u32::MAX}), json!({"int": u32::MAX})),
        both("l", json!({"l": i64::MAX}), json!({"long": i64::MAX})),
        both("l as unsigned", json!({"l": -1}), json!({"long": u64::MAX})),
        both("s", json!({"s": 32767}), json!({"int": 32767})),
        both("s negative", json!({"s": -32768}), json!({"int": -32768})),
        both("t", json!({"t": true}), json!({"bool": true})),
        both("t false", json!({"t": false}), json!({"bool": false})),
        both("u", json!({"u": 65535}), json!({"int": 65535})),
        both("x", json!({"x": {"hex": "00ff"}}), json!({"bytes": "00ff"})),
        both("x of text", json!({"x": "text"}), json!({"bytes": "74657874"})),
        both("ünïcödé", json!({"t": true}), json!({"bool": true})),
        both(
            json!({"hex": "fe00ff"}),
            json!({"V": null}),
            json!({"NoneType": null}),
        ),
    ]);
    let others = json!({
        "content_type": "application/octet-stream",
        "content_encoding": "gzip",
        "delivery_mode": 1,
        "priority": 0,
        "correlation_id": "",
        "reply_to": {"hex": "ff00"},
        "expiration": "3600000",
        "message_id": "y".repeat(255),
        "timestamp": 9_223_372_036_854_775_808_u64,
        "type": "type ☕",
        "user_id": user(),
        "app_id": {"hex": "80"},
        "reserved": "reserved",
    });
    all(others, headers)
}

#[tokio::test]
async fn what_is_published_here_arrives_at_pika() {
    let consumed = Ours::with_queue("to-pika-consumed").await;
    let got = Ours::with_queue("to-pika-got").await;
    let (wire, python) = sent_by_us();
    let plan = plan(FRAME_MAX);
    let sent: Vec<basic::Properties<'_>> = plan
        .iter()
        .map(|planned| properties(select(&wire, planned.flags)))
        .collect();
    for ours in [&consumed, &got] {
        for (planned, properties) in plan.iter().zip(&sent) {
            ours.publish(properties, &planned.body).await;
        }
    }
    let mut receive = script(&["receive", &consumed.queue, &got.queue, &plan.len().to_string()]);
    let printed = run("python3", &mut receive, "").await;
    let printed: Vec<Value> = serde_json::Deserializer::from_slice(&printed)
        .into_iter()
        .map(|line| line.expect("it prints JSON"))
        .collect();
    assert_eq!(printed.len(), 2 * plan.len());
    let (by_consume, by_get) = printed.split_at(plan.len());
    for (ours, printed, way) in [
        (&consumed, by_consume, "amqp-client -> pika, basic.consume"),
        (&got, by_get, "amqp-client -> pika, basic.get"),
    ] {
        let mut count = Count::default();
        for (number, (printed, planned)) in printed.iter().zip(&plan).enumerate() {
            let what = format!("{way}: message {number}");
            assert_eq!(
                printed["properties"],
                select_python(&python, planned.flags),
                "{what}"
            );
            assert!(printed["body"] == hex(&planned.body), "{what}: its body");
            assert_eq!(printed["envelope"], json!(["", ours.queue, false]), "{what}");
            count.add(&sent[number], &planned.body);
        }
        count.report(way);
    }
    consumed.finish().await;
    got.finish().await;
}

#[tokio::test]
#[should_panic(expected = "install Debian's package python3-pika")]
async fn a_missing_pika_names_its_package() {
    // Without its site's packages, as where none is installed.
    let mut command = Command::new(PYTHON);
    run("python3", command.args(["-S", SCRIPT]), "").await;
}

#[test]
fn both_sides_have_all_properties() {
    for (wire, python) in [sent_by_pika(), sent_by_us()] {
        for name in PROPERTIES {
            assert!(wire.get(name).is_some() && python.get(name).is_some(), "{name}");
        }
    }
}
