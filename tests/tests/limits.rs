//! What a connection holds for consumers that do not take it, against a real broker that sends as fast as it can.

use std::error::Error;
use std::fs;
use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{
    CallError, Channel, ChannelError, ConnectOptions, Connection, ConnectionEvent, ConsumerEnd,
    ConsumerError, State,
};
use amqp_tests::broker::Broker;
use tokio::time::{sleep, timeout};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// The soft limit of the test's connection, and what it may never hold more than.
const SOFT: usize = 8 << 20;
const HARD: usize = 4 * SOFT;
/// Read buffers, output and whatever an allocator keeps for later.
const SLACK: usize = 32 << 20;
/// Five heartbeat intervals: RabbitMQ drops a client that is silent for three.
const STALL: Duration = Duration::from_secs(10);
/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);

/// Octets of memory that this process has.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kibibytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes << 10
}

/// A connection with a heartbeat of two seconds and little room.
async fn limited() -> Result<Connection, Box<dyn Error + Send + Sync>> {
    let options: ConnectOptions = Broker::shared().url().parse()?;
    let config = options.config.clone().heartbeat(2).receive_buffer(SOFT);
    Ok(connect(options.config(config)).await?)
}

/// Publishes to a queue without end, faster than a stalled consumer takes, not so fast that the broker suffers.
async fn flood(channel: Channel, queue: String) -> Outcome {
    let body = vec![7; 10_000];
    loop {
        for _ in 0..100 {
            channel.basic_publish("", &queue, &body).await?;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_13_a_stalled_consumer_costs_neither_memory_nor_heartbeats_nor_anybodys_confirms() -> Outcome
{
    let connection = limited().await?;
    let (stalled, working) = (connection.open_channel().await?, connection.open_channel().await?);
    // What the consumer does not take stays within the broker's means.
    let declare = stalled
        .queue_declare("")
        .auto_delete()
        .argument("x-max-length", 2000);
    let queue = declare.await?.queue.to_string();
    let mut consumer = stalled.basic_consume(&queue).no_ack().await?;
    let target = working.queue_declare("").exclusive().await?.queue.to_string();
    let publisher = working.confirm_select().await?;
    let before = resident();
    let mut events = connection.events();
    let flooding = connect(Broker::shared().url()).await?;
    let flood = tokio::spawn(flood(flooding.open_channel().await?, queue));

    // While nobody waits for the server, nothing more is read.
    while !matches!(
        timeout(LIMIT, events.next()).await?.ok_or("it is over")?,
        ConnectionEvent::ReadingPaused
    ) {}
    sleep(STALL).await;
    assert_eq!(connection.state(), State::Open);
    let stats = connection.stats();
    assert!(stats.octets_buffered <= SOFT + SOFT / 8, "{stats:?}");

    // Who does has all of it read that stands before the answer, until the consumer has too much; then the others go on.
    let (mut published, mut most, mut behind) = (0, 0, 0);
    while behind < 20 {
        let receipt = timeout(LIMIT, publisher.publish("", &target, "x").into_future()).await??;
        published += 1;
        timeout(LIMIT, receipt).await??;
        let reply = timeout(LIMIT, working.queue_declare(&target).passive().into_future()).await??;
        assert_eq!(reply.message_count, published);
        let stats = connection.stats();
        assert!(stats.octets_buffered <= HARD + SOFT / 8, "{stats:?}");
        most = most.max(resident().saturating_sub(before));
        behind += stats.overflows;
        assert!(published < 10_000, "{stats:?}");
    }
    assert!(most < HARD + SLACK, "{most} octets more than before");
    assert_eq!(connection.state(), State::Open);
    let stats = connection.stats();
    assert_eq!(stats.messages_confirmed, u64::from(published));
    assert!(stats.times_paused > 0 && stats.overflows == 1, "{stats:?}");
    let end = timeout(LIMIT, consumer.next()).await?;
    assert!(
        matches!(end, Some(Err(ConsumerError::Ended(ConsumerEnd::Overflow)))),
        "{end:?}"
    );
    let closed = stalled.queue_declare("").await.unwrap_err();
    assert!(
        matches!(closed, CallError::Channel(ChannelError::Overflow)),
        "{closed}"
    );
    flood.abort();
    connection.close().await?;
    Ok(())
}
