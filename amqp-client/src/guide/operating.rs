//! Running it: what a connection says of itself, and how a program ends.
//!
//! # What it is doing
//!
//! | question | answer |
//! |---|---|
//! | is it open? | [`Connection::state`], at once |
//! | what happens to it? | [`Connection::events`], a stream |
//! | how much passed, how much waits? | [`Connection::stats`], at once |
//! | why is it over? | [`Connection::closed`], a future |
//! | who is the server? | [`Connection::server_properties`] |
//!
//! ```no_run
//! # async fn example(connection: amqp_client::Connection) {
//! use amqp_client::ConnectionEvent;
//!
//! let mut events = connection.events();
//! while let Some(event) = events.next().await {
//!     match event {
//!         ConnectionEvent::Blocked { reason } => eprintln!("the server blocks publishing: {reason}"),
//!         ConnectionEvent::Unblocked => eprintln!("publishing goes on"),
//!         ConnectionEvent::ReadingPaused => eprintln!("consumers are behind"),
//!         ConnectionEvent::ChannelEnded { channel, reason } => eprintln!("channel {channel}: {reason}"),
//!         ConnectionEvent::Closed(error) => eprintln!("the connection is over: {error}"),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! A subscriber that is behind holds nobody up: it misses the oldest events, and is told how many.
//!
//! For a health check, [`State::Open`] says that the handshake is over and nobody has closed: a server that died
//! is noticed after two heartbeat intervals. What asks the server itself is any request that changes nothing, such as
//! [`Channel::channel_flow`] on a channel kept for it.
//!
//! # How it ends
//!
//! [`Connection::shutdown`] stops consumers, lets handlers settle what they have, awaits confirms, and closes; its error
//! says what was left. [Connecting](super::connecting#its-end) has all the ways to end.
//!
//! # What is on the wire
//!
//! When nothing else explains it: a [wire tap](WireTap) sees every frame of both directions, decoded. [`WireText`] prints a
//! line for each, [`WireRecorder`] writes their octets to files:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use amqp_client::tokio::connect;
//! use amqp_client::{ConnectOptions, WireText};
//!
//! let mut options: ConnectOptions = "amqp://localhost".parse()?;
//! if std::env::var_os("SHOW_FRAMES").is_some() {
//!     options.config.wire_tap = Some(Arc::new(WireText::new(std::io::stderr())));
//! }
//! let connection = connect(options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Secrets of the handshake are hidden before a tap is called; what is in messages is not. The task that moves the octets
//! waits for the tap, so that a slow one slows the connection down. The example `wire_tap` does both, and
//! `cargo run -p amqp-protocol --all-features --example wire -- dissect FILE` reads what is recorded.
use super::*;
