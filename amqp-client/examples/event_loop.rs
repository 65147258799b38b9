//! A consumer and a publisher in one loop of callbacks: no thread, no runtime, no `async`.
//!
//! `cargo run --example event_loop --no-default-features --features event-loop`; `AMQP_URL` names the broker.

use amqp_client::ConsumerError;
use amqp_client::event_loop::{Channel, Connection, EventLoop, Handlers};

/// How many orders are made.
const ORDERS: u32 = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let uri = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());

    let mut event_loop = EventLoop::new()?;
    let handlers = Handlers::new()
        .on_open(opened)
        .on_open_error(|_, error| eprintln!("{error}"))
        .on_blocked(|_, reason| eprintln!("publishing is blocked: {reason}"))
        .on_close(|_, error| println!("closed: {error}"));
    event_loop.connect(uri.as_str(), handlers);
    // Nothing stops it: the connection is closed when nothing holds it any more, and then there is nothing left to do.
    event_loop.run()?;
    Ok(())
}

fn opened(connection: &Connection) {
    connection.open_channel().then(|_, channel| match channel {
        Ok(channel) => declare(&channel),
        Err(error) => eprintln!("{error}"),
    });
}

fn declare(channel: &Channel) {
    channel.on_close(|_, reason| println!("the channel is over: {reason}"));
    channel.queue_declare("").exclusive().then(|channel, declared| {
        if let Ok(declared) = declared {
            let queue = declared.queue.to_str_lossy().into_owned();
            consume(channel, &queue);
            publish(channel, queue);
        }
    });
}

fn consume(channel: &Channel, queue: &str) {
    let mut taken = 0;
    channel
        .basic_consume(queue)
        .consumer_tag("waiter")
        .then_each(move |channel, next| match next {
            Ok(delivery) => {
                println!("{}", String::from_utf8_lossy(delivery.body()));
                if let Err(error) = delivery.ack().call() {
                    eprintln!("{error}");
                }
                taken += 1;
                if taken == ORDERS {
                    channel.basic_cancel("waiter").then(|_, _| {});
                }
            }
            Err(ConsumerError::Ended(end)) if end.is_wanted() => {}
            Err(error) => eprintln!("{error}"),
        });
}

fn publish(channel: &Channel, queue: String) {
    channel.confirm_select().then(move |_, publisher| {
        let Ok(publisher) = publisher else { return };
        for number in 1..=ORDERS {
            publisher
                .publish("", &queue, format!("coffee {number}"))
                .mandatory()
                .then_confirmed(move |_, outcome| match outcome {
                    Ok(()) => println!("the server has order {number}"),
                    Err(error) => eprintln!("order {number}: {error}"),
                });
        }
    });
}
