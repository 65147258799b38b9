//! Pika, of Debian's package `python3-pika`: its programs on the page run and print what ours do, and what the page says of
//! Pika is so.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use amqp_client::blocking::Connection;
use amqp_client::{ConnectOptions, Credentials};
use amqp_tests::broker::Broker;
use amqp_tests::examples::example;
use serde_json::{Value, json};

use crate::rows::{code, rows};
use crate::{chapter, program, read};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/coming_from");
/// Debian's own: another `python3` that comes first in PATH does not see Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// The styles: Pika's program, and our example.
const STYLES: [(&str, &str); 3] = [
    ("synchronous", "seed_synchronous"),
    ("threads", "seed_threads"),
    ("continuations", "seed_continuations"),
];

/// Runs a program to its end, and returns what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{command:?}: {complaint}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn python(program: &str) -> Command {
    let mut command = Command::new(PYTHON);
    command.arg(format!("{FOLDER}/{program}.py"));
    command
}

/// What Pika answers to a question of `facts.py`.
fn ask(arguments: &[&str]) -> Value {
    let answer = run(python("facts").args(arguments));
    serde_json::from_str(&answer).unwrap()
}

/// A virtual host that no other test knows.
fn own_vhost(name: &str) -> String {
    let name = format!("coming-from-{name}-{}", std::process::id());
    Broker::shared().add_vhost(&name).unwrap()
}

#[test]
fn the_version_is_debians() {
    let version = ask(&["version"]);
    let first = format!("Names of Pika {},", version.as_str().unwrap());
    assert!(chapter("pika").contains(&first), "{first}");
}

#[test]
fn every_public_name_of_pika_has_a_row() {
    let chapter = chapter("pika");
    let rows = rows(&chapter);
    let of_pika = rows.iter().flat_map(|row| code(row[0]));
    let words: BTreeSet<_> = of_pika
        .flat_map(|code| code.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')))
        .collect();
    let names = ask(&["names"]);
    let names: Vec<_> = names
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(names.len() > 100, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !words.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn programs_are_those_that_run() {
    let chapter = chapter("pika");
    for (theirs, ours) in STYLES {
        let ours = program(&format!("amqp-client/examples/{ours}.rs"));
        assert!(
            chapter.contains(&format!("```rust,no_run\n{ours}```\n")),
            "{theirs}"
        );
        let text = read(format!("tests/tests/coming_from/{theirs}.py"));
        let (_, theirs) = text.split_once("\n\n").expect("documentation");
        assert!(chapter.contains(&format!("```python\n{theirs}```\n")), "{theirs}");
    }
}

#[test]
fn each_style_prints_what_pika_does() {
    for (theirs, ours) in STYLES {
        let url = own_vhost(theirs);
        let printed_by_pika = run(python(theirs).env("AMQP_URL", &url));
        // The exchange and the queue are there by then, of the same kind, and the queue is empty.
        let printed = run(Command::new(example(ours)).env("AMQP_URL", &url));
        assert_eq!(printed, printed_by_pika, "{ours}");
        assert!(!printed.is_empty());
        let connection = Connection::connect(url).unwrap();
        let channel = connection.open_channel().unwrap();
        let left = channel.queue_declare("test_q").passive().call().unwrap();
        assert_eq!(left.message_count, 0, "{ours}");
        connection.close().unwrap();
    }
}

/// What a URI says, under Pika's names.
fn parameters(url: &str, theirs: &Value) -> Value {
    let Ok(options) = url.parse::<ConnectOptions>() else {
        return Value::Null;
    };
    let [host] = &options.hosts[..] else {
        panic!("{url}: one host")
    };
    let config = &options.config;
    let seconds = |time: Duration| (time != Duration::MAX).then_some(time.as_secs_f64());
    // Nobody can read a password: it is as Pika's, or it is not.
    let user = config.credentials.user();
    let password = theirs["password"].as_str().unwrap_or_default();
    let same = config.credentials == Credentials::plain(user.unwrap_or_default(), password);
    json!({
        "host": host.host,
        "port": host.port,
        "virtual_host": config.virtual_host,
        "channel_max": config.channel_max,
        "frame_max": config.frame_max,
        "heartbeat": config.heartbeat,
        "locale": config.locale,
        "connection_attempts": options.connection_attempts,
        "retry_delay": seconds(options.retry_delay),
        "socket_timeout": seconds(options.connection_timeout),
        "stack_timeout": seconds(options.stack_timeout.unwrap_or(config.handshake_timeout)),
        "blocked_connection_timeout": seconds(config.blocked_connection_timeout),
        "user": user,
        "password": same.then_some(password),
        "tls": options.tls.is_some(),
    })
}

#[test]
fn a_url_means_what_it_means_to_pika_but_for_what_the_page_says() {
    let alike = [
        "amqp://",
        "amqp://localhost",
        "amqps://h",
        "amqp://h:1234/%2f",
        "amqps://m%65:s%40cret:@broker.example:5999/shop%2feast",
        "amqp://h?heartbeat=0",
        "amqp://h?heartbeat=30&channel_max=7&frame_max=8192&locale=de_CH",
        "amqp://h?connection_attempts=3&retry_delay=0.5&socket_timeout=1.5&stack_timeout=20",
        "amqp://h?blocked_connection_timeout=300",
        // Refused by both.
        "amqp://h?unknown=1",
        "amqp://h?heartbeat=1&heartbeat=2",
        "amqp://h?connection_attempts=0",
        "amqp://h?socket_timeout=0",
        "amqp://h?stack_timeout=0",
        "amqp://h?channel_max=65536",
        "amqp://h?frame_max=4095",
    ];
    let answers = ask(&[&["urls"], &alike[..]].concat());
    for (url, theirs) in alike.iter().zip(answers.as_array().unwrap()) {
        assert_eq!(parameters(url, theirs), *theirs, "{url}");
    }

    // What Pika refuses.
    for (url, setting, value) in [
        ("amqp://user@h", "password", json!("")),
        ("amqp://h?channel_max=0", "channel_max", json!(0)),
        ("amqp://h?frame_max=0", "frame_max", json!(0)),
        ("amqp://h?frame_max=131073", "frame_max", json!(131_073)),
    ] {
        assert_eq!(ask(&["urls", url]), json!([null]), "{url}");
        assert_eq!(parameters(url, &Value::Null)[setting], value, "{url}");
    }
    // What is refused here.
    for url in [
        "amqp://h?client_properties={'a': 1}",
        "amqp://h?tcp_options={'TCP_KEEPIDLE': 60}",
        "amqps://h?ssl_options={'capath': '/'}",
        "amqp://h?blocked_connection_timeout=0",
    ] {
        assert_ne!(ask(&["urls", url]), json!([null]), "{url}");
        assert_eq!(parameters(url, &Value::Null), Value::Null, "{url}");
    }
    // And what means another thing.
    let slash = "amqp://h/";
    assert_eq!(ask(&["urls", slash])[0]["virtual_host"], "/");
    assert_eq!(parameters(slash, &Value::Null)["virtual_host"], "");
}

#[test]
fn a_binding_of_pikas_without_a_routing_key_has_the_queues_name() {
    let url = own_vhost("binding");
    let connection = Connection::connect(url.as_str()).unwrap();
    let channel = connection.open_channel().unwrap();
    for queue in ["of pika", "of ours"] {
        channel.queue_declare(queue).call().unwrap();
    }
    ask(&["bind", &url, "of pika"]);
    channel.queue_bind("of ours", "amq.direct", "").call().unwrap();
    for key in ["of pika", "of ours", ""] {
        channel.basic_publish("amq.direct", key, key).call().unwrap();
    }
    for (queue, key) in [("of pika", "of pika"), ("of ours", "")] {
        let message = channel.basic_get(queue).no_ack().call().unwrap();
        assert_eq!(message.expect("it is routed").routing_key(), key);
        assert!(channel.basic_get(queue).no_ack().call().unwrap().is_none());
    }
    connection.close().unwrap();
}
