//! Which style of program: futures, blocking calls, callbacks, or the bare core; and what each costs.
//!
//! The handles are the same in all of them, and so are the requests; what differs is how a program waits. A handle has its
//! style in its type, [`Channel`] being `Channel<Async>`, and what is made from it has the same one. [`Style`] has a table of
//! what is called otherwise.
//!
//! ```
//! # #[cfg(all(feature = "blocking", feature = "event-loop"))]
//! # mod example {
//! use amqp_client::{CallError, Channel, blocking, event_loop};
//!
//! async fn awaits(channel: &Channel) -> Result<(), CallError> {
//!     let queue = channel.queue_declare("orders").durable().await?;
//!     println!("{} messages", queue.message_count);
//!     Ok(())
//! }
//!
//! fn blocks(channel: &blocking::Channel) -> Result<(), CallError> {
//!     let queue = channel.queue_declare("orders").durable().call()?;
//!     println!("{} messages", queue.message_count);
//!     Ok(())
//! }
//!
//! fn goes_on(channel: &event_loop::Channel) {
//!     channel.queue_declare("orders").durable().then(|_, declared| match declared {
//!         Ok(queue) => println!("{} messages", queue.message_count),
//!         Err(error) => eprintln!("{error}"),
//!     });
//! }
//! # }
//! ```
//!
//! # Which one
//!
//! | style | for a program that | Cargo feature |
//! |---|---|---|
//! | [`tokio`], [`smol`] | has a runtime, or many things under way at a time | `tokio`, `smol` |
//! | [`blocking::Connection`] | has threads, or one thread that computes for long | `blocking` |
//! | [`blocking::SingleThreaded`] | may have no thread but its own: a script, a tool, an embedded interpreter | `blocking` |
//! | [`event_loop`] | is a loop of callbacks already, or has many connections in one thread | `event-loop` |
//! | [`driver`], [`connect`](mod@crate::connect) | has another runtime | none |
//! | [`sans_io`] | has no sockets, or a clock of its own: a simulation, a test, a proxy | none |
//!
//! Who is not sure takes tokio, and who does not want `async`, [`blocking::Connection`]: in both, octets move and heartbeats
//! leave whatever the program does.
//!
//! # What each costs
//!
//! | style | threads of its own | crates beside the core | from a call to the socket |
//! |---|---|---|---|
//! | tokio, smol | none | the runtime | the task of the driver is woken |
//! | `blocking::Connection` | one for each connection | `mio` | its thread is woken |
//! | `blocking::SingleThreaded` | none | `mio` | the call writes, itself |
//! | event loop | none | `mio` | the loop writes, behind the closure |
//!
//! Where a driver is woken, one write takes all that was queued until it runs. `tests/tests/dependencies.rs` holds what is
//! linked for each feature. Under [`sans_io`] and [`driver`] there is neither runtime nor socket.
//!
//! # Sharing a handle
//!
//! | style | clones | other threads |
//! |---|---|---|
//! | async | one connection | use the handles, on any runtime or none |
//! | `blocking::Connection` | one connection | use the handles; each call waits for its own answer |
//! | `blocking::SingleThreaded` | one connection | send closures by a [`Remote`](blocking::Remote), which run in [`process_events`](blocking::SingleThreaded::process_events) |
//! | event loop | one connection | send closures by a [`Remote`](event_loop::Remote), which the loop calls |
//!
//! What stays on its thread is not `Send`: the compiler sees to it. A [`Delivery`] may go to any thread in every style, and
//! be settled there. A channel that several use at a time gives each its own replies; what is published on it goes out in the
//! order of the calls.
//!
//! # Dropping
//!
//! What [dropping] a handle does is the same in every style; who does the work is not:
//!
//! | style | behind the last handle |
//! |---|---|
//! | tokio, smol | the driver closes the connection in order, as long as its runtime goes on |
//! | `blocking::Connection` | its thread does, and then ends; a program that ends at once cuts it short |
//! | `blocking::SingleThreaded` | what is queued leaves, and connection.close behind it, as far as the socket takes it; nobody waits for the answer |
//! | event loop | the loop does, and ends when nothing else is left; a loop that is dropped ends its connections at once |
//!
//! [`Connection::close`] and [`shutdown`](Connection::shutdown) wait for the server, and say what went wrong.
//!
//! # Timers
//!
//! | style | a timer | nothing came for a time |
//! |---|---|---|
//! | tokio, smol | the runtime's | its `timeout` around [`Consumer::next`], which loses nothing |
//! | `blocking::Connection` | a thread that sleeps | [`inactivity_timeout`](Consumer::inactivity_timeout) |
//! | `blocking::SingleThreaded` | [`call_later`](blocking::SingleThreaded::call_later) | the same |
//! | event loop | [`call_later`](event_loop::Handle::call_later) | a timer that each delivery sets anew |
//!
//! A secret that expires is such a timer's work: tokio has [`keep_secret_fresh`](crate::tokio::keep_secret_fresh), the event
//! loop [a method of that name](event_loop::Connection::keep_secret_fresh). A program that blocks calls
//! [`update_secret`](Connection::update_secret) in time:
//!
//! ```no_run
//! # #[cfg(feature = "blocking")]
//! # mod example {
//! use std::time::Duration;
//!
//! use amqp_client::blocking::SingleThreaded;
//!
//! /// Before each token expires. The first one opened the connection.
//! fn refresh(connection: &SingleThreaded, token: fn() -> (String, Duration)) {
//!     let (fresh, lifetime) = token();
//!     match connection.update_secret(fresh, "the old one expires") {
//!         Ok(()) => drop(connection.call_later(lifetime / 5 * 4, move |it| refresh(it, token))),
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # }
//! ```
//!
//! # Connecting again
//!
//! A connection that is over stays so; another is made in its place, and what was declared and consumed is declared and
//! consumed again. When, a [`ReconnectionStrategy`] says:
//!
//! | style | connections one after the other |
//! |---|---|
//! | async | [`Reconnecting`], a stream of them |
//! | blocking, both | [`blocking::Reconnecting`], an iterator; the thread sleeps in the pauses |
//! | event loop | [`keep_connected`](event_loop::Handle::keep_connected), which has handlers for each |
//! | `driver`, `sans_io` | the program's own, by the strategy |
//!
//! # What can go wrong
//!
//! - A [`blocking::SingleThreaded`] program that computes for longer than two heartbeat intervals may be taken for dead by the
//!   server: it calls [`process_events`](blocking::SingleThreaded::process_events) meanwhile, or is a
//!   [`blocking::Connection`].
//! - A closure of the event loop that blocks keeps all connections of the loop waiting.
//! - A call that blocks, in a task of a runtime, keeps the runtime's thread: there, requests are awaited.
//! - An event loop does not end while a consumer or a continuation waits, for it holds its channel: close the connection.
//!
//! `tests/tests/conformance` plays the same scenarios in every style, by every adapter.
use super::*;
