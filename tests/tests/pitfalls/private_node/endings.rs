//! Pitfalls 6 and 7: whatever ends a connection, everything that waits on it is told why, in time.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use amqp_client::protocol::v0_9_1::constants;
use amqp_client::{Connection, ConnectionError, ConsumerEnd, ConsumerError};
use amqp_tests::broker::{Broker, Options};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{Busy, LIMIT, connect, in_time, own_queue};

/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(20);

/// The node that these tests do bad things to, one at a time; each leaves it running.
async fn node() -> MutexGuard<'static, Broker> {
    static NODE: LazyLock<Mutex<Broker>> = LazyLock::new(|| Mutex::new(Broker::private(&Options::default())));
    NODE.lock().await
}

async fn busy(broker: &Broker, name: &str) -> (Connection, Busy) {
    let connection = connect(broker.url(), |config| {
        config.connection_name = Some(name.to_owned());
    })
    .await
    .unwrap();
    let busy = Busy::start(&connection).await;
    (connection, busy)
}

/// The server's text, when it closed the connection with 320.
fn forced(error: ConnectionError) -> String {
    match error {
        ConnectionError::ClosedByServer(close) if close.reply_code == constants::CONNECTION_FORCED => {
            close.reply_text
        }
        other => panic!("{other:?}"),
    }
}

/// Whether the connection ended without a word from the server.
fn torn(error: &ConnectionError) -> bool {
    matches!(
        error,
        ConnectionError::EndOfStream { .. } | ConnectionError::Transport(_)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_06_07_a_killed_node_ends_everything_that_waits() {
    let broker = node().await;
    let (_connection, busy) = busy(&broker, "killed").await;
    broker.kill().unwrap();
    // By the end of the stream, not by heartbeats that are missed.
    let error = busy.ended().await;
    assert!(torn(&error), "{error:?}");
    broker.start_again().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_06_07_a_node_that_stops_says_so_to_everything_that_waits() {
    let broker = node().await;
    let (_connection, stopped) = busy(&broker, "stopped").await;
    broker.rabbitmqctl(["stop_app"]).unwrap();
    assert!(forced(stopped.ended().await).contains("broker forced connection closure"));
    broker.rabbitmqctl(["start_app"]).unwrap();

    let (_connection, stopped) = busy(&broker, "terminated").await;
    broker.stop().unwrap();
    forced(stopped.ended().await);
    broker.start_again().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_06_07_a_connection_that_an_operator_closes_gives_320_to_everything_that_waits() {
    let broker = node().await;
    let (_connection, closed) = busy(&broker, "closed by hand").await;
    let other = connect(broker.url(), |_| {}).await.unwrap();
    assert_eq!(
        broker.close_connections("closed by hand", "maintenance").unwrap(),
        1
    );
    assert!(forced(closed.ended().await).contains("maintenance"));
    own_queue(&other.open_channel().await.unwrap()).await;
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_06_07_a_frozen_node_is_given_up_after_two_heartbeat_intervals() {
    let broker = node().await;
    let connection = connect(broker.url(), |config| config.heartbeat = Some(2))
        .await
        .unwrap();
    let busy = Busy::start(&connection).await;
    broker.freeze().unwrap();
    let frozen = Instant::now();
    let error = busy.ended().await;
    let took = frozen.elapsed();
    broker.thaw().unwrap();
    assert!(matches!(error, ConnectionError::HeartbeatTimedOut), "{error:?}");
    assert!(took < Duration::from_secs(4) + SLACK, "{took:?}");
}

#[tokio::test]
async fn pitfall_06_a_call_to_a_frozen_node_fails_in_its_own_time_and_shifts_nothing() {
    let broker = node().await;
    let connection = connect(broker.url(), |config| {
        config.call_timeout = Duration::from_secs(1);
        config.heartbeat = Some(0);
    })
    .await
    .unwrap();
    let channel = connection.open_channel().await.unwrap();
    let queue = "purged late";
    channel.queue_declare(queue).exclusive().await.unwrap();
    broker.freeze().unwrap();
    let error = in_time(async { channel.queue_purge(queue).await })
        .await
        .unwrap_err();
    broker.thaw().unwrap();
    assert_eq!(error.to_string(), "no reply to queue.purge in time");
    // The late reply to the purge is not taken for the declare's.
    let other = connect(broker.url(), |_| {}).await.unwrap();
    own_queue(&other.open_channel().await.unwrap()).await;
    assert_eq!(
        channel.queue_declare(queue).exclusive().await.unwrap().queue,
        queue
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pitfall_07_a_queue_that_is_deleted_behind_its_consumer_ends_it() {
    let broker = node().await;
    let connection = connect(broker.url(), |_| {}).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    channel.queue_declare("deleted").await.unwrap();
    let mut consumer = channel.basic_consume("deleted").await.unwrap();
    broker.rabbitmqctl(["delete_queue", "deleted"]).unwrap();
    let Some(Err(ConsumerError::Ended(end))) = in_time(consumer.next()).await else {
        panic!("it goes on")
    };
    assert!(matches!(end, ConsumerEnd::CancelledByServer), "{end}");
    assert!(consumer.next().await.is_none());
    // The channel lives on.
    own_queue(&channel).await;
}

/// Whether the broker has dropped this client because it was silent: it says so in a line behind that of the end.
fn dropped_as_silent(broker: &Broker, client: SocketAddr) -> bool {
    let log = broker.log().unwrap();
    let mut lines = log.lines();
    let ended = format!("({client} -> ");
    lines.any(|line| line.contains("closing AMQP connection") && line.contains(&ended))
        && lines.any(|line| line.contains("missed heartbeats from client"))
}

/// What the broker does with a client that says nothing: the driver of this one is not polled.
#[tokio::test]
async fn a_client_that_says_nothing_is_dropped_by_the_broker_after_three_heartbeat_intervals() {
    let broker = node().await;
    let stream = tokio::net::TcpStream::connect(broker.address()).await.unwrap();
    let client = stream.local_addr().unwrap();
    let mut config = amqp_client::Config::default();
    config.heartbeat = Some(2);
    let (connection, mut driver) = amqp_client::tokio::connect_with(stream, config);
    tokio::select! {
        () = &mut driver => panic!("{:?}", connection.closed().await),
        opened = connection.opened() => opened.unwrap(),
    }
    let silent = Instant::now();
    while !dropped_as_silent(&broker, client) {
        assert!(silent.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = silent.elapsed();
    assert!(
        (Duration::from_secs(4)..Duration::from_secs(6) + SLACK).contains(&took),
        "{took:?}"
    );
    in_time(driver).await;
    let error = connection.closed().await;
    assert!(
        matches!(
            error,
            ConnectionError::HeartbeatsMissed { .. } | ConnectionError::HeartbeatTimedOut
        ),
        "{error:?}"
    );
}
