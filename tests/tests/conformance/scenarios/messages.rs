//! Queues, and messages in: declared, fetched, consumed, settled.

use amqp_client::{CallError, ChannelError, ConsumerEnd, ConsumerError};

use super::Place;
use crate::client::{Adapter, Client};
use crate::stage::Outcome;

pub(crate) async fn declare_publish_get<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place {
        client,
        channel,
        queue,
    } = &place;
    assert!(place.get().await?.is_none());
    place.fill(&["first", "second"]).await?;
    let first = place.get().await?.ok_or("the queue is empty")?;
    assert_eq!(first.body(), b"first");
    assert!(!first.redelivered());
    first.ack().call()?;
    assert_eq!(client.call(channel.queue_purge(queue)).await?.message_count, 1);
    // What is not answered keeps its place among what is.
    client
        .no_wait(channel.queue_bind(queue, "amq.direct", queue).no_wait())
        .await?;
    client
        .publish(channel.basic_publish("amq.direct", queue, "bound"))
        .await?;
    client
        .call(channel.queue_unbind(queue, "amq.direct", queue))
        .await?;
    client
        .publish(channel.basic_publish("amq.direct", queue, "unbound"))
        .await?;
    assert_eq!(client.call(channel.queue_delete(queue)).await?.message_count, 1);
    client.close().await?;
    Ok(())
}

pub(crate) async fn consume_and_ack<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let consume = place.channel.basic_consume(&place.queue).prefetch_count(2);
    let mut consumer = place.client.consume(consume).await?;
    place.fill(&["0", "1", "2", "3", "4"]).await?;
    for number in 0..5 {
        let delivery = place.next(&mut consumer).await?;
        assert_eq!(delivery.body(), number.to_string().as_bytes());
        delivery.ack().call()?;
    }
    assert!(place.client.cancel(consumer).await?.is_empty());
    assert!(place.get().await?.is_none());
    place.client.close().await?;
    Ok(())
}

pub(crate) async fn reject_and_requeue<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    place.fill(&["message"]).await?;
    place.get().await?.ok_or("the queue is empty")?.requeue().call()?;
    // So does dropping it.
    let again = place.get().await?.ok_or("the queue is empty")?;
    assert!(again.redelivered());
    drop(again);
    let mut consumer = place.consume().await?;
    let again = place.next(&mut consumer).await?;
    assert!(again.redelivered());
    again.reject().call()?;
    place.client.cancel(consumer).await?;
    assert!(place.get().await?.is_none());
    place.client.close().await?;
    Ok(())
}

pub(crate) async fn large_body<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place {
        client,
        channel,
        queue,
    } = &place;
    // No two frames are alike, and the last is not full.
    let body: Vec<u8> = (0..3 * 1024 * 1024 + 7)
        .map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let publisher = client.confirm_select(channel.confirm_select()).await?;
    let mut consumer = place.consume().await?;
    let receipt = client
        .publish_confirmed(publisher.publish("", queue, &body[..]))
        .await?;
    let delivery = place.next(&mut consumer).await?;
    assert!(delivery.body() == body);
    delivery.ack().call()?;
    client.outcome(receipt).await?;
    client.close().await?;
    Ok(())
}

pub(crate) async fn cancel_by_client<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    place.fill(&["0", "1", "2"]).await?;
    let mut consumer = place.consume().await?;
    place.next(&mut consumer).await?.ack().call()?;
    // What had come is requeued when it is dropped; what had not is where it was.
    drop(place.client.cancel(consumer).await?);
    for body in ["1", "2"] {
        let delivery = place.get().await?.ok_or("a message is lost")?;
        assert_eq!(delivery.body(), body.as_bytes());
        delivery.ack().call()?;
    }
    assert!(place.get().await?.is_none());
    place.client.close().await?;
    Ok(())
}

pub(crate) async fn cancel_by_server<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let mut consumer = place.consume().await?;
    place
        .client
        .call(place.channel.queue_delete(&place.queue))
        .await?;
    let end = place.client.next(&mut consumer).await;
    assert!(
        matches!(
            end,
            Some(Err(ConsumerError::Ended(ConsumerEnd::CancelledByServer)))
        ),
        "{end:?}"
    );
    assert!(place.client.next(&mut consumer).await.is_none());
    place.client.close().await?;
    Ok(())
}

pub(crate) async fn channel_error<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place { client, queue, .. } = &place;
    let other = client.open_channel().await?;
    let missing = format!("{queue}-missing");
    assert!(other.is_open());
    let error = client.call(other.queue_declare(&missing).passive()).await.err();
    let Some(CallError::Channel(ChannelError::ClosedByServer(close))) = &error else {
        return Err(format!("{error:?}").into());
    };
    assert_eq!(close.reply_code.0, 404);
    // It costs the one channel, for good.
    assert!(!other.is_open() && !other.may_publish());
    assert!(client.close_channel(&other).await.is_err());
    assert_eq!(place.count().await?, 0);
    assert!(place.channel.is_open());
    client.close_channel(&place.channel).await?;
    assert!(!place.channel.is_open());
    client.close().await?;
    Ok(())
}
