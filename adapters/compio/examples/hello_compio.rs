//! Declares a queue, publishes to it, consumes what it published, on compio. `AMQP_URL` says where; by default
//! `amqp://localhost`.

use std::error::Error;

use amqp_compio::connect;
use compio_runtime::Runtime;

fn main() -> Result<(), Box<dyn Error>> {
    Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;

    let queue = channel.queue_declare("").exclusive().await?.queue;
    let publisher = channel.confirm_select().await?;
    publisher.publish("", &queue, "Hello, compio!").await?.await?;

    let mut consumer = channel.basic_consume(&queue).await?;
    let delivery = consumer.next().await.ok_or("the consumer ended")??;
    println!("consumed {}", String::from_utf8_lossy(delivery.body()));
    delivery.ack().await?;

    connection.close().await?;
    Ok(())
}
