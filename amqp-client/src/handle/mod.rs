//! Async handles over one shared core, for any runtime: no task, no message queue between, one short lock. A driver
//! moves the octets.

#[macro_use]
mod request;
mod call;
mod channel;
mod connection;
mod consume;
mod consumer;
mod delivery;
mod events;
mod get;
mod publish;
mod publisher;
mod receipt;
mod returns;
mod secret;
mod shared;
mod waiting;

pub use call::{Call, NoWait, SendNoWait, SendUnanswered, Unanswered};
pub use channel::Channel;
pub use connection::Connection;
pub use consume::{Consume, StartConsumer};
pub use consumer::{Consumer, ConsumerError, TooLarge};
pub use delivery::Delivery;
pub use events::{ConnectionEvent, Events};
pub use get::{Get, GetMessage};
pub use publish::{Publish, PublishMessage};
pub use publisher::{ConfirmSelect, PublishConfirmed, Publisher, SelectConfirms};
pub use receipt::{Receipt, Receipts, ReceiptsError};
pub use request::Request;
pub use request::arguments::{
    DeadLetterStrategy, HasArguments, Overflow, QueueLeaderLocator, QueueMode, QueueType, StreamOffset,
    XMatch,
};
pub use returns::Returns;
pub(crate) use shared::{Asleep, Shared};
