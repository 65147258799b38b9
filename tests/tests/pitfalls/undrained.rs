//! Pitfalls 14 and 16: a user who takes nothing out, or who blocks, holds up neither publishing, nor the close, nor the
//! connection.

use std::thread;
use std::time::{Duration, Instant};

use amqp_client::{Channel, Connection, State};
use amqp_tests::broker::Broker;
use tokio::runtime::Builder;
use tokio::task::{block_in_place, spawn_blocking};

use crate::support::{connect, in_time, own_queue};

/// More than three heartbeat intervals: the broker drops a client that was silent for so long.
const LONG: Duration = Duration::from_secs(7);
const HEARTBEAT: Option<u16> = Some(2);

#[tokio::test]
async fn pitfall_14_a_user_who_drains_nothing_can_publish_call_and_close() {
    let connection = connect(Broker::shared().url(), |config| config.receive_buffer = 64 << 10)
        .await
        .unwrap();
    let channel = connection.open_channel().await.unwrap();
    let queue = own_queue(&channel).await;
    // It is never looked at.
    let consumer = channel.basic_consume(&queue).no_ack().await.unwrap();
    let body = vec![7; 1000];
    in_time(async {
        for _ in 0..5000 {
            channel.basic_publish("", &queue, &body).await.unwrap();
        }
        own_queue(&channel).await;
        own_queue(&connection.open_channel().await.unwrap()).await;
    })
    .await;
    let start = Instant::now();
    in_time(connection.close()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    drop(consumer);
}

#[tokio::test]
async fn pitfall_14_who_reads_no_returns_can_publish_call_and_close() {
    const MESSAGES: usize = 5000;
    let connection = connect(Broker::shared().url(), |_| {}).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    let publisher = channel.confirm_select().await.unwrap();
    // It is not looked at until the end.
    let mut returns = channel.returns();
    let body = vec![7; 10_000];
    in_time(async {
        for _ in 0..MESSAGES {
            // With neither receipt nor reader, it comes back for nobody.
            channel
                .basic_publish("", "nowhere", &body)
                .mandatory()
                .await
                .unwrap();
        }
        publisher.wait_for_all().await.unwrap_err();
        own_queue(&channel).await;
    })
    .await;
    assert_eq!(connection.stats().messages_returned, MESSAGES as u64);
    let start = Instant::now();
    in_time(connection.close()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // What was kept of them is bounded, and what was lost is counted.
    let mut kept = 0;
    while in_time(returns.next()).await.is_some() {
        kept += 1;
    }
    assert!((1..=1000).contains(&kept), "{kept}");
    assert_eq!(kept as u64 + returns.missed(), MESSAGES as u64);
}

#[tokio::test]
async fn pitfall_14_a_consumer_who_drains_nothing_costs_no_heartbeat() {
    let connection = connect(Broker::shared().url(), |config| {
        config.receive_buffer = 64 << 10;
        config.heartbeat = HEARTBEAT;
    })
    .await
    .unwrap();
    let channel = connection.open_channel().await.unwrap();
    let queue = own_queue(&channel).await;
    let mut consumer = channel.basic_consume(&queue).no_ack().await.unwrap();
    let publishing = connect(Broker::shared().url(), |_| {}).await.unwrap();
    let publisher = publishing.open_channel().await.unwrap();
    let body = vec![7; 10_000];
    for _ in 0..1000 {
        publisher.basic_publish("", &queue, &body).await.unwrap();
    }
    publishing.close().await.unwrap();
    tokio::time::sleep(LONG).await;
    assert_eq!(connection.state(), State::Open);
    for _ in 0..1000 {
        let delivery = in_time(consumer.next()).await.unwrap().unwrap();
        assert!(delivery.body() == body);
    }
    connection.close().await.unwrap();
}

/// A channel with a queue that holds `count` messages.
async fn channel_with(count: usize) -> (Connection, Channel, String) {
    let connection = connect(Broker::shared().url(), |config| config.heartbeat = HEARTBEAT)
        .await
        .unwrap();
    let channel = connection.open_channel().await.unwrap();
    let queue = own_queue(&channel).await;
    for _ in 0..count {
        channel.basic_publish("", &queue, "work").await.unwrap();
    }
    (connection, channel, queue)
}

/// A worker of tokio that blocks may be the one that waits for octets and time on behalf of all: it has to say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_16_a_handler_that_says_that_it_blocks_costs_no_heartbeat() {
    let (connection, channel, queue) = channel_with(2).await;
    let mut consumer = channel.basic_consume(&queue).await.unwrap();
    let handler = tokio::spawn(async move {
        let delivery = consumer.next().await.unwrap().unwrap();
        block_in_place(|| thread::sleep(LONG));
        delivery.ack().await.unwrap();
        let delivery = consumer.next().await.unwrap().unwrap();
        spawn_blocking(|| thread::sleep(LONG)).await.unwrap();
        delivery.ack().await.unwrap();
    });
    in_time(handler).await.unwrap();
    assert_eq!(channel.queue_purge(&queue).await.unwrap().message_count, 0);
    connection.close().await.unwrap();
}

#[test]
fn pitfall_16_a_handler_may_block_its_runtime_when_the_connection_has_its_own() {
    let driving = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (connection, channel, queue) = driving.block_on(channel_with(2));
    let handling = Builder::new_current_thread().build().unwrap();
    handling.block_on(async {
        let mut consumer = channel.basic_consume(&queue).await.unwrap();
        for _ in 0..2 {
            let delivery = consumer.next().await.unwrap().unwrap();
            thread::sleep(LONG);
            delivery.ack().await.unwrap();
        }
        assert_eq!(channel.queue_purge(&queue).await.unwrap().message_count, 0);
        connection.close().await.unwrap();
    });
}
