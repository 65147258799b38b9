//! A fanout exchange with one queue bound to it, in the synchronous style with concurrency: threads share a connection and
//! all that is made from it. `AMQP_URL` says where. `docs/coming-from-pika.md` has the same program beside Pika's.

use std::error::Error;
use std::process::ExitCode;
use std::thread;

use amqp_client::blocking::{Connection, Publisher};
use amqp_client::{CallError, Delivery, PublishError};

const NAMES: [&str; 2] = ["Ada", "Grace"];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("seed_threads: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = Connection::connect(url)?;
    let channel = connection.open_channel()?;
    channel.exchange_declare("test_x", "fanout").call()?;
    channel.queue_declare("test_q").durable().call()?;
    channel.queue_bind("test_q", "test_x", "").call()?;

    let publisher = &channel.confirm_select().call()?;
    let consumer = channel.basic_consume("test_q").call()?;
    let mut handled = thread::scope(|scope| -> Result<_, Box<dyn Error>> {
        let greeters = NAMES.map(|name| scope.spawn(move || greet(publisher, name)));
        let mut handlers = Vec::new();
        for delivery in consumer.take(NAMES.len()) {
            let delivery = delivery?;
            handlers.push(scope.spawn(move || handle(delivery)));
        }
        for greeter in greeters {
            greeter.join().expect("it does not panic")?;
        }
        let ends = handlers
            .into_iter()
            .map(|handler| handler.join().expect("it does not panic"));
        Ok(ends.collect::<Result<Vec<_>, _>>()?)
    })?;
    handled.sort();
    for greeting in handled {
        println!("{greeting}");
    }
    connection.close()?;
    Ok(())
}

/// Publishes by a publisher that others use too, and waits for the confirm.
fn greet(publisher: &Publisher, name: &str) -> Result<(), PublishError> {
    let greeting = format!("hello from {name}");
    publisher.publish("test_x", "", greeting).call()?.wait()
}

/// Takes as long as it takes, and acknowledges from where it is.
fn handle(delivery: Delivery) -> Result<String, CallError> {
    let greeting = String::from_utf8_lossy(delivery.body()).into_owned();
    delivery.ack().call()?;
    Ok(greeting)
}
