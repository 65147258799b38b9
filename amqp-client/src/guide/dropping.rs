//! What becomes of a request whose future is dropped, and of a handle that is.
//!
//! A future that is dropped, by `select!` or a timeout, never disturbs another request: no reply goes to the wrong
//! caller, and no publish is sent by half.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use tokio::time::timeout;
//!
//! let fetch = async { channel.basic_get("orders").await };
//! match timeout(Duration::from_secs(1), fetch).await {
//!     Ok(fetched) => println!("{} messages", fetched?.iter().len()),
//!     // If the server sends a message yet, it is requeued.
//!     Err(_) => println!("too late"),
//! }
//! // Gets its own reply, whatever came of the request before.
//! channel.queue_purge("orders").await?;
//! # Ok(())
//! # }
//! ```
//!
//! | dropped | what becomes of it |
//! |---|---|
//! | a request, or its future before the first poll | nothing is sent |
//! | the future of a request later | the server carries it out; its reply is swallowed, and what it brought undone: a fetched message is requeued, a channel closed, a consumer cancelled |
//! | the future of a publish | nothing is published, unless it was ready |
//! | a [`Receipt`] | the message goes its way; [`Publisher::wait_for_all`] reports a failure |
//! | an unsettled [`Delivery`] | it is requeued |
//! | a [`Consumer`] | it is cancelled, and what it had not handed out is requeued |
//! | [`Consumer::next`], [`Events::next`], [`Returns::next`] | nothing is lost: the next one gets it |
//! | the last handle on a channel | the channel is closed |
//! | the last handle on a connection | the connection is closed in order, if its driver is still polled |
//! | a [`Driver`](crate::driver::Driver) | the connection ends; whoever waits gets [`ConnectionError::DriverDropped`] |
//!
//! What holds a channel open is all that was made from it: [`Consumer`], [`Delivery`], [`Publisher`], a [`Receipt`] that
//! waits. A method whose future does something else when it is dropped says so on its page.
//!
//! # What can go wrong
//!
//! - A delivery that a timeout drops together with its handler is requeued, and comes again: give the handler the time it
//!   needs, or settle before.
//! - Under `no_ack` there is nothing to requeue: what a dropped consumer had not handed out, or a dropped
//!   [`basic_get`](Channel::basic_get) has fetched, is lost.
//! - A consumer that is dropped keeps its tag until the server has answered; [`Consumer::cancel`] waits for that.
//! - `let _ = publisher.publish(…).await?;` drops a receipt: its failure waits at [`Publisher::wait_for_all`], and nowhere
//!   else.
//! - Handles may be dropped outside of the runtime, and after it: they only leave word for the driver, and when there is
//!   none any more, the server has seen the stream end and requeued everything.
//!
//! `tests/tests/dropping.rs` drops the future of every method at each point of its way against a real broker, and looks
//! that what follows on the channel gets its own replies; its test `no_method_is_forgotten` reads the sources, so that
//! a new method cannot be left out.
use super::*;
