//! librabbitmq's command-line tools, of Debian's package `amqp-tools`. They show of a message what their options can set.

use amqp_client::protocol::v0_9_1::basic;
use amqp_tests::broker::Broker;
use serde_json::json;
use tokio::process::Command;

use crate::foreign::run;
use crate::ours::{ALL, Count, Ours, body, hex, plan, properties, select, user};

/// A tool, and where it connects to.
fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.args(["--url", Broker::shared().url()]);
    command
}

async fn run_tool(command: &mut Command, input: &[u8]) -> Vec<u8> {
    run("amqp-tools", command, input).await
}

#[tokio::test]
async fn what_amqp_publish_sends_arrives_here() {
    let ours = Ours::with_queue("amqp-publish").await;
    let mut expected = Vec::new();
    let publish = || {
        let mut command = tool("amqp-publish");
        command.args(["--routing-key", &ours.queue]);
        command
    };

    for size in [0, 1, 256, 131_064, 131_065, 300 << 10] {
        let mut command = publish();
        command.args(["--persistent", "--content-type", "text/plain; charset=utf-8"]);
        command.args(["--content-encoding", "identity", "--reply-to", "grüße"]);
        command.args(["--header", "a: one", "--header", "b: x: y", "--header", "c: ☕"]);
        run_tool(&mut command, &body(size)).await;
        let sent = json!({
            "content_type": "text/plain; charset=utf-8",
            "content_encoding": "identity",
            "headers": [["a", {"S": "one"}], ["b", {"S": "x: y"}], ["c", {"S": "☕"}]],
            "delivery_mode": 2,
            "reply_to": "grüße",
        });
        expected.push((properties(sent), body(size)));
    }

    // Without `--persistent` it says so.
    let transient = basic::Properties {
        delivery_mode: Some(1),
        ..Default::default()
    };
    run_tool(publish().args(["--body", "an argument"]), &[]).await;
    expected.push((transient.clone(), b"an argument".to_vec()));
    // Each line is a message. (The tool cuts a line at a NUL.)
    run_tool(publish().arg("--line-buffered"), b"one\n\xff\n\nend").await;
    for line in ["one\n".as_bytes(), b"\xff\n", b"\n", b"end"] {
        expected.push((transient.clone(), line.to_vec()));
    }

    ours.expect("amqp-publish -> amqp-client", &expected).await;
    ours.finish().await;
}

/// Every property, though the tools show none: they must not mind.
fn all_properties() -> basic::Properties<'static> {
    let all = json!({
        "content_type": "text/plain",
        "content_encoding": "identity",
        "headers": [["a", {"S": "one"}], ["b", {"F": [["c", {"A": [{"I": 1}, {"V": null}]}]]}]],
        "delivery_mode": 2,
        "priority": 9,
        "correlation_id": "c",
        "reply_to": "r",
        "expiration": "3600000",
        "message_id": "m",
        "timestamp": 1_234_567_890,
        "type": "t",
        "user_id": user(),
        "app_id": "a",
        "reserved": "x",
    });
    properties(select(&all, ALL))
}

#[tokio::test]
async fn what_is_published_here_comes_out_of_amqp_consume_and_amqp_get() {
    let ours = Ours::new("amqp-consume").await;
    let declared = run_tool(tool("amqp-declare-queue").args(["--queue", &ours.queue]), &[]).await;
    assert_eq!(String::from_utf8_lossy(&declared).trim_end(), ours.queue);

    let properties = all_properties();
    let bodies: Vec<_> = plan(131_072).into_iter().map(|planned| planned.body).collect();
    let mut count = Count::default();
    for body in &bodies {
        ours.publish(&properties, body).await;
        count.add(&basic::Properties::default(), body);
    }
    // For each message it runs the command, the body being its input. Options end at `--`.
    let mut consume = tool("amqp-consume");
    consume.args(["--queue", &ours.queue, "--prefetch-count", "1", "--count"]);
    consume.arg(bodies.len().to_string());
    consume.args(["--", "sh", "-c", r"od -An -v -tx1 | tr -d ' \n'; echo"]);
    let printed = String::from_utf8(run_tool(&mut consume, &[]).await).expect("it is hexadecimal");
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), bodies.len());
    for (number, (line, body)) in lines.into_iter().zip(&bodies).enumerate() {
        assert!(line == hex(body), "body {number}");
    }
    count.report("amqp-client -> amqp-consume");

    let mut count = Count::default();
    for size in [0, 256, 300 << 10] {
        ours.publish(&properties, &body(size)).await;
        let got = run_tool(tool("amqp-get").args(["--queue", &ours.queue]), &[]).await;
        assert!(got == body(size), "{} octets, not {size}", got.len());
        count.add(&basic::Properties::default(), &got);
    }
    count.report("amqp-client -> amqp-get");
    ours.finish().await;
}
