//! Async handles over one shared core, for any runtime: no task, no message queue between, one short lock. A driver
//! moves the octets.

#[macro_use]
mod request;
mod call;
mod channel;
mod connection;
mod consumer;
mod delivery;
mod events;
mod get;
mod publish;
mod secret;
mod shared;
mod waiting;

pub use call::{Call, NoWait, SendNoWait, SendUnanswered, Unanswered};
pub use channel::Channel;
pub use connection::Connection;
pub use consumer::{Consume, Consumer, ConsumerError, StartConsumer, TooLarge};
pub use delivery::Delivery;
pub use events::{ConnectionEvent, Events};
pub use get::{Get, GetMessage};
pub use publish::{Publish, PublishMessage};
pub use request::Request;
pub use request::arguments::{
    DeadLetterStrategy, HasArguments, Overflow, QueueLeaderLocator, QueueMode, QueueType, StreamOffset,
    XMatch,
};
pub(crate) use shared::{Asleep, Shared};
