//! Connections one after the other: when the one has ended, another is made, as a strategy says. What was declared and
//! consumed on the one is not brought over to the next.

mod strategy;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

pub use self::strategy::{ExponentialBackoff, NoReconnection, ReconnectionStrategy};
use crate::error::{ConnectError, ConnectionError};
use crate::handle::{Connection, ConnectionEvent, Events};
use crate::random::random;

/// A strategy, and what it must be told.
#[derive(Debug)]
pub(crate) struct Retries<R> {
    strategy: R,
    /// How often it was tried again since a connection was last open, or since the beginning.
    retries: u32,
}

impl<R: ReconnectionStrategy> Retries<R> {
    pub(crate) fn new(strategy: R) -> Self {
        Self { strategy, retries: 0 }
    }

    pub(crate) fn attempt(&mut self) {
        self.strategy.on_attempt(self.retries);
    }

    /// The pause behind this failure, if there is another attempt.
    pub(crate) fn failed(&mut self, error: &ConnectError) -> Option<Duration> {
        let pause = self.strategy.on_failure(error, self.retries, random());
        self.retries = self.retries.saturating_add(1);
        pause
    }

    pub(crate) fn opened(&mut self) {
        self.strategy.on_open();
    }

    /// The pause behind this end, if there is another attempt.
    pub(crate) fn closed(&mut self, error: &ConnectionError) -> Option<Duration> {
        // The attempt behind the pause is the first retry.
        self.retries = 1;
        self.strategy.on_close(error, random())
    }
}

/// Connections one after the other, over any runtime: each is open when it is given, and another is made when it has ended,
/// as the [strategy](ReconnectionStrategy) says. A [`Stream`] that ends when the strategy does: behind the error of the last
/// attempt, or behind a connection that this client closed.
///
/// What was declared, published and consumed on the one connection is not brought over to the next: do it again for each.
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::{Connection, ExponentialBackoff, Reconnecting, tokio::connect};
/// use tokio::time::sleep;
///
/// async fn serve(connection: &Connection) -> Result<(), Box<dyn std::error::Error>> {
///     let channel = connection.open_channel().await?;
///     channel.queue_declare("orders").durable().await?;
///     let mut consumer = channel.basic_consume("orders").await?;
///     while let Some(delivery) = consumer.next().await {
///         delivery?.ack().await?;
///     }
///     Ok(())
/// }
///
/// let strategy = ExponentialBackoff::default();
/// let mut connections = Reconnecting::new(strategy, || connect("amqp://one,two"), sleep);
/// while let Some(connection) = connections.next().await {
///     let connection = connection?;
///     if let Err(error) = serve(&connection).await {
///         eprintln!("{error}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Over smol, whose driver is spawned by the program:
///
/// ```no_run
/// # #[cfg(feature = "smol")]
/// # async fn example(executor: &smol::Executor<'_>) {
/// use amqp_client::{ExponentialBackoff, Reconnecting, smol::connect};
/// use smol::Timer;
///
/// let attempt = || async move {
///     let (connection, driver) = connect("amqp://one,two").await?;
///     executor.spawn(driver).detach();
///     Ok(connection)
/// };
/// let sleep = |pause| async move { Timer::after(pause).await; };
/// let mut connections = Reconnecting::new(ExponentialBackoff::default(), attempt, sleep);
/// while let Some(Ok(connection)) = connections.next().await {
///     println!("lost: {}", connection.closed().await);
/// }
/// # }
/// ```
///
/// It does not keep a connection open. One whose last handle is dropped was closed by this client, as much as one whose
/// `close` or `shutdown` was called: where that is not to be the end, the strategy answers it with a pause.
#[must_use = "no connection is made unless the next one is awaited"]
pub struct Reconnecting<R, C, S, F, P> {
    retries: Retries<R>,
    connect: C,
    sleep: S,
    step: Step<F, P>,
}

/// What is under way.
enum Step<F, P> {
    Beginning,
    Connecting(Pin<Box<F>>),
    /// The events of the connection that was given.
    Open(Events),
    Pausing(Pin<Box<P>>),
    Over,
}

// What is pinned is boxed.
impl<R, C, S, F, P> Unpin for Reconnecting<R, C, S, F, P> {}

impl<R, C, S, F, P> Reconnecting<R, C, S, F, P>
where
    R: ReconnectionStrategy,
    C: FnMut() -> F,
    F: Future<Output = Result<Connection, ConnectError>>,
    S: FnMut(Duration) -> P,
    P: Future<Output = ()>,
{
    /// Connections that `connect` makes, with pauses that `sleep` waits for. Nothing is done before the first is awaited.
    pub fn new(strategy: R, connect: C, sleep: S) -> Self {
        Self {
            retries: Retries::new(strategy),
            connect,
            sleep,
            step: Step::Beginning,
        }
    }

    /// The next connection, once the one before has ended: open, or the error behind which the strategy gave up. `None` when
    /// it makes no other.
    ///
    /// Dropping the future loses nothing: what was under way goes on when the next one is polled.
    pub async fn next(&mut self) -> Option<Result<Connection, ConnectError>> {
        poll_fn(|cx| self.poll_connection(cx)).await
    }

    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Connection, ConnectError>>> {
        loop {
            match &mut self.step {
                Step::Beginning => {
                    self.retries.attempt();
                    self.step = Step::Connecting(Box::pin((self.connect)()));
                }
                Step::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                    Ok(connection) => {
                        self.step = Step::Open(connection.events());
                        self.retries.opened();
                        return Poll::Ready(Some(Ok(connection)));
                    }
                    Err(error) => {
                        let pause = self.retries.failed(&error);
                        if !self.pause(pause) {
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                },
                Step::Open(events) => match ready!(events.poll_event(cx)) {
                    Some(ConnectionEvent::Closed(error)) => {
                        let pause = self.retries.closed(&error);
                        self.pause(pause);
                    }
                    Some(_) => {}
                    None => self.step = Step::Over,
                },
                Step::Pausing(pausing) => {
                    ready!(pausing.as_mut().poll(cx));
                    self.step = Step::Beginning;
                }
                Step::Over => return Poll::Ready(None),
            }
        }
    }

    /// Begins the pause; false when there is none, and all is over.
    fn pause(&mut self, pause: Option<Duration>) -> bool {
        self.step = match pause {
            Some(pause) => Step::Pausing(Box::pin((self.sleep)(pause))),
            None => Step::Over,
        };
        pause.is_some()
    }
}

impl<R, C, S, F, P> Stream for Reconnecting<R, C, S, F, P>
where
    R: ReconnectionStrategy,
    C: FnMut() -> F,
    F: Future<Output = Result<Connection, ConnectError>>,
    S: FnMut(Duration) -> P,
    P: Future<Output = ()>,
{
    type Item = Result<Connection, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_connection(cx)
    }
}

impl<R: fmt::Debug, C, S, F, P> fmt::Debug for Reconnecting<R, C, S, F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnecting")
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}
