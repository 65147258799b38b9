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
use super::*;
