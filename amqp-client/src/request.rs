//! The types of requests, for who names them: to keep one, or what it becomes, in a struct, or to pass it on. Who makes requests
//! and sends them needs none of this.
//!
//! A [`Request`](crate::Request) is made through a [`Caller`], and is of what is asked: one of the generated [`methods`](crate::methods), or
//! [`Consume`], [`Get`], [`Publish`] and [`ConfirmSelect`], which are of more than a method, or [`Unanswered`]. Sending it begins a
//! future, whose type [`Begin`] tells. In another [style](crate::Style) than [`Async`](crate::Async) nobody but the style has
//! that in hand.
//!
//! ```no_run
//! use amqp_client::request::PublishMessage;
//! use amqp_client::Channel;
//!
//! fn greet(channel: &Channel) -> PublishMessage<'_> {
//!     channel.basic_publish("", "greetings", "hello").into_future()
//! }
//! ```

pub use crate::handle::{
    Begin, Call, Caller, ConfirmSelect, Consume, Get, GetMessage, HasArguments, NoWait, Publish,
    PublishConfirmed, PublishMessage, SelectConfirms, SendNoWait, SendUnanswered, StartConsumer, Unanswered,
};
