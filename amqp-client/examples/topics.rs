//! RabbitMQ's tutorial 5, topics: a topic exchange compares routing keys word by word with the patterns that queues are
//! bound with, where `*` is one word and `#` any number.
//!
//! `cargo run --example topics`. `AMQP_URL` says where; by default `amqp://localhost`. The exchange `topic_logs` stays on the
//! server.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::tokio::connect;

const KEYS: [&str; 4] = ["kern.critical", "kern.info", "cron.critical", "cron.info.daily"];

const PATTERNS: [&str; 4] = ["#", "kern.*", "*.critical", "cron.#"];

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("topics: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    channel.exchange_declare("topic_logs", "topic").await?;

    let mut queues = Vec::new();
    for pattern in PATTERNS {
        let queue = channel.queue_declare("").exclusive().await?.queue;
        channel.queue_bind(&queue, "topic_logs", pattern).await?;
        queues.push((pattern, queue));
    }

    // Confirmed: they are in their queues.
    let publisher = channel.confirm_select().await?;
    for key in KEYS {
        publisher
            .publish("topic_logs", key, "")
            .mandatory()
            .await?
            .await?;
    }
    for (pattern, queue) in &queues {
        while let Some(message) = channel.basic_get(queue).no_ack().await? {
            println!("{pattern} matches {}", message.routing_key());
        }
    }
    connection.close().await?;
    Ok(())
}
