//! The handle of a channel: its life, and sending any method. Each request begins in the file of what it ends in, or in
//! those of `request`.

use std::future::poll_fn;
use std::sync::Arc;
#[cfg(feature = "event-loop")]
use std::sync::Weak;

use crate::methods::{channel, constants};
use amqp_protocol::method::{self, Arguments};
use amqp_protocol::{ChannelId, ShortStr};

use super::call::Call;
use super::connection::ConnectionHandle;
#[cfg(feature = "event-loop")]
use super::events::Events;
use super::shared::{Inner, Shared};
use super::style::{Async, Style};
use super::waiting::{Outcome, RoundTrip, Wait};
use crate::error::CallError;
use crate::sans_io::{self, ChannelKey, RequestId};
use crate::trace::Source;

/// A channel of a connection. Clones are the same channel; it is closed when the last of them, and of what was made from
/// it, is dropped: consumers and their deliveries, publishers and their receipts.
///
/// Each method of AMQP begins a [`Request`](super::Request): set what it needs, then `.await` it, or what the
/// [style](super::Style) has for that. Nothing is sent before. Tasks may share a channel; each request gets its own reply.
///
/// ```no_run
/// # async fn example(connection: amqp_client::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// let channel = connection.open_channel().await?;
/// channel.exchange_declare("events", "topic").durable().await?;
/// channel.queue_declare("orders").durable().await?;
/// channel.queue_bind("orders", "events", "order.*").await?;
/// channel.basic_publish("events", "order.new", "one coffee").persistent().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Channel<S = Async> {
    pub(super) handle: Arc<ChannelHandle>,
    pub(crate) style: S,
}

/// Closes the channel when the last user of it is gone.
#[derive(Debug)]
pub(crate) struct ChannelHandle {
    pub(super) connection: Arc<ConnectionHandle>,
    pub(super) key: ChannelKey,
}

impl Drop for ChannelHandle {
    fn drop(&mut self) {
        let key = self.key;
        self.connection.shared.with(|inner| inner.core.drop_channel(key));
    }
}

impl ChannelHandle {
    #[inline(always)]
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Inner, ChannelKey) -> R) -> R {
        self.connection.shared.with(|inner| f(inner, self.key))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.connection.shared
    }

    pub(super) fn id(&self) -> ChannelId {
        self.key.id()
    }

    /// Where deliveries of a queue on this channel come from.
    pub(super) fn source(&self, queue: &ShortStr<'_>) -> Arc<Source> {
        let shared = self.shared();
        Arc::new(Source {
            labels: Arc::clone(&shared.labels),
            propagator: shared.propagator.clone(),
            channel: self.id(),
            queue: queue.to_str_lossy().into_owned(),
        })
    }

    /// Waits for a registered request.
    pub(super) fn wait<T: Outcome>(self: &Arc<Self>, request: RequestId) -> Wait<T> {
        Wait::new(Arc::clone(self), request)
    }
}

impl<S: Style> Channel<S> {
    pub(super) fn new(handle: ChannelHandle, style: S) -> Self {
        Self {
            handle: Arc::new(handle),
            style,
        }
    }

    /// The channel's number. Another channel may have it when this one is over.
    pub fn id(&self) -> ChannelId {
        self.handle.key.id()
    }

    /// Whether the channel is open; false from when either side closes it, or its connection ends. What ended it is the error
    /// of whatever is tried on it.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection, mut channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// if !channel.is_open() {
    ///     channel = connection.open_channel().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_open(&self) -> bool {
        self.with(|inner, key| inner.core.channel_error(key).is_none())
    }

    /// Whether a publish would not have to wait now: the server blocks neither the connection (connection.blocked) nor the
    /// channel (channel.flow), no answer to tx.commit is awaited, the transport has taken and the server confirmed enough of
    /// what was published before, and nobody who waited longer is about to publish. False when the channel is over.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::PublishError> {
    /// if channel.may_publish() {
    ///     channel.basic_publish("", "samples", "21 degrees").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn may_publish(&self) -> bool {
        self.with(|inner, key| inner.core.may_publish(key))
    }

    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Inner, ChannelKey) -> R) -> R {
        self.handle.with(f)
    }

    /// The same channel in another style.
    #[cfg(any(feature = "blocking", feature = "event-loop"))]
    pub(crate) fn in_style<T>(&self, style: T) -> Channel<T> {
        Channel {
            handle: Arc::clone(&self.handle),
            style,
        }
    }
}

/// A channel that is not kept open.
#[cfg(feature = "event-loop")]
#[derive(Debug, Clone)]
pub(crate) struct WeakChannel<S> {
    handle: Weak<ChannelHandle>,
    style: S,
}

#[cfg(feature = "event-loop")]
impl<S: Style> WeakChannel<S> {
    /// The channel, while something else keeps it open.
    pub(crate) fn upgrade(&self) -> Option<Channel<S>> {
        Some(Channel {
            handle: self.handle.upgrade()?,
            style: self.style.clone(),
        })
    }
}

#[cfg(feature = "event-loop")]
impl<S: Style> Channel<S> {
    pub(crate) fn downgrade(&self) -> WeakChannel<S> {
        WeakChannel {
            handle: Arc::downgrade(&self.handle),
            style: self.style.clone(),
        }
    }

    /// What happens to the channel.
    pub(crate) fn events(&self) -> Events {
        let shared = &self.handle.connection.shared;
        Events::of(shared, Async, Some(self.handle.key))
    }

    pub(crate) fn send_now<M: Arguments>(&self, method: &M) -> Result<(), CallError> {
        self.with(|inner, key| inner.core.send(key, method))
    }
}

impl Channel {
    /// Sends any method that a client may send and that is answered, and awaits its reply, whatever its no-wait bit says.
    /// basic.consume, cancel and get and the methods of connection and channel, but for channel.flow, have calls of
    /// their own. Nothing is refused here that the server might answer: RabbitMQ closes the connection for some of it.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// use amqp_client::methods::queue;
    /// use amqp_client::protocol::ShortStr;
    ///
    /// let reply = channel
    ///     .call(queue::Declare { queue: ShortStr::from_static("orders"), durable: true, ..Default::default() })
    ///     .await?;
    /// println!("{} messages in {}", reply.message_count, reply.queue);
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<M: method::Request>(&self, method: M) -> Call<'_, M> {
        Call::new(&self.handle, Ok(method))
    }

    /// Sends a method that is never answered, such as `basic::Ack`.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// use amqp_client::methods::basic;
    ///
    /// channel.send(basic::RecoverAsync { requeue: true }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Dropping the future before its first poll sends nothing; at that poll it is done.
    ///
    /// # Errors
    ///
    /// When the channel is over, the method does not fit into a frame or is not one to be sent this way.
    pub async fn send<M: Arguments>(&self, method: M) -> Result<(), CallError> {
        self.with(|inner, key| inner.core.send(key, &method))
    }

    /// Closes the channel in order: calls made before are still answered, its consumers end, the server requeues what is not
    /// settled. Closing it again tells why it is over, and sends nothing.
    ///
    /// Dropping the future before its first poll sends nothing; later it does not stop the close.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Why the channel was over already, or that the server did not answer in time.
    pub async fn close(&self) -> Result<(), CallError> {
        let text = ShortStr::from_static("goodbye");
        let close = |core: &mut sans_io::Connection, now, key, text| {
            Ok(core.close_channel(now, key, constants::REPLY_SUCCESS, text)?)
        };
        let mut closing = RoundTrip::new(&self.handle, channel::Close::<'_>::NAME, Ok(text));
        poll_fn(|cx| closing.poll(cx, close)).await.map(drop)
    }
}
