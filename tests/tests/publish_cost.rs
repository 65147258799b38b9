//! What publishing with confirms costs beyond its octets: no allocation per message, whoever asks for its outcome.

use std::future::{Future, IntoFuture};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use amqp_client::driver::{Clock, Driver, Transport, connect_with};
use amqp_client::protocol::frame::{self, Parsed, RawFrame};
use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::v0_9_1::{basic, channel, confirm, connection};
use amqp_client::protocol::{ChannelId, DeliveryTag, LongStr, Reader};
use amqp_client::sans_io::Outgoing;
use amqp_client::{Config, Connection, Publisher, Receipt};
use bytes::{Buf, BytesMut};

const ROUNDS: usize = 1000;
/// Messages on their way at a time.
const BATCH: usize = 100;

/// A server in memory, which answers at once, and confirms all publishes together when it is asked to.
#[derive(Default)]
struct Server {
    answers: Vec<u8>,
    received: Vec<u8>,
    begun: bool,
    published: u64,
}

impl Server {
    fn answer<M: Arguments>(&mut self, id: u16, method: &M) {
        frame::write_method(&mut self.answers, ChannelId(id), method, 0).unwrap();
    }

    /// Answers what has come.
    fn serve(&mut self) {
        let mut received = std::mem::take(&mut self.received);
        let mut rest = received.as_slice();
        if !self.begun && rest.len() >= 8 {
            self.begun = true;
            rest = &rest[8..];
            let start = connection::Start {
                version_minor: 9,
                mechanisms: LongStr::from_static("PLAIN"),
                locales: LongStr::from_static("en_US"),
                ..Default::default()
            };
            self.answer(0, &start);
        }
        while let Parsed::Complete(frame) = RawFrame::parse(rest, 0).unwrap() {
            rest = &rest[frame.encoded_len()..];
            match Reader::new(frame.payload).method_id("method") {
                Ok(connection::StartOk::ID) => self.answer(
                    0,
                    &connection::Tune {
                        channel_max: 1,
                        frame_max: 4096,
                        heartbeat: 0,
                    },
                ),
                Ok(connection::Open::ID) => self.answer(0, &connection::OpenOk {}),
                Ok(channel::Open::ID) => self.answer(1, &channel::OpenOk {}),
                Ok(confirm::Select::ID) => self.answer(1, &confirm::SelectOk {}),
                Ok(basic::Publish::ID) => self.published += 1,
                _ => {}
            }
        }
        received.clear();
        self.received = received;
    }

    fn confirm(&mut self) {
        let ack = basic::Ack {
            delivery_tag: DeliveryTag(self.published),
            multiple: true,
        };
        self.answer(1, &ack);
    }
}

/// The client's end of it.
struct End(std::sync::Arc<std::sync::Mutex<Server>>);

impl Transport for End {
    fn poll_read(&mut self, _: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut server = self.0.lock().unwrap();
        if server.answers.is_empty() {
            return Poll::Pending;
        }
        input.extend_from_slice(&server.answers);
        let count = server.answers.len();
        server.answers.clear();
        Poll::Ready(Ok(count))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        let mut server = self.0.lock().unwrap();
        let count = batch.remaining();
        while batch.has_remaining() {
            let chunk = batch.chunk();
            server.received.extend_from_slice(chunk);
            let count = chunk.len();
            batch.advance(count);
        }
        server.serve();
        Poll::Ready(Ok(count))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, _: Instant) -> Poll<()> {
        Poll::Pending
    }

    fn clock(&self) -> Clock {
        Clock::new(Instant::now)
    }
}

struct Bench {
    server: std::sync::Arc<std::sync::Mutex<Server>>,
    driver: Driver<End>,
    publisher: Publisher,
    _connection: Connection,
}

impl Bench {
    fn new() -> Self {
        let server = std::sync::Arc::new(std::sync::Mutex::new(Server::default()));
        let (connection, mut driver) = connect_with(End(std::sync::Arc::clone(&server)), Config::default());
        let publisher = run(&mut driver, async {
            let channel = connection.open_channel().await.unwrap();
            channel.confirm_select().await.unwrap()
        });
        Self {
            server,
            driver,
            publisher,
            _connection: connection,
        }
    }

    /// Publishes a batch, lets `ask` see the receipts before they are settled, and confirms all.
    fn round(&mut self, receipts: &mut Vec<Receipt>, ask: impl Fn(&mut Vec<Receipt>)) {
        for _ in 0..BATCH {
            let publish = self.publisher.publish("exchange", "routing.key", &[0_u8; 100]);
            let mut publish = pin!(publish.into_future());
            let mut published = poll(publish.as_mut());
            if published.is_pending() {
                // One in 2,048 lets others run first.
                published = poll(publish);
            }
            let Poll::Ready(Ok(receipt)) = published else {
                panic!("held back")
            };
            receipts.push(receipt);
        }
        ask(receipts);
        assert!(poll(Pin::new(&mut self.driver)).is_pending());
        self.server.lock().unwrap().confirm();
        assert!(poll(Pin::new(&mut self.driver)).is_pending());
        for receipt in receipts.drain(..) {
            assert!(matches!(poll(pin!(receipt)), Poll::Ready(Ok(()))));
        }
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn run<F: Future>(driver: &mut Driver<End>, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
        assert!(poll(Pin::new(&mut *driver)).is_pending());
    }
}

/// Allocations of many rounds, after a few that make room; and what the messages take by the clock, for people.
fn allocations(what: &str, ask: impl Fn(&mut Vec<Receipt>)) -> u64 {
    let mut bench = Bench::new();
    let mut receipts = Vec::with_capacity(BATCH);
    for _ in 0..10 {
        bench.round(&mut receipts, &ask);
    }
    let start = Instant::now();
    let info = allocation_counter::measure(|| {
        for _ in 0..ROUNDS {
            bench.round(&mut receipts, &ask);
        }
    });
    let each = start.elapsed().as_nanos() / (ROUNDS * BATCH) as u128;
    println!("{what}: {each} ns a message, {} allocations", info.count_total);
    info.count_total
}

#[test]
fn a_publish_and_its_receipt_allocate_nothing() {
    // Reading makes a buffer for what is received now and then.
    assert!(allocations("asked when settled", |_| {}) < ROUNDS as u64 / 10);
    let polled = allocations("asked before", |receipts| {
        for receipt in receipts {
            assert!(poll(Pin::new(receipt)).is_pending());
        }
    });
    // Waking takes lists of those to be woken, once per batch.
    assert!(polled < 10 * ROUNDS as u64, "{polled}");
    let dropped = allocations("dropped", Vec::clear);
    assert!(dropped < ROUNDS as u64 / 10);
}
