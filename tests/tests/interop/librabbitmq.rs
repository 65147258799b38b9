//! librabbitmq through a C program of ours, which is compiled here: all properties, and a header of every tag.

use std::process::Command as StdCommand;
use std::sync::LazyLock;

use amqp_client::protocol::v0_9_1::basic;
use amqp_tests::broker::Broker;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::foreign::run;
use crate::ours::{ALL, Count, Ours, hex, plan, properties, select, user};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/librabbitmq.c");
const PROGRAM: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/interop-librabbitmq");
/// The least that AMQP allows, and what the program asks for: the larger bodies are many frames.
const FRAME_MAX: usize = 4096;

/// Compiles the program, with these arguments besides.
fn compile(arguments: &[&str], program: &str) -> Result<(), String> {
    let output = StdCommand::new("gcc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE])
        .args(arguments)
        .arg("-lrabbitmq")
        .output()
        .map_err(|error| format!("gcc: {error}: install Debian's packages gcc and libc6-dev"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("gcc: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The program, and where it connects to.
fn program() -> Command {
    static COMPILED: LazyLock<Result<(), String>> = LazyLock::new(|| compile(&[], PROGRAM));
    COMPILED.as_ref().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(PROGRAM);
    command.arg(Broker::shared().url());
    command
}

/// What the C program publishes, its own file says; this is the same, as we must read it. The broker hands `L` on as it
/// is: 2^64 - 1 for librabbitmq, -1 for RabbitMQ and here.
fn sent_by_c() -> Value {
    json!({
        "content_type": "text/plain; charset=utf-8",
        "content_encoding": "identity",
        "headers": [
            ["A", {"A": [{"I": 1}, {"S": "two"}, {"V": null}, {"F": [["deep", {"A": [{"t": true}]}]]}, {"A": []}]}],
            ["B", {"B": 255}],
            ["D", {"D": {"scale": 2, "value": 314}}],
            ["D max", {"D": {"scale": 255, "value": 4_294_967_295_u32}}],
            ["F", {"F": [["b", {"b": -1}], ["empty", {"F": []}], ["x", {"x": ""}]]}],
            ["I", {"I": i32::MIN}],
            ["L", {"L": -1}],
            ["S", {"S": "grüße ☕"}],
            ["S empty", {"S": ""}],
            ["S octets", {"S": {"hex": "00ff80"}}],
            ["T", {"T": u64::MAX}],
            ["V", {"V": null}],
            ["b", {"b": -128}],
            ["d", {"d": -2.5e-300}],
            ["f", {"f": 0.1}],
            ["i", {"i": u32::MAX}],
            ["l", {"l": i64::MIN}],
            ["s", {"s": -32768}],
            ["t", {"t": true}],
            ["t false", {"t": false}],
            ["u", {"u": 65535}],
            ["x", {"x": {"hex": "00ff0080"}}],
            [{"hex": "ff00fe"}, {"V": null}],
        ],
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
    })
}

#[tokio::test]
async fn what_librabbitmq_publishes_arrives_here() {
    let ours = Ours::with_queue("from-librabbitmq").await;
    let plan = plan(FRAME_MAX);
    let input: String = plan
        .iter()
        .map(|planned| format!("{:04x} {}\n", planned.flags, hex(&planned.body)))
        .collect();
    run("librabbitmq-dev", program().args(["publish", &ours.queue]), input).await;

    let all = sent_by_c();
    let expected: Vec<_> = plan
        .into_iter()
        .map(|planned| (properties(select(&all, planned.flags)), planned.body))
        .collect();
    ours.expect("librabbitmq -> amqp-client", &expected).await;
    ours.finish().await;
}

/// Every tag, in the extremes of its type; other values than those of the C program.
fn sent_by_us() -> Value {
    json!({
        "content_type": "application/octet-stream",
        "content_encoding": "gzip",
        "headers": [
            ["A", {"A": [{"t": false}, {"A": [{"A": [{"d": 1.5}]}]}, {"F": [["k", {"T": 0}]]}, {"x": {"hex": "00"}}]}],
            ["B", {"B": 128}],
            ["D", {"D": {"scale": 0, "value": 0}}],
            ["D bits", {"D": {"scale": 1, "value": 4_294_967_271_u32}}],
            ["F", {"F": [["F", {"F": [["F", {"F": []}]]}], ["S", {"S": "inner"}]]}],
            ["I", {"I": i32::MAX}],
            ["I negative", {"I": -1}],
            ["L", {"L": i64::MAX}],
            ["L negative", {"L": i64::MIN}],
            ["S", {"S": "naïve ☃"}],
            ["S long", {"S": "y".repeat(2000)}],
            ["S octets", {"S": {"hex": "fffe00"}}],
            ["T", {"T": 253_402_300_799_u64}],
            ["V", {"V": null}],
            ["b", {"b": 127}],
            ["b negative", {"b": -1}],
            ["d", {"d": f64::MAX}],
            ["d negative zero", {"d": -0.0}],
            ["f", {"f": 3.4028235e38}],
            ["f small", {"f": 1e-45}],
            ["i", {"i": 2_147_483_648_u32}],
            ["l", {"l": i64::MAX}],
            ["l negative", {"l": -1}],
            ["s", {"s": 32767}],
            ["t", {"t": true}],
            ["u", {"u": 32768}],
            ["x", {"x": {"hex": "ff00"}}],
            ["x empty", {"x": ""}],
            [{"hex": "fe00ff"}, {"t": true}],
        ],
        "delivery_mode": 1,
        "priority": 0,
        "correlation_id": "",
        "reply_to": {"hex": "ff00"},
        "expiration": "3600000",
        "message_id": "y".repeat(255),
        "timestamp": 9_223_372_036_854_775_808_u64,
        "type": "type ☕",
        "user_id": user(),
        "app_id": {"hex": "00"},
        "reserved": "reserved",
    })
}

/// A line that the C program prints. It writes octets and floats as hexadecimal digits, whatever they are.
#[derive(Deserialize)]
struct Printed {
    properties: basic::Properties<'static>,
    body: String,
}

#[tokio::test]
async fn what_is_published_here_arrives_at_librabbitmq() {
    let ours = Ours::with_queue("to-librabbitmq").await;
    let all = sent_by_us();
    let sent: Vec<_> = plan(FRAME_MAX)
        .into_iter()
        .map(|planned| (properties(select(&all, planned.flags)), planned.body))
        .collect();
    for (properties, body) in &sent {
        ours.publish(properties, body).await;
    }
    let count = sent.len().to_string();
    let printed = run(
        "librabbitmq-dev",
        program().args(["consume", &ours.queue, &count]),
        "",
    )
    .await;
    let printed: Vec<Printed> = serde_json::Deserializer::from_slice(&printed)
        .into_iter()
        .map(|line| line.expect("it prints JSON"))
        .collect();
    assert_eq!(printed.len(), sent.len());
    let mut count = Count::default();
    for (number, (printed, (properties, body))) in printed.iter().zip(&sent).enumerate() {
        assert_eq!(printed.properties, *properties, "message {number}");
        assert!(printed.body == hex(body), "the body of message {number}");
        count.add(&printed.properties, body);
    }
    count.report("amqp-client -> librabbitmq");
    ours.finish().await;
}

#[test]
fn a_missing_header_names_its_package() {
    // As where none is installed: with this folder in the place of its own the compiler finds no header.
    let error = compile(
        &["-nostdinc", "-isystem", env!("CARGO_TARGET_TMPDIR")],
        "/dev/null",
    )
    .unwrap_err();
    assert!(
        error.contains("install Debian's package librabbitmq-dev"),
        "{error}"
    );
}

#[test]
fn the_plan_has_all_properties() {
    assert_eq!(select(&sent_by_c(), ALL), sent_by_c());
    assert_eq!(select(&sent_by_us(), ALL), sent_by_us());
}
