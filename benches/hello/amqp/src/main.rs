//! Publishes a message.

use amqp_client::tokio::connect;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = connect("amqp://localhost").await?;
    let channel = connection.open_channel().await?;
    channel.basic_publish("", "hello", "Hello, world!").await?;
    connection.close().await?;
    Ok(())
}
