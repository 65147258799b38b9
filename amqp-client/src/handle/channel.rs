//! The handle of a channel: where requests begin. How they are built and awaited stands in `request`.

use std::sync::Arc;
use std::time::Instant;

use amqp_protocol::method::{self, Arguments};
use amqp_protocol::table::TableError;
use amqp_protocol::v0_9_1::{basic, constants, exchange, queue};
use amqp_protocol::{ChannelId, ShortStr};

use super::call::Call;
use super::connection::ConnectionHandle;
use super::consumer::Consume;
use super::get::Get;
use super::publish::Publish;
use super::request::Request;
use super::shared::Inner;
use super::waiting::{Outcome, Replied, Wait};
use crate::error::{CallError, ChannelError};
use crate::sans_io::{Body, ChannelKey, RequestId};

/// A channel of a connection. Clones are the same channel; it is closed when the last of them, and of its consumers and
/// deliveries, is dropped.
///
/// Each method starts a request: set what it needs, then `.await` it. Nothing is sent before. Names that do not fit are
/// reported then, and nothing is sent. Requests of several tasks share the channel; each gets its own reply.
#[derive(Debug, Clone)]
pub struct Channel {
    handle: Arc<ChannelHandle>,
}

/// Closes the channel when the last user of it is gone.
#[derive(Debug)]
pub(super) struct ChannelHandle {
    pub(super) connection: Arc<ConnectionHandle>,
    pub(super) key: ChannelKey,
}

impl Drop for ChannelHandle {
    fn drop(&mut self) {
        let key = self.key;
        self.connection.shared.with(|inner| inner.core.drop_channel(key));
    }
}

/// What fits a short string: `&str`, `&String`, `ShortStr`.
macro_rules! name {
    ($lifetime:lifetime) => { impl TryInto<ShortStr<$lifetime>, Error: Into<TableError>> };
}

impl Channel {
    pub(super) fn new(handle: ChannelHandle) -> Self {
        Self {
            handle: Arc::new(handle),
        }
    }

    /// The channel's number. Another channel may have it when this one is over.
    pub fn id(&self) -> ChannelId {
        self.handle.key.id()
    }

    /// Begins basic.publish to `exchange`, the empty name being the default exchange, which routes to the queue named
    /// `routing_key`.
    pub fn basic_publish<'a>(
        &'a self,
        exchange: name!('a),
        routing_key: name!('a),
        body: impl Into<Body<'a>>,
    ) -> Request<'a, Self, Publish<'a>> {
        let publish = Publish::new(body.into());
        let mut request = Request::new(self, publish);
        request.method.method.exchange = request.keep("exchange", exchange);
        request.method.method.routing_key = request.keep("routing_key", routing_key);
        request
    }

    /// Begins basic.consume of a queue; awaiting it gives a [`Consumer`](super::Consumer).
    pub fn basic_consume<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, Consume<'a>> {
        let mut request = Request::new(self, Consume::default());
        request.method.method.queue = request.keep("queue", queue);
        request
    }

    /// Begins basic.get, which fetches one message from a queue; awaiting it gives a [`Delivery`](super::Delivery), or
    /// `None` when the queue is empty. A consumer is the better way to more than one.
    pub fn basic_get<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, Get<'a>> {
        let mut request = Request::new(self, Get::default());
        request.method.0.queue = request.keep("queue", queue);
        request
    }

    /// Begins exchange.declare with a type such as `direct`, `fanout`, `topic` or `headers`.
    pub fn exchange_declare<'a>(
        &'a self,
        exchange: name!('a),
        r#type: name!('a),
    ) -> Request<'a, Self, exchange::Declare<'a>> {
        let mut request = Request::new(self, exchange::Declare::default());
        request.method.exchange = request.keep("exchange", exchange);
        request.method.r#type = request.keep("type", r#type);
        request
    }

    /// Begins exchange.delete.
    pub fn exchange_delete<'a>(&'a self, exchange: name!('a)) -> Request<'a, Self, exchange::Delete<'a>> {
        let mut request = Request::new(self, exchange::Delete::default());
        request.method.exchange = request.keep("exchange", exchange);
        request
    }

    /// Begins queue.declare. With an empty name the server makes one up, which its reply tells.
    pub fn queue_declare<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, queue::Declare<'a>> {
        let mut request = Request::new(self, queue::Declare::default());
        request.method.queue = request.keep("queue", queue);
        request
    }

    /// Begins queue.bind. A fanout or headers exchange takes no notice of the routing key.
    pub fn queue_bind<'a>(
        &'a self,
        queue: name!('a),
        exchange: name!('a),
        routing_key: name!('a),
    ) -> Request<'a, Self, queue::Bind<'a>> {
        let mut request = Request::new(self, queue::Bind::default());
        request.method.queue = request.keep("queue", queue);
        request.method.exchange = request.keep("exchange", exchange);
        request.method.routing_key = request.keep("routing_key", routing_key);
        request
    }

    /// Begins queue.purge.
    pub fn queue_purge<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, queue::Purge<'a>> {
        let mut request = Request::new(self, queue::Purge::default());
        request.method.queue = request.keep("queue", queue);
        request
    }

    /// Begins queue.delete.
    pub fn queue_delete<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, queue::Delete<'a>> {
        let mut request = Request::new(self, queue::Delete::default());
        request.method.queue = request.keep("queue", queue);
        request
    }

    /// Begins basic.qos: the server sends at most `prefetch_count` unsettled deliveries to each later consumer of the
    /// channel; 0 is no limit.
    pub fn basic_qos(&self, prefetch_count: u16) -> Request<'_, Self, basic::Qos> {
        Request::new(
            self,
            basic::Qos {
                prefetch_count,
                ..Default::default()
            },
        )
    }

    /// Sends any method that a client may send and that is answered, and awaits its reply, whatever its no-wait bit says.
    /// basic.consume, cancel and get and the methods of connection and channel, but for channel.flow, have calls of
    /// their own.
    pub fn call<M: method::Request>(&self, method: M) -> Call<'_, M> {
        Call::new(self, Ok(method))
    }

    /// Sends a method that is never answered, such as `basic::Ack`.
    ///
    /// Dropping the future before its first poll sends nothing; at that poll it is done.
    ///
    /// # Errors
    ///
    /// When the channel is over, the method does not fit into a frame or is not one to be sent this way.
    pub async fn send<M: Arguments>(&self, method: M) -> Result<(), CallError> {
        self.with(|inner, key| inner.core.send(key, &method))
    }

    /// Closes the channel in order: calls made before are still answered, its consumers end.
    ///
    /// Dropping the future does not stop the close.
    ///
    /// # Errors
    ///
    /// Why the channel was over already, or that the server did not answer in time.
    pub async fn close(&self) -> Result<(), CallError> {
        let request = self.with(|inner, key| {
            let text = ShortStr::from_static("goodbye");
            let request = inner
                .core
                .close_channel(Instant::now(), key, constants::REPLY_SUCCESS, text)?;
            inner.register::<Replied>(request);
            Ok::<_, ChannelError>(request)
        })?;
        self.wait::<Replied>(request).await.map(drop)
    }

    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Inner, ChannelKey) -> R) -> R {
        self.handle
            .connection
            .shared
            .with(|inner| f(inner, self.handle.key))
    }

    /// Waits for a registered request.
    pub(super) fn wait<T: Outcome>(&self, request: RequestId) -> Wait<'_, T> {
        Wait::new(self, request)
    }
}
