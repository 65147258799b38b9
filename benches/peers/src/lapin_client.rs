//! lapin, with its default features.

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};

use crate::client::{Client, Outcome, Result, text};

pub(crate) struct Lapin(Connection);

impl Client for Lapin {
    type Channel = Channel;
    type Consumer = (Consumer, bool);

    async fn connect(uri: &str) -> Result<Self> {
        let connection = Connection::connect(uri, ConnectionProperties::default()).await;
        connection.map(Self).map_err(text)
    }

    async fn channel(&self) -> Result<Channel> {
        self.0.create_channel().await.map_err(text)
    }

    async fn confirm_channel(&self) -> Result<Channel> {
        let channel = self.channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(text)?;
        Ok(channel)
    }

    async fn declare(channel: &Channel, queue: &str) -> Result<String> {
        let options = QueueDeclareOptions {
            exclusive: true,
            ..Default::default()
        };
        let queue = channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .map_err(text)?;
        Ok(queue.name().to_string())
    }

    async fn count(channel: &Channel, queue: &str) -> Result<(u32, u32)> {
        let options = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let queue = channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .map_err(text)?;
        Ok((queue.message_count(), queue.consumer_count()))
    }

    async fn publish(channel: &Channel, queue: &str, body: &[u8]) -> Result<()> {
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        channel
            .basic_publish("".into(), queue.into(), options, body, properties)
            .await
            .map_err(text)?;
        Ok(())
    }

    async fn publish_confirmed(channel: &Channel, queue: &str) -> Result<Outcome> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let properties = BasicProperties::default();
        let confirm = channel.basic_publish("".into(), queue.into(), options, b"message", properties);
        let confirm = confirm.await.map_err(text)?.await.map_err(text)?;
        Ok(match (confirm.is_ack(), confirm.take_message()) {
            (_, Some(_)) => Outcome::Returned,
            (true, None) => Outcome::Confirmed,
            (false, None) => Outcome::Refused,
        })
    }

    async fn consume(channel: &Channel, queue: &str, no_ack: bool) -> Result<Self::Consumer> {
        let options = BasicConsumeOptions {
            no_ack,
            ..Default::default()
        };
        let consumer = channel
            .basic_consume(queue.into(), "".into(), options, FieldTable::default())
            .await;
        Ok((consumer.map_err(text)?, no_ack))
    }

    async fn next((consumer, no_ack): &mut Self::Consumer) -> Option<Result<Vec<u8>>> {
        let delivery = match consumer.next().await? {
            Ok(delivery) => delivery,
            Err(error) => return Some(Err(text(error))),
        };
        if !*no_ack && let Err(error) = delivery.ack(BasicAckOptions::default()).await {
            return Some(Err(text(error)));
        }
        Some(Ok(delivery.data))
    }

    async fn close(self) -> Result<()> {
        self.0.close(200, "goodbye".into()).await.map_err(text)
    }
}
