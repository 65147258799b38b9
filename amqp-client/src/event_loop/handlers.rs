//! What an application is told of a connection, and its closures for it.

use std::fmt;
use std::task::{Context, Poll, Waker};

use super::causes::{TaskId, Turn};
use super::network::Loop;
use super::{Connection, Handle, Registration};
use crate::connect::connect;
use crate::error::{ConnectError, ConnectionError};
use crate::handle::{ConnectionEvent, Events};
use crate::options::ConnectOptions;
use crate::sans_io::State;

type OnOpen = Box<dyn FnOnce(&Connection)>;
type OnOpenError = Box<dyn FnOnce(&Handle, ConnectError)>;
type OnClose = Box<dyn FnOnce(&Handle, ConnectionError)>;
type OnBlocked = Box<dyn FnMut(&Connection, &str)>;
type OnUnblocked = Box<dyn FnMut(&Connection)>;

/// What to call when something happens to a connection; nothing, unless it is said. What happens to a channel is said to the
/// [channel](super::Channel).
///
/// Either `on_open_error` or `on_open` is called, once; `on_close` once after `on_open`. What may have to be replaced is
/// registered on the [connection](super::Connection::on_close) itself, when it is open.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// use amqp_client::ConnectOptions;
/// use amqp_client::event_loop::{EventLoop, Handlers};
///
/// let mut event_loop = EventLoop::new()?;
/// let handlers = Handlers::new()
///     .on_open(|connection| println!("connected to {:?}", connection.server_properties().product))
///     .on_open_error(|_, error| eprintln!("{error}"))
///     .on_blocked(|_, reason| eprintln!("publishing is blocked: {reason}"))
///     .on_unblocked(|_| eprintln!("publishing goes on"))
///     .on_close(|_, error| eprintln!("the connection is over: {error}"));
/// event_loop.connect(ConnectOptions::default(), handlers);
/// event_loop.run()
/// # }
/// ```
#[derive(Default)]
#[must_use = "handlers are given to `connect`"]
pub struct Handlers {
    on_open: Option<OnOpen>,
    on_open_error: Option<OnOpenError>,
    pub(super) on_close: Option<OnClose>,
    on_blocked: Option<OnBlocked>,
    on_unblocked: Option<OnUnblocked>,
}

impl Handlers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The connection is open. It is closed when this has returned and nothing is left that was made from it: keep a clone,
    /// or open a channel and consume.
    pub fn on_open(mut self, call: impl FnOnce(&Connection) + 'static) -> Self {
        self.on_open = Some(Box::new(call));
        self
    }

    /// No attempt has given a connection, and why.
    pub fn on_open_error(mut self, call: impl FnOnce(&Handle, ConnectError) + 'static) -> Self {
        self.on_open_error = Some(Box::new(call));
        self
    }

    /// The connection was open, and is over: [`ConnectionError::Closed`] when this program closed it. Whatever waited on it
    /// was told before, and so were its [channels](super::Channel::on_close).
    pub fn on_close(mut self, call: impl FnOnce(&Handle, ConnectionError) + 'static) -> Self {
        self.on_close = Some(Box::new(call));
        self
    }

    /// The server blocks publishing (connection.blocked), for this reason.
    pub fn on_blocked(mut self, call: impl FnMut(&Connection, &str) + 'static) -> Self {
        self.on_blocked = Some(Box::new(call));
        self
    }

    /// Publishing may go on (connection.unblocked).
    pub fn on_unblocked(mut self, call: impl FnMut(&Connection) + 'static) -> Self {
        self.on_unblocked = Some(Box::new(call));
        self
    }
}

impl Handle {
    /// Connects by a URI or by options, whose page says [what is tried](ConnectOptions#what-is-tried), and calls the handlers
    /// for what becomes of it. Names are looked up by the system's resolver, for which the loop stands still: give addresses
    /// where that matters.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// use amqp_client::event_loop::{EventLoop, Handlers};
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// for host in ["192.0.2.1", "192.0.2.2"] {
    ///     let handlers = Handlers::new().on_open(move |connection| {
    ///         println!("{host} is {:?}", connection.server_properties().cluster_name);
    ///     });
    ///     event_loop.connect(format!("amqp://{host}").as_str(), handlers);
    /// }
    /// event_loop.run()
    /// # }
    /// ```
    pub fn connect(
        &self,
        options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
        handlers: Handlers,
    ) -> Attempt {
        let options = options.try_into().map_err(Into::into);
        let handle = self.clone();
        let id = self.spawn(Turn::Once, async move {
            let connected = match options {
                Ok(options) => connect(&Loop(&handle), options).await,
                Err(error) => Err(error),
            };
            match connected {
                Ok((connection, events)) => handlers.opened(&connection.in_style(handle), events),
                Err(error) => handlers.not_opened(&handle, error),
            }
        });
        Attempt(id)
    }

    /// Gives up connecting: none of its handlers is called. False when it has come to an end before, or is another loop's.
    pub fn abort(&self, attempt: Attempt) -> bool {
        self.0.tasks.take(attempt.0).is_some()
    }
}

/// Connecting under way, to [abort](Handle::abort) it by, in its own loop. Made by [`Handle::connect`] and [`Handle::keep_connected`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt(pub(super) TaskId);

impl Handlers {
    /// Tells why there is no connection.
    pub(super) fn not_opened(self, handle: &Handle, error: ConnectError) {
        if let Some(on_open_error) = self.on_open_error {
            on_open_error(handle, error);
        }
    }

    /// Tells that the connection is open, and from then on what else happens.
    pub(super) fn opened(self, connection: &Connection, mut events: Events) {
        // Up to its opening nobody but this knows of it.
        let cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(event)) = events.poll_event(&cx) {
            if let ConnectionEvent::State(State::Open) = event {
                break;
            }
        }
        let Self {
            on_open,
            mut on_close,
            mut on_blocked,
            mut on_unblocked,
            ..
        } = self;
        let weak = connection.downgrade();
        let handle = connection.style.clone();
        connection.style.spawn_each(events, true, move |_, event| {
            let connection = weak.upgrade();
            match (event, connection) {
                (ConnectionEvent::Blocked { reason }, Some(connection)) => {
                    if let Some(on_blocked) = &mut on_blocked {
                        on_blocked(&connection, &reason);
                    }
                }
                (ConnectionEvent::Unblocked, Some(connection)) => {
                    if let Some(on_unblocked) = &mut on_unblocked {
                        on_unblocked(&connection);
                    }
                }
                (ConnectionEvent::Closed(error), _) => {
                    if let Some(on_close) = on_close.take() {
                        on_close(&handle, error);
                    }
                    return Poll::Ready(());
                }
                _ => {}
            }
            Poll::Pending
        });
        if let Some(on_open) = on_open {
            on_open(connection);
        }
    }
}

/// What happens to the connection of an event loop. Each of these may be registered any number of times, beside what was
/// given to [`connect`](Handle::connect); the closures are called in the order in which they were registered, and none keeps
/// the connection open.
impl Connection {
    /// Calls `call` whenever the server blocks publishing (connection.blocked), with its reason.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// connection.on_blocked(|_, reason| eprintln!("publishing is blocked: {reason}"));
    /// # }
    /// ```
    pub fn on_blocked(&self, mut call: impl FnMut(&Self, &str) + 'static) -> Registration {
        self.on_event(move |connection, event| {
            if let ConnectionEvent::Blocked { reason } = event {
                call(connection, reason);
            }
        })
    }

    /// Calls `call` whenever publishing may go on (connection.unblocked).
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// connection.on_unblocked(|_| eprintln!("publishing goes on"));
    /// # }
    /// ```
    pub fn on_unblocked(&self, mut call: impl FnMut(&Self) + 'static) -> Registration {
        self.on_event(move |connection, event| {
            if let ConnectionEvent::Unblocked = event {
                call(connection);
            }
        })
    }

    /// Calls `call` when the connection is over, and tells why; see [`Handlers::on_close`]. One that is over already is told
    /// of too.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// connection.on_close(|event_loop, error| {
    ///     eprintln!("the connection is over: {error}");
    ///     event_loop.stop();
    /// });
    /// # }
    /// ```
    pub fn on_close(&self, call: impl FnOnce(&Handle, ConnectionError) + 'static) -> Registration {
        let mut call = Some(call);
        self.events().for_each(move |handle, event| {
            if let ConnectionEvent::Closed(error) = event
                && let Some(call) = call.take()
            {
                call(handle, error);
            }
        })
    }

    /// Calls `call` with each event while something else keeps the connection open.
    fn on_event(&self, mut call: impl FnMut(&Self, &ConnectionEvent) + 'static) -> Registration {
        let weak = self.downgrade();
        self.events().for_each(move |_, event| {
            if let Some(connection) = weak.upgrade() {
                call(&connection, &event);
            }
        })
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").finish_non_exhaustive()
    }
}
