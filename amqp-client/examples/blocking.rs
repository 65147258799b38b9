//! A program without `async`, in both blocking styles: with a thread for I/O, and with none.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use amqp_client::blocking::{Connection, SingleThreaded};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blocking: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let uri = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());

    // Any thread may use the connection and its channels.
    let connection = Connection::connect(uri.as_str())?;
    let channel = connection.open_channel()?;
    let queue = channel.queue_declare("").exclusive().call()?.queue;
    let publisher = channel.confirm_select().call()?;
    std::thread::scope(|scope| {
        let greet = |name: &str| {
            let receipt = publisher
                .publish("", &queue, format!("hello from {name}"))
                .call()?;
            receipt.wait()
        };
        let threads = ["Ada", "Grace"].map(|name| scope.spawn(move || greet(name)));
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("it does not panic"))
    })?;
    let mut consumer = channel.basic_consume(&queue).call()?;
    for tick in consumer.inactivity_timeout(Duration::from_millis(200)) {
        let Some(delivery) = tick else { break };
        let delivery = delivery?;
        println!("{}", String::from_utf8_lossy(delivery.body()));
        delivery.ack().call()?;
    }
    drop(consumer);
    connection.close()?;

    // One thread alone: octets move while it waits.
    let connection = SingleThreaded::connect(uri.as_str())?;
    let channel = connection.open_channel()?;
    let queue = channel.queue_declare("").exclusive().call()?.queue;
    connection.call_later(Duration::from_millis(50), {
        let (channel, queue) = (channel.clone(), queue.clone());
        move |_| {
            let published = channel.basic_publish("", &queue, "hello from a timer").call();
            published.unwrap_or_else(|error| eprintln!("{error}"));
        }
    });
    let remote = connection.remote();
    let other = std::thread::spawn(move || remote.send(|_| println!("hello from another thread")));
    let delivery = loop {
        connection.process_events(Duration::from_secs(1))?;
        if let Some(delivery) = channel.basic_get(&queue).call()? {
            break delivery;
        }
    };
    println!("{}", String::from_utf8_lossy(delivery.body()));
    delivery.ack().call()?;
    assert!(other.join().is_ok_and(|sent| sent));
    connection.process_events(Duration::ZERO)?;
    connection.close()?;
    Ok(())
}
