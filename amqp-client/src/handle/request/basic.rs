//! Requests of class basic without content: qos, recover, and settling by delivery tag.

use crate::methods::basic;
use amqp_protocol::DeliveryTag;

use super::Request;
use crate::error::Refusal;
use crate::handle::call::Unanswered;
use crate::handle::channel::Channel;
use crate::handle::style::Style;

impl<S: Style> Channel<S> {
    /// Begins basic.qos: the server sends at most `prefetch_count` unsettled deliveries to each later consumer of the
    /// channel; 0 is no limit. A stream's consumers need a limit: the server refuses 0 with 406. How much that may be stands
    /// at [`prefetch_count`](Request::prefetch_count).
    ///
    /// Options: [`global`](Request::global), [`prefetch_size`](Request::prefetch_size).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.basic_qos(20).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_qos(&self, prefetch_count: u16) -> Request<'_, Self, basic::Qos> {
        let qos = basic::Qos {
            prefetch_count,
            ..Default::default()
        };
        Request::new(self, qos)
    }

    /// Begins basic.recover: the server requeues all that it delivered on the channel and that is not settled. From when it
    /// is sent, deliveries that have come, or come before the reply, are settled as [`Delivery`](crate::Delivery)
    /// understands it: to settle one is [`CallError::AlreadySettled`](crate::CallError::AlreadySettled). What consumers had
    /// not handed out when it is answered is forgotten: all of it comes again. RabbitMQ closes the connection (541) when a stream's
    /// deliveries are among them.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.basic_recover().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_recover(&self) -> Request<'_, Self, basic::Recover> {
        Request::new(self, basic::Recover { requeue: true })
    }

    /// Begins basic.recover-async, the deprecated form of [`basic_recover`](Self::basic_recover) that is not answered.
    /// Deliveries that were under way are requeued too, which nobody can tell when they arrive: to settle one of those
    /// closes the channel (406).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.basic_recover_async().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_recover_async(&self) -> Request<'_, Self, Unanswered<basic::RecoverAsync>> {
        Request::new(self, Unanswered(basic::RecoverAsync { requeue: true }))
    }

    /// Begins basic.ack of a delivery by its tag, as [`Delivery::detach`](crate::Delivery::detach) leaves it. A tag that
    /// is unknown or settled closes the channel (406).
    ///
    /// Option: `multiple`, on the page of [`Request`].
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel, delivery: amqp_client::Delivery) -> Result<(), amqp_client::CallError> {
    /// let message = delivery.detach();
    /// channel.basic_ack(message.delivery_tag()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_ack(&self, delivery_tag: DeliveryTag) -> Request<'_, Self, Unanswered<basic::Ack>> {
        let ack = basic::Ack {
            delivery_tag,
            multiple: false,
        };
        Request::new(self, Unanswered(ack))
    }

    /// Begins basic.nack, RabbitMQ's addition, of a delivery by its tag: dead-lettered or dropped, unless it says
    /// `requeue`. As with [`basic_ack`](Self::basic_ack), the tag must be unsettled; one of a stream closes the whole
    /// connection (540).
    ///
    /// Options: `multiple`, `requeue`, on the page of [`Request`].
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel, last: amqp_client::Message) -> Result<(), amqp_client::CallError> {
    /// channel.basic_nack(last.delivery_tag()).multiple().requeue().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_nack(&self, delivery_tag: DeliveryTag) -> Request<'_, Self, Unanswered<basic::Nack>> {
        let nack = basic::Nack {
            delivery_tag,
            multiple: false,
            requeue: false,
        };
        Request::new(self, Unanswered(nack))
    }

    /// Begins basic.reject of a delivery by its tag: dead-lettered or dropped, unless it says `requeue`. Otherwise as
    /// [`basic_nack`](Self::basic_nack).
    ///
    /// Option: `requeue`, on the page of [`Request`].
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel, message: amqp_client::Message) -> Result<(), amqp_client::CallError> {
    /// channel.basic_reject(message.delivery_tag()).requeue().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_reject(&self, delivery_tag: DeliveryTag) -> Request<'_, Self, Unanswered<basic::Reject>> {
        let reject = basic::Reject {
            delivery_tag,
            requeue: false,
        };
        Request::new(self, Unanswered(reject))
    }
}

/// Options of [`Channel::basic_qos`].
impl<C> Request<'_, C, basic::Qos> {
    bits! {
        /// The limit holds for the whole channel, all its consumers together. Quorum queues close the connection for it
        /// (540).
        global
    }

    /// A limit in octets, which RabbitMQ does not have: anything but 0 is [refused](Refusal::PrefetchSize).
    pub fn prefetch_size(self, octets: u32) -> Self {
        if octets == 0 {
            self
        } else {
            self.refuse(Refusal::PrefetchSize)
        }
    }
}

/// Options of [`Channel::basic_recover`].
impl<C> Request<'_, C, basic::Recover> {
    /// To the consumers that had it before, which RabbitMQ does not do: [refused](Refusal::RecoverWithoutRequeue).
    pub fn without_requeue(self) -> Self {
        self.refuse(Refusal::RecoverWithoutRequeue)
    }
}

/// Options of [`Channel::basic_recover_async`].
impl<C> Request<'_, C, Unanswered<basic::RecoverAsync>> {
    /// To the consumers that had it before, which RabbitMQ does not do: [refused](Refusal::RecoverWithoutRequeue).
    pub fn without_requeue(self) -> Self {
        self.refuse(Refusal::RecoverWithoutRequeue)
    }
}

/// Options of [`Channel::basic_ack`].
impl<C> Request<'_, C, Unanswered<basic::Ack>> {
    /// Acks everything unsettled up to this tag on the channel. Tag 0 means everything: also what is under way, which
    /// must not be settled again.
    pub fn multiple(self) -> Self {
        self.set(|ack| ack.0.multiple = true)
    }
}

/// Options of [`Channel::basic_nack`].
impl<C> Request<'_, C, Unanswered<basic::Nack>> {
    /// Nacks everything unsettled up to this tag on the channel. Tag 0 means everything: also what is under way, which
    /// must not be settled again.
    pub fn multiple(self) -> Self {
        self.set(|nack| nack.0.multiple = true)
    }

    /// Back to the queue, near to where it was.
    pub fn requeue(self) -> Self {
        self.set(|nack| nack.0.requeue = true)
    }
}

/// Options of [`Channel::basic_reject`].
impl<C> Request<'_, C, Unanswered<basic::Reject>> {
    /// Back to the queue, near to where it was.
    pub fn requeue(self) -> Self {
        self.set(|reject| reject.0.requeue = true)
    }
}
