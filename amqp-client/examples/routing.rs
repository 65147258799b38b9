//! RabbitMQ's tutorial 4, routing: a direct exchange gives a message to the queues that are bound with its very routing key,
//! here the severity of a line of a log.
//!
//! `cargo run --example routing`. `AMQP_URL` says where; by default `amqp://localhost`. The exchange `direct_logs` stays on
//! the server.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::tokio::connect;

const LINES: [(&str, &str); 3] = [
    ("info", "Started"),
    ("warning", "Low on disk"),
    ("error", "Run. Run. Or it will explode."),
];

/// Who wants what.
const SUBSCRIBERS: [(&str, &[&str]); 2] = [("file", &["error"]), ("screen", &["info", "warning", "error"])];

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("routing: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    channel.exchange_declare("direct_logs", "direct").await?;

    let mut consumers = Vec::new();
    for (name, severities) in SUBSCRIBERS {
        let queue = channel.queue_declare("").exclusive().await?.queue;
        // A binding for each: a queue gets a message once, whatever matches.
        for severity in severities {
            channel.queue_bind(&queue, "direct_logs", *severity).await?;
        }
        consumers.push((
            name,
            severities.len(),
            channel.basic_consume(&queue).no_ack().await?,
        ));
    }

    for (severity, line) in LINES {
        channel.basic_publish("direct_logs", severity, line).await?;
        println!("published {severity}: {line}");
    }
    for (name, expected, consumer) in &mut consumers {
        for _ in 0..*expected {
            let delivery = consumer.next().await.ok_or("the subscriber ended")??;
            let (severity, line) = (delivery.routing_key(), String::from_utf8_lossy(delivery.body()));
            println!("{name} got {severity}: {line}");
        }
    }
    connection.close().await?;
    Ok(())
}
