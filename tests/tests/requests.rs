//! Each request against a real broker, by its effect; what the broker takes of typed arguments; how a channel ends and
//! what is left.

use std::error::Error;
use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::protocol::ShortStr;
use amqp_client::protocol::v0_9_1::{basic, channel, constants, queue};
use amqp_client::tokio::connect;
use amqp_client::{
    CallError, Channel, ChannelError, ConnectOptions, Connection, ConnectionError, DeadLetterStrategy,
    Delivery, Overflow, QueueLeaderLocator, QueueMode, QueueType, Request, State, XMatch,
};
use amqp_tests::broker::Broker;
use serde_json::{Value, json};
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);

async fn open() -> Result<(Connection, Channel), Failure> {
    let connection = connect(Broker::shared().url()).await?;
    let channel = connection.open_channel().await?;
    Ok((connection, channel))
}

/// A queue that ends with its connection.
async fn own_queue(channel: &Channel) -> Result<String, CallError> {
    Ok(channel.queue_declare("").exclusive().await?.queue.to_string())
}

async fn get(channel: &Channel, queue: &str) -> Result<Option<Delivery>, CallError> {
    channel.basic_get(queue).no_ack().await
}

/// How many messages a queue has; what was just published may not count yet.
async fn count(channel: &Channel, queue: &str) -> Result<u32, CallError> {
    Ok(channel.queue_declare(queue).passive().await?.message_count)
}

/// The method that a close blames, by name, and its code.
fn closed_by_server(error: &CallError) -> Option<(String, u16)> {
    let CallError::Channel(ChannelError::ClosedByServer(close)) = error else {
        return None;
    };
    let name = amqp_client::protocol::v0_9_1::Method::name_of(close.method?)?;
    Some((name.to_owned(), close.reply_code.0))
}

type Declare<'a> = Request<'a, Channel, queue::Declare<'a>>;

/// A queue's type and arguments as RabbitMQ lists them.
type Declared = (&'static str, for<'a> fn(Declare<'a>) -> Declare<'a>, Value);

const HOUR: Duration = Duration::from_secs(3600);

/// Every typed argument of queue.declare, on the type of queue that takes it.
fn declared() -> Vec<Declared> {
    vec![
        (
            "classic",
            |declare| {
                declare
                    .queue_type(QueueType::Classic)
                    .message_ttl(HOUR)
                    .expires(HOUR)
                    .max_length(1000)
                    .max_length_bytes(1 << 40)
                    .overflow(Overflow::RejectPublishDlx)
                    .dead_letter_exchange("amq.fanout")
                    .dead_letter_routing_key("dead")
                    .max_priority(10)
                    .single_active_consumer()
                    .queue_mode(QueueMode::Lazy)
            },
            json!({
                "x-queue-type": "classic", "x-message-ttl": 3_600_000, "x-expires": 3_600_000, "x-max-length": 1000,
                "x-max-length-bytes": 1_u64 << 40, "x-overflow": "reject-publish-dlx",
                "x-dead-letter-exchange": "amq.fanout", "x-dead-letter-routing-key": "dead", "x-max-priority": 10,
                "x-single-active-consumer": true, "x-queue-mode": "lazy",
            }),
        ),
        (
            // What 3.10 takes no notice of is well formed and kept.
            "version-2",
            |declare| {
                declare
                    .queue_version(2)
                    .queue_mode(QueueMode::Default)
                    .consumer_timeout(HOUR)
                    .stream_filter_size_bytes(16)
            },
            json!({
                "x-queue-version": 2, "x-queue-mode": "default", "x-consumer-timeout": 3_600_000,
                "x-stream-filter-size-bytes": 16,
            }),
        ),
        (
            "quorum",
            |declare| {
                declare
                    .durable()
                    .queue_type(QueueType::Quorum)
                    .delivery_limit(3)
                    .overflow(Overflow::RejectPublish)
                    .dead_letter_exchange("")
                    .dead_letter_routing_key("dead")
                    .dead_letter_strategy(DeadLetterStrategy::AtLeastOnce)
                    .quorum_initial_group_size(1)
                    .queue_leader_locator(QueueLeaderLocator::Balanced)
            },
            json!({
                "x-queue-type": "quorum", "x-delivery-limit": 3, "x-overflow": "reject-publish",
                "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
                "x-dead-letter-strategy": "at-least-once", "x-quorum-initial-group-size": 1,
                "x-queue-leader-locator": "balanced",
            }),
        ),
        (
            "stream",
            |declare| {
                declare
                    .durable()
                    .queue_type(QueueType::Stream)
                    .max_length_bytes(1 << 30)
                    .max_age(HOUR)
                    .stream_max_segment_size_bytes(1 << 20)
                    .initial_cluster_size(1)
                    .queue_leader_locator(QueueLeaderLocator::ClientLocal)
            },
            json!({
                "x-queue-type": "stream", "x-max-length-bytes": 1 << 30, "x-max-age": "3600s",
                "x-stream-max-segment-size-bytes": 1 << 20, "x-initial-cluster-size": 1,
                "x-queue-leader-locator": "client-local",
            }),
        ),
    ]
}

#[tokio::test]
async fn typed_arguments_are_what_the_broker_lists() -> Outcome {
    let broker = Broker::shared();
    let vhost = format!("arguments-{}", std::process::id());
    let connection = connect(broker.add_vhost(&vhost)?.as_str()).await?;
    let channel = connection.open_channel().await?;
    for (name, build, _) in declared() {
        build(channel.queue_declare(name)).await?;
    }
    let list = [
        "list_queues",
        "-p",
        &vhost,
        "name",
        "arguments",
        "--formatter",
        "json",
        "--quiet",
    ];
    let listed: Vec<Value> = serde_json::from_str(&broker.rabbitmqctl(list)?)?;
    for (name, _, expected) in declared() {
        let queue = listed.iter().find(|queue| queue["name"] == name);
        // Pairs of name and value, or an object: RabbitMQ's tools differ.
        let arguments = match &queue.ok_or(name)?["arguments"] {
            Value::Array(entries) => {
                let entry =
                    |entry: &Value| (entry[0].as_str().unwrap_or_default().to_owned(), entry[2].clone());
                Value::Object(entries.iter().map(entry).collect())
            }
            object => object.clone(),
        };
        assert_eq!(arguments, expected, "{name}");
    }
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn bindings_between_exchanges_route_until_they_are_unbound() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    let [source, destination, headers, stray] =
        ["source", "destination", "headers", "stray"].map(|name| format!("{name}-{queue}"));
    channel.exchange_declare(&stray, "fanout").auto_delete().await?;
    channel
        .exchange_declare(&source, "direct")
        .alternate_exchange(&stray)
        .await?;
    channel
        .exchange_declare(&destination, "fanout")
        .internal()
        .await?;
    channel.exchange_declare(&headers, "headers").durable().await?;
    channel.exchange_bind(&destination, &source, "in").await?;
    channel.queue_bind(&queue, &destination, "").await?;
    channel.basic_publish(&source, "in", "bound").await?;
    assert_eq!(get(&channel, &queue).await?.ok_or("not routed")?.body(), b"bound");

    channel.exchange_unbind(&destination, &source, "in").await?;
    channel.basic_publish(&source, "in", "unbound").await?;
    assert!(get(&channel, &queue).await?.is_none());
    channel.queue_bind(&queue, &stray, "").await?;
    channel.basic_publish(&source, "in", "alternate").await?;
    assert_eq!(
        get(&channel, &queue).await?.ok_or("not routed")?.body(),
        b"alternate"
    );
    channel.queue_unbind(&queue, &stray, "").await?;
    assert!(
        channel
            .exchange_declare(&stray, "fanout")
            .passive()
            .await
            .is_err(),
        "it deletes itself"
    );

    let channel = connection.open_channel().await?;
    for x_match in [XMatch::All, XMatch::Any, XMatch::AllWithX, XMatch::AnyWithX] {
        let bind = |channel| {
            Channel::queue_bind(channel, &queue, &headers, "")
                .x_match(x_match)
                .argument("one", 1)
                .argument("x-two", 2)
        };
        bind(&channel).await?;
        channel
            .basic_publish(&headers, "", "one")
            .header("one", 1)
            .await?;
        channel
            .basic_publish(&headers, "", "two")
            .header("x-two", 2)
            .await?;
        channel
            .basic_publish(&headers, "", "both")
            .header("one", 1)
            .header("x-two", 2)
            .await?;
        let mut routed = Vec::new();
        while let Some(delivery) = get(&channel, &queue).await? {
            routed.push(String::from_utf8_lossy(delivery.body()).into_owned());
        }
        let expected: &[&str] = match x_match {
            XMatch::All | XMatch::Any => &["one", "both"],
            XMatch::AllWithX => &["both"],
            _ => &["one", "two", "both"],
        };
        assert_eq!(routed, expected, "{x_match:?}");
        channel
            .queue_unbind(&queue, &headers, "")
            .x_match(x_match)
            .argument("one", 1)
            .argument("x-two", 2)
            .await?;
    }
    for exchange in [&source, &destination, &headers] {
        channel.exchange_delete(exchange).await?;
    }
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn an_empty_queue_name_is_the_queue_declared_last() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    channel.queue_bind("", "amq.direct", &queue).await?;
    channel.basic_publish("amq.direct", &queue, "one").await?;
    let mut consumer = channel.basic_consume("").await?;
    let delivery = timeout(LIMIT, consumer.next()).await?.ok_or("ended")??;
    delivery.ack().await?;
    consumer.cancel().await?;
    channel.basic_publish("", &queue, "two").await?;
    assert_eq!(channel.queue_purge("").await?.message_count, 1);
    assert!(channel.basic_get("").await?.is_none());
    channel.queue_unbind("", "amq.direct", &queue).await?;
    assert_eq!(channel.queue_delete("").await?.message_count, 0);
    // Where none was declared.
    let fresh = connection.open_channel().await?;
    let error = fresh.queue_purge("").await.unwrap_err();
    assert_eq!(
        closed_by_server(&error),
        Some(("queue.purge".into(), constants::NOT_FOUND.0))
    );
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn purge_and_delete_count_and_refuse() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    for _ in 0..3 {
        channel.basic_publish("", &queue, "x").await?;
    }
    // Fetched and requeued: by then all three have got there.
    drop(channel.basic_get(&queue).await?);
    let other = connection.open_channel().await?;
    let error = other.queue_delete(&queue).if_empty().await.unwrap_err();
    assert_eq!(
        closed_by_server(&error),
        Some(("queue.delete".into(), constants::PRECONDITION_FAILED.0))
    );
    assert_eq!(channel.queue_purge(&queue).await?.message_count, 3);
    let consumer = channel.basic_consume(&queue).await?;
    let other = connection.open_channel().await?;
    let error = other.queue_delete(&queue).if_unused().await.unwrap_err();
    assert_eq!(
        closed_by_server(&error),
        Some(("queue.delete".into(), constants::PRECONDITION_FAILED.0))
    );
    drop(consumer);
    assert_eq!(channel.queue_delete(&queue).if_empty().await?.message_count, 0);
    // Deleting what is not there is no error.
    assert_eq!(channel.queue_delete(&queue).await?.message_count, 0);
    channel.exchange_delete("no such exchange").await?;
    assert!(channel.channel_flow().await?.active);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn transactions_commit_and_roll_back_what_is_published_and_settled() -> Outcome {
    let (connection, channel) = open().await?;
    let elsewhere = connection.open_channel().await?;
    let queue = own_queue(&channel).await?;
    channel.tx_select().await?;
    channel.basic_publish("", &queue, "one").await?;
    channel.basic_publish("", &queue, "two").await?;
    assert!(get(&channel, &queue).await?.is_none());
    channel.tx_commit().await?;
    assert_eq!(count(&elsewhere, &queue).await?, 2);
    channel.basic_publish("", &queue, "three").await?;
    channel.tx_rollback().await?;
    assert_eq!(count(&elsewhere, &queue).await?, 2);

    // An ack that is rolled back, then recovered, comes again; one that is committed does not.
    let one = channel.basic_get(&queue).await?.ok_or("empty")?;
    one.ack().await?;
    channel.tx_rollback().await?;
    channel.basic_recover().await?;
    let again = channel.basic_get(&queue).await?.ok_or("not recovered")?;
    assert!(again.redelivered() && again.body() == b"one");
    again.ack().await?;
    let two = channel.basic_get(&queue).await?.ok_or("empty")?;
    two.ack_multiple().await?;
    channel.tx_commit().await?;
    channel.close().await?;
    assert_eq!(count(&elsewhere, &queue).await?, 0);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn calls_and_settlements_beside_a_commit_do_not_cost_the_connection() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    channel.tx_select().await?;
    for _ in 0..50 {
        channel.basic_publish("", &queue, "x").await?;
        channel.tx_commit().await?;
        let held = channel.basic_get(&queue).await?.ok_or("empty")?;
        channel.basic_publish("", &queue, "y").await?;
        let (first, declared, second) = tokio::join!(
            channel.tx_commit().into_future(),
            channel.queue_declare(&queue).passive().into_future(),
            channel.tx_commit().into_future(),
        );
        first?;
        declared?;
        second?;
        // Dropped halfway, with a delivery to requeue behind it.
        let committing = channel.tx_commit().into_future();
        drop(timeout(Duration::ZERO, committing).await);
        drop(held);
        channel.basic_publish("", &queue, "z").await?;
        channel.tx_commit().await?;
        assert_eq!(channel.queue_purge(&queue).await?.message_count, 3);
    }
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_refused_here_costs_the_connection_there() -> Outcome {
    async fn ended(raw: impl AsyncFnOnce(&Channel) -> Result<(), CallError>) -> Result<u16, Failure> {
        let (connection, channel) = open().await?;
        let sent = raw(&channel).await;
        // Not answered, or answered with the end.
        assert!(!matches!(sent, Err(CallError::Refused(_))));
        let ConnectionError::ClosedByServer(close) = timeout(LIMIT, connection.closed()).await? else {
            return Err("ended in another way".into());
        };
        Ok(close.reply_code.0)
    }
    let not_implemented = constants::NOT_IMPLEMENTED.0;
    let flow = ended(async |channel| channel.call(channel::Flow { active: false }).await.map(drop));
    assert_eq!(flow.await?, not_implemented);
    let recover = ended(async |channel| channel.call(basic::Recover { requeue: false }).await.map(drop));
    assert_eq!(recover.await?, not_implemented);
    let recover_async = ended(async |channel| channel.send(basic::RecoverAsync { requeue: false }).await);
    assert_eq!(recover_async.await?, not_implemented);
    let qos = ended(async |channel| {
        let qos = basic::Qos {
            prefetch_size: 1,
            ..Default::default()
        };
        channel.call(qos).await.map(drop)
    });
    assert_eq!(qos.await?, not_implemented);
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
            Err(CallError::Channel(ChannelError::NoFreeChannel { channel_max: 3 }))
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

/// Names and text that are what the specification lets them be.
#[tokio::test]
async fn names_of_every_length_and_any_text() -> Outcome {
    let (connection, channel) = open().await?;
    // Names that begin with amq. are the server's.
    let prefix = own_queue(&channel).await?.replace("amq.gen-", "name-");
    for name in [format!("{prefix}-grüße 東京"), format!("{prefix:-<255}")] {
        let declared = channel.queue_declare(&name).exclusive().await?;
        assert_eq!(declared.queue, name.as_str());
        channel.queue_bind(&name, "amq.topic", &name).await?;
        channel.basic_publish("amq.topic", &name, name.as_bytes()).await?;
        let delivery = get(&channel, &name).await?.ok_or("not routed")?;
        assert_eq!(delivery.body(), name.as_bytes());
        assert_eq!(delivery.routing_key(), ShortStr::try_from(name.as_str())?);
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
