//! Settling deliveries at a real broker: one, several, by tag, too late, twice.

use std::error::Error;
use std::time::Duration;

use amqp_client::protocol::DeliveryTag;
use amqp_client::protocol::v0_9_1::constants;
use amqp_client::tokio::connect;
use amqp_client::{
    CallError, Channel, ChannelError, Connection, ConnectionError, Delivery, QueueType, State,
};
use amqp_tests::broker::Broker;
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);

/// A connection, a channel, and a queue with messages "0", "1" and so on.
async fn with_messages(messages: usize) -> Result<(Connection, Channel, String), Failure> {
    let connection = connect(Broker::shared().url()).await?;
    let channel = connection.open_channel().await?;
    let queue = channel.queue_declare("").exclusive().await?.queue.to_string();
    for number in 0..messages {
        channel.basic_publish("", &queue, number.to_string()).await?;
    }
    Ok((connection, channel, queue))
}

async fn take(channel: &Channel, queue: &str, messages: usize) -> Result<Vec<Delivery>, Failure> {
    let mut held = Vec::new();
    for _ in 0..messages {
        held.push(channel.basic_get(queue).await?.ok_or("the queue is empty")?);
    }
    Ok(held)
}

/// What is left in the queue when the channel is closed, in order: what was requeued and what was never settled.
async fn left(connection: &Connection, channel: Channel, queue: &str) -> Result<Vec<String>, Failure> {
    // The channel lives: nothing was settled twice.
    channel.close().await?;
    let channel = connection.open_channel().await?;
    let mut left = Vec::new();
    while let Some(delivery) = channel.basic_get(queue).no_ack().await? {
        left.push(String::from_utf8_lossy(delivery.body()).into_owned());
    }
    left.sort();
    Ok(left)
}

#[tokio::test]
async fn several_are_acked_at_once_and_those_held_are_done_with() -> Outcome {
    let (connection, channel, queue) = with_messages(6).await?;
    let mut held = take(&channel, &queue, 5).await?;
    let other = held.remove(0);
    held.remove(2).ack_multiple().await?;
    assert!(matches!(other.ack().await, Err(CallError::AlreadySettled)));
    // Two that are settled, and one that goes back.
    drop(held);
    assert_eq!(left(&connection, channel, &queue).await?, ["4", "5"]);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn several_are_requeued_or_rejected_at_once() -> Outcome {
    let (connection, channel, queue) = with_messages(8).await?;
    let mut held = take(&channel, &queue, 2).await?;
    held.remove(1).requeue_multiple().await?;
    drop(held);
    let mut held = take(&channel, &queue, 4).await?;
    assert!(held[0].redelivered() && held[1].redelivered() && !held[2].redelivered());
    held.remove(1).reject_multiple().await?;
    held.remove(1).requeue().await?;
    held.remove(1).reject().await?;
    drop(held);
    assert_eq!(
        left(&connection, channel, &queue).await?,
        ["2", "4", "5", "6", "7"]
    );
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn several_of_many_consumers() -> Outcome {
    let (connection, channel, queue) = with_messages(2000).await?;
    let mut one = channel.basic_consume(&queue).prefetch_count(30).await?;
    let mut two = channel.basic_consume(&queue).prefetch_count(30).await?;
    let (mut handled, mut batch) = (0, Vec::new());
    while handled < 2000 {
        let delivery = tokio::select! {
            next = one.next() => next,
            next = two.next() => next,
            () = tokio::time::sleep(LIMIT) => return Err("nothing comes".into()),
        };
        batch.push(delivery.ok_or("ended")??);
        handled += 1;
        // In no order: the largest tag of a batch stands anywhere.
        if batch.len() == 20 || handled == 2000 {
            let largest = (0..batch.len()).max_by_key(|index| batch[*index].delivery_tag().0);
            match batch
                .remove(largest.ok_or("an empty batch")?)
                .ack_multiple()
                .await
            {
                // The last ones waited with their consumer when others were acked.
                Ok(()) | Err(CallError::AlreadySettled) => {}
                Err(error) => return Err(error.into()),
            }
            batch.clear();
        }
    }
    drop((one, two));
    assert_eq!(left(&connection, channel, &queue).await?, Vec::<String>::new());
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn by_tag_and_all_of_them() -> Outcome {
    let (connection, channel, queue) = with_messages(7).await?;
    let mut tags = take(&channel, &queue, 5)
        .await?
        .into_iter()
        .map(|delivery| delivery.detach().delivery_tag());
    let mut tag = || tags.next().ok_or("no more");
    channel.basic_ack(tag()?).await?;
    channel.basic_reject(tag()?).requeue().await?;
    channel.basic_nack(tag()?).await?;
    tag()?;
    channel.basic_nack(tag()?).multiple().requeue().await?;
    let held = take(&channel, &queue, 2).await?;
    channel.basic_ack(DeliveryTag(0)).multiple().await?;
    drop(held);
    // "1", "3" and "4" went back; two of those were then acked.
    assert_eq!(left(&connection, channel, &queue).await?, ["4", "5", "6"]);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn recover_brings_back_what_is_held() -> Outcome {
    let (connection, channel, queue) = with_messages(40).await?;
    let mut consumer = channel.basic_consume(&queue).prefetch_count(20).await?;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(timeout(LIMIT, consumer.next()).await?.ok_or("ended")??);
    }
    held.remove(0).ack().await?;
    channel.basic_recover().await?;
    // These are void; acking or dropping them sends nothing.
    assert!(matches!(
        held.remove(0).ack().await,
        Err(CallError::AlreadySettled)
    ));
    drop(held);
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 39 {
        let delivery = timeout(LIMIT, consumer.next()).await?.ok_or("ended")??;
        seen.insert(delivery.body().to_vec());
        delivery.ack().await?;
    }
    drop(consumer);
    assert_eq!(left(&connection, channel, &queue).await?, Vec::<String>::new());
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn pitfall_22_a_delivery_is_settled_on_its_own_channel_or_never() -> Outcome {
    let (connection, channel, queue) = with_messages(2).await?;
    let mut held = take(&channel, &queue, 2).await?;
    channel.close().await?;
    // Another channel of the same number has deliveries of the same tags.
    let successor = connection.open_channel().await?;
    assert_eq!(successor.id(), channel.id());
    let again = take(&successor, &queue, 2).await?;
    assert_eq!(again[0].delivery_tag(), held[0].delivery_tag());
    let refused = held.remove(0).ack_multiple().await;
    assert!(
        matches!(refused, Err(CallError::Channel(ChannelError::Closed))),
        "{refused:?}"
    );
    drop(held);
    again.into_iter().next().ok_or("nothing")?.ack().await?;
    assert_eq!(left(&connection, successor, &queue).await?, ["1"]);
    // The same when the connection is over.
    let (ended, channel, queue) = with_messages(1).await?;
    let held = take(&channel, &queue, 1).await?;
    ended.close().await?;
    for delivery in held {
        let refused = delivery.reject().await;
        assert!(
            matches!(
                refused,
                Err(CallError::Channel(ChannelError::Connection(
                    ConnectionError::Closed
                )))
            ),
            "{refused:?}"
        );
    }
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_tag_settled_twice_costs_the_channel() -> Outcome {
    let (connection, channel, queue) = with_messages(1).await?;
    let message = take(&channel, &queue, 1).await?.remove(0).detach();
    channel.basic_ack(message.delivery_tag()).await?;
    channel.basic_ack(message.delivery_tag()).await?;
    let error = channel.queue_purge(&queue).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Channel(ChannelError::ClosedByServer(close)) if close.reply_code == constants::PRECONDITION_FAILED),
        "{error}"
    );
    assert!(error.to_string().contains("(basic.ack)"), "{error}");
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_nack_of_a_stream_costs_the_connection_and_is_refused() -> Outcome {
    let (connection, channel, _) = with_messages(0).await?;
    let stream = format!("stream-nack-{}", std::process::id());
    channel
        .queue_declare(&stream)
        .durable()
        .queue_type(QueueType::Stream)
        .await?;
    channel.basic_publish("", &stream, "x").await?;
    let mut consumer = channel
        .basic_consume(&stream)
        .stream_offset(amqp_client::StreamOffset::First)
        .await?;
    let delivery = timeout(LIMIT, consumer.next()).await?.ok_or("ended")??;
    let tag = delivery.delivery_tag();
    assert!(matches!(
        delivery.requeue().await,
        Err(CallError::Refused(amqp_client::Refusal::StreamDelivery))
    ));
    channel.queue_declare(&stream).passive().await?;
    let other = connect(Broker::shared().url()).await?;
    let raw = other.open_channel().await?;
    let mut consumer = raw
        .basic_consume(&stream)
        .stream_offset(amqp_client::StreamOffset::First)
        .await?;
    timeout(LIMIT, consumer.next()).await?.ok_or("ended")??.detach();
    raw.basic_nack(tag).requeue().await?;
    let ended = timeout(LIMIT, other.closed()).await?;
    assert!(
        matches!(&ended, ConnectionError::ClosedByServer(close) if close.reply_code == constants::NOT_IMPLEMENTED),
        "{ended}"
    );
    assert_eq!(connection.state(), State::Open);
    channel.queue_delete(&stream).await?;
    connection.close().await?;
    Ok(())
}
