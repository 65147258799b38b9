//! Publishing so that nothing is lost without somebody knowing.
//!
//! # Two ways to publish
//!
//! [`Channel::basic_publish`] is ready when the message is queued for the transport. What becomes of it is not known: the
//! protocol has no answer to basic.publish, and a message that no queue wants, or that the server loses, is gone. That is
//! enough for what is worthless in a second.
//!
//! For everything else a channel is put into confirm mode, which gives a [`Publisher`]. Each of its publishes is awaited
//! twice: for its turn, and then for its outcome.
//!
//! ```no_run
//! # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
//! let publisher = channel.confirm_select().await?;
//! let receipt = publisher.publish("", "orders", "one coffee").mandatory().await?;
//! receipt.await?;
//! # Ok(())
//! # }
//! ```
//!
//! Three things make an `Ok` mean that the message survives:
//!
//! - the queue is `durable`;
//! - the message is persistent, which a [`Publisher`] makes it unless told otherwise;
//! - it is [`mandatory`](Request::mandatory): without that, a message for which there is no queue is confirmed too.
//!
//! # What to do with an outcome
//!
//! Each way to fail is an error of its own, and [`PublishError::is_unsent`] sorts them by the one question that matters
//! before publishing again: can the server have the message already?
//!
//! ```no_run
//! use amqp_client::{PublishError, Publisher};
//!
//! enum Outcome {
//!     Stored,
//!     /// Again, perhaps on another connection: it duplicates nothing.
//!     Again,
//!     /// Again with the same message-id: a consumer may see it twice, and can tell by the id.
//!     AgainPerhapsTwice,
//!     /// Neither now nor later, unless queues change.
//!     NoQueue,
//! }
//!
//! async fn store(publisher: &Publisher, id: &str, order: &str) -> Outcome {
//!     let request = publisher.publish("", "orders", order).mandatory().message_id(id);
//!     let outcome = match request.await {
//!         Ok(receipt) => receipt.await,
//!         Err(error) => Err(error),
//!     };
//!     match outcome {
//!         Ok(()) => Outcome::Stored,
//!         Err(error) if error.is_unsent() => Outcome::Again,
//!         Err(PublishError::Returned(_)) => Outcome::NoQueue,
//!         // Nacked: a queue is full, but another may have it. Unknown: the connection was lost, or no confirm came in time.
//!         Err(_) => Outcome::AgainPerhapsTwice,
//!     }
//! }
//! ```
//!
//! (Of the errors that [`is_unsent`](PublishError::is_unsent), an [`InvalidArgument`](PublishError::InvalidArgument), a
//! [`FrameTooLarge`](PublishError::FrameTooLarge) and a [`Refused`](PublishError::Refused) will be the same the next time.)
//!
//! The line between *not sent* and *unknown* is exact: a publish is [`NotSent`](PublishError::NotSent) when the
//! transport had not taken its last octet. `what_the_transport_did_not_take_was_not_sent` and
//! `what_was_confirmed_survives_a_crash_of_the_node_and_what_was_not_sent_is_not_there` in `tests/tests/publisher.rs`
//! look for the messages in a real broker, the latter after they have killed it.
//!
//! # Many messages
//!
//! One receipt after the other costs a round trip for each message. [`Receipts`] collects many, and says which failed:
//!
//! ```no_run
//! # async fn example(publisher: amqp_client::Publisher, orders: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
//! use amqp_client::Receipts;
//!
//! let mut receipts = Receipts::new();
//! for order in &orders {
//!     receipts.push(publisher.publish("", "orders", order).await?);
//! }
//! if let Err(error) = receipts.await {
//!     for (index, error) in error.failures() {
//!         eprintln!("{}: {error}", orders[*index]);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! How many may be under way is bounded by number and octets ([`max_unconfirmed`](Request::max_unconfirmed),
//! [`max_unconfirmed_octets`](Request::max_unconfirmed_octets)); the next publish waits. A program that has no use for
//! single outcomes drops its receipts and asks [`Publisher::wait_for_all`] now and then: a failure waits there.
//!
//! # Several tasks
//!
//! Clones of a [`Publisher`] share a channel: each message leaves as a unit and keeps its own outcome. A publisher of
//! another channel has its own limits, and its own error if the channel is closed, as it is for an exchange that does
//! not exist (404): that publish, and whatever the server had not settled by then, ends as
//! [`Unknown`](PublishError::Unknown).
//!
//! # What can go wrong
//!
//! | what happens | what a publish says |
//! |---|---|
//! | the server is low on memory or disk | it waits, and is [`Blocked`](PublishError::Blocked) after `publish_timeout`, or at once with [`HeldBack::Fail`] |
//! | the network takes less than the program publishes | it waits above `send_buffer` octets, and is [`SendBufferFull`](PublishError::SendBufferFull) after `publish_timeout` |
//! | confirms do not come | it waits at the limit, and is [`TooManyUnconfirmed`](PublishError::TooManyUnconfirmed) after `publish_timeout`; receipts are [`TimedOut`](UnknownReason::TimedOut) after `confirm_timeout` |
//! | a queue is full and rejects | [`Nacked`](PublishError::Nacked) |
//! | no queue is bound | [`Returned`](PublishError::Returned), with the message, if it was mandatory |
//! | the exchange does not exist | the channel ends (404), and its publishes with it |
//! | the connection is lost | [`NotSent`](PublishError::NotSent) or [`Unknown`](PublishError::Unknown), each as it was |
//! | the future is dropped before it is ready | nothing is published |
//!
//! Two mandatory messages that are alike in everything that a return shows cannot be told apart when one comes back;
//! [`return_header`](Request::return_header) numbers them. Without receipts, returned messages come to
//! [`Channel::returns`].
//!
//! Transactions ([`Channel::tx_select`]) make publishes and acknowledgements of a channel take effect together at a commit,
//! which takes a round trip. A crash of RabbitMQ may leave half of one that concerns several queues.
use super::*;
