//! What the handles do in blocking styles: each call returns when it is done. What they do in every style stands with them;
//! what is iterated over, in `iterators`.

use std::future::poll_fn;
use std::time::Duration;

use amqp_protocol::method::{self, Arguments};

use crate::error::{CallError, ConnectionError, PublishError, ShutdownError};
use crate::handle::{
    Async, Begin, Blocking, Caller, Channel, Connection, NoWait, Publisher, Receipt, Receipts, ReceiptsError,
    Request,
};
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(channel: amqp_client::blocking::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.queue_declare("orders").durable().no_wait().call()?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(connection: amqp_client::blocking::Connection) -> Result<(), amqp_client::CallError> {
    /// let publishing = connection.open_channel()?;
    /// let consuming = connection.open_channel()?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(connection: amqp_client::blocking::Connection, channel: amqp_client::blocking::Channel) -> Result<(), Box<dyn std::error::Error>> {
    /// channel.basic_publish("", "orders", "one coffee").call()?;
    /// connection.close()?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(connection: amqp_client::blocking::Connection) -> Result<(), amqp_client::ShutdownError> {
    /// connection.shutdown(std::time::Duration::from_secs(30))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ShutdownError::Unfinished`] says what was left when the connection was closed nevertheless;
    /// [`ShutdownError::Connection`] that it had ended for another reason, or the server did not answer.
    pub fn shutdown(&self, limit: Duration) -> Result<(), ShutdownError> {
        self.style.wait(self.in_style(Async).shutdown(limit))
    }

    /// Waits until the connection is over, and tells why.
    ///
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(connection: amqp_client::blocking::Connection) {
    /// std::thread::spawn(move || eprintln!("no connection any more: {}", connection.closed()));
    /// # }
    /// ```
    pub fn closed(&self) -> ConnectionError {
        self.style.wait(self.in_style(Async).closed())
    }

    /// connection.update-secret: gives the server a fresh secret before the old one expires.
    ///
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(connection: amqp_client::blocking::Connection, token: String) -> Result<(), amqp_client::CallError> {
    /// connection.update_secret(token, "the old one expires")?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(channel: amqp_client::blocking::Channel) -> Result<(), amqp_client::CallError> {
    /// use amqp_client::methods::queue;
    /// use amqp_client::protocol::ShortStr;
    ///
    /// let purged = channel.call(queue::Purge { queue: ShortStr::from_static("orders"), ..Default::default() })?;
    /// println!("{} messages dropped", purged.message_count);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the channel is over, the method is not one to be sent this way, or there is no reply within `call_timeout`.
    pub fn call<M: method::Request>(&self, method: M) -> Result<M::Reply, CallError> {
        self.style.wait(self.in_style(Async).call(method))
    }

    /// Sends a method that is never answered.
    ///
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(channel: amqp_client::blocking::Channel) -> Result<(), amqp_client::CallError> {
    /// use amqp_client::methods::basic;
    ///
    /// channel.send(basic::RecoverAsync { requeue: true })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the channel is over, the method does not fit into a frame or is not one to be sent this way.
    pub fn send<M: Arguments>(&self, method: M) -> Result<(), CallError> {
        self.style.wait(self.in_style(Async).send(method))
    }

    /// Closes the channel in order: its consumers end, the server requeues what is not settled.
    ///
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(channel: amqp_client::blocking::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.close()?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(publisher: amqp_client::blocking::Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// for number in 1..=1000 {
    ///     drop(publisher.publish("", "orders", format!("coffee {number}")).call()?);
    /// }
    /// publisher.wait_for_all()?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(publisher: amqp_client::blocking::Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// publisher.publish("", "orders", "one coffee").mandatory().call()?.wait()?;
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(publisher: amqp_client::blocking::Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut receipts = amqp_client::blocking::Receipts::new();
    /// for order in ["coffee", "tea"] {
    ///     receipts.push(publisher.publish("", "orders", order).call()?);
    /// }
    /// receipts.wait()?;
    /// # Ok(())
    /// # }
    /// ```
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
