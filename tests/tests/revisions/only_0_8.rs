//! What 0-8 alone has to show: what it lacks is refused before anything is sent, and messages travel between it and 0-9-1.

use amqp_client::methods::confirm;
use amqp_client::protocol::DeliveryTag;
use amqp_client::tokio::connect;
use amqp_client::{CallError, Channel, Connection, Protocol, RefreshError, State};
use amqp_tests::broker::Broker;

use crate::common::{self, Failure, Outcome, own_queue};
use crate::scenarios::travels;
use crate::stage::options;

async fn open() -> Result<(Connection, Channel), Failure> {
    let connection = connect(options(Broker::shared(), Protocol::V0_8)?).await?;
    let channel = connection.open_channel().await?;
    Ok((connection, channel))
}

/// What 0-8 has no method for, and which method that is.
async fn refused(
    connection: &Connection,
    method: &str,
    attempt: impl Future<Output = Result<(), CallError>>,
) {
    let before = connection.stats();
    assert_eq!(before.octets_to_send, 0, "{method}");
    let error = attempt.await.expect_err(method);
    let CallError::Unsupported {
        method: named,
        protocol: Protocol::V0_8,
    } = error
    else {
        panic!("{method}: {error}")
    };
    assert_eq!(named, method);
    let after = connection.stats();
    assert_eq!(
        (after.octets_sent, after.octets_to_send),
        (before.octets_sent, 0),
        "{method}"
    );
    assert_eq!(after.requests_waiting, 0, "{method}");
}

#[tokio::test]
async fn what_0_8_lacks_is_refused_before_anything_is_sent() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    for body in ["one", "two"] {
        channel.basic_publish("", &queue, body).await?;
    }
    let message = || async {
        channel
            .basic_get(&queue)
            .await?
            .ok_or("empty")
            .map_err(Failure::from)
    };
    let (one, two) = (message().await?, message().await?);
    let test = &connection;
    refused(test, "confirm.select", async {
        channel.confirm_select().await.map(drop)
    })
    .await;
    let select = async { channel.call(confirm::Select::default()).await.map(drop) };
    refused(test, "confirm.select", select).await;
    refused(test, "basic.nack", async {
        channel.basic_nack(DeliveryTag(1)).await
    })
    .await;
    let bind = async {
        channel
            .exchange_bind("amq.fanout", "amq.direct", "")
            .await
            .map(drop)
    };
    refused(test, "exchange.bind", bind).await;
    let unbind = async {
        channel
            .exchange_unbind("amq.fanout", "amq.direct", "")
            .await
            .map(drop)
    };
    refused(test, "exchange.unbind", unbind).await;
    let consume = async { channel.basic_consume(&queue).priority(1).await.map(drop) };
    refused(test, "basic.consume", consume).await;
    refused(test, "connection.update_secret", async {
        connection.update_secret("secret", "reason").await
    })
    .await;
    let _ = RefreshError::Call;
    // Nothing of that cost anything: not the connection, not the channel, not the messages.
    one.ack().await?;
    two.requeue().await?;
    let again = message().await?;
    assert_eq!(again.body(), b"two");
    again.ack().await?;
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_cannot_be_put_back_with_others_goes_back_alone() -> Outcome {
    let (connection, channel) = open().await?;
    let queue = own_queue(&channel).await?;
    channel.basic_publish("", &queue, "x").await?;
    for _ in 0..2 {
        let delivery = channel.basic_get(&queue).await?.ok_or("empty")?;
        let error = delivery.requeue_multiple().await.unwrap_err();
        assert!(
            matches!(
                error,
                CallError::Unsupported {
                    method: "basic.nack",
                    ..
                }
            ),
            "{error}"
        );
    }
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn messages_travel_between_the_revisions() -> Outcome {
    let ((newer, _), (older, _)) = (common::open().await?, open().await?);
    travels(&newer, &older).await?;
    travels(&older, &newer).await?;
    newer.close().await?;
    older.close().await?;
    Ok(())
}
