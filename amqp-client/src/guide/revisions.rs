//! AMQP 0-8: the same program, to a server that speaks nothing newer.
//!
//! # How
//!
//! With the Cargo feature `v0-8`, [`Config::protocol`](field@Config::protocol) or a key of the URI says which revision of the
//! protocol is asked for. Nothing else in the program changes: methods, properties and errors are those of
//! [`methods`] on either revision.
//!
//! ```
//! # #[cfg(feature = "v0-8")] {
//! use amqp_client::{ConnectOptions, Protocol};
//!
//! let options: ConnectOptions = "amqp://broker.example/shop?protocol=0-8".parse()?;
//! assert_eq!(options.config.protocol, Protocol::V0_8);
//! # }
//! # Ok::<(), amqp_client::UriError>(())
//! ```
//!
//! RabbitMQ 3.10 speaks both, RabbitMQ 4 only 0-9-1. `tests/tests/revisions` runs the same scenarios on both against a real
//! node, and compares what was on the wire.
//!
//! # What 0-8 lacks
//!
//! What has no counterpart in 0-8 is [`CallError::Unsupported`], before anything is sent, and costs nothing but that
//! request:
//!
//! | not in 0-8 | instead |
//! |---|---|
//! | confirms ([`Channel::confirm_select`]) | transactions: [`Channel::tx_commit`] is answered when the server has taken what was published |
//! | basic.nack, and [`Delivery::reject_multiple`], [`Delivery::requeue_multiple`] | one delivery at a time; [`Delivery::ack_multiple`] is in 0-8 |
//! | arguments of consumers, such as [`stream_offset`](Request::stream_offset) | |
//! | bindings between exchanges | |
//! | a new secret for an open connection ([`Connection::update_secret`]) | connect again |
//! | connection.blocked | see below |
//!
//! A server that holds publishing back on 0-8 does not say so: it stops reading. So a publish waits for the transport, and is
//! [`SendBufferFull`](PublishError::SendBufferFull) after `publish_timeout` rather than
//! [`Blocked`](PublishError::Blocked); a connection whose octets nobody takes ends after
//! [`write_timeout`](field@Config::write_timeout). For a server that blocks for longer, raise that.
//!
//! # What 0-8 has
//!
//! - Realms: each channel asks for access to [`access_realm`](field@Config::access_realm) when it opens, and its ticket goes
//!   into every method that has one. RabbitMQ grants any.
//! - Redirects: a server may name another host when the connection is opened. The client insists on the one that was named,
//!   unless [`redirects`](field@ConnectOptions::redirects) says how many to follow. Whoever is followed gets the credentials:
//!   within TLS alone, and from servers that you trust.
//! - Known hosts: [`Connection::known_hosts`].
//!
//! # When it is not known which
//!
//! A server that speaks another revision answers with its own: [`ConnectionError::VersionRefused`] has both. With
//! [`protocol_fallback`](field@ConnectOptions::protocol_fallback) the client connects once more, with what was offered:
//!
//! ```
//! use amqp_client::ConnectOptions;
//!
//! let options: ConnectOptions = "amqp://broker.example?protocol_fallback=true".parse()?;
//! assert!(options.protocol_fallback);
//! # Ok::<(), amqp_client::UriError>(())
//! ```
//!
//! [`Connection::protocol`] says which it became. The next connect begins with the wanted one again. With
//! [`redirects`](field@ConnectOptions::redirects) too, a server that is followed may speak another revision than the one
//! that named it.
use super::*;
