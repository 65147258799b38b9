//! Requests before they are sent: one builder for every method and every style of calling. What sends them stands
//! elsewhere.

use amqp_protocol::method;
use amqp_protocol::table::{FieldValue, TableError};
use amqp_protocol::v0_9_1::{basic, exchange, queue};
use amqp_protocol::{FieldTable, ShortStr};

use super::call::NoWait;
use crate::error::{CallError, PublishError};

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

    /// What is to be sent and through what, or why not.
    pub(super) fn finish<E: From<Fault>>(self) -> (&'a C, Result<M, E>) {
        (
            self.caller,
            self.fault.map_or(Ok(self.method), |fault| Err(fault.into())),
        )
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
        NoWait::new(self)
    }
}
