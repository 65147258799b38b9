//! Messages to a real broker and back: every property that the builder sets, and bodies of every size up to the limit.

use std::error::Error;
use std::time::Duration;

use amqp_client::protocol::ShortStr;
use amqp_client::protocol::table::FieldTable;
use amqp_client::protocol::v0_9_1::{basic, constants};
use amqp_client::tokio::connect;
use amqp_client::{Channel, ChannelError, ConnectOptions, Connection, Delivery, PublishError, UnknownReason};
use amqp_tests::broker::Broker;
use bytes::Bytes;
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(120);
/// The client's and the broker's limit, unless they are told otherwise.
const BODY_MAX: usize = 128 << 20;

async fn open() -> Result<(Connection, Channel, String), Failure> {
    let connection = connect(Broker::shared().url()).await?;
    let channel = connection.open_channel().await?;
    let queue = channel.queue_declare("").exclusive().await?.queue.to_string();
    Ok((connection, channel, queue))
}

/// Fetched, and delivered.
async fn come_back(channel: &Channel, queue: &str) -> Result<[Delivery; 2], Failure> {
    let fetched = channel.basic_get(queue).await?.ok_or("empty")?;

    let mut consumer = channel.basic_consume(queue).await?;
    let delivered = timeout(LIMIT, consumer.next()).await?.ok_or("ended")??;
    assert!(consumer.cancel().await?.is_empty());
    Ok([fetched, delivered])
}

#[tokio::test]
async fn all_properties_come_back_as_the_builder_set_them() -> Outcome {
    let (connection, channel, queue) = open().await?;
    let options = ConnectOptions::try_from(Broker::shared().url())?;
    let user = options.config.credentials.user().ok_or("no user")?.to_owned();
    let expected = basic::Properties {
        content_type: Some(ShortStr::from_static("text/plain")),
        content_encoding: Some(ShortStr::from_static("utf-8")),
        headers: Some(FieldTable::new().with("a", 1)?.with("b", "two")?),
        delivery_mode: Some(2),
        priority: Some(9),
        correlation_id: Some(ShortStr::from_static("correlation")),
        reply_to: Some(ShortStr::from_static("reply")),
        expiration: Some(ShortStr::from_static("3600000")),
        message_id: Some(ShortStr::from_static("message")),
        timestamp: Some(1_700_000_000),
        r#type: Some(ShortStr::from_static("type")),
        user_id: Some(ShortStr::try_from(user.as_str())?),
        app_id: Some(ShortStr::from_static("app")),
        // It has no setter: the specification wants it empty, and the broker does not care.
        reserved: Some(ShortStr::from_static("reserved")),
    };
    for _ in 0..2 {
        channel
            .basic_publish("", &queue, "body")
            .properties(basic::Properties {
                reserved: Some(ShortStr::from_static("reserved")),
                ..Default::default()
            })
            .content_type("text/plain")
            .content_encoding("utf-8")
            .header("a", 1)
            .header("b", "two")
            .persistent()
            .priority(9)
            .correlation_id("correlation")
            .reply_to("reply")
            .expiration(Duration::from_secs(3600))
            .message_id("message")
            .timestamp(1_700_000_000)
            .r#type("type")
            .user_id(&user)
            .app_id("app")
            .await?;
    }
    for delivery in come_back(&channel, &queue).await? {
        assert_eq!(delivery.properties(), expected);
        assert_eq!(delivery.body(), b"body");
        delivery.ack().await?;
    }
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn bodies_of_every_size_up_to_the_limit() -> Outcome {
    let (connection, channel, queue) = open().await?;
    // Around the edges of one frame of 131,072 octets and of two, then the largest.
    let sizes = [
        0, 1, 4096, 131_063, 131_064, 131_065, 262_127, 262_128, 262_129, 10_000_000, BODY_MAX,
    ];
    for size in sizes {
        let body: Bytes = (0..size).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect();
        for _ in 0..2 {
            channel.basic_publish("", &queue, body.clone()).await?;
        }
        for delivery in come_back(&channel, &queue).await? {
            assert_eq!(delivery.body_size(), size as u64);
            assert!(delivery.body() == body, "{size}");
            delivery.ack().await?;
        }
    }
    // One octet more is over the broker's limit too, which costs the channel.
    let publisher = channel.confirm_select().await?;
    let receipt = publisher.publish("", &queue, vec![0; BODY_MAX + 1]).await?;
    let Err(PublishError::Unknown(UnknownReason::Channel(ChannelError::ClosedByServer(close)))) =
        timeout(LIMIT, receipt).await?
    else {
        return Err("it was taken".into());
    };
    assert_eq!(close.reply_code, constants::PRECONDITION_FAILED);
    connection.close().await?;
    Ok(())
}
