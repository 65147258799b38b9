//! The client against a real broker: its examples as programs, and many messages of every size, compared to the last octet.

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use amqp_client::metrics::CATALOGUE;
use amqp_client::protocol::table::FieldArray;
use amqp_client::protocol::v0_9_1::basic;
use amqp_client::protocol::{FieldTable, FieldValue};
use amqp_client::{Connection, Delivery, State, tokio::connect};
use amqp_tests::broker::Broker;
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const MESSAGES: usize = 10_000;
const LARGEST: usize = 3 << 20;

/// Runs an example of the client against this broker and returns what it printed.
fn run_example(name: &str, url: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "amqp-client", "--example", name])
        .env("AMQP_URL", url)
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    out
}

/// A virtual host that no other test knows.
fn own_vhost(name: &str) -> String {
    Broker::shared()
        .add_vhost(&format!("{name}-{}", std::process::id()))
        .unwrap()
}

#[test]
fn hello_publishes_and_consumes() {
    let bodies = (1..=5).map(|number| format!("Hello, message {number}!\n"));
    let (published, consumed): (String, String) = bodies
        .map(|body| (format!("published {body}"), format!("consumed  {body}")))
        .unzip();
    assert_eq!(run_example("hello", &own_vhost("hello")), published + &consumed);
}

#[test]
fn orders_are_stored_and_consumed() {
    assert_eq!(
        run_example("orders", &own_vhost("orders")),
        "stored\none coffee\n"
    );
}

#[test]
fn confirms_tells_what_became_of_each_message() {
    assert_eq!(
        run_example("confirms", &own_vhost("confirms")),
        "coffee: confirmed\n\
         tea: returned, 312 NO_ROUTE (exchange '', routing key 'no such queue')\n\
         of 4 orders\n\
         juice: the server refused the message\n\
         cocoa: the server refused the message\n"
    );
}

#[test]
fn seed_fanout_does_what_the_seeds_synchronous_sample_does() {
    let url = own_vhost("seed-fanout");
    // The queue and the exchange are there the second time.
    for _ in 0..2 {
        assert_eq!(
            run_example("seed_fanout", &url),
            "published Hello World! to test_x\nconsumed  Hello World! from test_q\n"
        );
    }
}

#[tokio::test]
async fn worker_finishes_what_it_has_begun_when_it_is_told_to_stop() {
    let url = own_vhost("worker");
    // Cargo becomes the program, so that this is also the one that gets the signal.
    let mut worker = tokio::process::Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--package",
            "amqp-client",
            "--example",
            "worker",
        ])
        .env("AMQP_URL", &url)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap();
    assert_eq!(line.as_deref(), Some("waits for orders"));

    let connection = connect(&url).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    for order in ["coffee", "tea", "soup"] {
        channel.basic_publish("", "orders", order).await.unwrap();
    }
    let mut printed = Vec::new();
    while printed.len() < 8 {
        printed.push(lines.next_line().await.unwrap().expect("it goes on"));
    }
    printed.sort();
    let expected = [
        "coffee: begun",
        "coffee: served",
        "soup: begun",
        "soup: rejected",
        "tea: begun",
        "tea: begun",
        "tea: requeued",
        "tea: served",
    ];
    assert_eq!(printed, expected);

    channel.basic_publish("", "orders", "coffee").await.unwrap();
    let line = lines.next_line().await.unwrap();
    assert_eq!(line.as_deref(), Some("coffee: begun"));
    let id = Pid::from_raw(worker.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    let line = lines.next_line().await.unwrap();
    assert_eq!(line.as_deref(), Some("coffee: served"));
    assert_eq!(lines.next_line().await.unwrap(), None);
    assert!(worker.wait().await.unwrap().success());
    let left = channel.queue_declare("orders").passive().await.unwrap();
    assert_eq!(left.message_count, 0);
    connection.close().await.unwrap();
}

/// What the example answers to a request of this path.
async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn prometheus_gets_what_the_catalogue_lists() {
    let mut example = tokio::process::Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--package",
            "amqp-client",
            "--features",
            "metrics",
        ])
        .args(["--example", "prometheus"])
        .env("AMQP_URL", own_vhost("prometheus"))
        .env("LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(example.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("it does not serve");
    let address = line
        .strip_prefix("serves http://")
        .and_then(|rest| rest.strip_suffix("/metrics"));
    let address = address.unwrap_or_else(|| panic!("{line}"));

    // Two orders are served within two seconds, or on a busy machine somewhat later.
    let acked = r#"amqp_client_deliveries_settled_total{connection="orders",outcome="acked"} "#;
    let begun = Instant::now();
    let scraped = loop {
        let answer = get(address, "/metrics").await;
        let (head, scraped) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let served = scraped.lines().find_map(|line| line.strip_prefix(acked));
        if served
            .unwrap_or_else(|| panic!("{scraped}"))
            .parse::<u32>()
            .unwrap()
            >= 2
        {
            break scraped.to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{scraped}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for metric in CATALOGUE {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        for line in [
            format!("# TYPE {} {kind}", metric.name),
            format!("# HELP {} {}", metric.name, metric.description),
        ] {
            assert!(
                scraped.lines().any(|scraped| scraped == line),
                "{line}\n{scraped}"
            );
        }
    }
    for line in [
        r#"amqp_client_connections{connection="orders"} 1"#,
        r#"amqp_client_channels{connection="orders"} 2"#,
        r#"amqp_client_publish_outcomes_total{connection="orders",outcome="nacked"} 0"#,
        r#"amqp_client_connect_attempts_total{connection="orders",outcome="opened"} 1"#,
    ] {
        assert!(
            scraped.lines().any(|scraped| scraped == line),
            "{line}\n{scraped}"
        );
    }
    let buckets = r#"amqp_client_confirm_duration_seconds_bucket{connection="orders",le="+Inf"} "#;
    let confirmed = scraped.lines().find_map(|line| line.strip_prefix(buckets));
    assert!(
        confirmed.is_some_and(|count| count.parse::<u32>().unwrap() >= 2),
        "{scraped}"
    );
    assert!(get(address, "/").await.starts_with("HTTP/1.1 404 "));

    let id = Pid::from_raw(example.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    assert!(example.wait().await.unwrap().success());
}

#[tokio::test]
async fn the_broker_sees_what_the_uri_says() {
    let name = format!("uri-{}", std::process::id());
    // The first host is a port that nobody listens on.
    let url = own_vhost("uri").replacen('@', "@127.0.0.1:1,", 1);
    let separator = if url.contains('?') { '&' } else { '?' };
    let keys = format!("heartbeat=7&channel_max=9&frame_max=8192&name={name}");
    let connection = connect(format!("{url}{separator}{keys}")).await.unwrap();
    let listed = Broker::shared()
        .rabbitmqctl([
            "-q",
            "list_connections",
            "timeout",
            "channel_max",
            "frame_max",
            "client_properties",
        ])
        .unwrap();
    let ours = listed.lines().find(|line| line.contains(&name)).unwrap();
    assert!(ours.starts_with("7\t9\t8192\t"), "{ours}");
    connection.close().await.unwrap();
}

#[test]
fn oauth2_refresh_renews_its_secret_while_it_publishes() {
    let printed = run_example("oauth2_refresh", &own_vhost("oauth2-refresh"));
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.first(), Some(&"token 1 issued"));
    for line in ["token 2 issued", "token 3 issued", "published message 8"] {
        assert!(lines.contains(&line), "{printed}");
    }
    assert_eq!(lines.last(), Some(&"kept fresh until the connection was closed"));
}

/// The size of each body: the edges of frames and buffers, now and then something large, mostly something small.
fn size(number: usize) -> usize {
    const FRAME: usize = 131_072 - 8;
    let edges = [
        0,
        1,
        4095,
        4096,
        4097,
        65_535,
        65_536,
        FRAME - 1,
        FRAME,
        FRAME + 1,
        2 * FRAME,
        2 * FRAME + 1,
        LARGEST,
    ];
    match number % 500 {
        edge if edge < edges.len() => edges[edge],
        _ => number.wrapping_mul(2_654_435_761) % 3000,
    }
}

fn body(number: usize) -> Bytes {
    let mut state = number as u64 + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..size(number)).map(|_| next()).collect()
}

/// Tables in arrays in tables. The names are in order, because newer brokers sort them.
fn headers(number: usize) -> FieldTable<'static> {
    let item = FieldTable::new()
        .with("article", "coffee")
        .unwrap()
        .with("count", number as i64)
        .unwrap();
    let order = FieldTable::new()
        .with("empty", FieldTable::new())
        .unwrap()
        .with("items", FieldArray::from_values([item.clone(), item]).unwrap())
        .unwrap()
        .with("price", 2.5)
        .unwrap();
    FieldTable::new()
        .with("none", FieldValue::Void)
        .unwrap()
        .with("number", number as i64)
        .unwrap()
        .with("order", order)
        .unwrap()
        .with("paid", number.is_multiple_of(2))
        .unwrap()
}

async fn publish_all(connection: &Connection, queue: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let channel = connection.open_channel().await?;
    for number in 0..MESSAGES {
        let id = number.to_string();
        let properties = basic::Properties {
            headers: Some(headers(number)),
            message_id: Some(id.as_str().try_into()?),
            delivery_mode: Some(1),
            ..Default::default()
        };
        channel
            .basic_publish("", queue, body(number))
            .properties(properties)
            .await?;
    }
    Ok(())
}

fn compare(number: usize, delivery: &Delivery) {
    let properties = delivery.properties();
    assert_eq!(properties.message_id.unwrap(), number.to_string().as_str());
    assert_eq!(
        properties.headers.unwrap(),
        headers(number),
        "headers of {number}"
    );
    assert_eq!(delivery.body_size(), size(number) as u64, "size of {number}");
    assert!(delivery.body() == body(number), "body of {number}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_arrive_to_the_last_octet() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = own_vhost("ten-thousand");
    let (publisher, consumer) = (connect(&url).await?, connect(&url).await?);
    let channel = consumer.open_channel().await?;
    channel.queue_declare("q").await?;

    let publishing = tokio::spawn(async move {
        publish_all(&publisher, "q").await?;
        publisher.close().await?;
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    });
    let mut deliveries = channel.basic_consume("q").await?;
    for number in 0..MESSAGES {
        let delivery = deliveries.next().await.ok_or("the consumer ended")??;
        compare(number, &delivery);
        delivery.ack().await?;
    }
    publishing.await??;
    assert!(deliveries.cancel().await?.is_empty());
    // Everything was acked: nothing is left, and nothing comes back.
    let left = channel.queue_delete("q").await?;
    assert_eq!(left.message_count, 0);
    consumer.close().await?;
    assert_eq!(consumer.state(), State::Closed);
    Ok(())
}
