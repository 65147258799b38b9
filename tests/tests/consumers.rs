//! Consumers of a real broker: how they start, what they get and how they end, and what becomes of what they did not
//! handle.

mod common;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::constants;
use amqp_client::tokio::connect;
use amqp_client::{
    CallError, Channel, ChannelError, ConnectOptions, Connection, Consumer, ConsumerEnd, ConsumerError,
    Delivery, QueueType, State, StreamOffset,
};
use amqp_tests::broker::Broker;
use tokio::time::timeout;

use common::{Failure, LIMIT, Outcome, open, own_queue};

/// Publishes bodies "0", "1" and so on.
async fn fill(channel: &Channel, queue: &str, messages: usize) -> Outcome {
    for number in 0..messages {
        channel.basic_publish("", queue, number.to_string()).await?;
    }
    Ok(())
}

async fn next(consumer: &mut Consumer) -> Result<Delivery, Failure> {
    Ok(timeout(LIMIT, consumer.next()).await?.ok_or("ended")??)
}

async fn end(consumer: &mut Consumer) -> Result<ConsumerEnd, Failure> {
    let Some(Err(ConsumerError::Ended(end))) = timeout(LIMIT, consumer.next()).await? else {
        return Err("it goes on".into());
    };
    assert!(consumer.next().await.is_none(), "the reason is the last item");
    Ok(end)
}

fn number(delivery: &Delivery) -> usize {
    String::from_utf8_lossy(delivery.body())
        .parse()
        .unwrap_or(usize::MAX)
}

/// Takes messages until so many different ones have been acked.
async fn take_all(channel: &Channel, queue: &str, messages: usize) -> Result<BTreeSet<usize>, Failure> {
    let mut consumer = channel.basic_consume(queue).await?;
    let mut taken = BTreeSet::new();
    while taken.len() < messages {
        let delivery = next(&mut consumer).await?;
        taken.insert(number(&delivery));
        delivery.ack().await?;
    }
    Ok(taken)
}

#[tokio::test]
async fn a_deleted_queue_ends_its_consumers_with_a_reason_and_not_the_channel() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    fill(&channel, &queue, 1).await?;
    let mut consumer = channel.basic_consume(&queue).consumer_tag("t").await?;
    let held = next(&mut consumer).await?;
    channel.queue_delete(&queue).await?;
    assert!(matches!(
        end(&mut consumer).await?,
        ConsumerEnd::CancelledByServer
    ));
    held.ack().await?;
    // The tag is free again.
    let queue = own_queue(&channel).await?;
    let consumer = channel.basic_consume(&queue).consumer_tag("t").await?;
    assert!(consumer.cancel().await?.is_empty());
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn tags_are_unique_and_exclusive_consumers_alone() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    let consumer = channel
        .basic_consume(&queue)
        .consumer_tag("t")
        .exclusive()
        .await?;
    assert!(matches!(
        channel.basic_consume(&queue).consumer_tag("t").await,
        Err(CallError::DuplicateConsumerTag)
    ));
    let other = connection.open_channel().await?;
    let refused = other.basic_consume(&queue).await.unwrap_err();
    assert!(
        matches!(&refused, CallError::Channel(ChannelError::ClosedByServer(close)) if close.reply_code == constants::ACCESS_REFUSED),
        "{refused}"
    );
    fill(&channel, &queue, 1).await?;
    drop(consumer);
    assert_eq!(take_all(&channel, &queue, 1).await?.len(), 1);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn the_consumer_of_higher_priority_goes_first() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    let mut low = channel.basic_consume(&queue).priority(-5).await?;
    let mut high = channel
        .basic_consume(&queue)
        .priority(5)
        .prefetch_count(3)
        .await?;
    fill(&channel, &queue, 5).await?;
    let mut held = Vec::new();
    for expected in 0..3 {
        held.push(next(&mut high).await?);
        assert_eq!(held.last().map(number), Some(expected));
    }
    // The rest is more than it may hold.
    for expected in 3..5 {
        let delivery = next(&mut low).await?;
        assert_eq!(number(&delivery), expected);
        delivery.ack().await?;
    }
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_drained_consumer_hands_out_what_had_come_and_the_rest_stays() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    fill(&channel, &queue, 30).await?;
    let mut consumer = channel.basic_consume(&queue).prefetch_count(20).await?;
    let first = next(&mut consumer).await?;
    consumer.drain().await?;
    first.ack().await?;
    let mut handled = 1;
    let reason = loop {
        match timeout(LIMIT, consumer.next()).await?.ok_or("no reason")? {
            Ok(delivery) => {
                assert_eq!(number(&delivery), handled);
                delivery.ack().await?;
                handled += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(reason, ConsumerError::Ended(ConsumerEnd::Cancelled)));
    assert!((1..=20).contains(&handled), "{handled}");
    let rest = take_all(&channel, &queue, 30 - handled).await?;
    assert_eq!(rest, (handled..30).collect());
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn pitfall_18_bodies_are_the_owners_whatever_comes_later() -> Outcome {
    const MESSAGES: usize = 3000;
    // Small ones, and such as lie in the read buffer.
    let body = |number: usize| vec![number as u8; [10, 5000, 140_000][number % 3] / (1 + number % 7)];
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    let mut consumer = channel.basic_consume(&queue).no_ack().await?;
    let publisher = connection.open_channel().await?;
    let publishing = tokio::spawn(async move {
        for number in 0..MESSAGES {
            publisher.basic_publish("", &queue, body(number)).await?;
        }
        Ok::<_, Failure>(())
    });
    let mut bodies = Vec::new();
    for number in 0..MESSAGES {
        let shared = next(&mut consumer).await?.shared_body();
        // Some are kept, the others' buffers are free to be used again.
        if number % 5 == 0 {
            bodies.push((number, shared));
        }
    }
    publishing.await??;
    connection.close().await?;
    drop((consumer, channel, connection));
    for (number, shared) in bodies {
        assert!(shared == body(number), "{number}");
    }
    Ok(())
}

#[tokio::test]
async fn pitfall_19_what_a_consumer_did_not_handle_goes_back() -> Outcome {
    const MESSAGES: usize = 200;
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    fill(&channel, &queue, MESSAGES).await?;
    let mut acked = BTreeSet::new();
    // Dropped with its buffer full.
    let mut consumer = channel.basic_consume(&queue).prefetch_count(50).await?;
    let delivery = next(&mut consumer).await?;
    acked.insert(number(&delivery));
    delivery.ack().await?;
    drop(consumer);
    // A handler that panics with one in its hands.
    let mut consumer = channel.basic_consume(&queue).prefetch_count(50).await?;
    let delivery = next(&mut consumer).await?;
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(move || {
        let _held = delivery;
        std::panic::resume_unwind(Box::new("a handler's fault"));
    }));
    assert!(panicked.is_err());
    // Cancelled: the rest is the caller's.
    let next_one = next(&mut consumer).await?;
    acked.insert(number(&next_one));
    next_one.ack().await?;
    let mut rest = consumer.cancel().await?.into_iter();
    if let Some(delivery) = rest.next() {
        let delivery = delivery?;
        acked.insert(number(&delivery));
        delivery.ack().await?;
    }
    drop(rest);
    // A task that is aborted while it waits for more.
    let consumer = channel.basic_consume(&queue).prefetch_count(50).await?;
    let task = tokio::spawn(async move {
        let mut consumer = consumer;
        let mut held = Vec::new();
        while let Some(Ok(delivery)) = consumer.next().await {
            held.push(delivery);
        }
    });
    channel.queue_declare(&queue).passive().await?;
    task.abort();
    assert!(task.await.is_err());

    let missing = MESSAGES - acked.len();
    let others = take_all(&channel, &queue, missing).await?;
    assert!(others.is_disjoint(&acked));
    assert_eq!(channel.queue_delete(&queue).await?.message_count, 0);
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn pitfall_20_deliveries_right_behind_consume_ok_are_the_consumers() -> Outcome {
    const MESSAGES: usize = 3000;
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    fill(&channel, &queue, MESSAGES).await?;
    for round in 0..50 {
        let channel = connection.open_channel().await?;
        let mut consumer = channel.basic_consume(&queue).prefetch_count(0).await?;
        let mut held = Vec::with_capacity(MESSAGES);
        for expected in 0..MESSAGES {
            let delivery = next(&mut consumer).await?;
            assert_eq!(number(&delivery), expected, "round {round}");
            held.push(delivery.detach());
        }
        // All of them back in their places for the next round.
        channel.close().await?;
    }
    assert_eq!(
        channel.queue_purge(&queue).await?.message_count as usize,
        MESSAGES
    );
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_message_over_the_limit_can_be_rejected_and_the_consumer_goes_on() -> Outcome {
    let mut options = ConnectOptions::try_from(Broker::shared().url())?;
    options.config.body_max = 100_000;
    let connection = connect(options).await?;
    let channel = connection.open_channel().await?;
    let (queue, dead) = (own_queue(&channel).await?, own_queue(&channel).await?);
    let limited = channel
        .queue_declare("")
        .exclusive()
        .dead_letter_exchange("")
        .dead_letter_routing_key(&dead)
        .await?
        .queue;
    // One octet over in one frame, and many in several; at the limit, and nothing at all.
    for octets in [100_001, 100_000, 1_000_000, 0] {
        channel
            .basic_publish("", &limited, vec![7; octets])
            .message_id("id")
            .await?;
    }
    let mut consumer = channel.basic_consume(&limited).await?;
    for octets in [100_001, 100_000, 1_000_000, 0] {
        let item = timeout(LIMIT, consumer.next()).await?.ok_or("ended")?;
        let delivery = match item {
            Ok(delivery) => {
                assert!(delivery.body() == vec![7; octets] && octets <= 100_000);
                delivery
            }
            Err(ConsumerError::TooLarge(too_large)) => {
                assert_eq!(too_large.body_size, octets as u64);
                let delivery = too_large.into_delivery();
                assert!(delivery.body().is_empty() && delivery.is_withheld());
                delivery
            }
            Err(error) => return Err(error.into()),
        };
        assert_eq!(delivery.properties().message_id.ok_or("no properties")?, "id");
        if octets > 500_000 {
            delivery.reject().await?;
        } else {
            delivery.ack().await?;
        }
    }
    // Fetched, it is the same.
    channel.basic_publish("", &queue, vec![7; 200_000]).await?;
    let fetched = channel.basic_get(&queue).await?.ok_or("empty")?;
    assert!(fetched.is_withheld() && fetched.body_size() == 200_000);
    fetched.ack().await?;
    // The rejected one went where its queue says; nothing is left.
    let mut consumer = channel.basic_consume(&dead).await?;
    let Some(Err(ConsumerError::TooLarge(dead))) = timeout(LIMIT, consumer.next()).await? else {
        return Err("not dead-lettered".into());
    };
    assert_eq!(dead.body_size, 1_000_000);
    dead.into_delivery().ack().await?;
    for queue in [limited.to_string(), queue] {
        assert_eq!(channel.queue_delete(&queue).await?.message_count, 0);
    }
    connection.close().await?;
    Ok(())
}

/// A stream, and a connection with two channels.
async fn open_stream(name: &str, messages: usize) -> Result<(Connection, Channel, Channel, String), Failure> {
    let (connection, channel) = open().await?;
    let stream = format!("stream-{name}-{}", std::process::id());
    channel
        .queue_declare(&stream)
        .durable()
        .queue_type(QueueType::Stream)
        .await?;
    fill(&channel, &stream, messages).await?;
    let sibling = connection.open_channel().await?;
    Ok((connection, channel, sibling, stream))
}

#[tokio::test]
async fn a_dropped_consumer_of_a_stream_leaves_connection_and_sibling_alone() -> Outcome {
    let (connection, channel, sibling, stream) = open_stream("dropped", 500).await?;
    for taken in [0, 1, 50] {
        let mut consumer = channel
            .basic_consume(&stream)
            .prefetch_count(100)
            .stream_offset(StreamOffset::First)
            .await?;
        let mut held = Vec::new();
        for expected in 0..taken {
            held.push(next(&mut consumer).await?);
            assert_eq!(held.last().map(number), Some(expected));
        }
        // Its reply comes behind what the channel had to deliver: the buffer is full.
        channel.queue_declare(&stream).passive().await?;
        if let Some(delivery) = held.pop() {
            assert!(delivery.is_from_stream());
            assert!(matches!(delivery.reject().await, Err(CallError::Refused(_))));
        }
        drop(consumer);
        drop(held);
        sibling.queue_declare(&stream).passive().await?;
        channel.queue_declare(&stream).passive().await?;
    }
    assert_eq!(connection.state(), State::Open);
    channel.queue_delete(&stream).await?;
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_stream_is_read_from_where_the_consumer_says() -> Outcome {
    let (connection, channel, sibling, stream) = open_stream("offsets", 20).await?;
    // What follows the last one is known when that can be read.
    let mut consumer = channel
        .basic_consume(&stream)
        .stream_offset(StreamOffset::First)
        .await?;
    while number(&next(&mut consumer).await?) < 19 {}
    drop(consumer);
    let hour = Duration::from_secs(3600);
    let offsets = [
        (StreamOffset::First, 0),
        (StreamOffset::Offset(7), 7),
        (StreamOffset::Timestamp(1_000_000_000), 0),
        (StreamOffset::Interval(hour), 0),
    ];
    for (offset, expected) in offsets {
        let mut consumer = channel.basic_consume(&stream).stream_offset(offset).await?;
        let delivery = next(&mut consumer).await?;
        assert_eq!(number(&delivery), expected, "{offset:?}");
        delivery.ack().await?;
    }
    let mut last = channel
        .basic_consume(&stream)
        .stream_offset(StreamOffset::Last)
        .await?;
    assert!(number(&next(&mut last).await?) < 20);
    let mut new = channel
        .basic_consume(&stream)
        .stream_offset(StreamOffset::Next)
        .await?;
    sibling.basic_publish("", &stream, "20").await?;
    assert_eq!(number(&next(&mut new).await?), 20);
    // What a stream refuses is the channel's end, or this library's refusal, and says why.
    let other = connection.open_channel().await?;
    let error = other.basic_consume(&stream).prefetch_count(0).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Channel(ChannelError::ClosedByServer(close)) if close.reply_code == constants::PRECONDITION_FAILED),
        "{error}"
    );
    drop((last, new));
    channel.queue_delete(&stream).await?;
    connection.close().await?;
    Ok(())
}
