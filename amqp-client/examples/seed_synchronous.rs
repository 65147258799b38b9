//! A fanout exchange with one queue bound to it, in the synchronous style without concurrency: one thread, and no other.
//! `AMQP_URL` says where. `docs/coming-from-pika.md` has the same program beside Pika's.

use std::error::Error;
use std::process::ExitCode;

use amqp_client::blocking::SingleThreaded;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("seed_synchronous: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = SingleThreaded::connect(url)?;
    let channel = connection.open_channel()?;

    channel.exchange_declare("test_x", "fanout").call()?;
    channel.queue_declare("test_q").durable().call()?;
    channel.queue_bind("test_q", "test_x", "").call()?;
    channel.basic_publish("test_x", "", "Hello World!").call()?;

    let mut consumer = channel.basic_consume("test_q").call()?;
    let delivery = consumer.next().ok_or("the consumer ended")??;
    println!("{}", String::from_utf8_lossy(delivery.body()));
    delivery.ack().call()?;
    connection.close()?;
    Ok(())
}
