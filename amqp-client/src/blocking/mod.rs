//! The adapter for programs without `async`: each call returns when it is done. No async runtime is linked.
//!
//! | | [`Connection`] | [`SingleThreaded`] |
//! |---|---|---|
//! | threads | one of its own, `amqp-client`, moves octets, and ends with the connection | none |
//! | heartbeats | leave whatever the program does | leave in calls, and in [`process_events`](SingleThreaded::process_events) |
//! | handles | any thread may use them | stay on their thread: the compiler sees to it |
//! | other threads | call | send closures by a [`Remote`] |
//! | timers | the program's own | [`call_later`](SingleThreaded::call_later) |
//!
//! Requests are those of every style, and are sent by `call`. Consumers, events and returned messages are iterators.
//! This module has the name of a crate of smol's; behind `use amqp_client::*`, write `::blocking` for that.

mod connect;
mod handles;
mod iterators;
mod reconnect;
pub mod single_threaded;
mod threaded;

pub use iterators::Inactivity;
pub use reconnect::Reconnecting;
pub use single_threaded::{Local, Remote, SingleThreaded, Timer};
pub use threaded::Threaded;

/// A connection that any thread may use; a thread of its own moves the octets.
pub type Connection = crate::handle::Connection<Threaded>;
/// A channel of a [`Connection`].
pub type Channel = crate::handle::Channel<Threaded>;
/// A consumer on a [`Channel`].
pub type Consumer = crate::handle::Consumer<Threaded>;
/// A publisher on a [`Channel`].
pub type Publisher = crate::handle::Publisher<Threaded>;
/// The outcome of a publish.
pub type Receipt = crate::handle::Receipt<Threaded>;
/// The outcomes of many publishes.
pub type Receipts = crate::handle::Receipts<Threaded>;
/// The events of a [`Connection`].
pub type Events = crate::handle::Events<Threaded>;
/// The returned messages of a [`Channel`].
pub type Returns = crate::handle::Returns<Threaded>;
