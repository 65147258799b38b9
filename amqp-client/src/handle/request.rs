//! Requests before they are sent: one builder for every method and every style of calling, and its async terminals.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use amqp_protocol::method;
use amqp_protocol::table::{FieldValue, TableError};
use amqp_protocol::v0_9_1::{basic, exchange, queue};
use amqp_protocol::{FieldTable, ShortStr};

use super::channel::Channel;
use super::shared::Outcome;
use crate::error::{CallError, ConnectionError, PublishError};
use crate::sans_io::RequestId;

/// A request being put together: the method `M`, to be sent through `C`. Nothing is sent until it is awaited.
#[derive(Debug, Clone)]
#[must_use = "a request is only sent when it is awaited"]
pub struct Request<'a, C, M> {
    pub(super) caller: &'a C,
    pub(super) method: M,
    pub(super) fault: Option<Fault>,
}

/// The first argument that did not fit.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    argument: &'static str,
    error: TableError,
}

impl From<Fault> for CallError {
    fn from(Fault { argument, error }: Fault) -> Self {
        Self::InvalidArgument { argument, error }
    }
}

impl From<Fault> for PublishError {
    fn from(Fault { argument, error }: Fault) -> Self {
        Self::InvalidArgument { argument, error }
    }
}

impl<'a, C, M> Request<'a, C, M> {
    pub(super) fn new(caller: &'a C, method: M) -> Self {
        Self {
            caller,
            method,
            fault: None,
        }
    }

    /// The value as a short string; one that does not fit is kept as the request's fault.
    pub(super) fn keep<'v, V>(&mut self, argument: &'static str, value: V) -> ShortStr<'v>
    where
        V: TryInto<ShortStr<'v>, Error: Into<TableError>>,
    {
        value.try_into().unwrap_or_else(|error| {
            self.keep_fault(argument, error.into());
            ShortStr::default()
        })
    }

    pub(super) fn keep_fault(&mut self, argument: &'static str, error: TableError) {
        self.fault.get_or_insert(Fault { argument, error });
    }

    pub(super) fn set(mut self, change: impl FnOnce(&mut M)) -> Self {
        change(&mut self.method);
        self
    }

    pub(super) fn append<'n, 'v>(
        mut self,
        argument: &'static str,
        table: impl FnOnce(&mut M) -> &mut FieldTable<'a>,
        name: impl TryInto<ShortStr<'n>, Error: Into<TableError>>,
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Self {
        if let Err(error) = table(&mut self.method).append(name, value) {
            self.keep_fault(argument, error);
        }
        self
    }
}

impl<'a, C> Request<'a, C, exchange::Declare<'a>> {
    /// Only checks that the exchange exists.
    pub fn passive(self) -> Self {
        self.set(|method| method.passive = true)
    }

    /// The exchange survives a restart of the server.
    pub fn durable(self) -> Self {
        self.set(|method| method.durable = true)
    }

    /// The exchange is deleted when nothing is bound to it any more.
    pub fn auto_delete(self) -> Self {
        self.set(|method| method.auto_delete = true)
    }

    /// Only other exchanges can publish to it.
    pub fn internal(self) -> Self {
        self.set(|method| method.internal = true)
    }

    /// Adds an argument, such as `alternate-exchange`.
    pub fn argument<'n, 'v>(
        self,
        name: impl TryInto<ShortStr<'n>, Error: Into<TableError>>,
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Self {
        self.append("arguments", |method| &mut method.arguments, name, value)
    }
}

impl<'a, C> Request<'a, C, exchange::Delete<'a>> {
    /// Refuses when something is bound to the exchange.
    pub fn if_unused(self) -> Self {
        self.set(|method| method.if_unused = true)
    }
}

impl<'a, C> Request<'a, C, queue::Declare<'a>> {
    /// Only checks that the queue exists.
    pub fn passive(self) -> Self {
        self.set(|method| method.passive = true)
    }

    /// The queue survives a restart of the server.
    pub fn durable(self) -> Self {
        self.set(|method| method.durable = true)
    }

    /// The queue is this connection's alone and ends with it.
    pub fn exclusive(self) -> Self {
        self.set(|method| method.exclusive = true)
    }

    /// The queue is deleted when its last consumer is gone.
    pub fn auto_delete(self) -> Self {
        self.set(|method| method.auto_delete = true)
    }

    /// Adds an argument, such as `x-max-length`.
    pub fn argument<'n, 'v>(
        self,
        name: impl TryInto<ShortStr<'n>, Error: Into<TableError>>,
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Self {
        self.append("arguments", |method| &mut method.arguments, name, value)
    }
}

impl<'a, C> Request<'a, C, queue::Bind<'a>> {
    /// Adds an argument, such as `x-match` for a headers exchange.
    pub fn argument<'n, 'v>(
        self,
        name: impl TryInto<ShortStr<'n>, Error: Into<TableError>>,
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Self {
        self.append("arguments", |method| &mut method.arguments, name, value)
    }
}

impl<'a, C> Request<'a, C, queue::Delete<'a>> {
    /// Refuses when the queue has consumers.
    pub fn if_unused(self) -> Self {
        self.set(|method| method.if_unused = true)
    }

    /// Refuses when the queue has messages.
    pub fn if_empty(self) -> Self {
        self.set(|method| method.if_empty = true)
    }
}

impl<C> Request<'_, C, basic::Qos> {
    /// The limit holds for the whole channel, all its consumers together.
    pub fn global(self) -> Self {
        self.set(|method| method.global = true)
    }
}

impl<'a, C, M: method::Request> Request<'a, C, M> {
    /// Asks the server not to answer. If it refuses the request, it closes the channel. Does not compile for a method
    /// without a no-wait bit.
    pub fn no_wait(self) -> NoWait<'a, C, M> {
        const { assert!(M::NO_WAIT, "this method has no no-wait bit") };
        NoWait { request: self }
    }
}

/// A request that the server does not answer. Made by [`Request::no_wait`].
#[derive(Debug, Clone)]
#[must_use = "a request is only sent when it is awaited"]
pub struct NoWait<'a, C, M> {
    request: Request<'a, C, M>,
}

impl<'a, M: method::Request> IntoFuture for Request<'a, Channel, M> {
    type Output = Result<M::Reply, CallError>;
    type IntoFuture = Call<'a, M>;

    fn into_future(self) -> Call<'a, M> {
        let method = self.fault.map_or(Ok(self.method), |fault| Err(fault.into()));
        Call::new(self.caller, method)
    }
}

impl<'a, M: method::Request> IntoFuture for NoWait<'a, Channel, M> {
    type Output = Result<(), CallError>;
    type IntoFuture = SendNoWait<'a, M>;

    fn into_future(self) -> SendNoWait<'a, M> {
        let Request {
            caller,
            method,
            fault,
        } = self.request;
        SendNoWait {
            channel: caller,
            method: Some(fault.map_or(Ok(method), |fault| Err(fault.into()))),
        }
    }
}

/// A call: sent at the first poll, ready with its reply.
///
/// Dropping it before the first poll sends nothing. Dropping it later does not undo the call: the server carries it out,
/// and the reply is swallowed when it comes.
#[derive(Debug)]
#[must_use = "a call is only made when it is awaited"]
pub struct Call<'a, M> {
    channel: &'a Channel,
    state: CallState<'a, M>,
}

#[derive(Debug)]
enum CallState<'a, M> {
    Unsent(Result<M, CallError>),
    Sent(Wait<'a>),
    Done,
}

impl<'a, M: method::Request> Call<'a, M> {
    pub(super) fn new(channel: &'a Channel, method: Result<M, CallError>) -> Self {
        Self {
            channel,
            state: CallState::Unsent(method),
        }
    }
}

// Nothing in it is pinned.
impl<M> Unpin for Call<'_, M> {}

impl<M: method::Request> Future for Call<'_, M> {
    type Output = Result<M::Reply, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.state, CallState::Done) {
                CallState::Unsent(method) => {
                    let request = self.channel.with(|inner, key| {
                        let request = inner.core.call(Instant::now(), key, method?)?;
                        inner.register(request);
                        Ok::<_, CallError>(request)
                    })?;
                    self.state = CallState::Sent(self.channel.wait(request));
                }
                CallState::Sent(mut wait) => {
                    let Poll::Ready(outcome) = Pin::new(&mut wait).poll(cx) else {
                        self.state = CallState::Sent(wait);
                        return Poll::Pending;
                    };
                    return Poll::Ready(match outcome {
                        // The core has decoded the reply before.
                        Some(Outcome::Reply(reply)) => reply.and_then(|reply| {
                            reply
                                .decode()
                                .map_err(|_| CallError::from(ConnectionError::DriverDropped))
                        }),
                        _ => Err(ConnectionError::DriverDropped.into()),
                    });
                }
                CallState::Done => return Poll::Pending,
            }
        }
    }
}

/// Sends a request without waiting for anything: done at the first poll.
///
/// Dropping it before the first poll sends nothing.
#[derive(Debug)]
#[must_use = "a request is only sent when it is awaited"]
pub struct SendNoWait<'a, M> {
    channel: &'a Channel,
    method: Option<Result<M, CallError>>,
}

// Nothing in it is pinned.
impl<M> Unpin for SendNoWait<'_, M> {}

impl<M: method::Request> Future for SendNoWait<'_, M> {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(method) = self.method.take() else {
            return Poll::Pending;
        };
        Poll::Ready(method.and_then(|method| {
            self.channel
                .with(|inner, key| inner.core.send_no_wait(key, method))
        }))
    }
}

/// Waits for the outcome of a request; dropped before, it leaves a tombstone.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    channel: &'a Channel,
    request: Option<RequestId>,
}

impl<'a> Wait<'a> {
    pub(super) fn new(channel: &'a Channel, request: RequestId) -> Self {
        Self {
            channel,
            request: Some(request),
        }
    }
}

impl Future for Wait<'_> {
    /// `None` when the outcome was taken before.
    type Output = Option<Outcome>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(request) = self.request else {
            return Poll::Ready(None);
        };
        let outcome = self.channel.with(|inner, _| inner.poll_request(cx, request));
        if outcome.is_ready() {
            self.request = None;
        }
        outcome
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request {
            self.channel.with(|inner, key| inner.abandon(key, request));
        }
    }
}
