//! A fanout exchange with one queue bound to it: publishes to the exchange, consumes from the queue. `AMQP_URL` says where;
//! by default `amqp://localhost`. The exchange `test_x` and the durable queue `test_q` stay on the server.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::tokio::connect;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("seed_fanout: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;

    channel.exchange_declare("test_x", "fanout").await?;
    channel.queue_declare("test_q").durable().await?;
    channel.queue_bind("test_q", "test_x", "").await?;
    channel.basic_publish("test_x", "", "Hello World!").await?;
    println!("published Hello World! to test_x");

    let mut consumer = channel.basic_consume("test_q").await?;
    let delivery = consumer.next().await.ok_or("the consumer ended")??;
    println!(
        "consumed  {} from test_q",
        String::from_utf8_lossy(delivery.body())
    );
    delivery.ack().await?;

    connection.close().await?;
    Ok(())
}
