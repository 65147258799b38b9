//! What is iterated over in the blocking styles: deliveries, with or without a time-out, events and returned messages.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::error::CallError;
use crate::handle::{Blocking, ConnectionEvent, Consumer, ConsumerError, Delivery, Events, Returns};
use crate::sans_io::Returned;

/// The consumer of a program that blocks: an iterator whose last item is an error, as in every style: why the consumer has
/// ended, also if that [was wanted](crate::ConsumerEnd::is_wanted).
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(mut consumer: amqp_client::blocking::Consumer) -> Result<(), amqp_client::CallError> {
    /// consumer.drain()?;
    /// for delivery in consumer.flatten() {
    ///     delivery.ack().call()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
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
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example(consumer: amqp_client::blocking::Consumer) -> Result<(), amqp_client::CallError> {
    /// for delivery in consumer.cancel()?.into_iter().flatten() {
    ///     delivery.ack().call()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
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
