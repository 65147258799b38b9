//! What the handles do in blocking styles: each call returns when it is done. What they do in every style stands with them.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use amqp_protocol::method::{self, Arguments};

use crate::error::{CallError, ConnectionError, PublishError, ShutdownError};
use crate::handle::{
    Async, Begin, Blocking, Caller, Channel, Connection, ConnectionEvent, Consumer, ConsumerError, Delivery,
    Events, NoWait, Publisher, Receipt, Receipts, ReceiptsError, Request, Returns,
};
use crate::sans_io::Returned;
use crate::secret::Secret;

impl<C: Caller<Style: Blocking>, M> Request<'_, C, M>
where
    Self: Begin,
{
    /// Sends the request, and returns what it gives.
    ///
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(channel: amqp_client::blocking::Channel) -> Result<(), Box<dyn std::error::Error>> {
    /// let queue = channel.queue_declare("orders").durable().call()?;
    /// println!("{} messages", queue.message_count);
    /// channel.basic_publish("", "orders", "one coffee").persistent().call()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those that the request has in every style.
    pub fn call(self) -> <Self as Begin>::Output {
        let style = self.caller.style().clone();
        style.wait(self.begin())
    }
}

impl<C: Caller<Style: Blocking>, M> NoWait<'_, C, M>
where
    Self: Begin,
{
    /// Sends the request, which is not answered.
    ///
    /// # Errors
    ///
    /// When it cannot be sent.
    pub fn call(self) -> <Self as Begin>::Output {
        let style = self.request.caller.style().clone();
        style.wait(self.begin())
    }
}

/// The connection of a program that blocks.
impl<S: Blocking> Connection<S> {
    /// Opens a channel.
    ///
    /// # Errors
    ///
    /// When the connection has ended or is [shutting down](Self::shutdown), all its channels are in use, or the server does
    /// not answer in time.
    pub fn open_channel(&self) -> Result<Channel<S>, CallError> {
        let channel = self.style.wait(self.in_style(Async).open_channel())?;
        Ok(channel.in_style(self.style.clone()))
    }

    /// Closes the connection in order: everything that waits on it fails with [`ConnectionError::Closed`], what was
    /// published before still leaves, then the server is told and its answer awaited for at most `close_timeout`.
    ///
    /// # Errors
    ///
    /// When the connection had ended for another reason, or the server did not answer.
    pub fn close(&self) -> Result<(), ConnectionError> {
        self.style.wait(self.in_style(Async).close())
    }

    /// Finishes what is under way, for at most `limit`, and [closes](Self::close) the connection: consumers stop, and end
    /// behind what had come for them; deliveries are settled, publishes confirmed.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::Unfinished`] says what was left when the connection was closed nevertheless;
    /// [`ShutdownError::Connection`] that it had ended for another reason, or the server did not answer.
    pub fn shutdown(&self, limit: Duration) -> Result<(), ShutdownError> {
        self.style.wait(self.in_style(Async).shutdown(limit))
    }

    /// Waits until the connection is over, and tells why.
    pub fn closed(&self) -> ConnectionError {
        self.style.wait(self.in_style(Async).closed())
    }

    /// connection.update-secret: gives the server a fresh secret before the old one expires.
    ///
    /// # Errors
    ///
    /// When it does not fit, the connection has ended or ends before the reply, or there is none within `call_timeout`.
    pub fn update_secret(&self, new_secret: impl Into<Secret>, reason: &str) -> Result<(), CallError> {
        self.style
            .wait(self.in_style(Async).update_secret(new_secret, reason))
    }
}

/// The channel of a program that blocks.
impl<S: Blocking> Channel<S> {
    /// Sends any method that a client may send and that is answered, and returns its reply.
    ///
    /// # Errors
    ///
    /// When the channel is over, the method is not one to be sent this way, or there is no reply within `call_timeout`.
    pub fn call<M: method::Request>(&self, method: M) -> Result<M::Reply, CallError> {
        self.style.wait(self.in_style(Async).call(method))
    }

    /// Sends a method that is never answered.
    ///
    /// # Errors
    ///
    /// When the channel is over, the method does not fit into a frame or is not one to be sent this way.
    pub fn send<M: Arguments>(&self, method: M) -> Result<(), CallError> {
        self.style.wait(self.in_style(Async).send(method))
    }

    /// Closes the channel in order: its consumers end, the server requeues what is not settled.
    ///
    /// # Errors
    ///
    /// Why the channel was over already, or that the server did not answer in time.
    pub fn close(&self) -> Result<(), CallError> {
        self.style.wait(self.in_style(Async).close())
    }
}

/// The publisher of a program that blocks.
impl<S: Blocking> Publisher<S> {
    /// Waits until all publishes that the channel made before are settled.
    ///
    /// # Errors
    ///
    /// The first failure that no receipt reports, since this was last asked.
    pub fn wait_for_all(&self) -> Result<(), PublishError> {
        self.channel().style.wait(self.in_style(Async).wait_for_all())
    }
}

/// The outcome of a publish, for a program that blocks.
impl<S: Blocking> Receipt<S> {
    /// Waits for the outcome.
    ///
    /// # Errors
    ///
    /// What became of the message instead of being confirmed.
    pub fn wait(mut self) -> Result<(), PublishError> {
        match self.style().cloned() {
            Some(style) => style.wait(poll_fn(|cx| self.poll_outcome(cx))),
            None => Ok(()),
        }
    }
}

/// The outcomes of many publishes, for a program that blocks.
impl<S: Blocking> Receipts<S> {
    /// Waits for all of them.
    ///
    /// # Errors
    ///
    /// Which of them failed, and how.
    pub fn wait(mut self) -> Result<(), ReceiptsError> {
        let style = self.style().cloned();
        match style {
            Some(style) => style.wait(poll_fn(|cx| self.poll_outcomes(cx))),
            None => Ok(()),
        }
    }
}

/// The consumer of a program that blocks: an iterator that ends as [`next`](Iterator::next) says in every style: an error
/// once, when the consumer has ended, also if that was wanted; then `None`.
impl<S: Blocking> Consumer<S> {
    /// The deliveries with a time-out: each item that is `None` says that nothing came for `limit`, and the iterator goes
    /// on.
    ///
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(mut consumer: amqp_client::blocking::Consumer) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// for tick in consumer.inactivity_timeout(Duration::from_secs(1)) {
    ///     match tick {
    ///         Some(delivery) => delivery?.ack().call()?,
    ///         None => println!("nothing for a second"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn inactivity_timeout(&mut self, limit: Duration) -> Inactivity<'_, S> {
        Inactivity {
            consumer: self,
            limit,
        }
    }

    /// Stops consuming, but not handing out: what had come is still given, and behind it the end.
    ///
    /// # Errors
    ///
    /// That the server does not answer in time.
    pub fn drain(&mut self) -> Result<(), CallError> {
        self.channel().style.wait(self.stop())
    }

    /// Stops consuming, and gives what had come and was not handed out, in order. When the consumer ends for another
    /// reason that is the last item.
    ///
    /// # Errors
    ///
    /// That the server does not answer in time. What had come is requeued; without acknowledgements it is lost.
    pub fn cancel(mut self) -> Result<Vec<Result<Delivery, ConsumerError>>, CallError> {
        self.channel().style.wait(self.stop())?;
        Ok(self.take_rest())
    }
}

impl<S: Blocking> Iterator for Consumer<S> {
    type Item = Result<Delivery, ConsumerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let style = self.channel().style.clone();
        style.wait(poll_fn(|cx| self.poll_delivery(cx)))
    }
}

/// A consumer's deliveries, with a tick when none came for a time. Made by [`Consumer::inactivity_timeout`].
#[derive(Debug)]
pub struct Inactivity<'a, S: Blocking> {
    consumer: &'a mut Consumer<S>,
    limit: Duration,
}

impl<S: Blocking> Iterator for Inactivity<'_, S> {
    type Item = Option<Result<Delivery, ConsumerError>>;

    fn next(&mut self) -> Option<Self::Item> {
        let style = self.consumer.channel().style.clone();
        let deadline = Instant::now().checked_add(self.limit);
        let next = pin!(poll_fn(|cx| self.consumer.poll_delivery(cx)));
        match style.wait_until(deadline, next) {
            Poll::Ready(next) => next.map(Some),
            Poll::Pending => Some(None),
        }
    }
}

impl<S: Blocking> Iterator for Events<S> {
    type Item = ConnectionEvent;

    fn next(&mut self) -> Option<ConnectionEvent> {
        let style = self.style.clone();
        style.wait(poll_fn(|cx| self.poll_event(cx)))
    }
}

impl<S: Blocking> Iterator for Returns<S> {
    type Item = Returned;

    fn next(&mut self) -> Option<Returned> {
        let style = self.channel.style.clone();
        style.wait(poll_fn(|cx| self.poll_returned(cx)))
    }
}
