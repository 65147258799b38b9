//! Async handles over one shared core, for any runtime: no task, no message queue between, one short lock. A driver
//! moves the octets.

mod channel;
mod connection;
mod consumer;
mod delivery;
mod publish;
mod request;
mod shared;

pub use channel::Channel;
pub use connection::Connection;
pub use consumer::{Consume, Consumer, ConsumerError, StartConsumer, TooLarge};
pub use delivery::Delivery;
pub use publish::{Publish, PublishMessage};
pub use request::{Call, NoWait, Request, SendNoWait};
pub(crate) use shared::{Asleep, Shared};
