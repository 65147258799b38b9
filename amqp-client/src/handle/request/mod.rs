//! Requests before they are sent: one builder for every method and every style of calling. Which methods there are, and
//! their settings, stands in the files of this folder by class; what sends them stands in `call`.

/// What fits a short string: `&str`, `&String`, `ShortStr`.
macro_rules! name {
    ($lifetime:lifetime) => { impl TryInto<amqp_protocol::ShortStr<$lifetime>, Error: Into<amqp_protocol::table::TableError>> };
}

/// Settings that are one bit of the method each.
macro_rules! bits {
    ($($(#[$doc:meta])* $bit:ident)*) => { $(
        $(#[$doc])*
        pub fn $bit(self) -> Self {
            self.set(|method| method.$bit = true)
        }
    )* };
}

#[macro_use]
pub(super) mod arguments;
mod basic;
mod channel;
mod exchange;
mod queue;

use std::pin::Pin;

use amqp_protocol::ShortStr;
use amqp_protocol::method;
use amqp_protocol::table::TableError;

use super::call::NoWait;
use super::channel::Channel;
use super::publisher::Publisher;
use super::style::{Async, Style};
use crate::error::{CallError, PublishError, Refusal};

/// A request being put together: the method `M`, to be sent through `C`. Nothing is sent until it is awaited, or what the
/// [style](Style) has in place of that is called. What does not fit, or is [refused](Refusal), is kept and reported then; the
/// first such fault is, and nothing is sent.
///
/// ```no_run
/// # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::CallError;
///
/// let too_long = "q".repeat(256);
/// let outcome = channel.queue_declare(&too_long).durable().await;
/// assert!(matches!(outcome, Err(CallError::InvalidArgument { argument: "queue", .. })));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request is not sent until it is awaited, or `call` or `then` is called"]
pub struct Request<'a, C, M> {
    pub(crate) caller: &'a C,
    pub(super) method: M,
    pub(super) fault: Option<Fault>,
}

/// What requests are sent through: a channel or a publisher, in a style.
pub trait Caller: Clone + sealed::Sealed + 'static {
    /// The style.
    type Style: Style;

    #[doc(hidden)]
    fn style(&self) -> &Self::Style;
}

impl<S: Style> Caller for Channel<S> {
    type Style = S;

    fn style(&self) -> &S {
        &self.style
    }
}

impl<S: Style> Caller for Publisher<S> {
    type Style = S;

    fn style(&self) -> &S {
        &self.channel.style
    }
}

/// A request that can be sent. What it gives, and what dropping its future does, stands where the request begins.
pub trait Begin: sealed::Sealed {
    /// What it gives.
    type Output: 'static;
    /// Sends it at the first poll.
    type Future: Future<Output = Self::Output> + Unpin;

    #[doc(hidden)]
    fn begin(self) -> Self::Future;

    /// What is left of the future when it was polled and is pending: it borrows nothing any more. For styles that keep it
    /// until it is ready, behind the call that began it.
    #[doc(hidden)]
    fn detach(begun: Self::Future) -> Detached<Self::Output>;
}

/// What is left of a future.
pub(crate) type Detached<T> = Pin<Box<dyn Future<Output = T>>>;

/// Sends the request at the first poll.
impl<C: Caller<Style = Async>, M> IntoFuture for Request<'_, C, M>
where
    Self: Begin,
{
    type Output = <Self as Begin>::Output;
    type IntoFuture = <Self as Begin>::Future;

    #[inline(always)]
    fn into_future(self) -> Self::IntoFuture {
        self.begin()
    }
}

/// Sends the request at the first poll.
impl<C: Caller<Style = Async>, M> IntoFuture for NoWait<'_, C, M>
where
    Self: Begin,
{
    type Output = <Self as Begin>::Output;
    type IntoFuture = <Self as Begin>::Future;

    fn into_future(self) -> Self::IntoFuture {
        self.begin()
    }
}

mod sealed {
    use super::{Channel, NoWait, Publisher, Request};

    pub trait Sealed {}

    impl<S> Sealed for Channel<S> {}
    impl<S> Sealed for Publisher<S> {}
    impl<C, M> Sealed for Request<'_, C, M> {}
    impl<C, M> Sealed for NoWait<'_, C, M> {}
}

/// Why a request cannot be sent.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// An argument does not fit.
    Argument {
        argument: &'static str,
        error: TableError,
    },
    /// It would cost the connection.
    Refused(Refusal),
}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Argument { argument, error } => Self::InvalidArgument { argument, error },
            Fault::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<Fault> for PublishError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Argument { argument, error } => Self::InvalidArgument { argument, error },
            Fault::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// The value as a short string; one that does not fit is kept as the fault, unless there is one.
#[inline]
pub(super) fn short_string<'v>(
    fault: &mut Option<Fault>,
    argument: &'static str,
    value: name!('v),
) -> ShortStr<'v> {
    value.try_into().unwrap_or_else(|error| {
        let error = error.into();
        fault.get_or_insert(Fault::Argument { argument, error });
        ShortStr::default()
    })
}

impl<'a, C, M> Request<'a, C, M> {
    pub(crate) fn new(caller: &'a C, method: M) -> Self {
        Self {
            caller,
            method,
            fault: None,
        }
    }

    /// The value as a short string; one that does not fit is kept as the request's fault.
    #[inline]
    pub(super) fn keep<'v>(&mut self, argument: &'static str, value: name!('v)) -> ShortStr<'v> {
        short_string(&mut self.fault, argument, value)
    }

    pub(super) fn keep_fault(&mut self, argument: &'static str, error: TableError) {
        self.fault.get_or_insert(Fault::Argument { argument, error });
    }

    pub(super) fn refuse(mut self, refusal: Refusal) -> Self {
        self.fault.get_or_insert(Fault::Refused(refusal));
        self
    }

    /// What is to be sent and through what, or why not.
    pub(super) fn finish<E: From<Fault>>(self) -> (&'a C, Result<M, E>) {
        (
            self.caller,
            self.fault.map_or(Ok(self.method), |fault| Err(fault.into())),
        )
    }

    // In place: a publish is 400 octets long.
    #[inline(always)]
    pub(super) fn set(mut self, change: impl FnOnce(&mut M)) -> Self {
        change(&mut self.method);
        self
    }
}

/// An option of each method with a no-wait bit.
impl<'a, C, M: method::Request> Request<'a, C, M> {
    /// Asks the server not to answer. If it refuses the request, it closes the channel. Does not compile for a method
    /// without a no-wait bit.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
    /// for queue in ["orders", "bills"] {
    ///     channel.queue_declare(queue).durable().no_wait().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn no_wait(self) -> NoWait<'a, C, M> {
        const { assert!(M::NO_WAIT, "this method has no no-wait bit") };
        NoWait::new(self)
    }
}
