//! RabbitMQ's tutorial 3, publish/subscribe: a fanout exchange gives every message to each of two subscribers, which have
//! a queue of their own for as long as they are connected.
//!
//! `cargo run --example publish_subscribe [MESSAGE...]`. `AMQP_URL` says where; by default `amqp://localhost`. The exchange
//! `logs` stays on the server.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::tokio::connect;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("publish_subscribe: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut messages: Vec<String> = std::env::args().skip(1).collect();
    if messages.is_empty() {
        messages = ["info: Hello World!", "info: goodbye"]
            .map(str::to_owned)
            .to_vec();
    }
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    channel.exchange_declare("logs", "fanout").await?;

    // What is published while nobody subscribes is lost: queues first.
    let mut subscribers = Vec::new();
    for name in ["screen", "file"] {
        let queue = channel.queue_declare("").exclusive().await?.queue;
        channel.queue_bind(&queue, "logs", "").await?;
        subscribers.push((name, channel.basic_consume(&queue).no_ack().await?));
    }

    for message in &messages {
        channel.basic_publish("logs", "", message).await?;
        println!("published {message}");
    }
    for (name, consumer) in &mut subscribers {
        for _ in &messages {
            let delivery = consumer.next().await.ok_or("the subscriber ended")??;
            println!("{name} got {}", String::from_utf8_lossy(delivery.body()));
        }
    }
    connection.close().await?;
    Ok(())
}
