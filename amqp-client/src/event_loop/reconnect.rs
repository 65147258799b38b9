//! Connections one after the other in the loop. When to try again, `reconnect` says.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::causes::Turn;
use super::network::Loop;
use super::{Attempt, Handle, Handlers};
use crate::connect::connect;
use crate::error::{ConnectError, ConnectionError};
use crate::options::ConnectOptions;
use crate::reconnect::{ReconnectionStrategy, Retries};

impl Handle {
    /// Connects as [`connect`](Self::connect) does, and again when that fails or the connection ends, as the
    /// [strategy](ReconnectionStrategy) says, which hears of each attempt. `handlers` is called for the handlers of each
    /// connection that opens; and when the strategy gives up, for those whose
    /// [`on_open_error`](Handlers::on_open_error) is told of the last failure.
    ///
    /// It is [`amqp_client::Reconnecting`](crate::Reconnecting) in this style, and brings over as little. A connection whose
    /// last handle is dropped was closed by this client, as much as one whose `close` was called.
    ///
    /// [Aborting](Self::abort) it gives up what is under way: a connection that is open goes on, and no other is made.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// use amqp_client::ExponentialBackoff;
    /// use amqp_client::event_loop::{EventLoop, Handlers};
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// event_loop.handle().keep_connected("amqp://one,two", ExponentialBackoff::default(), || {
    ///     Handlers::new()
    ///         .on_open(|connection| {
    ///             connection.open_channel().then(|_, channel| {
    ///                 let Ok(channel) = channel else { return };
    ///                 channel.basic_consume("orders").then_each(|_, next| match next {
    ///                     Ok(delivery) => drop(delivery.ack().call()),
    ///                     Err(end) => eprintln!("{end}"),
    ///                 });
    ///             });
    ///         })
    ///         .on_open_error(|_, error| eprintln!("no more attempts: {error}"))
    /// });
    /// event_loop.run()
    /// # }
    /// ```
    pub fn keep_connected(
        &self,
        options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
        strategy: impl ReconnectionStrategy + 'static,
        mut handlers: impl FnMut() -> Handlers + 'static,
    ) -> Attempt {
        let options = options.try_into().map_err(Into::into);
        let handle = self.clone();
        let id = self.spawn(Turn::Once, async move {
            let mut retries = Retries::new(strategy);
            loop {
                retries.attempt();
                let connected = match &options {
                    Ok(options) => connect(&Loop(&handle), options.clone()).await,
                    Err(error) => Err(error.clone()),
                };
                let pause = match connected {
                    Ok((connection, events)) => {
                        let end = End::default();
                        retries.opened();
                        let handlers = end.is_told_by(handlers());
                        handlers.opened(&connection.in_style(handle.clone()), events);
                        drop(connection);
                        retries.closed(&end.await)
                    }
                    Err(error) => {
                        let pause = retries.failed(&error);
                        if pause.is_none() {
                            handlers().not_opened(&handle, error);
                        }
                        pause
                    }
                };
                match pause {
                    Some(pause) => handle.sleep(pause).await,
                    None => return,
                }
            }
        });
        Attempt(id)
    }
}

/// The end of a connection, to be awaited.
#[derive(Clone, Default)]
struct End(Rc<RefCell<(Option<ConnectionError>, Option<Waker>)>>);

impl End {
    /// Handlers that tell of it too; who awaits it goes on behind them.
    fn is_told_by(&self, mut handlers: Handlers) -> Handlers {
        let (end, on_close) = (self.clone(), handlers.on_close.take());
        handlers.on_close(move |event_loop, error| {
            let waker = end.0.replace((Some(error.clone()), None)).1;
            if let Some(waker) = waker {
                waker.wake();
            }
            if let Some(on_close) = on_close {
                on_close(event_loop, error);
            }
        })
    }
}

impl Future for End {
    type Output = ConnectionError;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ConnectionError> {
        let mut state = self.0.borrow_mut();
        match state.0.take() {
            Some(error) => Poll::Ready(error),
            None => {
                state.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
