//! What the handles do in the event loop beside AMQP's requests, and what they tell. What they do in every style stands with
//! them.

use std::fmt;
use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use amqp_protocol::method::{self, Arguments};

use super::{Channel, Connection, Handle, Publisher, Registration};
use crate::error::{CallError, ChannelError, ConnectionError, PublishError, RefreshError, ShutdownError};
use crate::handle::{Async, ConnectionEvent, Detached, Request};
use crate::sans_io::{ConsumerEnd, Returned};
use crate::secret::Secret;

/// What a handle is asked to do, beside AMQP's requests. Nothing is done before [`then`](Self::then).
#[must_use = "nothing is done before `then`"]
pub struct Operation<C, T> {
    caller: C,
    handle: Handle,
    future: Detached<T>,
}

impl<C: 'static, T: 'static> Operation<C, T> {
    fn new(caller: C, handle: &Handle, future: impl Future<Output = T> + 'static) -> Self {
        Self {
            caller,
            handle: handle.clone(),
            future: Box::pin(future),
        }
    }

    /// Begins it, and calls `then` with what it gives.
    pub fn then(self, then: impl FnOnce(&C, T) + 'static) {
        let Self {
            caller,
            handle,
            future,
        } = self;
        handle.continue_with(future, move |outcome| then(&caller, outcome));
    }
}

impl<C, T> fmt::Debug for Operation<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").finish_non_exhaustive()
    }
}

/// The connection of an event loop.
impl Connection {
    /// The loop.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// use std::time::Duration;
    ///
    /// let closing = connection.clone();
    /// connection.event_loop().call_later(Duration::from_secs(60), move |_| {
    ///     closing.close().then(|_, _| println!("a minute was enough"));
    /// });
    /// # }
    /// ```
    pub fn event_loop(&self) -> &Handle {
        &self.style
    }

    /// Opens a channel. It fails when the connection has ended or is [shutting down](Self::shutdown), all its channels are in
    /// use, or the server does not answer in time.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// connection.open_channel().then(|connection, channel| match channel {
    ///     Ok(channel) => println!("channel {}", channel.id()),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    pub fn open_channel(&self) -> Operation<Self, Result<Channel, CallError>> {
        let (connection, handle) = (self.in_style(Async), self.style.clone());
        self.operation(async move {
            let channel = connection.open_channel().await?;
            Ok(channel.in_style(handle))
        })
    }

    /// Closes the connection in order: everything that waits on it fails with [`ConnectionError::Closed`], what was
    /// published before still leaves, then the server is told and its answer awaited for at most `close_timeout`. It fails
    /// when the connection had ended for another reason, or the server did not answer.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// connection.close().then(|_, closed| match closed {
    ///     Ok(()) => println!("closed"),
    ///     Err(error) => eprintln!("it was over before: {error}"),
    /// });
    /// # }
    /// ```
    pub fn close(&self) -> Operation<Self, Result<(), ConnectionError>> {
        let connection = self.in_style(Async);
        self.operation(async move { connection.close().await })
    }

    /// Finishes what is under way, for at most `limit`, and [closes](Self::close) the connection: consumers stop, and end
    /// behind what had come for them; deliveries are settled, publishes confirmed.
    /// [`ShutdownError::Unfinished`] says what was left when the connection was closed nevertheless;
    /// [`ShutdownError::Connection`] that it had ended for another reason, or the server did not answer.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// use std::time::Duration;
    ///
    /// connection.shutdown(Duration::from_secs(30)).then(|_, ended| match ended {
    ///     Ok(()) => println!("all is settled and confirmed"),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    pub fn shutdown(&self, limit: Duration) -> Operation<Self, Result<(), ShutdownError>> {
        let connection = self.in_style(Async);
        self.operation(async move { connection.shutdown(limit).await })
    }

    /// connection.update-secret: gives the server a fresh secret before the old one expires. `reason` is for its logs. It
    /// fails when an argument does not fit, the connection has ended or ends before the reply, or there is none within
    /// `call_timeout`.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection, token: String) {
    /// connection.update_secret(token, "the old one expires").then(|_, updated| {
    ///     if let Err(error) = updated {
    ///         eprintln!("{error}");
    ///     }
    /// });
    /// # }
    /// ```
    pub fn update_secret(
        &self,
        new_secret: impl Into<Secret>,
        reason: &str,
    ) -> Operation<Self, Result<(), CallError>> {
        let connection = self.in_style(Async);
        let (secret, reason) = (new_secret.into(), reason.to_owned());
        self.operation(async move { connection.update_secret(secret, &reason).await })
    }

    /// Replaces the secret that the [provider](crate::SecretProvider) of the connection's credentials issued before it
    /// expires, again and again, until the connection ends: after four fifths of its lifetime, and where that fails, after half
    /// of what is left. It ends at once when the credentials have no secret that expires, and fails when one has expired and
    /// could not be replaced; on AMQP 0-8, which cannot replace one, at the first attempt. It does not keep the connection open.
    ///
    /// The provider is asked on the loop's thread, by the loop: nothing that it awaits may need another runtime.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// connection.keep_secret_fresh().then(|_, kept| {
    ///     if let Err(error) = kept {
    ///         eprintln!("the secret has expired: {error}");
    ///     }
    /// });
    /// # }
    /// ```
    pub fn keep_secret_fresh(&self) -> Operation<Handle, Result<(), RefreshError>> {
        let handle = self.style.clone();
        let keep = self.in_style(Async).keep_secret_fresh(move |time| {
            let handle = handle.clone();
            async move { handle.sleep(time).await }
        });
        Operation::new(self.style.clone(), &self.style, keep)
    }

    fn operation<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Operation<Self, T> {
        Operation::new(self.clone(), &self.style, future)
    }
}

/// The channel of an event loop.
impl Channel {
    /// The loop.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// use std::time::Duration;
    ///
    /// let publishing = channel.clone();
    /// channel.event_loop().call_later(Duration::from_secs(5), move |_| {
    ///     publishing.basic_publish("", "orders", "one coffee").then(|_, _| println!("published"));
    /// });
    /// # }
    /// ```
    pub fn event_loop(&self) -> &Handle {
        &self.style
    }

    /// Any method that a client may send and that is answered, whatever its no-wait bit says. basic.consume, cancel and get
    /// and the methods of connection and channel, but for channel.flow, have calls of their own.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// use amqp_client::methods::queue;
    /// use amqp_client::protocol::ShortStr;
    ///
    /// let purge = queue::Purge { queue: ShortStr::from_static("orders"), ..Default::default() };
    /// channel.call(purge).then(|_, purged| match purged {
    ///     Ok(purged) => println!("{} messages dropped", purged.message_count),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    pub fn call<M: method::Request>(&self, method: M) -> Request<'_, Self, M> {
        Request::new(self, method)
    }

    /// Sends a method that is never answered, now.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) -> Result<(), amqp_client::CallError> {
    /// use amqp_client::methods::basic;
    ///
    /// channel.send(basic::RecoverAsync { requeue: true })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the channel is over, the method does not fit into a frame or is not one to be sent this way.
    pub fn send<M: Arguments>(&self, method: M) -> Result<(), CallError> {
        self.send_now(&method)
    }

    /// basic.cancel: stops the consumer of this tag. What had come for it is still called, and behind it the end,
    /// [`ConsumerEnd::Cancelled`]. Where there is no such consumer this does nothing. It fails when the server does not
    /// answer in time.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.basic_consume("orders").consumer_tag("waiter").then_each(|channel, next| {
    ///     let Ok(delivery) = next else { return };
    ///     if delivery.body() == b"enough" {
    ///         channel.basic_cancel("waiter").then(|_, _| println!("cancelled"));
    ///     }
    /// });
    /// # }
    /// ```
    pub fn basic_cancel(&self, consumer_tag: &str) -> Operation<Self, Result<(), CallError>> {
        let (channel, tag) = (self.clone(), consumer_tag.to_owned());
        self.operation(async move { channel.cancel_consumer(tag.as_bytes()).await })
    }

    /// Closes the channel in order: calls made before are still answered, its consumers end, the server requeues what is not
    /// settled. It fails with the reason for which the channel was over already, or when the server does not answer in time.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.queue_delete("orders").then(|_, deleted| println!("{deleted:?}"));
    /// // Behind the answer to that.
    /// channel.close().then(|_, closed| println!("{closed:?}"));
    /// # }
    /// ```
    pub fn close(&self) -> Operation<Self, Result<(), CallError>> {
        let channel = self.in_style(Async);
        self.operation(async move { channel.close().await })
    }

    /// Calls `call` whenever the server stops publishing on the channel (`false`), or lets it go on (channel.flow). The
    /// library does so by itself: publishes wait meanwhile.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.on_flow(|channel, active| {
    ///     let state = if active { "goes on" } else { "waits" };
    ///     println!("publishing on {} {state}", channel.id());
    /// });
    /// # }
    /// ```
    pub fn on_flow(&self, mut call: impl FnMut(&Self, bool) + 'static) -> Registration {
        self.on_event(move |channel, event| {
            if let ConnectionEvent::Flow { active, .. } = event {
                call(channel, active);
            }
        })
    }

    /// Calls `call` with the tag of each consumer that ends for a reason other than this program or the end of the channel: the
    /// server cancelled it, or it overflowed. The consumer's own closure is told too.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.on_cancel(|channel, consumer_tag, reason| {
    ///     eprintln!("{consumer_tag} has ended: {reason}");
    ///     channel.close().then(|_, _| {});
    /// });
    /// # }
    /// ```
    pub fn on_cancel(&self, mut call: impl FnMut(&Self, &str, ConsumerEnd) + 'static) -> Registration {
        self.on_event(move |channel, event| {
            if let ConnectionEvent::ConsumerEnded {
                consumer_tag, reason, ..
            } = event
            {
                call(channel, &consumer_tag.to_str_lossy(), reason);
            }
        })
    }

    /// Calls `call` with each message that the server returns and that belongs to no [`Receipt`](super::Receipt).
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.on_return(|_, returned| eprintln!("no queue has it: {returned}"));
    /// channel.basic_publish("", "nowhere", "one coffee").mandatory().then(|_, _| {});
    /// # }
    /// ```
    pub fn on_return(&self, mut call: impl FnMut(&Self, Returned) + 'static) -> Registration {
        let weak = self.downgrade();
        self.style.spawn_each(self.returned(), true, move |_, returned| {
            if let Some(channel) = weak.upgrade() {
                call(&channel, returned);
            }
            Poll::Pending
        })
    }

    /// Calls `call` when the channel is over, and tells why: [`ChannelError::Closed`] when this program closed it. Whatever
    /// waited on the channel was told before, its consumers included. One that is over already is told of too.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.on_close(|_, reason| eprintln!("the channel is over: {reason}"));
    /// channel.queue_declare("orders").passive().then(|_, declared| {
    ///     // Where there is no such queue the server closes the channel: this is called first, then the above.
    ///     println!("{}", declared.is_ok());
    /// });
    /// # }
    /// ```
    pub fn on_close(&self, call: impl FnOnce(&Handle, ChannelError) + 'static) -> Registration {
        let (handle, mut call) = (self.style.clone(), Some(call));
        self.style.spawn_each(self.events(), true, move |_, event| {
            let reason = match event {
                ConnectionEvent::ChannelEnded { reason, .. } => reason,
                ConnectionEvent::Closed(error) => ChannelError::Connection(error),
                _ => return Poll::Pending,
            };
            if let Some(call) = call.take() {
                call(&handle, reason);
            }
            Poll::Ready(())
        })
    }

    /// Calls `call` with each event of the channel until its end, and does not keep it open.
    fn on_event(&self, mut call: impl FnMut(&Self, ConnectionEvent) + 'static) -> Registration {
        let weak = self.downgrade();
        self.style.spawn_each(self.events(), true, move |_, event| {
            let over = matches!(
                event,
                ConnectionEvent::ChannelEnded { .. } | ConnectionEvent::Closed(_)
            );
            if let Some(channel) = weak.upgrade() {
                call(&channel, event);
            }
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn operation<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Operation<Self, T> {
        Operation::new(self.clone(), &self.style, future)
    }
}

/// The publisher of an event loop.
impl Publisher {
    /// Waits until all publishes that the channel made before are settled. It fails with the first failure that no receipt
    /// reports, since this was last asked.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(publisher: amqp_client::event_loop::Publisher) {
    /// for number in 1..=1000 {
    ///     publisher.publish("", "orders", format!("coffee {number}")).then(|_, _| {});
    /// }
    /// publisher.wait_for_all().then(|_, settled| match settled {
    ///     Ok(()) => println!("all are confirmed"),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    pub fn wait_for_all(&self) -> Operation<Self, Result<(), PublishError>> {
        let publisher = self.in_style(Async);
        let future = async move { publisher.wait_for_all().await };
        Operation::new(self.clone(), &self.channel().style, future)
    }
}
