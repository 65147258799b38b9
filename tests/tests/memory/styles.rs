//! The styles, each as what the test needs of it. What is measured, the test knows.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use amqp_client::blocking::{self, SingleThreaded, single_threaded};
use amqp_client::event_loop::{self, EventLoop, Handlers};
use amqp_client::{Channel, Connection, Delivery, Stats};
use tokio::runtime::{Builder, Runtime};

use crate::server::{ENDLESS, FLOOD};

/// A way to use the client.
pub(crate) trait Style {
    type Connection;
    type Channel;

    fn connect(&mut self, uri: &str) -> Self::Connection;

    fn open_channel(&mut self, connection: &Self::Connection) -> Self::Channel;

    /// Consumes the whole flood, and hands out its deliveries.
    fn flood(&mut self, channel: &Self::Channel, each: impl FnMut(Delivery) + 'static);

    /// Whether a program takes deliveries when it likes, and may fall behind.
    const FALLS_BEHIND: bool = true;

    /// Consumes what never ends, and has the connection do what it has to behind each delivery, as long as `goes_on` says.
    fn flood_without_end(
        &mut self,
        connection: &Self::Connection,
        channel: &Self::Channel,
        goes_on: impl FnMut(Stats) -> bool + 'static,
    );

    /// Lets the connection do what it has to.
    fn turn(&mut self, connection: &Self::Connection);
}

async fn flood_without_end<F: Future>(
    connection: &Connection,
    channel: &Channel,
    turn: impl Fn() -> F,
    mut goes_on: impl FnMut(Stats) -> bool,
) {
    let consume = channel.basic_consume(ENDLESS).consumer_tag(ENDLESS).no_ack();
    let mut consumer = consume.await.unwrap();
    while goes_on(connection.stats()) {
        drop(consumer.next().await.unwrap().unwrap());
        turn().await;
    }
}

async fn flood(channel: &Channel, mut each: impl FnMut(Delivery)) {
    let consume = channel.basic_consume("q").consumer_tag("once").no_ack();
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

    fn flood_without_end(
        &mut self,
        connection: &Connection,
        channel: &Channel,
        goes_on: impl FnMut(Stats) -> bool,
    ) {
        let turn = tokio::task::yield_now;
        self.0
            .block_on(flood_without_end(connection, channel, turn, goes_on));
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

    fn flood_without_end(
        &mut self,
        connection: &Connection,
        channel: &Channel,
        goes_on: impl FnMut(Stats) -> bool,
    ) {
        let turn = smol::future::yield_now;
        self.block_on(flood_without_end(connection, channel, turn, goes_on));
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
        let consume = channel.basic_consume("q").consumer_tag("once").no_ack();
        let mut consumer = consume.call().unwrap();
        (0..FLOOD).for_each(|_| each(consumer.next().unwrap().unwrap()));
    }

    fn flood_without_end(
        &mut self,
        connection: &blocking::Connection,
        channel: &blocking::Channel,
        mut goes_on: impl FnMut(Stats) -> bool,
    ) {
        let consume = channel.basic_consume(ENDLESS).consumer_tag(ENDLESS).no_ack();
        let mut consumer = consume.call().unwrap();
        while goes_on(connection.stats()) {
            drop(consumer.next().unwrap().unwrap());
            self.turn(connection);
        }
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
        let consume = channel.basic_consume("q").consumer_tag("once").no_ack();
        let mut consumer = consume.call().unwrap();
        (0..FLOOD).for_each(|_| each(consumer.next().unwrap().unwrap()));
    }

    fn flood_without_end(
        &mut self,
        connection: &SingleThreaded,
        channel: &single_threaded::Channel,
        mut goes_on: impl FnMut(Stats) -> bool,
    ) {
        let consume = channel.basic_consume(ENDLESS).consumer_tag(ENDLESS).no_ack();
        let mut consumer = consume.call().unwrap();
        while goes_on(connection.stats()) {
            drop(consumer.next().unwrap().unwrap());
            self.turn(connection);
        }
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
            let consume = channel.basic_consume("q").consumer_tag("once").no_ack();
            consume.then_each(move |channel, delivery| {
                let Ok(delivery) = delivery else { return };
                each(delivery);
                left -= 1;
                if left == 0 {
                    let done = done.take().unwrap();
                    channel.basic_cancel("once").then(|_, cancelled| done(cancelled));
                }
            });
        });
        cancelled.unwrap();
    }

    // All that it has read is called for before it reads more.
    const FALLS_BEHIND: bool = false;

    fn flood_without_end(
        &mut self,
        connection: &event_loop::Connection,
        channel: &event_loop::Channel,
        mut goes_on: impl FnMut(Stats) -> bool + 'static,
    ) {
        let connection = connection.clone();
        self.wait(|_, done| {
            let mut done = Some(done);
            let consume = channel.basic_consume(ENDLESS).consumer_tag(ENDLESS).no_ack();
            consume.then_each(move |_, delivery| {
                drop(delivery.unwrap());
                if !goes_on(connection.stats()) {
                    done.take().into_iter().for_each(|done| done(()));
                }
            });
        });
    }

    fn turn(&mut self, _: &event_loop::Connection) {
        self.0.run_once(Duration::ZERO).unwrap();
    }
}
