//! Channels of a real broker: how they end and what is left, their numbers, and calls that overtake nothing.

mod common;

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{Method, confirm, constants};
use amqp_client::tokio::connect;
use amqp_client::{
    CallError, Channel, ChannelError, ConnectOptions, ConnectionError, QueueType, State, StreamOffset,
};
use amqp_tests::broker::Broker;
use tokio::time::timeout;

use common::{Failure, LIMIT, Outcome, open, own_queue};

async fn count(channel: &Channel, queue: &str) -> Result<u32, CallError> {
    Ok(channel.queue_declare(queue).passive().await?.message_count)
}

/// The method that a close blames, by name, and its code.
fn closed_by_server(error: &CallError) -> Option<(String, u16)> {
    let CallError::Channel(ChannelError::ClosedByServer(close)) = error else {
        return None;
    };
    Some((Method::name_of(close.method?)?.to_owned(), close.reply_code.0))
}

/// RabbitMQ goes on delivering on a channel that it has closed, until it knows that the client knows.
#[tokio::test]
async fn a_channel_error_while_messages_come_ends_that_channel_alone() -> Outcome {
    const ROUNDS: usize = 20;
    const BACKLOG: u64 = 2000;
    let (connection, sibling) = open().await?;
    let queue = own_queue(&sibling).await?;
    let publisher = connection.open_channel().await?.confirm_select().await?;
    for _ in 0..BACKLOG {
        drop(publisher.publish("", &queue, "one of many").await?);
    }
    publisher.wait_for_all().await?;
    for round in 0..ROUNDS {
        let channel = connection.open_channel().await?;
        let mut consumer = channel.basic_consume(&queue).prefetch_count(50).await?;
        // Under way: each acknowledgement brings another message.
        for _ in 0..20 {
            let delivery = timeout(LIMIT, consumer.next()).await?.ok_or("no message")??;
            drop(delivery);
        }
        channel.basic_publish("no such exchange", "", "x").await?;
        let end = loop {
            match timeout(LIMIT, consumer.next()).await?.ok_or("no reason")? {
                Ok(delivery) => drop(delivery),
                Err(end) => break end,
            }
        };
        assert!(
            end.to_string().contains("no such exchange"),
            "round {round}: {end}"
        );
        assert_eq!(connection.state(), State::Open, "round {round}");
        count(&sibling, &queue).await?;
    }
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_channel_error_ends_one_channel_and_names_the_method() -> Outcome {
    let (connection, channel) = open().await?;
    let sibling = connection.open_channel().await?;
    let queue = own_queue(&sibling).await?;
    let mut consumer = channel.basic_consume(&queue).await?;
    let bind = channel.queue_bind(&queue, "no such exchange", "").await;
    let error = bind.unwrap_err();
    assert_eq!(
        closed_by_server(&error),
        Some(("queue.bind".into(), constants::NOT_FOUND.0))
    );
    assert_eq!(
        error.to_string(),
        "the server closed the channel: 404 NOT_FOUND: no exchange 'no such exchange' in vhost '/' (queue.bind)"
    );
    // What follows on it says the same; nothing is sent on a channel that is over, and closing it again is no harm.
    for again in [
        channel.queue_purge(&queue).await.map(drop),
        channel.close().await,
        channel.close().await,
    ] {
        assert_eq!(
            closed_by_server(&again.unwrap_err()),
            Some(("queue.bind".into(), constants::NOT_FOUND.0))
        );
    }
    let end = timeout(LIMIT, consumer.next()).await?.ok_or("no reason")?;
    assert!(
        end.unwrap_err().to_string().contains("no such exchange"),
        "the consumer knows it too"
    );
    assert!(consumer.next().await.is_none());
    // The others live, and the number is used again.
    let successor = connection.open_channel().await?;
    assert_eq!(successor.id(), channel.id());
    assert_eq!(count(&successor, &queue).await?, 0);
    assert_eq!(count(&sibling, &queue).await?, 0);
    assert!(channel.queue_purge(&queue).await.is_err());
    // A channel closed here.
    successor.close().await?;
    assert!(matches!(
        successor.close().await,
        Err(CallError::Channel(ChannelError::Closed))
    ));
    assert!(matches!(
        successor.basic_qos(1).await,
        Err(CallError::Channel(ChannelError::Closed))
    ));
    assert_eq!(count(&sibling, &queue).await?, 0);
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn channel_numbers_are_bounded_and_used_again() -> Outcome {
    let mut options = ConnectOptions::try_from(Broker::shared().url())?;
    options.config.channel_max = 3;
    let connection = connect(options).await?;
    for _ in 0..3 {
        let mut channels = Vec::new();
        for number in 1..=3 {
            channels.push(connection.open_channel().await?);
            assert_eq!(channels.last().map(|channel| channel.id().0), Some(number));
        }
        assert!(matches!(
            connection.open_channel().await,
            Err(CallError::Channel(ChannelError::NoFreeChannel {
                channel_max: 3,
                ..
            }))
        ));
        // One in the middle first.
        let middle = channels.remove(1);
        middle.close().await?;
        assert_eq!(connection.open_channel().await?.id().0, 2);
        for channel in channels {
            channel.close().await?;
        }
    }
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn pitfall_01_dropped_and_concurrent_declares_get_their_own_replies() -> Outcome {
    let (connection, channel) = open().await?;
    let name = own_queue(&channel).await?.replace("amq.gen", "own");
    let mut names = BTreeSet::new();
    for round in 0..100 {
        // The server makes names up: a reply that went astray would show.
        let dropped = channel.queue_declare("").exclusive().into_future();
        drop(timeout(Duration::ZERO, dropped).await);
        let own = format!("{name}-{round}");
        let (named, one, other) = tokio::join!(
            channel.queue_declare(&own).exclusive().into_future(),
            channel.queue_declare("").exclusive().into_future(),
            channel.queue_declare("").exclusive().into_future(),
        );
        assert_eq!(named?.queue, own.as_str());
        assert!(names.insert(one?.queue.to_string()) && names.insert(other?.queue.to_string()));
    }
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

/// What this use of a channel cost, and the code that said so; nothing, when all went well.
async fn cost(act: impl AsyncFnOnce(&Channel) -> Result<(), CallError>) -> Result<Cost, Failure> {
    let (connection, channel) = open().await?;
    let outcome = act(&channel).await;
    // What is not answered shows at the next call.
    let cost = match outcome.and(channel.basic_qos(1).await.map(drop)) {
        Ok(()) => None,
        Err(CallError::Channel(ChannelError::ClosedByServer(close))) => Some(("channel", close.reply_code.0)),
        Err(CallError::Channel(ChannelError::Connection(ConnectionError::ClosedByServer(close)))) => {
            Some(("connection", close.reply_code.0))
        }
        Err(other) => return Err(other.into()),
    };
    // It is over where that was the cost.
    connection.close().await.ok();
    Ok(cost)
}

type Cost = Option<(&'static str, u16)>;

#[tokio::test]
async fn what_only_the_server_can_tell_costs_what_the_documentation_says() -> Outcome {
    let (connection, channel) = open().await?;
    let [stream, quorum] = ["stream", "quorum"].map(|name| format!("{name}-costs-{}", std::process::id()));
    let declare = |name| channel.queue_declare(name).durable();
    declare(&stream).queue_type(QueueType::Stream).await?;
    declare(&quorum).queue_type(QueueType::Quorum).await?;
    channel.basic_publish("", &stream, "x").await?;
    let (not_implemented, precondition) = (
        Some(("connection", constants::NOT_IMPLEMENTED.0)),
        Some(("channel", constants::PRECONDITION_FAILED.0)),
    );
    let no_ack = cost(async |channel| {
        let consume = channel.basic_consume(&stream).no_ack().prefetch_count(5);
        consume.await.map(drop)
    });
    assert_eq!(no_ack.await?, not_implemented, "no_ack");
    let no_prefetch = cost(async |channel| channel.basic_consume(&stream).prefetch_count(0).await.map(drop));
    assert_eq!(no_prefetch.await?, precondition, "prefetch 0");
    let get = cost(async |channel| channel.basic_get(&stream).await.map(drop));
    assert_eq!(get.await?, not_implemented, "get");
    let recover = cost(async |channel| {
        let mut consumer = channel
            .basic_consume(&stream)
            .stream_offset(StreamOffset::First)
            .await?;
        let delivery = consumer.next().await;
        let recovered = channel.basic_recover().await.map(drop);
        drop(delivery);
        recovered
    });
    assert_eq!(
        recover.await?,
        Some(("connection", constants::INTERNAL_ERROR.0)),
        "recover"
    );
    let if_unused = cost(async |channel| channel.queue_delete(&quorum).if_unused().await.map(drop));
    assert_eq!(if_unused.await?, not_implemented, "if_unused");
    let if_empty = cost(async |channel| channel.queue_delete(&quorum).if_empty().await.map(drop));
    assert_eq!(if_empty.await?, not_implemented, "if_empty");
    let global = cost(async |channel| {
        channel.basic_qos(5).global().await?;
        channel.basic_consume(&quorum).await.map(drop)
    });
    assert_eq!(global.await?, not_implemented, "global");
    let select = cost(async |channel| {
        channel.call(confirm::Select::default()).await?;
        channel.tx_select().await.map(drop)
    });
    assert_eq!(select.await?, precondition, "tx.select");
    let exchange_type = cost(async |channel| channel.exchange_declare("x", "no-such-type").await.map(drop));
    assert_eq!(
        exchange_type.await?,
        Some(("connection", constants::COMMAND_INVALID.0))
    );
    // Ten years are the most.
    let day = Duration::from_secs(24 * 3600);
    for (days, code) in [(3650, None), (3651, precondition)] {
        let time = day * days;
        let ttl = cost(async |channel| {
            channel
                .queue_declare("")
                .exclusive()
                .message_ttl(time)
                .await
                .map(drop)
        });
        assert_eq!(ttl.await?, code, "x-message-ttl of {days} days");
        let expires = cost(async |channel| {
            channel
                .queue_declare("")
                .exclusive()
                .expires(time)
                .await
                .map(drop)
        });
        assert_eq!(expires.await?, code, "x-expires of {days} days");
        let expiration = cost(async |channel| {
            let published = channel.basic_publish("", "nowhere", "x").expiration(time).await;
            published.map_err(|_| CallError::Channel(ChannelError::Closed))
        });
        assert_eq!(expiration.await?, code, "expiration of {days} days");
    }
    let never = cost(async |channel| {
        channel
            .queue_declare("")
            .exclusive()
            .expires(Duration::ZERO)
            .await
            .map(drop)
    });
    assert_eq!(never.await?, precondition, "x-expires of 0");
    for queue in [&stream, &quorum] {
        channel.queue_delete(queue).await?;
    }
    connection.close().await?;
    Ok(())
}

mod private_node {
    use super::*;
    use amqp_client::ConsumerError;
    use amqp_tests::broker::Options;

    #[tokio::test]
    async fn a_consumer_that_settles_too_late_is_told_from_other_ends() -> Outcome {
        let broker = Broker::start(&Options {
            advanced: "[{rabbit, [{consumer_timeout, 1000}, {channel_tick_interval, 1000}]}].\n".into(),
            ..Options::default()
        })?;
        let connection = connect(broker.url()).await?;
        let channel = connection.open_channel().await?;
        let queue = own_queue(&channel).await?;
        channel.basic_publish("", &queue, "x").await?;
        let mut consumer = channel.basic_consume(&queue).await?;
        let held = timeout(LIMIT, consumer.next()).await?.ok_or("no delivery")??;
        let end = timeout(LIMIT, consumer.next())
            .await?
            .ok_or("no reason")?
            .unwrap_err();
        let ConsumerError::Ended(amqp_client::ConsumerEnd::Channel(reason)) = end else {
            return Err(end.into());
        };
        assert!(reason.is_consumer_timeout(), "{reason}");
        let late = held.ack().await.unwrap_err();
        assert!(matches!(late, CallError::Channel(reason) if reason.is_consumer_timeout()));
        // Another 406 is not one.
        let other = connection.open_channel().await?;
        let error = other
            .queue_declare(&queue)
            .durable()
            .exclusive()
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::Channel(reason) if !reason.is_consumer_timeout()));
        connection.close().await?;
        Ok(())
    }
}
