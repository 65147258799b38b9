//! An AMQP 0-9-1 and 0-8 client for RabbitMQ and other brokers.
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
//! if let Some(delivery) = consumer.next().await {
//!     let delivery = delivery?;
//!     println!("{}", String::from_utf8_lossy(delivery.body()));
//!     delivery.ack().await?;
//! }
//! connection.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A consumer goes on until it is ended, and says by what. That this program cancelled it, or shut the connection down, is
//! no error:
//!
//! ```no_run
//! # async fn example(mut consumer: amqp_client::Consumer) -> Result<(), Box<dyn std::error::Error>> {
//! use amqp_client::ConsumerError;
//!
//! while let Some(delivery) = consumer.next().await {
//!     match delivery {
//!         Ok(delivery) => delivery.ack().await?,
//!         Err(ConsumerError::Ended(end)) if end.is_wanted() => break,
//!         Err(error) => return Err(error.into()),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The example `worker` is a whole program, with handlers that fail and an end by signal.
//!
//! # Where to look
//!
//! The [`guide`] has a chapter for each thing that a program does, [what dropping does](guide::dropping) and what to do about
//! [errors](guide::errors) among them. Where each begins:
//!
//! - Connecting: [`ConnectOptions`] says where servers are, and is read from a URI; [`Config`] in it says what is wanted of
//!   one connection; [`Credentials`] who connects; [`TlsOptions`] how to speak TLS. [`ConnectError`] lists what was tried.
//! - Requests: each method of AMQP is one of [`Channel`], such as [`queue_declare`](Channel::queue_declare): names come
//!   first, options by name, `.await` sends it and yields the reply. [`Channel::call`] sends any generated method. Who names
//!   their types finds them in [`request`].
//! - Publishing: [`Channel::basic_publish`], or a [`Publisher`], which tells what becomes of each message.
//! - Consuming: a [`Consumer`] is a stream of [`Delivery`]s; [`Channel::basic_get`] fetches one message.
//! - Connections one after the other: [`Reconnecting`], by a [`ReconnectionStrategy`].
//! - The life of a connection: [`Connection::shutdown`], [`close`](Connection::close), [`closed`](Connection::closed),
//!   [`events`](Connection::events), [`stats`](Connection::stats).
//! - Looking at the wire: a [`wire::Tap`] sees every frame; a [`wire::Text`] prints, a [`wire::Recorder`] records them.
//!
//! # Layers
//!
//! Each can be used alone:
//!
//! - [`sans_io`]: the protocol as a state machine. Octets in, events out; commands in, octets out. It has no socket, clock,
//!   lock, thread or runtime.
//! - the handles, [`Connection`] and what is made from it: async, for any runtime, or in another [`Style`]. They share one
//!   core behind a short lock. No task or thread is begun here, and no message waits for one.
//! - a [`driver`], which moves the octets between the handles and a stream: a future of any runtime.
//! - [`connect`](mod@connect), which finds the server that a stream leads to, as [`ConnectOptions`] say.
//! - adapters, which give a driver its stream and timer: the modules `tokio`, `smol`, `blocking` and `event_loop`. After
//!   `use amqp_client::*` such a name is the module and no longer the crate, which is `::tokio` then: import by name what
//!   is used.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `tokio` (default) | the adapter for tokio. Without it, no runtime and no socket is linked |
//! | `smol` | the adapter for smol, async-io and streams of the futures-io kind |
//! | `blocking` | calls that return when they are done, with a thread for I/O or without any |
//! | `event-loop` | the module `event_loop`: callbacks, timers and many connections in one loop over mio |
//! | `tls` | `amqps://`: TLS by rustls over any transport, with ring as crypto provider unless another is given |
//! | `tls-no-provider` | the same without ring |
//! | `tls-bundled-roots` | Mozilla's root certificates, compiled in |
//! | `v0-8` | `Protocol::V0_8`: AMQP 0-8, for a server that speaks nothing newer |
//! | `metrics` | what connections count and measure, for a recorder of the crate `metrics`: see the module of that name |
//! | `opentelemetry` | the context of traces in the headers of messages: `OpenTelemetryPropagator` |
//! | `tracing` | spans and events, which the page of [`trace`] lists |
//!
//! No feature changes what another does. [`tls`] says more of its own.
#![forbid(unsafe_code)]
// On docs.rs, items say which feature they need.
#![cfg_attr(docsrs, feature(doc_cfg))]
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
/// The methods and properties that the client speaks, whatever revision of the protocol is on the wire: those of
/// AMQP 0-9-1 with RabbitMQ's extensions. [`Channel::call`] sends them, and their replies are among them.
pub use amqp_protocol::v0_9_1 as methods;
pub use bytes;

#[cfg(feature = "blocking")]
pub mod blocking;
mod config;
pub mod connect;
mod credentials;
mod dialect;
pub mod driver;
mod error;
#[cfg(feature = "event-loop")]
pub mod event_loop;
mod handle;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics/off.rs"]
mod metrics;
#[cfg(feature = "opentelemetry")]
mod opentelemetry;
mod options;
mod propagation;
mod random;
#[cfg(any(feature = "blocking", feature = "event-loop"))]
mod reactor;
mod read_room;
mod reconnect;
pub mod request;
pub mod sans_io;
mod secret;
mod server_properties;
mod settings;
#[cfg(feature = "smol")]
pub mod smol;
pub mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod trace;
pub mod wire;

// For readers: a program has no use for it.
#[cfg(doc)]
pub mod guide;

pub use config::{Config, HeldBack, Peer};
pub use credentials::{Credentials, IssueError, IssuedSecret, Mechanism, MechanismError, SecretProvider};
pub use dialect::{Protocol, ProtocolError};
pub use error::{
    CallError, ChannelError, Close, ConnectError, ConnectPhase, ConnectionError, FailedAttempt,
    PeerViolation, ProviderError, PublishError, RefreshError, Refusal, ShutdownError, TransportError,
    UnknownReason, Violation, explained,
};
pub use handle::{
    Async, Blocking, Channel, Connection, ConnectionEvent, Consumer, ConsumerError, DeadLetterStrategy,
    Delivery, Events, Overflow, Publisher, QueueLeaderLocator, QueueMode, QueueType, Receipt, Receipts,
    ReceiptsError, Request, Returns, Settle, StreamOffset, Style, TooLarge, XMatch,
};
#[cfg(feature = "opentelemetry")]
pub use opentelemetry::OpenTelemetryPropagator;
pub use options::{
    ConnectOptions, DEFAULT_PORT, DEFAULT_TLS_PORT, Host, Keepalive, ServerName, TcpOptions, TlsOptions,
    TlsRoots, UriError, UriErrorReason, UriPart,
};
pub use propagation::{Headers, Propagator};
pub use reconnect::{ExponentialBackoff, NoReconnection, Reconnecting, ReconnectionStrategy};
pub use sans_io::{Body, ConsumerEnd, Message, Returned, State, Stats, Unfinished};
pub use secret::Secret;
pub use server_properties::{Capabilities, ServerProperties};
