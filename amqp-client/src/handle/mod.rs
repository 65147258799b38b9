//! Async handles over one shared core, for any runtime: no task, no message queue between, one short lock. A driver
//! moves the octets.

mod call;
mod channel;
mod connection;
mod consumer;
mod delivery;
mod events;
mod get;
mod publish;
mod request;
mod shared;
mod waiting;

pub use call::{Call, NoWait, SendNoWait};
pub use channel::Channel;
pub use connection::Connection;
pub use consumer::{Consume, Consumer, ConsumerError, StartConsumer, TooLarge};
pub use delivery::Delivery;
pub use events::{ConnectionEvent, Events};
pub use get::{Get, GetMessage};
pub use publish::{Publish, PublishMessage};
pub use request::Request;
pub(crate) use shared::{Asleep, Shared};
