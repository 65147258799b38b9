//! A fanout exchange with one queue bound to it, in the asynchronous style: each step goes on in a continuation. `AMQP_URL`
//! says where. `docs/coming-from-pika.md` has the same program beside Pika's.

use amqp_client::event_loop::{Channel, Connection, EventLoop, Handlers};
use amqp_client::methods::{exchange, queue};
use amqp_client::{CallError, ConsumerError, Delivery};

fn main() -> std::io::Result<()> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let mut event_loop = EventLoop::new()?;
    let handlers = Handlers::new()
        .on_open(opened)
        .on_open_error(|_, error| eprintln!("{error}"))
        .on_close(|_, error| {
            if !error.is_wanted() {
                eprintln!("{error}");
            }
        });
    event_loop.connect(url, handlers);
    // It ends when nothing is left to do: what nobody holds any more is closed.
    event_loop.run()
}

fn opened(connection: &Connection) {
    connection.open_channel().then(|_, channel| match channel {
        Ok(channel) => channel
            .exchange_declare("test_x", "fanout")
            .then(exchange_declared),
        Err(error) => eprintln!("{error}"),
    });
}

fn exchange_declared(channel: &Channel, outcome: Result<exchange::DeclareOk, CallError>) {
    match outcome {
        Ok(_) => channel.queue_declare("test_q").durable().then(queue_declared),
        Err(error) => eprintln!("{error}"),
    }
}

fn queue_declared(channel: &Channel, outcome: Result<queue::DeclareOk<'_>, CallError>) {
    match outcome {
        Ok(_) => channel.queue_bind("test_q", "test_x", "").then(queue_bound),
        Err(error) => eprintln!("{error}"),
    }
}

fn queue_bound(channel: &Channel, outcome: Result<queue::BindOk, CallError>) {
    if let Err(error) = outcome {
        return eprintln!("{error}");
    }
    channel
        .basic_publish("test_x", "", "Hello World!")
        .then(|_, published| {
            if let Err(error) = published {
                eprintln!("{error}");
            }
        });
    channel
        .basic_consume("test_q")
        .consumer_tag("greeted")
        .then_each(delivered);
}

fn delivered(channel: &Channel, next: Result<Delivery, ConsumerError>) {
    match next {
        Ok(delivery) => {
            println!("{}", String::from_utf8_lossy(delivery.body()));
            if let Err(error) = delivery.ack().call() {
                eprintln!("{error}");
            }
            channel.basic_cancel("greeted").then(|_, _| {});
        }
        Err(ConsumerError::Ended(end)) if end.is_wanted() => {}
        Err(error) => eprintln!("{error}"),
    }
}
