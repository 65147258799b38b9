//! The client's examples as programs on a real broker: what they print, and how those that run for long end.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use amqp_client::metrics::CATALOGUE;
use amqp_client::tokio::connect;
use amqp_tests::broker::Broker;
use amqp_tests::examples::example;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs an example of the client against this broker and returns what it printed.
fn run_example(name: &str, url: &str) -> String {
    let output = Command::new(example(name)).env("AMQP_URL", url).output().unwrap();
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
fn opentelemetry_handles_a_message_in_the_trace_that_it_was_published_in() {
    let printed = run_example("opentelemetry", Broker::shared().url());
    let trace = |line: &str| line.split_once("in trace ").unwrap().1.to_owned();
    let traces: Vec<_> = printed.lines().map(trace).collect();
    assert_eq!(traces.len(), 2, "{printed}");
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], "0".repeat(32));
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
fn sans_io_std_needs_a_socket_and_nothing_else() {
    assert_eq!(
        run_example("sans_io_std", &own_vhost("sans-io-std")),
        "consumed Hello!\nconfirmed 1 of 1\n"
    );
}

#[test]
fn sans_io_pipe_needs_nothing_at_all() {
    assert_eq!(
        run_example("sans_io_pipe", "nowhere"),
        "consumed Hello!\n\
         confirmed 1 of 1\n\
         720 heartbeats in an hour\n\
         the connection was closed by this client\n"
    );
}

/// Lines of every kind, comments and blank ones among them.
#[test]
fn the_bare_core_is_driven_in_less_than_a_hundred_lines() {
    let std = include_str!("../../amqp-client/examples/sans_io_std.rs");
    assert!(std.lines().count() < 100);
    // With the server at the other end.
    let pipe = include_str!("../../amqp-client/examples/sans_io_pipe.rs");
    assert!(pipe.lines().count() < 140);
}

#[test]
fn blocking_does_everything_with_and_without_a_thread() {
    let printed = run_example("blocking", &own_vhost("blocking"));
    let mut lines: Vec<_> = printed.lines().collect();
    // Whose message comes first is the threads' affair.
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "hello from Ada",
            "hello from Grace",
            "hello from a timer",
            "hello from another thread"
        ]
    );
}

#[test]
fn smol_publishes_and_consumes() {
    assert_eq!(run_example("smol", &own_vhost("smol")), "hello from smol\n");
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

#[test]
fn a_broker_that_is_not_there_is_one_line() {
    let output = Command::new(example("orders"))
        // Nobody can listen there.
        .env("AMQP_URL", "amqp://127.0.0.1:1?connection_attempts=1")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && printed.lines().count() == 1,
        "{printed}"
    );
    assert!(
        printed.starts_with("orders: cannot connect: 127.0.0.1:1, "),
        "{printed}"
    );
}

#[tokio::test]
async fn web_service_ends_although_a_client_has_sent_half_a_body() {
    let mut service = tokio::process::Command::new(example("web_service"))
        .arg("127.0.0.1:0")
        .env("AMQP_URL", own_vhost("web-service"))
        .env("SHUTDOWN_LIMIT", "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("it listens");
    let address = line.strip_prefix("listens on ").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let half = format!(
        "POST /orders HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\ncontent-length: 6\r\n\r\n"
    );
    stream.write_all(half.as_bytes()).await.unwrap();
    // It waits for the body.
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100");
    stream.write_all(b"cof").await.unwrap();

    let id = Pid::from_raw(service.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    let status = timeout(LIMIT, service.wait()).await.expect("it never ends");
    assert_eq!(status.unwrap().code(), Some(1));
}

#[tokio::test]
async fn worker_finishes_what_it_has_begun_when_it_is_told_to_stop() {
    let url = own_vhost("worker");
    let mut worker = tokio::process::Command::new(example("worker"))
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
    let mut example = tokio::process::Command::new(example("prometheus"))
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
        assert!(begun.elapsed() < LIMIT, "{scraped}");
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
    // One that says nothing holds nobody up: it has not been given up when the next has its answer.
    let silent = TcpStream::connect(address).await.unwrap();
    let other = timeout(LIMIT, get(address, "/")).await.unwrap();
    assert!(other.starts_with("HTTP/1.1 404 "));
    assert_eq!(
        silent.try_read(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    let id = Pid::from_raw(example.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    assert!(example.wait().await.unwrap().success());
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

#[test]
fn work_queue_shares_tasks_out_between_two_workers() {
    let printed = run_example("work_queue", &own_vhost("work-queue"));
    let (sent, done): (Vec<_>, Vec<_>) = printed.lines().partition(|line| line.starts_with("sent "));
    assert_eq!(
        sent,
        ["sent first.", "sent second..", "sent third...", "sent fourth...."]
    );
    let by = |number| {
        let prefix = format!("worker {number} did ");
        let tasks = done.iter().filter_map(move |line| line.strip_prefix(&prefix));
        tasks.map(str::to_owned).collect::<Vec<_>>()
    };
    let (one, two) = (by(1), by(2));
    // Each got one of the first two, whatever came then.
    assert!(!one.is_empty() && !two.is_empty(), "{printed}");
    let mut all = [one, two].concat();
    all.sort();
    assert_eq!(all, ["first.", "fourth....", "second..", "third..."]);
}

#[test]
fn publish_subscribe_gives_each_message_to_each_subscriber() {
    assert_eq!(
        run_example("publish_subscribe", &own_vhost("publish-subscribe")),
        "published info: Hello World!\n\
         published info: goodbye\n\
         screen got info: Hello World!\n\
         screen got info: goodbye\n\
         file got info: Hello World!\n\
         file got info: goodbye\n"
    );
}

#[test]
fn routing_goes_by_severity() {
    assert_eq!(
        run_example("routing", &own_vhost("routing")),
        "published info: Started\n\
         published warning: Low on disk\n\
         published error: Run. Run. Or it will explode.\n\
         file got error: Run. Run. Or it will explode.\n\
         screen got info: Started\n\
         screen got warning: Low on disk\n\
         screen got error: Run. Run. Or it will explode.\n"
    );
}

#[test]
fn topics_goes_by_patterns() {
    assert_eq!(
        run_example("topics", &own_vhost("topics")),
        "# matches kern.critical\n\
         # matches kern.info\n\
         # matches cron.critical\n\
         # matches cron.info.daily\n\
         kern.* matches kern.critical\n\
         kern.* matches kern.info\n\
         *.critical matches kern.critical\n\
         *.critical matches cron.critical\n\
         cron.# matches cron.critical\n\
         cron.# matches cron.info.daily\n"
    );
}

#[test]
fn rpc_tells_replies_apart_and_does_not_wait_for_ever() {
    assert_eq!(
        run_example("rpc", &own_vhost("rpc")),
        "fib(10) = 55\n\
         fib(30) = 832040\n\
         fib(many): no reply in time\n\
         nobody: the server returned the message: 312 NO_ROUTE (exchange '', routing key 'no such server')\n"
    );
}

#[test]
fn streams_are_read_again_and_from_any_place() {
    assert_eq!(
        run_example("streams", &own_vhost("streams")),
        "published 50 events\n\
         one: offsets (0, 19)\n\
         two: offsets (0, 49)\n\
         three goes on: offsets (20, 49)\n"
    );
}

mod private_node {
    use super::*;
    use amqp_tests::broker::{Alarm, Options};

    /// Sends an order, and does not wait for the answer.
    async fn post(address: &str, order: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /orders HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{order}",
            order.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// The status of the answer.
    async fn status(mut stream: TcpStream) -> String {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn web_service_accepts_what_is_confirmed_refuses_while_blocked_and_ends_in_order() {
        let broker = Broker::start(&Options::default()).unwrap();
        let mut service = tokio::process::Command::new(example("web_service"))
            .arg("127.0.0.1:0")
            .env("AMQP_URL", broker.url())
            // Longer than the alarm takes, with its confirms.
            .env("SHUTDOWN_LIMIT", (3 * LIMIT).as_secs().to_string())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("it listens");
        let address = line.strip_prefix("listens on ").unwrap();
        assert_eq!(status(post(address, "coffee").await).await, "202");

        // The first that is published now makes the broker tell, and waits for its confirm.
        broker.raise(Alarm::Memory).unwrap();
        let waiting = post(address, "tea").await;
        let line = lines.next_line().await.unwrap();
        assert_eq!(line.as_deref(), Some("blocked: low on memory"));
        assert_eq!(status(post(address, "soup").await).await, "503");

        // It is told to end: nobody gets in any more, and whoever is in gets an answer.
        let id = Pid::from_raw(service.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        let closed = async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LIMIT, closed).await.expect("it lets others in");
        broker.clear(Alarm::Memory).unwrap();
        assert_eq!(status(waiting).await, "202");
        for line in ["unblocked", "all answered"] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(line));
        }
        assert!(service.wait().await.unwrap().success());

        let connection = connect(broker.url()).await.unwrap();
        let channel = connection.open_channel().await.unwrap();
        for order in ["coffee", "tea"] {
            let message = channel.basic_get("orders").no_ack().await.unwrap();
            assert_eq!(message.expect(order).body(), order.as_bytes());
        }
        assert!(channel.basic_get("orders").no_ack().await.unwrap().is_none());
        connection.close().await.unwrap();
    }
}
