//! amqprs, whose confirms and returns come to callbacks and are not tied to a publish.

use amqprs::BasicProperties;
use amqprs::callbacks::{DefaultChannelCallback, DefaultConnectionCallback};
use amqprs::channel::{
    BasicAckArguments, BasicConsumeArguments, BasicPublishArguments, Channel, ConfirmSelectArguments,
    ConsumerMessage, QueueDeclareArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::{Client, Outcome, Result, text};

pub(crate) struct Amqprs(Connection);

impl Client for Amqprs {
    type Channel = Channel;
    type Consumer = (UnboundedReceiver<ConsumerMessage>, Channel, bool);

    async fn connect(uri: &str) -> Result<Self> {
        // amqp://user:password@host:port
        let parts: Vec<&str> = uri.trim_start_matches("amqp://").split([':', '@', '/']).collect();
        let [user, password, host, port, ..] = parts[..] else {
            return Err(format!("unexpected URI {uri}"));
        };
        let port = port.parse().map_err(text)?;
        let arguments = OpenConnectionArguments::new(host, port, user, password);
        let connection = Connection::open(&arguments).await.map_err(text)?;
        connection
            .register_callback(DefaultConnectionCallback)
            .await
            .map_err(text)?;
        Ok(Self(connection))
    }

    async fn channel(&self) -> Result<Channel> {
        let channel = self.0.open_channel(None).await.map_err(text)?;
        channel
            .register_callback(DefaultChannelCallback)
            .await
            .map_err(text)?;
        Ok(channel)
    }

    async fn confirm_channel(&self) -> Result<Channel> {
        let channel = self.channel().await?;
        channel
            .confirm_select(ConfirmSelectArguments::default())
            .await
            .map_err(text)?;
        Ok(channel)
    }

    async fn declare(channel: &Channel, queue: &str) -> Result<String> {
        let arguments = QueueDeclareArguments::new(queue).exclusive(true).finish();
        let (name, ..) = channel
            .queue_declare(arguments)
            .await
            .map_err(text)?
            .ok_or("no reply")?;
        Ok(name)
    }

    async fn count(channel: &Channel, queue: &str) -> Result<(u32, u32)> {
        let arguments = QueueDeclareArguments::new(queue).passive(true).finish();
        let (_, messages, consumers) = channel
            .queue_declare(arguments)
            .await
            .map_err(text)?
            .ok_or("no reply")?;
        Ok((messages, consumers))
    }

    async fn publish(channel: &Channel, queue: &str, body: &[u8]) -> Result<()> {
        let arguments = BasicPublishArguments::new("", queue);
        channel
            .basic_publish(BasicProperties::default(), body.to_vec(), arguments)
            .await
            .map_err(text)
    }

    async fn publish_confirmed(channel: &Channel, queue: &str) -> Result<Outcome> {
        Self::publish(channel, queue, b"message").await?;
        Err("confirms come to a callback, without the publish that they are for".to_owned())
    }

    async fn consume(channel: &Channel, queue: &str, no_ack: bool) -> Result<Self::Consumer> {
        let arguments = BasicConsumeArguments::new(queue, "").auto_ack(no_ack).finish();
        let (_, messages) = channel.basic_consume_rx(arguments).await.map_err(text)?;
        Ok((messages, channel.clone(), no_ack))
    }

    async fn next((messages, channel, no_ack): &mut Self::Consumer) -> Option<Result<Vec<u8>>> {
        let message = messages.recv().await?;
        if !*no_ack && let Some(deliver) = message.deliver {
            let arguments = BasicAckArguments::new(deliver.delivery_tag(), false);
            if let Err(error) = channel.basic_ack(arguments).await {
                return Some(Err(text(error)));
            }
        }
        message.content.map(Ok)
    }

    async fn close(self) -> Result<()> {
        self.0.close().await.map_err(text)
    }
}
