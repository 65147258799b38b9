//! What waits, where, and how much of it; who is slowed down when it is too much.
//!
//! For each thing that a server, a network or a slow part of the program can make wait there is a limit. It slows down
//! whoever sends too much, where that is possible, and only then is something given up.
//!
//! | what waits | limit | at the limit |
//! |---|---|---|
//! | deliveries that nobody has settled | [`prefetch_count`](Request::prefetch_count) | the server sends no more to this consumer |
//! | messages received and not taken | [`receive_buffer`](field@Config::receive_buffer), [`receive_buffer_messages`](field@Config::receive_buffer_messages) | reading pauses, unless somebody awaits a reply; TCP holds the server back |
//! | the same while reading must go on | four times that | the consumer furthest behind ends with [`ConsumerEnd::Overflow`], or the largest incomplete body is thrown away |
//! | a body | [`body_max`](field@Config::body_max) | it is read and thrown away, and its consumer told: [`ConsumerError::TooLarge`] |
//! | octets to send | [`send_buffer`](field@Config::send_buffer) | publishes wait, for at most `publish_timeout` |
//! | publishes without a confirm | [`max_unconfirmed`](Request::max_unconfirmed), [`max_unconfirmed_octets`](Request::max_unconfirmed_octets) | publishes of that channel wait, for at most `publish_timeout` |
//! | octets that answer the server | `receive_buffer` | the connection ends: [`ConnectionError::AnswersNotTaken`] |
//! | returned messages that nobody reads | 1,000, and 16 MiB of bodies | the oldest are dropped, and [`Returns::missed`] counts them |
//! | events that nobody reads | 256 | the oldest are dropped: [`ConnectionEvent::Missed`] |
//!
//! # Too much comes in
//!
//! Prefetch does almost all of it: a consumer that is slow has at most that many messages here. What is left is arithmetic.
//! Octets of bodies, times prefetch, over all consumers of a connection, should stay below `receive_buffer`, and must stay
//! below four times that, a little less for what each message takes beside its body; the same holds of their number and
//! `receive_buffer_messages`. By default, with one consumer:
//!
//! ```
//! use amqp_client::Config;
//!
//! let config = Config::default();
//! let pauses_above = config.receive_buffer / usize::from(config.prefetch_count);
//! let ends_above = 4 * config.receive_buffer / usize::from(config.prefetch_count);
//! // Octets that each of so many bodies may have.
//! assert_eq!((pauses_above, ends_above), (671_088, 2_684_354));
//! ```
//!
//! For larger bodies lower `prefetch_count`, or raise `receive_buffer`. A message that a handler has taken does not
//! count any more: it is the program's.
//!
//! Reading cannot pause while a request, a confirm or connection.unblocked is awaited, because these come behind the
//! deliveries in the same stream. That is what the fourfold limit is for, and why it is a consumer that gives way rather
//! than the request. While reading is paused the server's silence is not held against it.
//!
//! `pitfall_13_a_stalled_consumer_costs_neither_memory_nor_heartbeats_nor_anybodys_confirms` in `tests/tests/limits.rs`
//! floods a consumer that takes nothing, and looks at the memory of its process.
//!
//! # Too much goes out
//!
//! RabbitMQ blocks connections that publish while it is low on memory or disk (connection.blocked); a server may also stop
//! one channel (channel.flow). Publishing alone waits then: requests, acknowledgements, heartbeats and the close go on here.
//! RabbitMQ, though, stops reading from a connection that it blocks, so that they reach it later: consume on a
//! connection of its own.
//!
//! A program that must not wait says so, and keeps the message:
//!
//! ```no_run
//! # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::PublishError> {
//! use amqp_client::{Config, HeldBack, PublishError};
//!
//! // For the connection.
//! let config = Config::default().held_back(HeldBack::Fail);
//!
//! match channel.basic_publish("", "orders", "one coffee").await {
//!     Err(PublishError::Blocked { reason }) => println!("kept for later, the server is {reason}"),
//!     outcome => outcome?,
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`ConnectionEvent::Blocked`] tells it without publishing, and
//! [`blocked_connection_timeout`](field@Config::blocked_connection_timeout) ends a connection that stays blocked.
//!
//! # Awaiting is the back-pressure
//!
//! A publish that waits is a future that is not ready. A program that spawns a task for each publish puts its own queue
//! before this one, which nothing bounds: publish in the loop that produces, and await there.
use super::*;
