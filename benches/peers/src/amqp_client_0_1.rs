//! The crate amqp-client 0.1.0 of the public registry.

use amqp_client_0_1::{
    BasicProperties, Channel, Confirmation, Connection, ConsumeOpts, Consumer, QueueDeclareOpts, Returns,
};
use tokio::sync::Mutex;

use crate::client::{Client, Outcome, Result, text};

pub(crate) struct AmqpClient01(Connection);

pub(crate) struct ChannelAndReturns {
    channel: Channel,
    /// Returns are a stream of their own; a return comes before its confirm.
    returns: Mutex<Option<Returns>>,
}

impl Client for AmqpClient01 {
    type Channel = ChannelAndReturns;
    type Consumer = (Consumer, bool);

    async fn connect(uri: &str) -> Result<Self> {
        Connection::connect(uri).await.map(Self).map_err(text)
    }

    async fn channel(&self) -> Result<ChannelAndReturns> {
        let channel = self.0.open_channel().await.map_err(text)?;
        let returns = Mutex::new(None);
        Ok(ChannelAndReturns { channel, returns })
    }

    async fn confirm_channel(&self) -> Result<ChannelAndReturns> {
        let channel = self.0.open_channel().await.map_err(text)?;
        channel.confirm_select().await.map_err(text)?;
        let returns = Mutex::new(Some(channel.returns().map_err(text)?));
        Ok(ChannelAndReturns { channel, returns })
    }

    async fn declare(channel: &ChannelAndReturns, queue: &str) -> Result<String> {
        let options = QueueDeclareOpts {
            exclusive: true,
            ..Default::default()
        };
        let queue = channel
            .channel
            .queue_declare(queue, options)
            .await
            .map_err(text)?;
        Ok(queue.queue.to_string())
    }

    async fn count(channel: &ChannelAndReturns, queue: &str) -> Result<(u32, u32)> {
        let options = QueueDeclareOpts {
            passive: true,
            ..Default::default()
        };
        let queue = channel
            .channel
            .queue_declare(queue, options)
            .await
            .map_err(text)?;
        Ok((queue.message_count, queue.consumer_count))
    }

    async fn publish(channel: &ChannelAndReturns, queue: &str, body: &[u8]) -> Result<()> {
        let properties = BasicProperties::new();
        channel
            .channel
            .basic_publish("", queue, body, properties)
            .await
            .map_err(text)
    }

    async fn publish_confirmed(channel: &ChannelAndReturns, queue: &str) -> Result<Outcome> {
        let properties = BasicProperties::new();
        let confirm = channel
            .channel
            .basic_publish_confirmed("", queue, "message", properties, true);
        let confirmation = confirm.await.map_err(text)?.await.map_err(text)?;
        let mut returns = channel.returns.lock().await;
        let returned = match returns.as_mut() {
            Some(returns) => tokio::time::timeout(std::time::Duration::ZERO, returns.next())
                .await
                .is_ok(),
            None => false,
        };
        Ok(match confirmation {
            _ if returned => Outcome::Returned,
            Confirmation::Acked => Outcome::Confirmed,
            _ => Outcome::Refused,
        })
    }

    async fn consume(channel: &ChannelAndReturns, queue: &str, no_ack: bool) -> Result<Self::Consumer> {
        let options = ConsumeOpts {
            no_ack,
            ..Default::default()
        };
        Ok((
            channel
                .channel
                .basic_consume(queue, "", options)
                .await
                .map_err(text)?,
            no_ack,
        ))
    }

    async fn next((consumer, no_ack): &mut Self::Consumer) -> Option<Result<Vec<u8>>> {
        let delivery = consumer.next().await?;
        if !*no_ack && let Err(error) = delivery.ack() {
            return Some(Err(text(error)));
        }
        Some(Ok(delivery.body.to_vec()))
    }

    async fn close(self) -> Result<()> {
        self.0.close().await.map_err(text)
    }
}
