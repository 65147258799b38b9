//! Publishes an order and knows that it is stored, then consumes it and acknowledges it. `AMQP_URL` says where; by
//! default `amqp://localhost`. The durable queue `orders` stays on the server.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::PublishError;
use amqp_client::tokio::connect;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orders: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    channel.queue_declare("orders").durable().await?;

    let publisher = channel.confirm_select().await?;
    let receipt = publisher.publish("", "orders", "one coffee").mandatory().await?;
    match receipt.await {
        Ok(()) => println!("stored"),
        Err(PublishError::Returned(returned)) => println!("no queue: {}", returned.reply_text()),
        Err(PublishError::Nacked) => println!("refused"),
        Err(error) => return Err(error.into()),
    }

    let mut consumer = channel.basic_consume("orders").prefetch_count(10).await?;
    if let Some(delivery) = consumer.next().await {
        let delivery = delivery?;
        println!("{}", String::from_utf8_lossy(delivery.body()));
        delivery.ack().await?;
    }
    connection.close().await?;
    Ok(())
}
