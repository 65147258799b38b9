//! What `docs/coming-from-amqprs.md` begins with.

use amqprs::callbacks::{ChannelCallback, DefaultConnectionCallback};
use amqprs::channel::{
    BasicAckArguments, BasicConsumeArguments, BasicPublishArguments, BasicQosArguments, Channel,
    ConfirmSelectArguments, QueueDeclareArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::error::Error;
use amqprs::{Ack, BasicProperties, Cancel, CloseChannel, Nack, Return};
use async_trait::async_trait;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Hands on what the server says of publishes.
struct Outcomes(UnboundedSender<String>);

#[async_trait]
impl ChannelCallback for Outcomes {
    async fn close(&mut self, _: &Channel, _: CloseChannel) -> Result<(), Error> {
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Result<(), Error> {
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, Error> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, ack: Ack) {
        let _ = self.0.send(format!("{} is stored", ack.delivery_tag()));
    }

    async fn publish_nack(&mut self, _: &Channel, nack: Nack) {
        let _ = self.0.send(format!("{} is refused", nack.delivery_tag()));
    }

    async fn publish_return(&mut self, _: &Channel, returned: Return, _: BasicProperties, _: Vec<u8>) {
        let _ = self.0.send(format!("no queue: {}", returned.reply_text()));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("AMQP_PORT")
        .unwrap_or_else(|_| "5672".to_owned())
        .parse()?;
    let arguments = OpenConnectionArguments::new("localhost", port, "guest", "guest");
    let connection = Connection::open(&arguments).await?;
    connection.register_callback(DefaultConnectionCallback).await?;
    let channel = connection.open_channel(None).await?;
    let (sender, mut outcomes) = unbounded_channel();
    channel.register_callback(Outcomes(sender)).await?;
    channel
        .queue_declare(QueueDeclareArguments::durable_client_named("orders"))
        .await?;

    channel.confirm_select(ConfirmSelectArguments::default()).await?;
    let arguments = BasicPublishArguments::new("", "orders").mandatory(true).finish();
    let properties = BasicProperties::default().with_persistence(true).finish();
    channel
        .basic_publish(properties, b"one coffee".to_vec(), arguments)
        .await?;
    println!("{}", outcomes.recv().await.ok_or("the channel is closed")?);

    channel.basic_qos(BasicQosArguments::new(0, 10, false)).await?;
    let arguments = BasicConsumeArguments::new("orders", "").manual_ack(true).finish();
    let (_tag, mut messages) = channel.basic_consume_rx(arguments).await?;
    if let Some(message) = messages.recv().await {
        let deliver = message.deliver.ok_or("no method")?;
        println!(
            "{}",
            String::from_utf8_lossy(&message.content.unwrap_or_default())
        );
        channel
            .basic_ack(BasicAckArguments::new(deliver.delivery_tag(), false))
            .await?;
    }
    channel.close().await?;
    connection.close().await?;
    Ok(())
}
