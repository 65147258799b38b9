//! Connections one after the other in the blocking styles. When to try again, `reconnect` says.

use std::thread;

use crate::error::ConnectError;
use crate::handle::{Blocking, Connection, ConnectionEvent, Events};
use crate::reconnect::{ReconnectionStrategy, Retries};

/// Connections one after the other: each is open when it is given, and another is made when it has ended, as the
/// [strategy](ReconnectionStrategy) says. An iterator that ends when the strategy does: behind the error of the last attempt,
/// or behind a connection that this client closed. The thread sleeps in the pauses.
///
/// It is [`amqp_client::Reconnecting`](crate::Reconnecting) in these styles, and brings over as little.
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::ExponentialBackoff;
/// use amqp_client::blocking::{Connection, Reconnecting};
///
/// let strategy = ExponentialBackoff::default();
/// for connection in Reconnecting::new(strategy, || Connection::connect("amqp://one,two")) {
///     let channel = connection?.open_channel()?;
///     channel.queue_declare("orders").durable().call()?;
///     for delivery in channel.basic_consume("orders").call()? {
///         match delivery {
///             Ok(delivery) => delivery.ack().call()?,
///             Err(error) => eprintln!("{error}"),
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reconnecting<R, C, S> {
    retries: Retries<R>,
    connect: C,
    /// The events of the connection that was given.
    open: Option<Events<S>>,
    over: bool,
}

impl<R, C, S> Reconnecting<R, C, S>
where
    R: ReconnectionStrategy,
    C: FnMut() -> Result<Connection<S>, ConnectError>,
    S: Blocking,
{
    /// Connections that `connect` makes. Nothing is done before the first is asked for.
    pub fn new(strategy: R, connect: C) -> Self {
        Self {
            retries: Retries::new(strategy),
            connect,
            open: None,
            over: false,
        }
    }
}

impl<R, C, S> Iterator for Reconnecting<R, C, S>
where
    R: ReconnectionStrategy,
    C: FnMut() -> Result<Connection<S>, ConnectError>,
    S: Blocking,
{
    type Item = Result<Connection<S>, ConnectError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        self.over = true;
        if let Some(mut events) = self.open.take() {
            let error = events.find_map(|event| match event {
                ConnectionEvent::Closed(error) => Some(error),
                _ => None,
            });
            thread::sleep(self.retries.closed(&error?)?);
        }
        loop {
            self.retries.attempt();
            match (self.connect)() {
                Ok(connection) => {
                    self.open = Some(connection.events());
                    self.over = false;
                    self.retries.opened();
                    return Some(Ok(connection));
                }
                Err(error) => match self.retries.failed(&error) {
                    Some(pause) => thread::sleep(pause),
                    None => return Some(Err(error)),
                },
            }
        }
    }
}
