//! How connections end on a real broker.

use std::time::{Duration, Instant};

use amqp_client::{
    CallError, ChannelError, ConnectionError, ConsumerEnd, ConsumerError, Host, PublishError, ShutdownError,
};
use amqp_tests::broker::Broker;
use amqp_tests::proxy::Proxy;

use super::Place;
use crate::client::{Adapter, Client};
use crate::stage::{LIMIT, Outcome, options};

/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(20);

pub(crate) async fn close_by_server<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place {
        client,
        channel,
        queue,
    } = &place;
    let mut consumer = place.consume().await?;
    let other = client.open_channel().await?;
    // RabbitMQ ends the connection for it.
    let call = client.call(other.exchange_declare(queue, "no-such-type")).await;
    let Err(CallError::Channel(ChannelError::Connection(ConnectionError::ClosedByServer(close)))) = &call
    else {
        return Err(format!("{call:?}").into());
    };
    assert_eq!(close.reply_code.0, 503);
    // Whatever is on it has the same end.
    let end = client.next(&mut consumer).await;
    assert!(
        matches!(
            &end,
            Some(Err(ConsumerError::Ended(ConsumerEnd::Channel(
                ChannelError::Connection(ConnectionError::ClosedByServer(_))
            ))))
        ),
        "{end:?}"
    );
    assert!(client.next(&mut consumer).await.is_none());
    let publish = client.publish(channel.basic_publish("", queue, "late")).await;
    assert!(matches!(publish, Err(PublishError::Channel(_))), "{publish:?}");
    let closed = client.close().await;
    assert!(
        matches!(closed, Err(ConnectionError::ClosedByServer(_))),
        "{closed:?}"
    );
    Ok(())
}

pub(crate) async fn heartbeat_loss<A: Adapter>() -> Outcome {
    let proxy = Proxy::start(Broker::shared().address())?;
    let mut options = options()?;
    options.hosts = vec![Host::new(
        proxy.address().ip().to_string(),
        proxy.address().port(),
    )];
    options.config.heartbeat = Some(1);
    let place = Place::of(A::connect(options).await?).await?;
    let mut consumer = place.consume().await?;
    proxy.black_hole();
    let begun = Instant::now();
    let end = place.client.next(&mut consumer).await;
    assert!(
        matches!(&end, Some(Err(ConsumerError::Ended(ConsumerEnd::Channel(_))))),
        "{end:?}"
    );
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2) + SLACK, "{took:?}");
    let error = place.client.closed().await;
    assert!(matches!(error, ConnectionError::HeartbeatTimedOut), "{error}");
    Ok(())
}

pub(crate) async fn shutdown<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    let Place {
        client,
        channel,
        queue,
    } = &place;
    let publisher = client.confirm_select(channel.confirm_select()).await?;
    let mut consumer = place.consume().await?;
    place.fill(&["0"]).await?;
    place.next(&mut consumer).await?.ack().call()?;
    let elsewhere = client.open_channel().await?;
    let durable = client
        .call(elsewhere.queue_declare("").exclusive())
        .await?
        .queue
        .to_string();
    let receipt = client
        .publish_confirmed(publisher.publish("", &durable, "x"))
        .await?;
    client.shutdown(LIMIT).await?;
    client.outcome(receipt).await?;
    let end = client.next(&mut consumer).await;
    assert!(
        matches!(end, Some(Err(ConsumerError::Ended(ConsumerEnd::Shutdown)))),
        "{end:?}"
    );
    let late = client.consume(channel.basic_consume(queue)).await;
    assert!(matches!(late, Err(CallError::Channel(_))));
    Ok(())
}

pub(crate) async fn shutdown_with_something_left<A: Adapter>() -> Outcome {
    let place = Place::new::<A>().await?;
    place.fill(&["kept"]).await?;
    let kept = place.get().await?.ok_or("the queue is empty")?;
    let ended = place.client.shutdown(Duration::from_millis(200)).await;
    let Err(ShutdownError::Unfinished(unfinished)) = &ended else {
        return Err(format!("{ended:?}").into());
    };
    assert_eq!(unfinished.deliveries_unsettled, 1, "{unfinished}");
    drop(kept);
    Ok(())
}
