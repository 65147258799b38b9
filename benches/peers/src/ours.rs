//! This client, through its adapter for tokio.

use amqp_client::protocol::v0_9_1::queue;
use amqp_client::{Channel, Connection, Consumer, PublishError, Publisher};

use crate::client::{Client, Outcome, Result, text};

pub(crate) struct Ours(Connection);

/// A channel, and how it publishes with confirms.
pub(crate) struct Channels {
    channel: Channel,
    publisher: Option<Publisher>,
}

impl Client for Ours {
    type Channel = Channels;
    type Consumer = Consumer;

    async fn connect(uri: &str) -> Result<Self> {
        amqp_client::tokio::connect(uri).await.map(Self).map_err(text)
    }

    async fn channel(&self) -> Result<Channels> {
        let channel = self.0.open_channel().await.map_err(text)?;
        Ok(Channels {
            channel,
            publisher: None,
        })
    }

    async fn confirm_channel(&self) -> Result<Channels> {
        let channel = self.0.open_channel().await.map_err(text)?;
        let publisher = Some(channel.confirm_select().await.map_err(text)?);
        Ok(Channels { channel, publisher })
    }

    async fn declare(channels: &Channels, queue: &str) -> Result<String> {
        let reply = channels
            .channel
            .queue_declare(queue)
            .exclusive()
            .await
            .map_err(text)?;
        Ok(reply.queue.to_string())
    }

    async fn count(channels: &Channels, queue: &str) -> Result<(u32, u32)> {
        let queue::DeclareOk {
            message_count,
            consumer_count,
            ..
        } = channels
            .channel
            .queue_declare(queue)
            .passive()
            .await
            .map_err(text)?;
        Ok((message_count, consumer_count))
    }

    async fn publish(channels: &Channels, queue: &str, body: &[u8]) -> Result<()> {
        channels
            .channel
            .basic_publish("", queue, body)
            .await
            .map_err(text)
    }

    async fn publish_confirmed(channels: &Channels, queue: &str) -> Result<Outcome> {
        let publisher = channels.publisher.as_ref().ok_or("no confirms")?;
        let receipt = publisher.publish("", queue, "message").transient().mandatory();
        match receipt.await.map_err(text)?.await {
            Ok(()) => Ok(Outcome::Confirmed),
            Err(PublishError::Nacked) => Ok(Outcome::Refused),
            Err(PublishError::Returned(_)) => Ok(Outcome::Returned),
            Err(error) => Err(text(error)),
        }
    }

    async fn consume(channels: &Channels, queue: &str, no_ack: bool) -> Result<Consumer> {
        let consume = channels.channel.basic_consume(queue);
        let consume = if no_ack { consume.no_ack() } else { consume };
        consume.await.map_err(text)
    }

    async fn next(consumer: &mut Consumer) -> Option<Result<Vec<u8>>> {
        let delivery = match consumer.next().await? {
            Ok(delivery) => delivery,
            Err(error) => return Some(Err(text(error))),
        };
        let body = delivery.body().to_vec();
        Some(delivery.ack().await.map(|()| body).map_err(text))
    }

    async fn close(self) -> Result<()> {
        self.0.close().await.map_err(text)
    }
}
