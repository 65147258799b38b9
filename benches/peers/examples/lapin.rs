//! What `docs/coming-from-lapin.md` begins with.

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions::durable();
    channel
        .queue_declare("orders".into(), options, FieldTable::default())
        .await?;

    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions {
        mandatory: true,
        ..Default::default()
    };
    let properties = BasicProperties::default().with_delivery_mode(2);
    let confirm = channel
        .basic_publish("".into(), "orders".into(), options, b"one coffee", properties)
        .await?;
    match confirm.await? {
        Confirmation::Ack(None) => println!("stored"),
        Confirmation::Ack(Some(returned)) => println!("no queue: {}", returned.reply_text),
        Confirmation::Nack(_) => println!("refused"),
        Confirmation::NotRequested => println!("not in confirm mode"),
    }

    channel.basic_qos(10, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut consumer = channel
        .basic_consume("orders".into(), "".into(), options, FieldTable::default())
        .await?;
    if let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        println!("{}", String::from_utf8_lossy(&delivery.data));
        delivery.ack(BasicAckOptions::default()).await?;
    }
    connection.close(200, "goodbye".into()).await?;
    Ok(())
}
