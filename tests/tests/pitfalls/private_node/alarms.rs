//! Pitfall 15: a broker that is short of memory or disk holds back publishing, and nothing else.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use amqp_client::{CallError, Channel, Connection, ConnectionError, PublishError, State};
use amqp_tests::broker::{Alarm, Broker, Options};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use crate::support::{connect, in_time, own_queue};

const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(20);

/// The node that runs short, for one test at a time; each clears its alarm.
async fn node() -> MutexGuard<'static, Broker> {
    static NODE: LazyLock<Mutex<Broker>> = LazyLock::new(|| Mutex::new(Broker::private(&Options::default())));
    NODE.lock().await
}

/// A connection that is blocked because it published, and its channel.
async fn blocked(broker: &Broker, publish_timeout: Duration) -> (Connection, Channel) {
    let connection = connect(broker.url(), |config| {
        config.heartbeat = Some(2);
        config.publish_timeout = publish_timeout;
        config.call_timeout = CALL_TIMEOUT;
        config.close_timeout = CLOSE_TIMEOUT;
    })
    .await
    .unwrap();
    let channel = connection.open_channel().await.unwrap();
    // connection.blocked comes some time after the first publish; nothing else holds back so few octets.
    in_time(async {
        while timeout(Duration::from_millis(200), publish(&channel))
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    (connection, channel)
}

async fn publish(channel: &Channel) -> Result<(), PublishError> {
    channel.basic_publish("amq.fanout", "", "message").await
}

async fn holds_back_publishing_alone(alarm: Alarm) {
    let broker = node().await;
    let consuming = connect(broker.url(), |_| {}).await.unwrap();
    let working = consuming.open_channel().await.unwrap();
    let queue = own_queue(&working).await;
    let publishing = connect(broker.url(), |_| {}).await.unwrap();
    let filling = publishing.open_channel().await.unwrap();
    for body in ["first", "second"] {
        filling.basic_publish("", &queue, body).await.unwrap();
    }
    publishing.close().await.unwrap();
    let mut consumer = working.basic_consume(&queue).prefetch_count(1).await.unwrap();
    let first = in_time(consumer.next()).await.unwrap().unwrap();
    broker.raise(alarm).unwrap();

    // A publish waits for its time and fails; a later one waits for the alarm's end.
    let publish_timeout = Duration::from_secs(1);
    let (impatient, channel) = blocked(&broker, publish_timeout).await;
    let start = Instant::now();
    let error = in_time(publish(&channel)).await.unwrap_err();
    let took = start.elapsed();
    assert!(matches!(error, PublishError::Blocked { .. }), "{error:?}");
    assert!(
        (publish_timeout..publish_timeout + SLACK).contains(&took),
        "{took:?}"
    );
    let (patient, waiting) = blocked(&broker, Duration::from_secs(600)).await;
    let waiting = tokio::spawn(async move { publish(&waiting).await });

    // Calls are sent. RabbitMQ reads nothing from whom it blocks, so that they fail in their own time.
    let start = Instant::now();
    let error = in_time(async { channel.queue_declare("").await })
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
    assert!(start.elapsed() < CALL_TIMEOUT + SLACK, "{:?}", start.elapsed());

    // So does a close.
    let (closing, _channel) = blocked(&broker, publish_timeout).await;
    let start = Instant::now();
    let closed = in_time(closing.close()).await;
    assert!(
        matches!(closed, Ok(()) | Err(ConnectionError::CloseTimedOut)),
        "{closed:?}"
    );
    assert!(start.elapsed() < CLOSE_TIMEOUT + SLACK, "{:?}", start.elapsed());

    // Who does not publish goes on: acks, deliveries, calls, consumers, new connections.
    first.ack().await.unwrap();
    let second = in_time(consumer.next()).await.unwrap().unwrap();
    assert_eq!(second.body(), b"second");
    second.ack().await.unwrap();
    let other = own_queue(&working).await;
    let another = working.basic_consume(&other).await.unwrap();
    assert!(another.cancel().await.unwrap().is_empty());
    let fresh = connect(broker.url(), |_| {}).await.unwrap();
    fresh.close().await.unwrap();

    // Heartbeats too: twice what a silent peer is given has passed for the connections that are blocked.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!((impatient.state(), patient.state()), (State::Open, State::Open));
    assert!(!waiting.is_finished());

    broker.clear(alarm).unwrap();
    in_time(waiting).await.unwrap().unwrap();
    // The reply to the call that failed is not taken for another's.
    let own = format!("after-{alarm:?}-{}", std::process::id());
    let declared = in_time(async { channel.queue_declare(&own).exclusive().await }).await;
    assert_eq!(declared.unwrap().queue, own.as_str());
    publish(&channel).await.unwrap();
    for connection in [impatient, patient, consuming] {
        connection.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_15_a_memory_alarm_holds_back_publishing_alone() {
    holds_back_publishing_alone(Alarm::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_15_a_disk_alarm_holds_back_publishing_alone() {
    holds_back_publishing_alone(Alarm::Disk).await;
}
