//! A program on smol, or any other executor: the driver is spawned like every other task.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::smol::connect;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smol: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let uri = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let executor = smol::Executor::new();
    smol::block_on(executor.run(async {
        let (connection, driver) = connect(uri.as_str()).await?;
        executor.spawn(driver).detach();
        let channel = connection.open_channel().await?;
        let queue = channel.queue_declare("").exclusive().await?.queue;
        let publisher = channel.confirm_select().await?;
        publisher.publish("", &queue, "hello from smol").await?.await?;

        let mut consumer = channel.basic_consume(&queue).await?;
        if let Some(delivery) = consumer.next().await {
            let delivery = delivery?;
            println!("{}", String::from_utf8_lossy(delivery.body()));
            delivery.ack().await?;
        }
        connection.close().await?;
        Ok(())
    }))
}
