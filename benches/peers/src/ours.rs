//! This client, through its adapter for tokio.

use amqp_client::protocol::v0_9_1::queue;
use amqp_client::{Channel, Connection, Consumer};

use crate::client::{Client, Outcome, Result, text};

pub(crate) struct Ours(Connection);

impl Client for Ours {
    type Channel = Channel;
    type Consumer = Consumer;

    async fn connect(uri: &str) -> Result<Self> {
        amqp_client::tokio::connect(uri).await.map(Self).map_err(text)
    }

    async fn channel(&self) -> Result<Channel> {
        self.0.open_channel().await.map_err(text)
    }

    async fn confirm_channel(&self) -> Result<Channel> {
        self.channel().await
    }

    async fn declare(channel: &Channel, queue: &str) -> Result<String> {
        let reply = channel.queue_declare(queue).exclusive().await.map_err(text)?;
        Ok(reply.queue.to_string())
    }

    async fn count(channel: &Channel, queue: &str) -> Result<(u32, u32)> {
        let queue::DeclareOk {
            message_count,
            consumer_count,
            ..
        } = channel.queue_declare(queue).passive().await.map_err(text)?;
        Ok((message_count, consumer_count))
    }

    async fn publish(channel: &Channel, queue: &str, body: &[u8]) -> Result<()> {
        channel.basic_publish("", queue, body).await.map_err(text)
    }

    async fn publish_confirmed(_: &Channel, _: &str) -> Result<Outcome> {
        Err("to come".to_owned())
    }

    async fn consume(channel: &Channel, queue: &str, no_ack: bool) -> Result<Consumer> {
        let consume = channel.basic_consume(queue);
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
