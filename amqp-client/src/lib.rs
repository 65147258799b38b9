//! An AMQP 0-9-1 client for RabbitMQ and other brokers.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub use amqp_protocol as protocol;

mod config;
pub mod driver;
mod error;
mod handle;
pub mod sans_io;
#[cfg(feature = "tokio")]
pub mod tokio;
mod uri;

pub use config::{Config, Credentials};
pub use error::{
    CallError, ChannelError, Close, ConnectionError, PeerViolation, PublishError, TransportError, Violation,
};
pub use handle::{
    Call, Channel, Connection, Consume, Consumer, ConsumerError, Delivery, Get, GetMessage, NoWait, Publish,
    PublishMessage, Request, SendNoWait, StartConsumer, TooLarge,
};
pub use sans_io::{Body, ConsumerEnd, Message, State};
pub use uri::{DEFAULT_PORT, Uri, UriError, UriErrorReason, UriPart};
