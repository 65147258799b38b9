//! RabbitMQ's tutorial 7, publisher confirms: publishes, and tells what became of each message. `AMQP_URL` says where; by
//! default `amqp://localhost`.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::tokio::connect;
use amqp_client::{PublishError, Receipts};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("confirms: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    let publisher = channel.confirm_select().await?;

    // A queue with room for three messages, which refuses the others.
    let declare = channel
        .queue_declare("")
        .exclusive()
        .argument("x-max-length", 3)
        .argument("x-overflow", "reject-publish");
    let queue = declare.await?.queue;

    // One message at a time: the first await waits until it may be sent, the second for its outcome.
    publisher.publish("", &queue, "coffee").await?.await?;
    println!("coffee: confirmed");

    let receipt = publisher.publish("", "no such queue", "tea").mandatory().await?;
    match receipt.await {
        Err(PublishError::Returned(returned)) => println!("tea: returned, {returned}"),
        outcome => println!("tea: {outcome:?}"),
    }

    // Many at a time: outcomes come in any order, and failures have the index of their publish.
    let orders = ["milk", "water", "juice", "cocoa"];
    let mut receipts = Receipts::new();
    for order in orders {
        receipts.push(publisher.publish("", &queue, order).await?);
    }
    if let Err(error) = receipts.await {
        println!("of {} orders", error.publishes());
        for (index, error) in error.failures() {
            println!("{}: {error}", orders[*index]);
        }
    }

    connection.close().await?;
    Ok(())
}
