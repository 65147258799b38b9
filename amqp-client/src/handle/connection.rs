//! The handle of a connection. What moves its octets is the adapters'.

use std::sync::Arc;
#[cfg(feature = "event-loop")]
use std::sync::Weak;
use std::time::Duration;

use crate::methods::{channel, constants};
use amqp_protocol::ShortStr;
use amqp_protocol::method::Arguments;

use super::channel::{Channel, ChannelHandle};
use super::events::Events;
use super::shared::{Inner, Shared, Watch};
use super::style::{Async, Style};
use super::waiting::Replied;
use crate::config::Config;
use crate::dialect::Protocol;
use crate::driver::Clock;
use crate::error::{CallError, ConnectionError, ShutdownError};
use crate::sans_io::{State, Stats, Unfinished};
use crate::server_properties::ServerProperties;
use crate::trace;

/// A connection to a server. Clones are the same connection; it is closed in order when the last of them, and of what was
/// made from it, is dropped.
///
/// It does nothing by itself: its driver must be polled, also to send what was published and the close. Adapters see to that,
/// or give it to you to be spawned. A program that ends, or a runtime that is dropped, ends the driver too:
/// [`close`](Self::close) the connection before.
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = amqp_client::tokio::connect("amqp://localhost").await?;
/// let channel = connection.open_channel().await?;
/// println!("{}: channel {} of {}", connection.state(), channel.id(), connection.stats().channels);
/// connection.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Connection<S = Async> {
    pub(super) handle: Arc<ConnectionHandle>,
    // Dropped last: it may hold what sends the close.
    pub(crate) style: S,
}

/// Closes the connection when the last user of it is gone. The driver does not hold it.
#[derive(Debug)]
pub(super) struct ConnectionHandle {
    pub(super) shared: Arc<Shared>,
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        self.shared.with(Inner::close_dropped);
    }
}

impl Inner {
    /// Nobody is left who could close it.
    pub(crate) fn close_dropped(&mut self) {
        self.core.close(
            self.now(),
            constants::REPLY_SUCCESS,
            ShortStr::from_static("connection dropped"),
        );
    }
}

impl<S: Style> Connection<S> {
    /// The same connection in another style.
    #[cfg(any(feature = "blocking", feature = "event-loop"))]
    pub(crate) fn in_style<T>(&self, style: T) -> Connection<T> {
        Connection {
            style,
            handle: Arc::clone(&self.handle),
        }
    }

    /// What the connection is doing.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) {
    /// use amqp_client::State;
    ///
    /// let healthy = connection.state() == State::Open;
    /// # }
    /// ```
    pub fn state(&self) -> State {
        self.handle.shared.with(|inner| inner.core.state())
    }

    /// Subscribes to what happens to the connection from here on; to its end alone, when it is over.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) {
    /// use amqp_client::ConnectionEvent;
    ///
    /// let mut events = connection.events();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         ConnectionEvent::Blocked { reason } => eprintln!("publishing is blocked: {reason}"),
    ///         ConnectionEvent::Closed(error) => eprintln!("the connection is over: {error}"),
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
    pub fn events(&self) -> Events<S> {
        Events::new(&self.handle.shared, self.style.clone())
    }

    /// What the connection has counted so far, and what waits.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// let stats = connection.stats();
    /// println!("{} messages came, {} wait to be taken", stats.messages_delivered, stats.messages_buffered);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stats(&self) -> Stats {
        self.handle.shared.with(|inner| inner.core.stats(inner.now()))
    }

    /// What the server said of itself; empty before connection.start.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) {
    /// let server = connection.server_properties();
    /// println!("{:?} {:?}", server.product, server.version);
    /// # }
    /// ```
    pub fn server_properties(&self) -> ServerProperties {
        self.handle
            .shared
            .with(|inner| inner.core.server_properties().clone())
    }

    /// The revision of the protocol that the connection speaks: with
    /// [`protocol_fallback`](field@crate::ConnectOptions::protocol_fallback) not always the one that was asked for.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) {
    /// println!("speaks AMQP {}", connection.protocol());
    /// # }
    /// ```
    pub fn protocol(&self) -> Protocol {
        self.handle.shared.with(|inner| inner.core.config().protocol)
    }

    /// Other hosts of the virtual host, each as `host` or `host:port`: what the server said in connection.open-ok, where the
    /// protocol has that (AMQP 0-8). RabbitMQ names none.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) {
    /// for host in connection.known_hosts() {
    ///     println!("also served by {host}");
    /// }
    /// # }
    /// ```
    pub fn known_hosts(&self) -> Vec<String> {
        self.handle.shared.with(|inner| inner.core.known_hosts().to_vec())
    }
}

/// A connection that is not kept open.
#[cfg(feature = "event-loop")]
#[derive(Debug, Clone)]
pub(crate) struct WeakConnection<S> {
    handle: Weak<ConnectionHandle>,
    style: S,
}

#[cfg(feature = "event-loop")]
impl<S: Style> WeakConnection<S> {
    /// The connection, while something else keeps it open.
    pub(crate) fn upgrade(&self) -> Option<Connection<S>> {
        Some(Connection {
            handle: self.handle.upgrade()?,
            style: self.style.clone(),
        })
    }
}

#[cfg(feature = "event-loop")]
impl<S: Style> Connection<S> {
    pub(crate) fn downgrade(&self) -> WeakConnection<S> {
        WeakConnection {
            handle: Arc::downgrade(&self.handle),
            style: self.style.clone(),
        }
    }

    /// See [`Inner::wake_for_each`](super::shared::Inner::wake_for_each).
    pub(crate) fn wake_for_each(&self) {
        self.handle.shared.with(|inner| inner.wake_for_each());
    }
}

impl Connection {
    /// A connection that begins with the driver's first octets.
    pub(crate) fn new(config: Config, clock: Clock) -> (Self, Arc<Shared>) {
        let shared = Arc::new(Shared::new(config, clock));
        let handle = Arc::new(ConnectionHandle {
            shared: Arc::clone(&shared),
        });
        let style = Async;
        (Self { style, handle }, shared)
    }

    /// Waits until the handshake is over. What `connect` of an adapter gives is open already.
    ///
    /// Dropping the future changes nothing.
    ///
    /// ```no_run
    /// # #[cfg(feature = "tokio")]
    /// # async fn example(stream: tokio::net::TcpStream) -> Result<(), amqp_client::ConnectionError> {
    /// use amqp_client::{Config, tokio::connect_with};
    ///
    /// let (connection, driver) = connect_with(stream, Config::default());
    /// tokio::spawn(driver);
    /// connection.opened().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Why the connection ended, also after it was open.
    pub async fn opened(&self) -> Result<(), ConnectionError> {
        self.wait_until(|state| state >= State::Open).await;
        self.handle
            .shared
            .with(|inner| inner.core.error().cloned())
            .map_or(Ok(()), Err)
    }

    /// Opens a channel, when the handshake is over.
    ///
    /// Dropping the future before its first poll sends nothing; later it closes what was opened.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// let publishing = connection.open_channel().await?;
    /// let consuming = connection.open_channel().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the connection has ended or is [shutting down](Self::shutdown), all its channels are in use, or the server does
    /// not answer in time.
    pub async fn open_channel(&self) -> Result<Channel, CallError> {
        self.opened().await?;
        let shared = &self.handle.shared;
        let (key, request) = shared.with(|inner| {
            let (key, request) = inner.core.open_channel(inner.now())?;
            inner.register::<Replied>(request);
            Ok::<_, CallError>((key, request))
        })?;
        let handle = ChannelHandle {
            connection: Arc::clone(&self.handle),
            key,
        };
        let channel = Channel::new(handle, self.style);
        let mut trace = trace::Call::new(channel::Open::NAME);
        trace.begin(shared, key.id());
        let replied = channel.handle.wait::<Replied>(request).await;
        trace.end(shared, replied.as_ref());
        replied?;
        trace::channel_opened(key.id());
        Ok(channel)
    }

    /// Closes the connection in order: everything that waits on it fails with [`ConnectionError::Closed`], what was
    /// published before still leaves, then the server is told and its answer awaited for at most `close_timeout`.
    /// Closing again, from any clone, waits for the same end.
    ///
    /// Dropping the future before its first poll does nothing; later it does not stop the close.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection, channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
    /// channel.basic_publish("", "orders", "one coffee").await?;
    /// connection.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the connection had ended for another reason, or the server did not answer.
    pub async fn close(&self) -> Result<(), ConnectionError> {
        self.handle.shared.with(|inner| {
            inner.core.close(
                inner.now(),
                constants::REPLY_SUCCESS,
                ShortStr::from_static("goodbye"),
            );
        });
        match self.closed().await {
            ConnectionError::Closed => Ok(()),
            error => Err(error),
        }
    }

    /// Finishes what is under way, for at most `limit`, and [closes](Self::close) the connection: stops all consumers, whose
    /// streams end behind what had come for them with [`ConsumerEnd::Shutdown`](crate::ConsumerEnd::Shutdown); waits until that is handed out, every
    /// delivery settled, dropped or detached, and every publish out and, in confirm mode, confirmed; then closes.
    ///
    /// From the first poll on nothing new to finish is begun: basic.consume, basic.get and opening a channel are refused
    /// with [`CallError::ShuttingDown`], so a loop that starts its consumer anew ends there. Everything else goes on until
    /// the close, so that handlers can still publish on the channels there are. Consumers that the server has not stopped at
    /// the `limit` end with the connection, as
    /// [`ConsumerEnd::Channel`](crate::ConsumerEnd::Channel).
    ///
    /// At worst this takes `limit` and `close_timeout` together: RabbitMQ reads nothing, the close neither, from a
    /// connection that it has blocked.
    ///
    /// Several shutdowns are one, with the earliest limit, and a close ends it at once.
    ///
    /// Dropping the future before its first poll does nothing; later it does not stop the shutdown.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) -> Result<(), amqp_client::ShutdownError> {
    /// use std::time::Duration;
    ///
    /// connection.shutdown(Duration::from_secs(30)).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ShutdownError::Unfinished`] says what was left when the connection was closed nevertheless;
    /// [`ShutdownError::Connection`] that it had ended for another reason, or the server did not answer.
    pub async fn shutdown(&self, limit: Duration) -> Result<(), ShutdownError> {
        self.handle
            .shared
            .with(|inner| inner.core.shutdown(inner.now(), limit));
        let error = self.closed().await;
        let unfinished = self.handle.shared.with(|inner| inner.core.unfinished());
        match (error, unfinished) {
            (error, Some(unfinished)) if error.is_wanted() && unfinished != Unfinished::default() => {
                Err(ShutdownError::Unfinished(unfinished))
            }
            (ConnectionError::Closed, _) => Ok(()),
            (error, _) => Err(ShutdownError::Connection(error)),
        }
    }

    /// Waits until the connection is over, and tells why.
    ///
    /// Dropping the future changes nothing.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) -> Result<(), Box<dyn std::error::Error>> {
    /// let error = connection.closed().await;
    /// eprintln!("no connection any more: {error}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn closed(&self) -> ConnectionError {
        self.wait_until(|state| state == State::Closed).await;
        // A closed connection has a reason.
        self.handle
            .shared
            .with(|inner| inner.core.error().cloned())
            .unwrap_or(ConnectionError::Closed)
    }

    async fn wait_until(&self, reached: impl Fn(State) -> bool) {
        Watch::new(&self.handle.shared, reached).await;
    }
}
