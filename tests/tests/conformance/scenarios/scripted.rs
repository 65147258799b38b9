//! What no broker does when it is asked to, by a scripted peer.

use std::time::Duration;

use amqp_client::methods::{basic, channel, connection, constants, queue};
use amqp_client::protocol::ShortStr;
use amqp_client::{ConnectionError, ConnectionEvent, ConsumerEnd, ConsumerError, PublishError};

use super::until;
use crate::client::{Adapter, Client};
use crate::frames::{Sent, declare_ok, delivery};
use crate::peer::Peer;
use crate::stage::Outcome;

pub(crate) async fn flow<A: Adapter>() -> Outcome {
    let peer = Peer::start(|session| {
        // Whoever asks for events is not told of what was before: the client says when it listens.
        session.hear::<queue::Declare<'_>>()?;
        session.say(1, &declare_ok("q"))?;
        session.say(1, &channel::Flow { active: false })?;
        session.hear::<channel::FlowOk>()?;
        // The publish that was held back too long is not among what comes; calls are.
        session.hear::<queue::Declare<'_>>()?;
        session.say(1, &declare_ok("q"))?;
        session.say(1, &channel::Flow { active: true })?;
        session.hear::<channel::FlowOk>()?;
        session.hear::<basic::Publish<'_>>()?;
        for _ in ["header", "body"] {
            session.next()?;
        }
        session.hear_close()
    })?;
    let mut options = peer.options();
    options.config.publish_timeout = Duration::from_millis(200);
    let client = A::connect(options).await?;
    let channel = client.open_channel().await?;
    let mut events = client.events(&channel);
    client.call(channel.queue_declare("q")).await?;
    until(&client, &mut events, |event| {
        matches!(event, ConnectionEvent::Flow { active: false, .. })
    })
    .await?;
    assert!(channel.is_open() && !channel.may_publish());
    let held_back = client.publish(channel.basic_publish("", "q", "held back")).await;
    assert!(matches!(held_back, Err(PublishError::Flow)), "{held_back:?}");
    client.call(channel.queue_declare("q")).await?;
    until(&client, &mut events, |event| {
        matches!(event, ConnectionEvent::Flow { active: true, .. })
    })
    .await?;
    assert!(channel.may_publish());
    client.publish(channel.basic_publish("", "q", "let go")).await?;
    client.close().await?;
    A::end(peer).await
}

pub(crate) async fn forced_close<A: Adapter>() -> Outcome {
    let peer = Peer::start(|session| {
        session.hear::<basic::Qos>()?;
        session.say(1, &basic::QosOk {})?;
        session.hear::<basic::Consume<'_>>()?;
        session.say(
            1,
            &basic::ConsumeOk {
                consumer_tag: ShortStr::from_static("c"),
            },
        )?;
        session.send(&delivery(1, "c", 1, b"last", 100))?;
        session.hear::<basic::Ack>()?;
        let close = connection::Close {
            reply_code: constants::CONNECTION_FORCED,
            reply_text: ShortStr::from_static("maintenance"),
            ..Default::default()
        };
        session.say(0, &close)?;
        session.hear::<connection::CloseOk>()?;
        match session.next()? {
            None => Ok(()),
            Some(frame) => Err(format!("behind the end: {frame:?}").into()),
        }
    })?;
    let client = A::connect(peer.options()).await?;
    let channel = client.open_channel().await?;
    let mut consumer = client
        .consume(channel.basic_consume("q").consumer_tag("c"))
        .await?;
    let last = client.next(&mut consumer).await.ok_or("nothing came")??;
    assert_eq!(last.body(), b"last");
    last.ack().call()?;
    let end = client.next(&mut consumer).await;
    assert!(
        matches!(end, Some(Err(ConsumerError::Ended(ConsumerEnd::Channel(_))))),
        "{end:?}"
    );
    let error = client.closed().await;
    assert!(error.is_connection_forced(), "{error}");
    A::end(peer).await
}

pub(crate) async fn end_of_stream<A: Adapter>() -> Outcome {
    let peer = Peer::start(|session| {
        session.hear::<queue::Declare<'_>>()?;
        Ok(())
    })?;
    let client = A::connect(peer.options()).await?;
    let channel = client.open_channel().await?;
    assert!(client.call(channel.queue_declare("q")).await.is_err());
    let error = client.closed().await;
    assert!(
        matches!(
            error,
            ConnectionError::EndOfStream { .. } | ConnectionError::Transport(_)
        ),
        "{error}"
    );
    A::end(peer).await
}

pub(crate) async fn handles_dropped<A: Adapter>() -> Outcome {
    let peer = Peer::start(|session| {
        session.hear::<basic::Qos>()?;
        session.say(1, &basic::QosOk {})?;
        session.hear::<basic::Consume<'_>>()?;
        session.say(
            1,
            &basic::ConsumeOk {
                consumer_tag: ShortStr::from_static("c"),
            },
        )?;
        session.send(&delivery(1, "c", 7, b"unsettled", 100))?;
        // The delivery, then the connection, and with it all else.
        session.hear::<basic::Reject>()?;
        loop {
            match session.next()?.ok_or("the client went without a word")? {
                frame if frame.is::<connection::Close<'_>>() => break,
                frame if frame.is::<basic::Cancel<'_>>() => {
                    let consumer_tag = ShortStr::from_static("c");
                    session.answer(1, &basic::CancelOk { consumer_tag })?;
                }
                Sent::Method(..) => {}
                other => return Err(format!("{other:?}").into()),
            }
        }
        session.answer(0, &connection::CloseOk {})?;
        assert!(session.next()?.is_none());
        Ok(())
    })?;
    let client = A::connect(peer.options()).await?;
    let channel = client.open_channel().await?;
    let mut consumer = client
        .consume(channel.basic_consume("q").consumer_tag("c"))
        .await?;
    drop(client.next(&mut consumer).await.ok_or("nothing came")??);
    drop(consumer);
    drop(channel);
    drop(client);
    A::end(peer).await
}
