//! Errors: what is over, whose fault it is, and what to do next.
//!
//! # One type for what each can end
//!
//! | type | who gets it | what is over |
//! |---|---|---|
//! | [`ConnectError`] | who connects | the attempts, each with its host, address and phase |
//! | [`ConnectionError`] | everybody on the connection | the connection |
//! | [`ChannelError`] | everybody on the channel | the channel, and with [`Connection`](ChannelError::Connection) more than that |
//! | [`CallError`] | who awaits a request | the request; the channel too if it says [`Channel`](CallError::Channel) |
//! | [`PublishError`] | who publishes | the publish; [publishing] sorts them |
//! | [`ConsumerError`] | who reads a consumer | one message, or the consumer |
//! | [`ShutdownError`] | who shuts down | the connection, with what was left undone |
//!
//! They are plain data and print in one line; all but [`ConsumerError`] can be cloned. Once a connection or a channel has
//! ended, everything on it fails with the same value: the reason is not lost because somebody else saw it first.
//!
//! Their variants are sorted by fault. The server's own words stand in a [`Close`]; what it does wrong is a
//! [`PeerViolation`]; what a caller does wrong is an error of that request, and nothing is sent.
//!
//! # What to do next
//!
//! ```
//! use amqp_client::{CallError, ChannelError, ConnectionError};
//!
//! #[derive(Debug, PartialEq)]
//! enum Next {
//!     Connect,
//!     OpenChannel,
//!     AskAgain,
//!     Stop,
//!     FixTheProgram,
//! }
//!
//! fn next(error: &CallError) -> Next {
//!     match error {
//!         // This program closed it.
//!         CallError::Channel(ChannelError::Connection(ConnectionError::Closed)) | CallError::ShuttingDown => Next::Stop,
//!         CallError::Channel(ChannelError::Connection(_)) => Next::Connect,
//!         // Such as 404, no such queue: the channel is gone, the connection is not.
//!         CallError::Channel(_) => Next::OpenChannel,
//!         // The server may carry it out yet. Declaring and deleting may be done twice.
//!         CallError::TimedOut { .. } => Next::AskAgain,
//!         _ => Next::FixTheProgram,
//!     }
//! }
//!
//! assert_eq!(next(&ConnectionError::HeartbeatTimedOut.into()), Next::Connect);
//! assert_eq!(next(&ChannelError::Closed.into()), Next::OpenChannel);
//! ```
//!
//! Of connections that are over, [`is_connection_forced`](ConnectionError::is_connection_forced) tells those that an
//! operator ended: another server may be up.
//!
//! # The server refuses
//!
//! AMQP has no reply that says no. A server that refuses a method closes the channel, for worse the connection, and
//! says why with a code and a text. So the request that is to blame ends with [`CallError::Channel`], and so does
//! everything else on its channel. A program that asks what may be refused, such as whether a queue exists, asks on a
//! channel of its own:
//!
//! ```no_run
//! use amqp_client::methods::constants;
//! use amqp_client::{CallError, ChannelError, Connection};
//!
//! async fn exists(connection: &Connection, queue: &str) -> Result<bool, CallError> {
//!     let channel = connection.open_channel().await?;
//!     match channel.queue_declare(queue).passive().await {
//!         Ok(_) => Ok(true),
//!         Err(CallError::Channel(ChannelError::ClosedByServer(close))) if close.reply_code == constants::NOT_FOUND => {
//!             Ok(false)
//!         }
//!         Err(error) => Err(error),
//!     }
//! }
//! ```
//!
//! The text says more than the code, and is for people. [`Close::explain`] reads RabbitMQ's texts: what it gives can be
//! matched, and prints what happened and what to do about it. [`CallError::closed_by_server`] finds the [`Close`], however
//! deep it lies, and so do its namesakes of the other errors.
//!
//! ```no_run
//! # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
//! use amqp_client::explained::Explanation;
//!
//! if let Err(error) = channel.queue_declare("orders").durable().await {
//!     match error.closed_by_server().map(amqp_client::Close::explain) {
//!         // For a log, beside the error: what the server said stands there.
//!         Some(explanation) if explanation != Explanation::Other => eprintln!("{error}\n{explanation}"),
//!         _ => eprintln!("{error}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Other versions and other servers may word it differently, which is [`Other`](explained::Explanation::Other): a program that decides by an
//! explanation needs an answer for that one too. `tests/tests/explained` makes a real node say them.
//!
//! What the protocol allows, and RabbitMQ is known to close the whole connection for, is not even sent: [`Refusal`].
//!
//! # Nobody answers
//!
//! A request without a reply within `call_timeout` is [`CallError::TimedOut`]. Its reply, should it come yet, is given to
//! nobody. After two such on a channel it is in doubt which reply is whose, and the channel ends:
//! [`ChannelError::Poisoned`]. A server that is dead is noticed by its heartbeats
//! ([`HeartbeatTimedOut`](ConnectionError::HeartbeatTimedOut)), one that takes nothing by
//! [`WriteTimedOut`](ConnectionError::WriteTimedOut); the settings are in [tuning].
//!
//! # Panics
//!
//! No octets of a peer make the library panic. What panics outside of tokio's runtime says so on its page.
use super::*;
