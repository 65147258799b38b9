//! Each request against a real broker, by its effect. What the broker takes of typed arguments stands in `arguments`.

mod common;

use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::protocol::ShortStr;
use amqp_client::protocol::v0_9_1::{basic, channel, constants};
use amqp_client::{CallError, Channel, ChannelError, ConnectionError, Delivery, State, XMatch};
use tokio::time::timeout;

use common::{Failure, LIMIT, Outcome, open, own_queue};

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

const HOUR: Duration = Duration::from_secs(3600);

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

#[tokio::test]
async fn properties_that_the_broker_acts_on() -> Outcome {
    let (connection, channel) = open().await?;
    let (to, cc, bcc) = (
        own_queue(&channel).await?,
        own_queue(&channel).await?,
        own_queue(&channel).await?,
    );
    channel
        .basic_publish("", &to, "x")
        .cc([cc.as_str()])
        .bcc([bcc.as_str()])
        .expiration(HOUR)
        .await?;
    for queue in [&to, &cc, &bcc] {
        let delivery = get(&channel, queue).await?.ok_or("not routed")?;
        let properties = delivery.properties();
        assert_eq!(properties.expiration.ok_or("no expiration")?, "3600000");
        let headers = properties.headers.ok_or("no headers")?;
        assert!(headers.get("CC").is_some() && headers.get("BCC").is_none());
    }
    // Expired before it is fetched, and dead-lettered: no waiting is needed to see it.
    let dead = own_queue(&channel).await?;
    let source = channel
        .queue_declare("")
        .exclusive()
        .dead_letter_exchange("")
        .dead_letter_routing_key(&dead)
        .await?
        .queue;
    channel
        .basic_publish("", &source, "late")
        .expiration(Duration::ZERO)
        .await?;
    let mut consumer = channel.basic_consume(&dead).no_ack().await?;
    let delivery = timeout(LIMIT, consumer.next()).await?.ok_or("ended")??;
    assert_eq!(delivery.body(), b"late");
    // One set of properties for many messages.
    let properties = basic::Properties {
        content_type: Some(ShortStr::from_static("text/plain")),
        priority: Some(3),
        ..Default::default()
    };
    for number in 0..3 {
        channel
            .basic_publish("", &to, number.to_string())
            .properties(properties.clone())
            .message_id(format!("id-{number}"))
            .await?;
    }
    for number in 0..3 {
        let delivery = get(&channel, &to).await?.ok_or("not routed")?;
        let expected = basic::Properties {
            message_id: Some(format!("id-{number}").try_into()?),
            ..properties.clone()
        };
        assert_eq!(delivery.properties(), expected);
    }
    connection.close().await?;
    Ok(())
}
