//! Consuming so that each message is handled, and handled again if it was not.
//!
//! # The loop
//!
//! A [`Consumer`] yields each [`Delivery`], and once, at its end, why it ended. A delivery is settled once, or requeued
//! when it is dropped:
//!
//! ```no_run
//! use amqp_client::{Channel, ConsumerError, Delivery};
//!
//! async fn consume(channel: &Channel) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut consumer = channel.basic_consume("orders").prefetch_count(20).await?;
//!     while let Some(delivery) = consumer.next().await {
//!         match delivery {
//!             Ok(delivery) => match serve(&delivery).await {
//!                 Ok(()) => delivery.ack().await?,
//!                 Err(Unserved::NotYet) => delivery.requeue().await?,
//!                 Err(Unserved::Never) => delivery.reject().await?,
//!             },
//!             // A body over `body_max`, which was thrown away: it would come again and again.
//!             Err(ConsumerError::TooLarge(delivery)) => delivery.into_delivery().reject().await?,
//!             // This program cancelled it, or shut the connection down.
//!             Err(ConsumerError::Ended(end)) if end.is_wanted() => break,
//!             Err(error) => return Err(error.into()),
//!         }
//!     }
//!     Ok(())
//! }
//!
//! enum Unserved {
//!     NotYet,
//!     Never,
//! }
//!
//! async fn serve(order: &Delivery) -> Result<(), Unserved> {
//!     println!("{}", String::from_utf8_lossy(order.body()));
//!     Ok(())
//! }
//! ```
//!
//! - [`ack`](Delivery::ack): the server forgets the message. Do it behind the work, not before.
//! - [`reject`](Delivery::reject): no attempt will help. It goes to the queue's dead-letter exchange
//!   ([`dead_letter_exchange`](Request::dead_letter_exchange)), or is dropped.
//! - [`requeue`](Delivery::requeue): another attempt may help. It comes again at once, so that a message which always fails
//!   comes for ever: a quorum queue with a [`delivery_limit`](Request::delivery_limit) puts an end to it, and
//!   [`redelivered`](Message::redelivered) tells the first attempt from others.
//!
//! With [`no_ack`](Request#method.no_ack) a message is settled when it is sent, and lost with the program that has it.
//!
//! # At least once
//!
//! A message comes again when it was not acked: its handler failed, the connection was lost, or the ack was on its way when
//! that happened. So a handler is written to bear the same message twice, by an id of the publisher's
//! ([`message_id`](Request::message_id)) or because doing the work twice is the same as once.
//!
//! A delivery is settled on the channel it came on, or never: when that is over, [`ack`](Delivery::ack) is an error with
//! the reason, and the server has requeued the message by itself.
//!
//! # Several handlers at a time
//!
//! A [`Delivery`] is owned, and can be moved into a task. How many there are at a time is the prefetch count: the server
//! sends no more before some are settled.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
//! # async fn serve(_: &amqp_client::Delivery) {}
//! let mut consumer = channel.basic_consume("orders").prefetch_count(10).await?;
//! while let Some(Ok(delivery)) = consumer.next().await {
//!     tokio::spawn(async move {
//!         // A handler that panics drops the delivery, which requeues it.
//!         serve(&delivery).await;
//!         delivery.ack().await
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The example `worker` is a whole program of this kind: its handlers fail, panic and are waited for when a signal ends it.
//! Handlers that compute or block for long belong on other threads: [`tokio`] says why and how.
//!
//! [`ack_multiple`](Delivery::ack_multiple) settles with one method all that came before on the channel: for a loop that
//! handles in order, once in a while. It is no use to handlers that finish in any order.
//!
//! # Its end
//!
//! | how | what had come and was not handed out | the last item |
//! |---|---|---|
//! | [`drain`](Consumer::drain) | is still handed out | [`ConsumerEnd::Cancelled`], which is wanted |
//! | [`cancel`](Consumer::cancel) | is what it gives | none: the consumer is used up |
//! | dropped | is requeued | none |
//! | [`Connection::shutdown`] | is still handed out | [`ConsumerEnd::Shutdown`], which is wanted |
//! | the queue is deleted, or its node goes down | is still handed out | [`ConsumerEnd::CancelledByServer`] |
//! | it is too far behind | is requeued | [`ConsumerEnd::Overflow`] |
//! | the channel or connection ends | is still handed out; to settle it is an error | [`ConsumerEnd::Channel`] |
//!
//! # What can go wrong
//!
//! - A handler takes longer than the server's `consumer_timeout`, half an hour unless configured: RabbitMQ closes the
//!   channel, and [`ChannelError::is_consumer_timeout`] tells.
//! - Bodies times prefetch come to more than the client holds: [back-pressure](super::back_pressure).
//! - A delivery is settled twice by its tag ([`Channel::basic_ack`]): the server closes the channel (406). With
//!   [`Delivery::ack`], which takes the delivery, it cannot happen.
//! - [`Channel::basic_get`] in a loop costs a round trip for each message, and asks in vain while the queue is empty.
//!
//! Streams are consumed the same way with a [`stream_offset`](Request::stream_offset); acks there only make room for more,
//! and nothing is requeued.
use super::*;
