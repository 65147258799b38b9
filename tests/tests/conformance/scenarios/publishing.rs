//! Messages out, and what becomes of them.

use std::time::Duration;

use amqp_client::{ConnectionEvent, Overflow, PublishError, Receipts};

use super::{Place, until};
use crate::client::{Adapter, Client};
use crate::stage::{Node, Outcome};

/// What RabbitMQ answers a publish with that no queue takes.
const NO_ROUTE: u16 = 312;

pub(crate) async fn confirms_one_by_one<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place {
        client,
        channel,
        queue,
    } = &place;
    let publisher = client.confirm_select(channel.confirm_select()).await?;
    for number in 1..=10 {
        let publish = publisher.publish("", queue, "x");
        let receipt = client.publish_confirmed(publish).await?;
        assert_eq!(receipt.delivery_tag().0, number);
        client.outcome(receipt).await?;
    }
    assert_eq!(place.count().await?, 10);
    client.close().await?;
    Ok(())
}

pub(crate) async fn confirms_pipelined<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place {
        client,
        channel,
        queue,
    } = &place;
    // Fewer at a time than there are, so that publishing waits for confirms too.
    let select = channel.confirm_select().max_unconfirmed(50);
    let publisher = client.confirm_select(select).await?;
    let mut receipts = Receipts::new();
    for number in 0..300 {
        let publish = publisher.publish("", queue, number.to_string());
        let receipt = client.publish_confirmed(publish).await?;
        // Either way leads to the outcome.
        if number % 2 == 0 {
            receipts.push(receipt);
        }
        assert!(publisher.unconfirmed() <= 50);
    }
    client.outcomes(receipts).await?;
    client.wait_for_all(&publisher).await?;
    assert_eq!(publisher.unconfirmed(), 0);
    assert_eq!(place.count().await?, 300);
    client.close().await?;
    Ok(())
}

pub(crate) async fn nack<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place { client, channel, .. } = &place;
    let full = channel.queue_declare("").exclusive();
    let full = full.max_length(1).overflow(Overflow::RejectPublish);
    let full = client.call(full).await?.queue.to_string();
    let publisher = client.confirm_select(channel.confirm_select()).await?;
    let receipt = client
        .publish_confirmed(publisher.publish("", &full, "fits"))
        .await?;
    client.outcome(receipt).await?;
    let mut receipts = Receipts::new();
    for queue in [&full, &place.queue, &full] {
        receipts.push(
            client
                .publish_confirmed(publisher.publish("", queue, "x"))
                .await?,
        );
    }
    let Err(error) = client.outcomes(receipts).await else {
        return Err("a full queue takes everything".into());
    };
    assert!(
        matches!(
            error.failures(),
            [(0, PublishError::Nacked), (2, PublishError::Nacked)]
        ),
        "{error:?}"
    );
    client.close().await?;
    Ok(())
}

pub(crate) async fn returns<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place { client, queue, .. } = &place;
    let nowhere = format!("{queue}-missing");
    // Without confirms they come to whoever asks.
    let mut returns = client.returns(&place.channel);
    let publish = place.channel.basic_publish("", &nowhere, "lost").mandatory();
    client.publish(publish).await?;
    let returned = client.returned(&mut returns).await.ok_or("the channel is over")?;
    assert_eq!(
        (returned.reply_code().0, returned.body()),
        (NO_ROUTE, &b"lost"[..])
    );
    assert_eq!(returned.routing_key(), nowhere.as_str());
    // With them, to the receipt.
    let channel = client.open_channel().await?;
    let publisher = client.confirm_select(channel.confirm_select()).await?;
    let publish = publisher.publish("", &nowhere, "lost too").mandatory();
    let receipt = client.publish_confirmed(publish).await?;
    match client.outcome(receipt).await {
        Err(PublishError::Returned(returned)) => assert_eq!(returned.body(), b"lost too"),
        other => return Err(format!("{other:?}").into()),
    }
    client.close().await?;
    Ok(())
}

pub(crate) async fn blocked<A: Adapter>() -> Outcome {
    let node = Node::get();
    let mut options = node.options()?;
    options.config.publish_timeout = Duration::from_millis(500);
    let place = Place::of(A::connect(options).await?).await?;
    let Place {
        client,
        channel,
        queue,
    } = &place;
    let publisher = client.confirm_select(channel.confirm_select()).await?;
    let mut events = client.events(channel);
    let short = node.short_of_memory()?;
    // The first one shows the server that this connection publishes.
    let first = client
        .publish_confirmed(publisher.publish("", queue, "first"))
        .await?;
    until(client, &mut events, |event| {
        matches!(event, ConnectionEvent::Blocked { .. })
    })
    .await?;
    assert!(!channel.may_publish());
    let second = client
        .publish_confirmed(publisher.publish("", queue, "second"))
        .await;
    assert!(matches!(second, Err(PublishError::Blocked { .. })), "{second:?}");
    drop(short);
    until(client, &mut events, |event| {
        matches!(event, ConnectionEvent::Unblocked)
    })
    .await?;
    assert!(channel.may_publish());
    client.outcome(first).await?;
    let third = client
        .publish_confirmed(publisher.publish("", queue, "third"))
        .await?;
    client.outcome(third).await?;
    assert_eq!(place.count().await?, 2);
    client.close().await?;
    Ok(())
}
