//! Metrics of a session with real brokers: all that the catalogue lists, with what it should say.

#[path = "../../amqp-client/tests/scripted/recorded.rs"]
mod recorded;

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{ConnectOptions, Connection, Consumer, Credentials, Delivery, PublishError};
use amqp_tests::broker::{Alarm, Broker, Options};
use metrics::set_default_local_recorder;
use metrics_util::debugging::DebuggingRecorder;
use tokio::time::{Instant, sleep, timeout};

use recorded::{Recorded, in_catalogue};

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);
const NAME: &str = "orders";
/// In seconds. A program that is late for half of it is no dead one.
const HEARTBEAT: u16 = 4;

fn options(url: &str) -> Result<ConnectOptions, Failure> {
    let mut options: ConnectOptions = url.parse()?;
    options.config = options.config.connection_name(NAME).heartbeat(HEARTBEAT);
    Ok(options)
}

/// Waits until the driver has told this.
async fn until(recorded: &mut Recorded, name: &str, reached: impl Fn(u64) -> bool) -> Outcome {
    let begun = Instant::now();
    while !reached(recorded.sum(name)) {
        if begun.elapsed() > LIMIT {
            return Err(format!("{name} is {}", recorded.sum(name)).into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn next(consumer: &mut Consumer) -> Result<Delivery, Failure> {
    Ok(timeout(LIMIT, consumer.next()).await?.ok_or("ended")??)
}

/// Attempts that fail: nobody listens, and nobody knows the password.
async fn fail_to_connect(url: &str) -> Outcome {
    let nobody = tokio::net::TcpSocket::new_v4()?;
    nobody.bind(([127, 0, 0, 1], 0).into())?;
    let refused = options(&format!("amqp://{}", nobody.local_addr()?))?;
    connect(refused).await.err().ok_or("somebody listens")?;
    let mut stranger = options(url)?;
    stranger.config = stranger.config.credentials(Credentials::plain("guest", "wrong"));
    connect(stranger).await.err().ok_or("any password will do")?;
    Ok(())
}

/// A publish that is confirmed, one that is refused, one that comes back, and what becomes of the deliveries.
async fn publish_and_consume(connection: &Connection, recorded: &mut Recorded) -> Outcome {
    let channel = connection.open_channel().await?;
    let publisher = channel.confirm_select().await?;
    let declare = channel
        .queue_declare("")
        .exclusive()
        .argument("x-max-length", 4)
        .argument("x-overflow", "reject-publish");
    let queue = declare.await?.queue.to_string();
    for _ in 0..4 {
        publisher.publish("", &queue, "coffee").await?.await?;
    }
    let full = publisher.publish("", &queue, "tea").await?.await;
    assert!(matches!(full, Err(PublishError::Nacked)), "{full:?}");
    let nowhere = publisher
        .publish("", "no such queue", "tea")
        .mandatory()
        .await?
        .await;
    assert!(matches!(nowhere, Err(PublishError::Returned(_))), "{nowhere:?}");
    until(recorded, "messages_published_total", |told| told == 6).await?;
    until(recorded, "publish_outcomes_total confirmed", |told| told == 4).await?;
    until(recorded, "publish_outcomes_total nacked", |told| told == 1).await?;
    until(recorded, "publish_outcomes_total returned", |told| told == 1).await?;
    until(recorded, "publishes_unconfirmed", |told| told == 0).await?;
    let confirms = recorded.values("confirm_duration_seconds");
    let sane = |seconds: &f64| (0.000_001..60.0).contains(seconds);
    assert!(confirms.len() == 6 && confirms.iter().all(sane), "{confirms:?}");

    let mut consumer = channel.basic_consume(&queue).await?;
    let [first, second, third, fourth] = [
        next(&mut consumer).await?,
        next(&mut consumer).await?,
        next(&mut consumer).await?,
        next(&mut consumer).await?,
    ];
    until(recorded, "deliveries_unsettled", |told| told == 4).await?;
    until(recorded, "consumers", |told| told == 1).await?;
    second.ack_multiple().await?;
    drop(first);
    third.reject().await?;
    fourth.requeue().await?;
    let again = next(&mut consumer).await?;
    assert!(again.redelivered());
    again.ack().await?;
    channel.queue_delete(&queue).await?;
    until(recorded, "messages_delivered_total", |told| told == 5).await?;
    until(recorded, "deliveries_settled_total acked", |told| told == 3).await?;
    until(recorded, "deliveries_settled_total rejected", |told| told == 1).await?;
    until(recorded, "deliveries_settled_total requeued", |told| told == 1).await?;
    until(recorded, "deliveries_unsettled", |told| told == 0).await?;
    let settled = recorded.values("settle_duration_seconds");
    assert!(settled.len() == 5 && settled.iter().all(sane), "{settled:?}");
    until(recorded, "consumers_ended_total server", |ended| ended == 1).await?;
    until(recorded, "consumers", |told| told == 0).await?;

    let missing = channel.queue_declare("no such queue").passive().await;
    missing.err().ok_or("there is such a queue")?;
    until(recorded, "channels_closed_total server", |told| told == 1).await?;
    Ok(())
}

/// The program for it takes seconds, in which the driver must go on.
async fn administer(
    broker: &Arc<Broker>,
    action: impl FnOnce(&Broker) -> io::Result<()> + Send + 'static,
) -> Outcome {
    let broker = Arc::clone(broker);
    Ok(tokio::task::spawn_blocking(move || action(&broker)).await??)
}

/// A broker that is short of memory holds publishing back for two seconds and more.
async fn be_blocked(broker: &Arc<Broker>, connection: &Connection, recorded: &mut Recorded) -> Outcome {
    let channel = connection.open_channel().await?;
    administer(broker, |broker| broker.raise(Alarm::Memory)).await?;
    // It says so some time after a publish; nothing else holds back so few octets.
    let limit = Duration::from_millis(200);
    while let Ok(published) = timeout(limit, channel.basic_publish("amq.fanout", "", "x")).await {
        published?;
        sleep(Duration::from_millis(20)).await;
    }
    let waiting = tokio::spawn(async move { channel.basic_publish("amq.fanout", "", "x").await });
    until(recorded, "publishes_waiting", |waiting| waiting == 1).await?;
    until(recorded, "blocked_total", |told| told == 1).await?;
    until(recorded, "blocked_milliseconds_total", |time| time >= 2000).await?;
    administer(broker, |broker| broker.clear(Alarm::Memory)).await?;
    timeout(LIMIT, waiting).await???;
    until(recorded, "publishes_waiting", |waiting| waiting == 0).await?;
    let blocked = connection.stats().time_blocked.as_millis();
    let all = |told| u128::from(told) == blocked;
    until(recorded, "blocked_milliseconds_total", all).await?;
    Ok(())
}

/// A program that keeps its runtime busy shows in the lag of heartbeats.
async fn be_late(recorded: &mut Recorded) -> Outcome {
    let late = |recorded: &mut Recorded| {
        let lags = recorded.values("heartbeat_lag_seconds");
        lags.into_iter().any(|lag| lag > 0.25)
    };
    let begun = Instant::now();
    while !late(recorded) {
        assert!(begun.elapsed() < LIMIT, "no heartbeat was late");
        // Half of the interval after the last octets a heartbeat is due.
        std::thread::sleep(Duration::from_millis(2500));
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn a_session_with_a_real_broker_moves_what_the_catalogue_lists() -> Outcome {
    // Everything is of this thread, the drivers too.
    let recorder = DebuggingRecorder::new();
    let _guard = set_default_local_recorder(&recorder);
    let mut recorded = Recorded::new(&recorder, NAME);
    let broker = Arc::new(Broker::private(&Options::default()));

    fail_to_connect(broker.url()).await?;
    // Attempts with a wrong password have moved octets too.
    let before = [
        recorded.sum("received_bytes_total"),
        recorded.sum("sent_bytes_total"),
    ];
    let connection = connect(options(broker.url())?).await?;
    for (outcome, attempts) in [("opened", 1), ("tcp", 1), ("amqp", 1)] {
        assert_eq!(
            recorded.sum(&format!("connect_attempts_total {outcome}")),
            attempts
        );
    }
    until(&mut recorded, "connections", |told| told == 1).await?;
    publish_and_consume(&connection, &mut recorded).await?;
    be_blocked(&broker, &connection, &mut recorded).await?;
    be_late(&mut recorded).await?;

    timeout(LIMIT, connection.close()).await??;
    let stats = connection.stats();
    assert_eq!(
        recorded.sum("received_bytes_total") - before[0],
        stats.octets_received
    );
    assert_eq!(recorded.sum("sent_bytes_total") - before[1], stats.octets_sent);
    assert_eq!(recorded.sum("connections_opened_total"), 1);
    assert_eq!(recorded.sum("connections_closed_total client"), 1);
    assert_eq!(recorded.levels(), [""; 0]);
    // Phases in which no attempt failed are not known to the recorder.
    let mut expected = in_catalogue();
    expected.retain(|metric| {
        let phase = metric.strip_prefix("amqp_client_connect_attempts_total ");
        !phase.is_some_and(|phase| phase.starts_with("resolve") || phase.starts_with("tls"))
    });
    assert_eq!(recorded.seen(), &expected);
    Ok(())
}
