//! Our octets beside those of an independent encoder: RabbitMQ's own framing modules, in an Erlang of their own.
//! It needs the package `rabbitmq-server`, and no broker.

#[path = "golden_octets/erlang.rs"]
mod erlang;

use std::collections::{BTreeMap, BTreeSet};

use amqp_protocol::{Encode, Properties, Writer, v0_8, v0_9_1};
use amqp_tests::framing;
use proptest::prelude::any;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// How many values of each method and each property set are compared, both ways: 16, or in proportion to
/// `PROPTEST_CASES`, whose default is 256.
fn rounds() -> usize {
    Config::default().cases.div_ceil(256 / 16) as usize
}

/// A method or a property set that is compared.
struct Sample {
    /// The request without its end: `{decode_method,'queue.declare'`.
    decode: String,
    /// The request without its end: `{encode_method,'queue.declare'`.
    encode: String,
    /// The arguments or properties, as the crate's JSON names them, without the tag `L`.
    fields: Map<String, Value>,
    /// Our octets, without ids.
    octets: Vec<u8>,
    /// Our octets, `L` written as `l`.
    normal: Vec<u8>,
}

fn octets(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(&mut Writer::new(&mut octets));
    octets
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Values of a strategy that Erlang has too, each as it is and with every tag `L` made `l`. They are the same in each run.
fn draw<T: Serialize + DeserializeOwned>(strategy: impl Strategy<Value = T>) -> Vec<(T, T, Value)> {
    let mut runner = TestRunner::deterministic();
    let values = std::iter::repeat_with(|| {
        strategy
            .new_tree(&mut runner)
            .expect("the strategy has values")
            .current()
    });
    let values = values.map(|value| {
        let json = serde_json::to_value(&value).expect("it becomes JSON");
        (value, json)
    });
    let expressible = values.filter(|(_, json)| erlang::is_expressible(json));
    let pairs = expressible.map(|(value, json)| {
        let json = erlang::normalize(json);
        let normal = serde_json::from_value(json.clone()).expect("it comes back");
        (value, normal, json)
    });
    pairs.take(rounds()).collect()
}

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().expect("it is an object").clone()
}

/// The properties of a class. In RabbitMQ's records the last property of 0-9-1's basic has the name it has in 0-8.
fn properties<P>(strategy: impl Strategy<Value = P>) -> Vec<Sample>
where
    P: Properties + Serialize + DeserializeOwned,
{
    let samples = draw(strategy).into_iter().map(|(value, normal, json)| {
        let mut fields = fields(&json);
        if let Some(reserved) = fields.remove("reserved") {
            fields.insert("cluster_id".to_owned(), reserved);
        }
        Sample {
            decode: format!("{{decode_properties,{}", P::CLASS_ID),
            encode: format!("{{encode_properties,'P_{}'", P::CLASS),
            fields,
            octets: octets(&value),
            normal: octets(&normal),
        }
    });
    samples.collect()
}

/// Compares both ways, and returns what differs.
fn compare(module: &str, samples: &[Sample]) -> Vec<String> {
    let encode = |sample: &Sample| format!("{},{}}}", sample.encode, erlang::fields(&sample.fields));
    let decode = |sample: &Sample| format!("{},<<\"{}\">>}}", sample.decode, hex(&sample.octets));
    let requests: Vec<String> = samples
        .iter()
        .flat_map(|sample| [encode(sample), decode(sample)])
        .collect();
    let answers = framing::ask(module, &requests);
    let mut differences = Vec::new();
    let (mut refused, mut octets) = (0, 0);
    for (index, (request, answer)) in requests.iter().zip(&answers).enumerate() {
        let sample = &samples[index / 2];
        octets += sample.octets.len();
        if *answer == hex(&sample.normal) {
            continue;
        }
        // Its decoder wants UTF-8 in the short strings of methods without content; ours leaves that to the reader.
        let not_utf8 = sample.fields.values().any(|value| value.get("hex").is_some());
        if not_utf8 && answer.contains("Malformed UTF-8 in shortstr") {
            refused += 1;
            continue;
        }
        differences.push(format!(
            "{request}\n  ours:   {}\n  theirs: {answer}",
            hex(&sample.normal)
        ));
    }
    println!(
        "{module}: {} comparisons of {octets} octets, {refused} refused by RabbitMQ for their UTF-8",
        requests.len()
    );
    differences
}

/// A method or property set that one side alone knows, and why.
type Alone = (&'static str, &'static str);

/// What one side knows and the other does not must be what the list says.
fn alone(these: &BTreeSet<&str>, others: &BTreeSet<&str>, listed: &[Alone]) {
    let found: Vec<&str> = these.difference(others).copied().collect();
    assert_eq!(found, Vec::from_iter(listed.iter().map(|(name, _)| *name)));
}

macro_rules! golden {
    ($test:ident, $revision:ident, $module:literal, properties of: $($class:ident),*; theirs alone: $theirs:expr) => {
        #[test]
        fn $test() {
            let known = framing::ask($module, &["methods".to_owned()]).remove(0);
            let theirs: BTreeMap<&str, &str> =
                known.split(',').filter_map(|method| method.split_once(' ')).map(|(id, name)| (name, id)).collect();
            let mut ours = BTreeMap::new();
            let mut samples = Vec::new();
            for strategy in $revision::Method::strategies() {
                for (value, normal, json) in draw(strategy) {
                    ours.insert(value.name(), value.id().to_string());
                    if theirs.contains_key(value.name()) {
                        samples.push(Sample {
                            decode: format!("{{decode_method,'{}'", value.name()),
                            encode: format!("{{encode_method,'{}'", value.name()),
                            fields: fields(&json["arguments"]),
                            octets: octets(&value)[4..].to_vec(),
                            normal: octets(&normal)[4..].to_vec(),
                        });
                    }
                }
            }
            assert_eq!(ours.len(), $revision::Method::IDS.len());
            for (name, id) in &theirs {
                if let Some(our_id) = ours.get(name) {
                    assert_eq!(our_id, id, "{name}");
                }
            }
            let ours: BTreeSet<&str> = ours.into_keys().collect();
            let theirs: BTreeSet<&str> = theirs.into_keys().collect();
            alone(&ours, &theirs, &[]);
            alone(&theirs, &ours, $theirs);
            println!("{}: all of our {} methods", $module, ours.len());
            $(samples.extend(properties(any::<$revision::$class::Properties<'_>>()));)*
            let differences = compare($module, &samples);
            let shown: Vec<String> = differences.iter().take(12).cloned().collect();
            assert!(differences.is_empty(), "{} differences, among them\n{}", differences.len(), shown.join("\n"));
        }
    };
}

const RESERVED: &str = "the standard has taken the class out; RabbitMQ still answers old clients";
const CREDIT: &str = "an extension for its own gateway to AMQP 1.0, in no published specification";

golden!(methods_and_properties_of_0_9_1, v0_9_1, "rabbit_framing_amqp_0_9_1",
properties of: basic;
theirs alone: &[
    ("access.request", RESERVED),
    ("access.request_ok", RESERVED),
    ("basic.credit", CREDIT),
    ("basic.credit_drained", CREDIT),
    ("basic.credit_ok", CREDIT),
]);
// The class test has content, but no properties: RabbitMQ decodes none for it, and ours are the two octets of no flags.
golden!(methods_and_properties_of_0_8, v0_8, "rabbit_framing_amqp_0_8",
    properties of: basic, file, stream, tunnel;
    theirs alone: &[]);
