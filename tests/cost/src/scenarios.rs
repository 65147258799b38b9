//! What is counted: scenarios with a server in memory, so that no clock, socket or server of weight is there.

use std::future::{Future, IntoFuture};
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use amqp_client::driver::{Clock, Driver, Transport, connect_with};
use amqp_client::methods::{basic, channel, confirm, connection};
use amqp_client::protocol::frame::{self, FrameType};
use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::{ChannelId, DeliveryTag, LongStr, ShortStr};
use amqp_client::sans_io::Outgoing;
use amqp_client::{Channel, Config, Connection, Consumer};
use bytes::{Buf, BytesMut};

use crate::Failure;

/// `consume` needs no acknowledgements, `deliver` acks each; `consumers` is `consume` by [`CONSUMERS`], each batch the next
/// one's. In `consume-turns` each message is another consumer's, of as many as there are [`CHANNELS`] in `publish-channels` and
/// `consume-channels`, which are `publish` and `consume-turns` with each message on the next one.
pub(crate) const ALL: [&str; 8] = [
    "publish",
    "publish-channels",
    "confirm",
    "consume",
    "consume-turns",
    "consume-channels",
    "consumers",
    "deliver",
];

const BODY: [u8; 16] = [7; 16];
const CONSUMERS: usize = 10_000;
const CHANNELS: u16 = 256;

/// Sends or receives so many messages, so many at each turn of the driver.
pub(crate) fn run(scenario: &str, batch: u64, messages: u64) -> Result<(), Failure> {
    let mut session = Session::new();
    match scenario {
        "publish" => session.publish(1, batch, messages),
        "publish-channels" => session.publish(CHANNELS, batch, messages),
        "confirm" => session.confirm(batch, messages),
        "consume" => session.consume(1, true, batch, messages),
        "consume-turns" => session.consume_in_turn(1, batch, messages),
        "consume-channels" => session.consume_in_turn(CHANNELS, batch, messages),
        "consumers" => session.consume(CONSUMERS, true, batch, messages),
        "deliver" => session.consume(1, false, batch, messages),
        _ => Err(format!("there is no scenario {scenario}").into()),
    }
}

/// What the client is about to read.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<u8>>>);

impl Server {
    fn send(&self, octets: &[u8]) {
        if let Ok(mut input) = self.0.lock() {
            copy(octets, |part| input.extend_from_slice(part));
        }
    }
}

/// Copies in short parts: of a long one callgrind counts each octet as an instruction.
fn copy(octets: &[u8], copy: impl FnMut(&[u8])) {
    octets.chunks(1024).for_each(copy);
}

impl Transport for Server {
    fn poll_read(&mut self, _: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let Ok(mut octets) = self.0.lock() else {
            return Poll::Ready(Ok(0));
        };
        if octets.is_empty() {
            return Poll::Pending;
        }
        let count = octets.len().min(input.capacity() - input.len());
        copy(&octets[..count], |part| input.extend_from_slice(part));
        octets.drain(..count);
        Poll::Ready(Ok(count))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        let count = batch.remaining();
        batch.advance(count);
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

struct Session {
    server: Server,
    driver: Driver<Server>,
    connection: Connection,
}

impl Session {
    fn new() -> Self {
        let server = Server::default();
        let (connection, driver) = connect_with(server.clone(), Config::default().connection_name("bench"));
        Self {
            server,
            driver,
            connection,
        }
    }

    fn drive(&mut self) {
        let _ = poll(&mut self.driver);
    }

    /// Polls a future, lets the server say this, and polls the future again.
    fn answered<T>(&mut self, future: impl Future<Output = T>, octets: &[u8]) -> Result<T, Failure> {
        let mut future = pin!(future);
        if poll(&mut future).is_pending() {
            self.drive();
            self.server.send(octets);
            self.drive();
        }
        ready(future)
    }

    fn open_channel(&mut self) -> Result<Channel, Failure> {
        self.open_channels(1)?.pop().ok_or_else(|| "no channel".into())
    }

    fn open_channels(&mut self, count: u16) -> Result<Vec<Channel>, Failure> {
        let start = connection::Start {
            version_minor: 9,
            mechanisms: LongStr::from_static("PLAIN"),
            locales: LongStr::from_static("en_US"),
            ..Default::default()
        };
        let tune = connection::Tune {
            channel_max: count,
            frame_max: 131_072,
            heartbeat: 60,
        };
        let connection = self.connection.clone();
        let octets = [
            method(0, &start),
            method(0, &tune),
            method(0, &connection::OpenOk {}),
        ];
        self.answered(connection.opened(), &octets.concat())??;
        let open = |id| Ok(self.answered(connection.open_channel(), &method(id, &channel::OpenOk {}))??);
        (1..=count).map(open).collect()
    }

    /// Publishes persistent messages that nobody confirms.
    fn publish(&mut self, channels: u16, batch: u64, messages: u64) -> Result<(), Failure> {
        let channels = self.open_channels(channels)?;
        let mut next = channels.iter().cycle();
        for _ in 0..messages / batch {
            for channel in next.by_ref().take(batch as usize) {
                let publish = channel.basic_publish("exchange", "routing.key", &BODY);
                published(publish.persistent().into_future())??;
            }
            self.drive();
        }
        Ok(())
    }

    /// Publishes, and awaits the confirm of each batch's last message for all of it.
    fn confirm(&mut self, batch: u64, messages: u64) -> Result<(), Failure> {
        let channel = self.open_channel()?;
        let selected = self.answered(
            channel.confirm_select().into_future(),
            &method(1, &confirm::SelectOk {}),
        );
        let publisher = selected??;
        let mut receipts = Vec::new();
        let mut confirmed = Vec::new();
        for turn in 1..=messages / batch {
            for _ in 0..batch {
                let publish = publisher.publish("exchange", "routing.key", &BODY);
                receipts.push(published(publish.into_future())??);
            }
            self.drive();
            let ack = basic::Ack {
                delivery_tag: DeliveryTag(turn * batch),
                multiple: true,
            };
            confirmed.clear();
            frame::write_method(&mut confirmed, ChannelId(1), &ack, 0)?;
            self.server.send(&confirmed);
            self.drive();
            for receipt in receipts.drain(..) {
                ready(receipt)??;
            }
        }
        Ok(())
    }

    /// Takes deliveries, and acks each on its own if that is wanted.
    fn consume(&mut self, consumers: usize, no_ack: bool, batch: u64, messages: u64) -> Result<(), Failure> {
        let channel = self.open_channel()?;
        let mut started = Vec::new();
        for number in 0..consumers {
            let consumer_tag = ShortStr::try_from(format!("tag-{number:05}"))?;
            let mut octets = Vec::new();
            if number == 0 && !no_ack {
                octets.extend(method(1, &basic::QosOk {}));
            }
            octets.extend(method(
                1,
                &basic::ConsumeOk {
                    consumer_tag: consumer_tag.clone(),
                },
            ));
            let consumer = self.start(&channel, &consumer_tag, no_ack, &octets)?;
            started.push((consumer, Deliveries::new(1, consumer_tag, batch)?));
        }
        let mut delivery_tags = 1..;
        for turn in 0..messages / batch {
            let next = turn as usize % consumers;
            let (consumer, deliveries) = started.get_mut(next).ok_or("no consumer")?;
            self.server.send(deliveries.numbered(&mut delivery_tags));
            self.drive();
            for _ in 0..batch {
                take(consumer, no_ack)?;
            }
            self.drive();
        }
        // To cancel so many would take longer than all that is counted.
        mem::forget(started);
        Ok(())
    }

    fn start(
        &mut self,
        channel: &Channel,
        consumer_tag: &ShortStr<'_>,
        no_ack: bool,
        answer: &[u8],
    ) -> Result<Consumer, Failure> {
        let consume = channel.basic_consume("q").consumer_tag(consumer_tag);
        let consume = if no_ack { consume.no_ack() } else { consume };
        Ok(self.answered(consume.into_future(), answer)??)
    }

    /// Takes deliveries of consumers on so many channels, in turn.
    fn consume_in_turn(&mut self, channels: u16, batch: u64, messages: u64) -> Result<(), Failure> {
        let channels = self.open_channels(channels)?;
        let mut started = Vec::new();
        let mut delivery_tags = vec![1..; channels.len()];
        for (number, channel) in (0..CHANNELS).zip(channels.iter().cycle()) {
            let (id, consumer_tag) = (channel.id().0, ShortStr::try_from(format!("tag-{number:05}"))?);
            let consume_ok = basic::ConsumeOk {
                consumer_tag: consumer_tag.clone(),
            };
            let consumer = self.start(channel, &consumer_tag, true, &method(id, &consume_ok))?;
            started.push((consumer, Deliveries::new(id, consumer_tag, 1)?));
        }
        let mut turns = (0..started.len()).cycle();
        for _ in 0..messages / batch {
            let turn: Vec<_> = turns.by_ref().take(batch as usize).collect();
            for &next in &turn {
                let tags = &mut delivery_tags[next % channels.len()];
                self.server.send(started[next].1.numbered(tags));
            }
            self.drive();
            for &next in &turn {
                take(&mut started[next].0, true)?;
            }
            self.drive();
        }
        Ok(())
    }
}

/// Deliveries of one consumer, encoded but for their tags, so that a server's work is not counted as the client's.
struct Deliveries {
    octets: Vec<u8>,
    /// Octets of each.
    len: usize,
    /// Where in each its delivery tag is.
    tag_at: usize,
}

impl Deliveries {
    fn new(channel: u16, consumer_tag: ShortStr<'static>, count: u64) -> Result<Self, Failure> {
        let id = ChannelId(channel);
        // Behind the ids and the consumer tag.
        let tag_at = frame::START_LEN + 4 + 1 + consumer_tag.len();
        let deliver = basic::Deliver {
            consumer_tag,
            exchange: ShortStr::from_static("exchange"),
            routing_key: ShortStr::from_static("routing.key"),
            ..Default::default()
        };
        let mut one = Vec::new();
        frame::write_method(&mut one, id, &deliver, 0)?;
        one.extend_from_slice(&frame::start(FrameType::Header, id, 15));
        // One property: delivery-mode is 2.
        one.extend_from_slice(&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, BODY.len() as u8, 16, 0, 2]);
        one.push(frame::END);
        frame::write_body(&mut one, id, &BODY, 0);
        let (len, octets) = (one.len(), one.repeat(count as usize));
        Ok(Self { octets, len, tag_at })
    }

    fn numbered(&mut self, tags: &mut impl Iterator<Item = u64>) -> &[u8] {
        for (one, tag) in self.octets.chunks_exact_mut(self.len).zip(tags) {
            if let Some((tag_octets, _)) = one.split_at_mut(self.tag_at).1.split_first_chunk_mut() {
                *tag_octets = tag.to_be_bytes();
            }
        }
        &self.octets
    }
}

/// Takes a delivery, and acks it unless that is not wanted.
fn take(consumer: &mut Consumer, no_ack: bool) -> Result<(), Failure> {
    let delivery = ready(consumer.next())?.ok_or("the consumer ended")??;
    if !no_ack {
        ready(delivery.ack())??;
    }
    Ok(())
}

fn method<M: Arguments>(channel: u16, method: &M) -> Vec<u8> {
    let mut octets = Vec::new();
    // Without a limit everything fits.
    let _ = frame::write_method(&mut octets, ChannelId(channel), method, 0);
    octets
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What a publish gives, which lets others go first now and then.
fn published<F: Future>(future: F) -> Result<F::Output, Failure> {
    let mut future = pin!(future);
    match poll(&mut future) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => ready(future),
    }
}

/// What a future gives that has nothing to wait for any more.
fn ready<F: Future>(future: F) -> Result<F::Output, Failure> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err("it waits for something".into()),
    }
}
