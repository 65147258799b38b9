//! RabbitMQ's tutorial 1, "Hello World!": declares a queue, publishes to it, consumes what it published. `AMQP_URL` says
//! where; by default `amqp://localhost`.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::tokio::connect;

const MESSAGES: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hello: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;

    // The server chooses the name, and deletes the queue when this connection ends.
    let queue = channel.queue_declare("").exclusive().await?.queue;

    for number in 1..=MESSAGES {
        let body = format!("Hello, message {number}!");
        channel
            .basic_publish("", &queue, &body)
            .content_type("text/plain")
            .await?;
        println!("published {body}");
    }

    let mut consumer = channel.basic_consume(&queue).await?;
    for _ in 1..=MESSAGES {
        let delivery = consumer.next().await.ok_or("the consumer ended")??;
        println!("consumed  {}", String::from_utf8_lossy(delivery.body()));
        delivery.ack().await?;
    }

    consumer.cancel().await?;
    connection.close().await?;
    Ok(())
}
