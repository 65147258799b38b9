//! What a program is asked to do.

use std::env;
use std::net::SocketAddr;

use crate::{Failure, Meter};

/// What is measured. Bodies have 16 octets and one property, delivery-mode, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Messages without confirms, one after the other. It ends when the broker has read the last one.
    Publish,
    /// Messages with confirms, 1,000 of which may be outstanding; the outcome of each is looked at.
    Confirms,
    /// Deliveries without acknowledgements.
    Consume,
    /// Deliveries, each acked on its own. It ends when the broker has read the last ack.
    ConsumeAck,
    /// One message at a time, each confirmed before the next: the time that each takes.
    Confirm,
    /// A message that comes back as a delivery before the next is published: the time that each takes.
    PingPong,
    /// As `Publish`, with bodies of 65,536 octets.
    Large,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Publish,
        Self::Confirms,
        Self::Consume,
        Self::ConsumeAck,
        Self::Confirm,
        Self::PingPong,
        Self::Large,
    ];

    /// Its name in arguments and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Confirms => "confirms",
            Self::Consume => "consume",
            Self::ConsumeAck => "consume-ack",
            Self::Confirm => "confirm",
            Self::PingPong => "ping-pong",
            Self::Large => "large",
        }
    }

    /// How many of its messages are deliveries that wait in the queue when it begins.
    pub fn delivered(self, messages: u64) -> u64 {
        match self {
            Self::Consume | Self::ConsumeAck => messages,
            _ => 0,
        }
    }

    /// The queue for so many messages, to publish to and to consume from. A broker that does nothing reads from its name how
    /// many deliveries to send; a real one has it, and them, before the program begins.
    pub fn queue(self, messages: u64) -> String {
        format!("bench.{}", self.delivered(messages))
    }

    /// The scenario of that name.
    ///
    /// # Errors
    ///
    /// That there is none.
    pub fn from_name(name: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|scenario| scenario.name() == name);
        found.ok_or_else(|| format!("there is no scenario {name}").into())
    }
}

/// The arguments of a program: `VARIANT SCENARIO COUNT ADDRESS`.
#[derive(Debug, Clone)]
pub struct Job {
    /// One of the program's own.
    pub variant: String,
    /// What to do.
    pub scenario: Scenario,
    /// With how many messages.
    pub count: u64,
    /// Where the broker is. User, password and virtual host are RabbitMQ's defaults.
    pub address: SocketAddr,
    /// The [queue](Scenario::queue) to publish to and to consume from.
    pub queue: String,
}

impl Job {
    /// Reads the arguments of the process.
    ///
    /// # Errors
    ///
    /// When they are others.
    pub fn from_args() -> Result<Self, Failure> {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let [variant, scenario, count, address] = arguments.as_slice() else {
            return Err("arguments: VARIANT SCENARIO COUNT ADDRESS".into());
        };
        let scenario = Scenario::from_name(scenario)?;
        let count = count.parse()?;
        Ok(Self {
            variant: variant.clone(),
            scenario,
            count,
            address: address.parse()?,
            queue: scenario.queue(count),
        })
    }

    /// The broker as a URI.
    pub fn uri(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.address)
    }

    /// The measurement, begun.
    pub fn start(&self) -> Meter {
        Meter::start(self)
    }

    /// That the program knows no such variant.
    pub fn unknown_variant(&self) -> Failure {
        format!("there is no variant {}", self.variant).into()
    }
}
