//! The styles, each as what the test needs of it. What is measured, the test knows.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use amqp_client::blocking::{self, SingleThreaded, single_threaded};
use amqp_client::event_loop::{self, EventLoop, Handlers};
use amqp_client::{Channel, Connection, Delivery};
use tokio::runtime::{Builder, Runtime};

use crate::server::FLOOD;

/// A way to use the client.
pub(crate) trait Style {
    type Connection;
    type Channel;

    fn connect(&mut self, uri: &str) -> Self::Connection;

    fn open_channel(&mut self, connection: &Self::Connection) -> Self::Channel;

    /// Consumes the whole flood, and hands out its deliveries.
    fn flood(&mut self, channel: &Self::Channel, each: impl FnMut(Delivery) + 'static);

    /// Lets the connection do what it has to.
    fn turn(&mut self, connection: &Self::Connection);
}

async fn flood(channel: &Channel, mut each: impl FnMut(Delivery)) {
    let consume = channel.basic_consume("q").consumer_tag("c").no_ack();
    let mut consumer = consume.await.unwrap();
    for _ in 0..FLOOD {
        each(consumer.next().await.unwrap().unwrap());
    }
}

pub(crate) struct Tokio(Runtime);

impl Tokio {
    pub(crate) fn new() -> Self {
        Self(Builder::new_current_thread().enable_all().build().unwrap())
    }
}

impl Style for Tokio {
    type Connection = Connection;
    type Channel = Channel;

    fn connect(&mut self, uri: &str) -> Connection {
        self.0.block_on(amqp_client::tokio::connect(uri)).unwrap()
    }

    fn open_channel(&mut self, connection: &Connection) -> Channel {
        self.0.block_on(connection.open_channel()).unwrap()
    }

    fn flood(&mut self, channel: &Channel, each: impl FnMut(Delivery)) {
        self.0.block_on(flood(channel, each));
    }

    fn turn(&mut self, _: &Connection) {
        self.0.block_on(tokio::task::yield_now());
    }
}

pub(crate) struct Smol(smol::LocalExecutor<'static>);

impl Smol {
    pub(crate) fn new() -> Self {
        Self(smol::LocalExecutor::new())
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        smol::block_on(self.0.run(future))
    }
}

impl Style for Smol {
    type Connection = Connection;
    type Channel = Channel;

    fn connect(&mut self, uri: &str) -> Connection {
        let (connection, driver) = self.block_on(amqp_client::smol::connect(uri)).unwrap();
        self.0.spawn(driver).detach();
        connection
    }

    fn open_channel(&mut self, connection: &Connection) -> Channel {
        self.block_on(connection.open_channel()).unwrap()
    }

    fn flood(&mut self, channel: &Channel, each: impl FnMut(Delivery)) {
        self.block_on(flood(channel, each));
    }

    fn turn(&mut self, _: &Connection) {
        self.block_on(smol::future::yield_now());
    }
}

/// With a thread for each connection.
pub(crate) struct Blocking;

impl Style for Blocking {
    type Connection = blocking::Connection;
    type Channel = blocking::Channel;

    fn connect(&mut self, uri: &str) -> blocking::Connection {
        blocking::Connection::connect(uri).unwrap()
    }

    fn open_channel(&mut self, connection: &blocking::Connection) -> blocking::Channel {
        connection.open_channel().unwrap()
    }

    fn flood(&mut self, channel: &blocking::Channel, mut each: impl FnMut(Delivery)) {
        let consume = channel.basic_consume("q").consumer_tag("c").no_ack();
        let mut consumer = consume.call().unwrap();
        (0..FLOOD).for_each(|_| each(consumer.next().unwrap().unwrap()));
    }

    fn turn(&mut self, _: &blocking::Connection) {
        std::thread::yield_now();
    }
}

/// With none.
pub(crate) struct Threadless;

impl Style for Threadless {
    type Connection = SingleThreaded;
    type Channel = single_threaded::Channel;

    fn connect(&mut self, uri: &str) -> SingleThreaded {
        SingleThreaded::connect(uri).unwrap()
    }

    fn open_channel(&mut self, connection: &SingleThreaded) -> single_threaded::Channel {
        connection.open_channel().unwrap()
    }

    fn flood(&mut self, channel: &single_threaded::Channel, mut each: impl FnMut(Delivery)) {
        let consume = channel.basic_consume("q").consumer_tag("c").no_ack();
        let mut consumer = consume.call().unwrap();
        (0..FLOOD).for_each(|_| each(consumer.next().unwrap().unwrap()));
    }

    fn turn(&mut self, connection: &SingleThreaded) {
        connection.process_events(Duration::ZERO).unwrap();
    }
}

pub(crate) struct Callbacks(EventLoop);

impl Callbacks {
    pub(crate) fn new() -> Self {
        Self(EventLoop::new().unwrap())
    }

    /// Turns the loop until `begin` has had something given to its closure.
    fn wait<T: 'static>(&mut self, begin: impl FnOnce(&EventLoop, Box<dyn FnOnce(T)>)) -> T {
        let slot = Rc::new(RefCell::new(None));
        let filled = Rc::clone(&slot);
        begin(&self.0, Box::new(move |given| *filled.borrow_mut() = Some(given)));
        loop {
            if let Some(given) = slot.borrow_mut().take() {
                return given;
            }
            self.0.run_once(Duration::from_secs(1)).unwrap();
        }
    }
}

impl Style for Callbacks {
    type Connection = event_loop::Connection;
    type Channel = event_loop::Channel;

    fn connect(&mut self, uri: &str) -> event_loop::Connection {
        self.wait(|event_loop, opened| {
            let handlers = Handlers::new().on_open(|connection| opened(connection.clone()));
            event_loop.connect(uri, handlers);
        })
    }

    fn open_channel(&mut self, connection: &event_loop::Connection) -> event_loop::Channel {
        let opening = connection.open_channel();
        self.wait(|_, opened| opening.then(|_, channel| opened(channel.unwrap())))
    }

    fn flood(&mut self, channel: &event_loop::Channel, mut each: impl FnMut(Delivery) + 'static) {
        let cancelled = self.wait(|_, done| {
            let (mut left, mut done) = (FLOOD, Some(done));
            let consume = channel.basic_consume("q").consumer_tag("c").no_ack();
            consume.then_each(move |channel, delivery| {
                let Ok(delivery) = delivery else { return };
                each(delivery);
                left -= 1;
                if left == 0 {
                    let done = done.take().unwrap();
                    channel.basic_cancel("c").then(|_, cancelled| done(cancelled));
                }
            });
        });
        cancelled.unwrap();
    }

    fn turn(&mut self, _: &event_loop::Connection) {
        self.0.run_once(Duration::ZERO).unwrap();
    }
}
