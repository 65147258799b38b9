//! An AMQP 0-9-1 client for RabbitMQ and other brokers.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let connection = amqp_client::tokio::connect("amqp://localhost").await?;
//! let channel = connection.open_channel().await?;
//! let queue = channel.queue_declare("").exclusive().await?.queue;
//! channel.basic_publish("", &queue, "Hello!").await?;
//!
//! let mut consumer = channel.basic_consume(&queue).await?;
//! while let Some(delivery) = consumer.next().await {
//!     let delivery = delivery?;
//!     println!("{}", String::from_utf8_lossy(delivery.body()));
//!     delivery.ack().await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Three layers, each of which can be used alone:
//!
//! - [`sans_io`]: the protocol as a state machine. Octets in, events out; commands in, octets out. It has no socket, clock,
//!   lock, thread or runtime.
//! - the handles [`Connection`], [`Channel`], [`Consumer`] and [`Delivery`]: async, for any runtime. They share one core
//!   behind a short lock, and a [`driver`] moves its octets.
//! - adapters, which give a driver its streams and timers: the module `tokio`.
//!
//! Requests are built on a channel: names first, options by name, sent when awaited. What does not fit is an error then,
//! and nothing is sent. Dropping a future never disturbs another request: each says what it does.
//!
//! Where the servers are, and everything that can be set, is in [`ConnectOptions`], which a URI is read into; [`Config`] in
//! it is the part that concerns one connection.
//!
//! # Features
//!
//! - `tokio` (default): the adapter for tokio. Without it, no runtime and no socket is linked.
//! - `tls`, `tls-no-provider`, `tls-bundled-roots`: TLS by rustls; [`tls`] says what each adds.
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
mod credentials;
pub mod driver;
mod error;
mod handle;
mod options;
pub mod sans_io;
mod secret;
mod server_properties;
mod settings;
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use config::{Config, HeldBack};
pub use credentials::{Credentials, IssueError, IssuedSecret, Mechanism, MechanismError, SecretProvider};
pub use error::{
    CallError, ChannelError, Close, ConnectError, ConnectPhase, ConnectionError, FailedAttempt,
    PeerViolation, ProviderError, PublishError, RefreshError, Refusal, ShutdownError, TransportError,
    UnknownReason, Violation,
};
pub use handle::{
    Call, Channel, ConfirmSelect, Connection, ConnectionEvent, Consume, Consumer, ConsumerError,
    DeadLetterStrategy, Delivery, Events, Get, GetMessage, HasArguments, NoWait, Overflow, Publish,
    PublishConfirmed, PublishMessage, Publisher, QueueLeaderLocator, QueueMode, QueueType, Receipt, Receipts,
    ReceiptsError, Request, Returns, SelectConfirms, SendNoWait, SendUnanswered, StartConsumer, StreamOffset,
    TooLarge, Unanswered, XMatch,
};
pub use options::{
    ConnectOptions, DEFAULT_PORT, DEFAULT_TLS_PORT, Host, Keepalive, ServerName, TcpOptions, TlsOptions,
    TlsRoots, UriError, UriErrorReason, UriPart,
};
pub use sans_io::{Body, ConsumerEnd, Message, Returned, State, Stats, Unfinished};
pub use secret::Secret;
pub use server_properties::{Capabilities, ServerProperties};
