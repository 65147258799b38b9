//! Handles over one shared core, in every style of program: no task, no message queue between, one short lock. A driver moves
//! the octets.

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
mod style;
mod waiting;

pub use call::{Call, NoWait, SendNoWait, SendUnanswered, Unanswered};
pub use channel::Channel;
pub use connection::Connection;
pub use consume::{Consume, StartConsumer};
pub use consumer::{Consumer, ConsumerError, TooLarge};
pub use delivery::{Delivery, Settle};
pub use events::{ConnectionEvent, Events};
pub use get::{Get, GetMessage};
pub use publish::{Publish, PublishMessage};
pub use publisher::{ConfirmSelect, PublishConfirmed, Publisher, SelectConfirms};
pub use receipt::{Receipt, Receipts, ReceiptsError};
#[cfg(feature = "event-loop")]
pub(crate) use request::Detached;
pub use request::arguments::{
    DeadLetterStrategy, HasArguments, Overflow, QueueLeaderLocator, QueueMode, QueueType, StreamOffset,
    XMatch,
};
pub use request::{Begin, Caller, Request};
#[cfg(feature = "event-loop")]
pub(crate) use returns::Feed;
pub use returns::Returns;
pub(crate) use shared::{Asleep, Inner, Shared, Sleep};
#[cfg(any(feature = "blocking", feature = "event-loop"))]
pub(crate) use style::sealed::Sealed as SealedStyle;
pub use style::{Async, Blocking, Style};
