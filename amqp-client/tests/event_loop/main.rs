//! The event loop against servers that a test scripts, over sockets of this machine. No broker is asked.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use amqp_client::ConnectOptions;
use amqp_client::event_loop::{Channel, Connection, EventLoop, Handle, Handlers};

mod callbacks;
mod connecting;
mod embedding;
mod ending;
mod handlers;
mod order;
mod reconnecting;
mod reentrancy;
mod secrets;
mod server;
mod timers;
mod turns;

/// What was called, in its order.
#[derive(Debug, Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn add(&self, entry: impl ToString) {
        self.0.borrow_mut().push(entry.to_string());
    }

    fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// Runs a loop until nothing is left to do, which takes no test as long as the limit.
fn run(event_loop: &mut EventLoop) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !event_loop.handle().is_idle() {
        assert!(Instant::now() < limit, "the loop does not come to its end");
        event_loop.run_once(Duration::from_secs(1)).unwrap();
    }
}

/// Connects, and calls `opened` with a channel.
fn with_channel(
    event_loop: &Handle,
    options: ConnectOptions,
    log: &Log,
    opened: impl FnOnce(&Connection, Channel) + 'static,
) {
    let on_close = log.clone();
    let handlers = Handlers::new()
        .on_open(|connection| {
            connection
                .open_channel()
                .then(|connection, channel| opened(connection, channel.unwrap()));
        })
        .on_open_error(|_, error| panic!("{error}"))
        .on_close(move |_, error| on_close.add(error));
    event_loop.connect(options, handlers);
}
