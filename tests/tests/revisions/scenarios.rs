//! What the client can do on every revision, told once. Which revision it is, a scenario does not know.

use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::methods::{basic, constants};
use amqp_client::protocol::{DeliveryTag, FieldTable, ReplyCode, ShortStr};
use amqp_client::{
    CallError, Channel, ChannelError, Connection, ConnectionError, Consumer, ConsumerEnd, ConsumerError,
    Delivery,
};
use amqp_tests::broker::Broker;
use tokio::time::timeout;

use crate::common::{self, Failure, LIMIT, Outcome, own_queue};
use crate::messages::{compare, publish_with_everything};
use crate::stage::Stage;

async fn next(consumer: &mut Consumer) -> Result<Delivery, Failure> {
    Ok(timeout(LIMIT, consumer.next()).await?.ok_or("ended")??)
}

async fn get(channel: &Channel, queue: &str) -> Result<Delivery, Failure> {
    Ok(channel.basic_get(queue).await?.ok_or("the queue is empty")?)
}

/// Publishes bodies "0", "1" and so on.
async fn fill(channel: &Channel, queue: &str, messages: usize) -> Outcome {
    for number in 0..messages {
        channel.basic_publish("", queue, number.to_string()).await?;
    }
    Ok(())
}

async fn count(channel: &Channel, queue: &str) -> Result<u32, CallError> {
    Ok(channel.queue_declare(queue).passive().await?.message_count)
}

/// A call that cost its channel, with this code, and is named.
fn cost(result: Result<impl Sized, CallError>, code: ReplyCode, method: &str) {
    let Err(error) = result else {
        panic!("{method} went well")
    };
    let CallError::Channel(ChannelError::ClosedByServer(close)) = &error else {
        panic!("{error}")
    };
    assert_eq!(close.reply_code, code, "{error}");
    assert!(error.to_string().contains(&format!("({method})")), "{error}");
}

pub(crate) async fn messages_are_consumed_and_acked(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    fill(channel, &queue, 4).await?;
    let mut consumer = channel.basic_consume(&queue).await?;
    let mut held = Vec::new();
    for number in 0..4 {
        let delivery = next(&mut consumer).await?;
        assert_eq!(delivery.body(), number.to_string().as_bytes());
        assert_eq!(delivery.delivery_tag(), DeliveryTag(number + 1));
        held.push(delivery);
    }
    held.remove(0).ack().await?;
    held.remove(1).ack_multiple().await?;
    assert!(matches!(
        held.remove(0).ack().await,
        Err(CallError::AlreadySettled)
    ));
    held.remove(0).ack().await?;
    assert_eq!(count(channel, &queue).await?, 0);
    assert!(consumer.cancel().await?.is_empty());
    Ok(())
}

pub(crate) async fn messages_are_rejected(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let dead = own_queue(channel).await?;
    let queue = channel
        .queue_declare("")
        .exclusive()
        .dead_letter_exchange("")
        .dead_letter_routing_key(&dead)
        .await?
        .queue
        .to_string();
    fill(channel, &queue, 1).await?;
    get(channel, &queue).await?.requeue().await?;
    let again = get(channel, &queue).await?;
    assert!(again.redelivered());
    // Dropped unsettled.
    drop(again);
    get(channel, &queue).await?.reject().await?;
    let mut consumer = channel.basic_consume(&dead).no_ack().await?;
    let delivery = next(&mut consumer).await?;
    assert_eq!(delivery.body(), b"0");
    let headers = delivery.properties().headers.ok_or("no headers")?;
    assert!(headers.get("x-death").is_some());
    assert!(consumer.cancel().await?.is_empty());
    Ok(())
}

pub(crate) async fn messages_are_recovered(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    fill(channel, &queue, 1).await?;
    let mut consumer = channel.basic_consume(&queue).await?;
    let void = next(&mut consumer).await?;
    channel.basic_recover().await?;
    assert!(matches!(void.ack().await, Err(CallError::AlreadySettled)));
    let void = next(&mut consumer).await?;
    channel.basic_recover_async().await?;
    drop(void);
    let again = next(&mut consumer).await?;
    assert!(again.redelivered());
    again.ack().await?;
    assert!(consumer.cancel().await?.is_empty());
    Ok(())
}

pub(crate) async fn messages_are_fetched(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    assert!(channel.basic_get(&queue).await?.is_none());
    fill(channel, &queue, 2).await?;
    let delivery = get(channel, &queue).await?;
    let message_count = delivery
        .method()
        .map(|get_ok: basic::GetOk<'_>| get_ok.message_count);
    assert_eq!(message_count, Some(1));
    assert_eq!(delivery.routing_key(), queue.as_str());
    delivery.ack().await?;
    let last = channel.basic_get(&queue).no_ack().await?.ok_or("empty")?;
    assert_eq!(last.body(), b"1");
    Ok(())
}

pub(crate) async fn transactions_commit_and_roll_back(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    channel.tx_select().await?;
    fill(channel, &queue, 2).await?;
    assert_eq!(count(channel, &queue).await?, 0);
    channel.tx_commit().await?;
    assert_eq!(count(channel, &queue).await?, 2);
    fill(channel, &queue, 1).await?;
    channel.tx_rollback().await?;
    assert_eq!(count(channel, &queue).await?, 2);
    get(channel, &queue).await?.ack().await?;
    channel.tx_commit().await?;
    // An ack that is rolled back leaves the message with the channel.
    get(channel, &queue).await?.ack().await?;
    channel.tx_rollback().await?;
    channel.basic_recover().await?;
    let again = get(channel, &queue).await?;
    assert!(again.redelivered());
    again.ack().await?;
    channel.tx_commit().await?;
    Ok(())
}

pub(crate) async fn what_no_queue_takes_comes_back(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let mut returns = channel.returns();
    for body in ["", "body"] {
        let publish = channel.basic_publish("amq.direct", "nowhere", body).mandatory();
        publish.message_id("m").header("a", 1).await?;
        let returned = timeout(LIMIT, returns.next()).await?.ok_or("ended")?;
        assert_eq!(returned.reply_code(), constants::NO_ROUTE);
        assert_eq!(
            (returned.exchange(), returned.routing_key()),
            (
                ShortStr::from_static("amq.direct"),
                ShortStr::from_static("nowhere")
            )
        );
        assert_eq!(returned.properties().message_id, Some(ShortStr::from_static("m")));
        assert_eq!(
            returned.properties().headers,
            Some(FieldTable::new().with("a", 1)?)
        );
        assert_eq!(returned.body(), body.as_bytes());
    }
    Ok(())
}

pub(crate) async fn a_channel_error_ends_one_channel(stage: &Stage) -> Outcome {
    let connection = &stage.connection;
    // Names that begin with amq. are the server's, and refused for that.
    let queue = format!("{}-queue", stage.name);
    stage.channel.queue_declare(&queue).exclusive().await?;
    let open = || connection.open_channel();
    let channel = open().await?;
    cost(
        channel.queue_bind(&queue, "no such exchange", "").await,
        constants::NOT_FOUND,
        "queue.bind",
    );
    // What follows on it says the same, and nothing is sent.
    cost(
        channel.queue_purge(&queue).await,
        constants::NOT_FOUND,
        "queue.bind",
    );
    // The number is used again.
    let successor = open().await?;
    assert_eq!(successor.id(), channel.id());
    let redeclared = successor.queue_declare(&queue).exclusive().auto_delete().await;
    cost(redeclared, constants::PRECONDITION_FAILED, "queue.declare");
    let channel = open().await?;
    channel.basic_ack(DeliveryTag(99)).await?;
    cost(
        count(&channel, &queue).await,
        constants::PRECONDITION_FAILED,
        "basic.ack",
    );
    // And the first one goes on; so does one that is closed in order.
    let channel = open().await?;
    assert_eq!(count(&channel, &queue).await?, 0);
    channel.close().await?;
    assert_eq!(count(&stage.channel, &queue).await?, 0);
    Ok(())
}

pub(crate) async fn the_server_closes_the_connection(stage: &Stage) -> Outcome {
    let queue = own_queue(&stage.channel).await?;
    let mut consumer = stage.channel.basic_consume(&queue).await?;
    let name = stage.name.clone();
    let closed =
        tokio::task::spawn_blocking(move || Broker::shared().close_connections(&name, "maintenance"));
    assert_eq!(closed.await??, 1);
    let error = timeout(LIMIT, stage.connection.closed()).await?;
    assert!(error.is_connection_forced(), "{error}");
    assert!(error.to_string().contains("maintenance"), "{error}");
    let end = timeout(LIMIT, consumer.next()).await?.ok_or("no reason")?;
    let Err(ConsumerError::Ended(ConsumerEnd::Channel(ChannelError::Connection(reason)))) = end else {
        return Err("another end".into());
    };
    assert!(matches!(reason, ConnectionError::ClosedByServer(_)), "{reason}");
    assert!(consumer.next().await.is_none());
    Ok(())
}

pub(crate) async fn the_client_closes_the_connection(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    // What was published before still leaves.
    fill(channel, &queue, 3).await?;
    timeout(LIMIT, stage.connection.close()).await??;
    assert!(matches!(
        count(channel, &queue).await,
        Err(CallError::Channel(ChannelError::Connection(
            ConnectionError::Closed
        )))
    ));
    Ok(())
}

pub(crate) async fn exchanges_and_queues(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    let exchange = format!("exchange-{queue}");
    channel
        .exchange_declare(&exchange, "direct")
        .argument("alternate-exchange", "amq.fanout")
        .await?;
    channel.exchange_declare(&exchange, "direct").passive().await?;
    // The queue that the channel declared last.
    channel.queue_bind("", &exchange, "in").await?;
    channel.basic_publish(&exchange, "in", "one").await?;
    assert_eq!(get(channel, &queue).await?.body(), b"one");
    assert_eq!(channel.queue_purge(&queue).await?.message_count, 1);
    channel.queue_unbind(&queue, &exchange, "in").await?;
    channel.basic_publish(&exchange, "in", "two").await?;
    assert!(channel.basic_get(&queue).await?.is_none());
    channel.exchange_delete(&exchange).if_unused().await?;
    let declared = channel.queue_declare(&queue).passive().await?;
    assert_eq!((declared.message_count, declared.consumer_count), (0, 0));
    fill(channel, &queue, 2).await?;
    assert_eq!(channel.queue_delete(&queue).await?.message_count, 2);
    Ok(())
}

pub(crate) async fn requests_without_an_answer(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    let (exchange, other) = (format!("exchange-{queue}"), queue.replace("amq.gen", "other"));
    channel.exchange_declare(&exchange, "fanout").no_wait().await?;
    channel.queue_declare(&other).exclusive().no_wait().await?;
    channel.queue_bind(&other, &exchange, "").no_wait().await?;
    channel.basic_publish(&exchange, "", "lost").await?;
    channel.queue_purge(&other).no_wait().await?;
    channel.basic_publish(&exchange, "", "found").await?;
    assert_eq!(get(channel, &other).await?.body(), b"found");
    channel.queue_delete(&other).no_wait().await?;
    channel.exchange_delete(&exchange).no_wait().await?;
    assert!(channel.channel_flow().await?.active);
    Ok(())
}

pub(crate) async fn a_prefetch_count_holds_back_deliveries(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    fill(channel, &queue, 2).await?;
    channel.basic_qos(1).await?;
    let mut consumer = channel.basic_consume(&queue).await?;
    for waiting in [1, 0] {
        let delivery = next(&mut consumer).await?;
        assert_eq!(count(channel, &queue).await?, waiting);
        delivery.ack().await?;
    }
    assert!(consumer.cancel().await?.is_empty());
    Ok(())
}

pub(crate) async fn the_server_cancels_a_consumer(stage: &Stage) -> Outcome {
    let (elsewhere, channel) = common::open().await?;
    let queue = format!("{}-cancelled", stage.name);
    channel.queue_declare(&queue).await?;
    let consume = stage.channel.basic_consume(&queue).consumer_tag("tag");
    let mut consumer = consume.await?;
    channel.queue_delete(&queue).await?;
    let end = timeout(LIMIT, consumer.next()).await?.ok_or("no reason")?;
    assert!(matches!(
        end,
        Err(ConsumerError::Ended(ConsumerEnd::CancelledByServer))
    ));
    // The channel goes on, and the tag is free.
    let queue = own_queue(&stage.channel).await?;
    let consumer = stage.channel.basic_consume(&queue).consumer_tag("tag").await?;
    assert!(consumer.cancel().await?.is_empty());
    elsewhere.close().await?;
    Ok(())
}

pub(crate) async fn bodies_of_many_frames(stage: &Stage) -> Outcome {
    const FRAME: usize = 131_072 - 8;
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    let sizes = [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 << 20];
    let body = |size: usize| -> Vec<u8> { (0..size).map(|at| (at / 7) as u8).collect() };
    for size in sizes {
        channel.basic_publish("", &queue, body(size)).await?;
    }
    let mut consumer = channel.basic_consume(&queue).no_ack().await?;
    for size in sizes {
        let delivery = next(&mut consumer).await?;
        assert!(delivery.body() == body(size), "{size}");
    }
    assert!(consumer.cancel().await?.is_empty());
    Ok(())
}

pub(crate) async fn properties_and_tables(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let queue = own_queue(channel).await?;
    publish_with_everything(channel, &queue).await?;
    compare(&get(channel, &queue).await?)
}

pub(crate) async fn a_call_that_is_given_up_takes_no_other_reply(stage: &Stage) -> Outcome {
    let channel = &stage.channel;
    let own = own_queue(channel).await?.replace("amq.gen", "own");
    for round in 0..3 {
        let given_up = channel.queue_declare("").exclusive().into_future();
        drop(timeout(Duration::ZERO, given_up).await);
        let name = format!("{own}-{round}");
        assert_eq!(
            channel.queue_declare(&name).exclusive().await?.queue,
            name.as_str()
        );
    }
    Ok(())
}

/// Publishes on one connection what the other gets.
pub(crate) async fn travels(from: &Connection, to: &Connection) -> Outcome {
    let (from, to) = (from.open_channel().await?, to.open_channel().await?);
    let queue = own_queue(&to).await?;
    let mut consumer = to.basic_consume(&queue).await?;
    publish_with_everything(&from, &queue).await?;
    let delivery = next(&mut consumer).await?;
    compare(&delivery)?;
    delivery.ack().await?;
    Ok(())
}
