//! How many instructions a message costs in the client, with the features that this program is built with: callgrind
//! counts those of this program with many messages and with twice as many. No clock, socket or server of weight is there.

use std::env;
use std::error::Error;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::{Pin, pin};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use amqp_client::driver::{Clock, Driver, Transport, connect_with};
use amqp_client::methods::{basic, channel, confirm, connection};
use amqp_client::protocol::frame::{self, FrameType};
use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::{ChannelId, DeliveryTag, LongStr, ShortStr};
use amqp_client::sans_io::Outgoing;
use amqp_client::{Channel, Config, Connection};
use bytes::{Buf, BytesMut};

type Failure = Box<dyn Error>;

const BODY: [u8; 100] = [7; 100];
const MESSAGES: u64 = 20_000;
/// Messages between two polls of the driver.
const BATCHES: [u64; 2] = [100, 1];
const SCENARIOS: [&str; 2] = ["publish", "deliver"];
/// `info` and `debug` are subscribers of `tracing` that might listen up to that level, and never do.
const LISTENERS: &[&str] = &[
    "nobody",
    #[cfg(feature = "metrics")]
    "prometheus",
    #[cfg(feature = "tracing")]
    "info",
    #[cfg(feature = "tracing")]
    "debug",
];

fn main() -> Result<(), Failure> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => report(),
        [scenario, listener, batch, messages] => run(scenario, listener, batch.parse()?, messages.parse()?),
        _ => Err("usage: instructions [SCENARIO LISTENER BATCH MESSAGES]".into()),
    }
}

/// Runs this program under callgrind for each scenario.
fn report() -> Result<(), Failure> {
    println!("| scenario | who listens | messages a turn | instructions a message |");
    println!("|---|---|---:|---:|");
    for scenario in SCENARIOS {
        for &listener in LISTENERS {
            for batch in BATCHES {
                let more = count(scenario, listener, batch, 2 * MESSAGES)?;
                let each = (more - count(scenario, listener, batch, MESSAGES)?) / MESSAGES;
                println!("| {scenario} | {listener} | {batch} | {each} |");
            }
        }
    }
    Ok(())
}

fn count(scenario: &str, listener: &str, batch: u64, messages: u64) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args([scenario, listener, &batch.to_string(), &messages.to_string()])
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    match collected {
        Some((_, count)) if output.status.success() => Ok(count.trim().parse()?),
        _ => Err(said.into()),
    }
}

fn run(scenario: &str, listener: &str, batch: u64, messages: u64) -> Result<(), Failure> {
    match listener {
        "nobody" => {}
        #[cfg(feature = "metrics")]
        "prometheus" => drop(metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?),
        #[cfg(feature = "tracing")]
        "info" | "debug" => tracing::subscriber::set_global_default(deaf::Deaf(listener.parse()?))?,
        _ => return Err(format!("there is no listener {listener}").into()),
    }
    let mut session = Session::new();
    match scenario {
        "publish" => session.publish(batch, messages),
        "deliver" => session.deliver(batch, messages),
        _ => Err(format!("there is no scenario {scenario}").into()),
    }
}

#[cfg(feature = "tracing")]
mod deaf {
    use tracing::level_filters::LevelFilter;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// Says up to which level it might listen, and never does.
    pub(super) struct Deaf(pub(super) LevelFilter);

    impl Subscriber for Deaf {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            false
        }

        fn max_level_hint(&self) -> Option<LevelFilter> {
            Some(self.0)
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}

/// What the client is about to read.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<u8>>>);

impl Server {
    fn send(&self, octets: &[u8]) {
        if let Ok(mut input) = self.0.lock() {
            input.extend_from_slice(octets);
        }
    }
}

impl Transport for Server {
    fn poll_read(&mut self, _: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let Ok(mut octets) = self.0.lock() else {
            return Poll::Ready(Ok(0));
        };
        if octets.is_empty() {
            return Poll::Pending;
        }
        input.extend_from_slice(&octets);
        let count = octets.len();
        octets.clear();
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
        let start = connection::Start {
            version_minor: 9,
            mechanisms: LongStr::from_static("PLAIN"),
            locales: LongStr::from_static("en_US"),
            ..Default::default()
        };
        let tune = connection::Tune {
            channel_max: 1,
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
        let opened = self.answered(connection.open_channel(), &method(1, &channel::OpenOk {}))?;
        Ok(opened?)
    }

    /// Publishes, and awaits the confirm of each batch's last message for all of it.
    fn publish(&mut self, batch: u64, messages: u64) -> Result<(), Failure> {
        let channel = self.open_channel()?;
        let selected = self.answered(
            channel.confirm_select().into_future(),
            &method(1, &confirm::SelectOk {}),
        );
        let publisher = selected??;
        let mut receipts = Vec::new();
        for turn in 1..=messages / batch {
            for _ in 0..batch {
                let publish = publisher.publish("exchange", "routing.key", &BODY);
                receipts.push(ready(publish.into_future())??);
            }
            self.drive();
            let ack = basic::Ack {
                delivery_tag: DeliveryTag(turn * batch),
                multiple: true,
            };
            self.server.send(&method(1, &ack));
            self.drive();
            for receipt in receipts.drain(..) {
                ready(receipt)??;
            }
        }
        Ok(())
    }

    /// Takes and acks deliveries, each on its own.
    fn deliver(&mut self, batch: u64, messages: u64) -> Result<(), Failure> {
        let channel = self.open_channel()?;
        let consumer_tag = ShortStr::from_static("c");
        let consume_ok = basic::ConsumeOk {
            consumer_tag: consumer_tag.clone(),
        };
        let octets = [method(1, &basic::QosOk {}), method(1, &consume_ok)].concat();
        let consume = channel.basic_consume("q").consumer_tag("c").into_future();
        let mut consumer = self.answered(consume, &octets)??;
        let mut octets = Vec::new();
        for turn in 0..messages / batch {
            octets.clear();
            for number in 1..=batch {
                let deliver = basic::Deliver {
                    consumer_tag: consumer_tag.clone(),
                    delivery_tag: DeliveryTag(turn * batch + number),
                    exchange: ShortStr::from_static("exchange"),
                    routing_key: ShortStr::from_static("routing.key"),
                    ..Default::default()
                };
                frame::write_method(&mut octets, ChannelId(1), &deliver, 0)?;
                octets.extend_from_slice(&frame::start(FrameType::Header, ChannelId(1), 14));
                octets.extend_from_slice(&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, BODY.len() as u8, 0, 0]);
                octets.push(frame::END);
                frame::write_body(&mut octets, ChannelId(1), &BODY, 0);
            }
            self.server.send(&octets);
            self.drive();
            for _ in 0..batch {
                let delivery = ready(consumer.next())?.ok_or("the consumer ended")??;
                ready(delivery.ack())??;
            }
            self.drive();
        }
        Ok(())
    }
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

/// What a future gives that has nothing to wait for any more.
fn ready<F: Future>(future: F) -> Result<F::Output, Failure> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err("it waits for something".into()),
    }
}
