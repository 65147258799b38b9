//! A delivery: a received message and the duty to settle it, once.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::methods::basic;
use amqp_protocol::DeliveryTag;

use super::channel::ChannelHandle;
use crate::error::{CallError, Refusal};
use crate::sans_io::{Message, Settlement};
use crate::trace::{self, Followed};

/// A message that was delivered, and must be settled, once: [`ack`](Self::ack), [`reject`](Self::reject) or
/// [`requeue`](Self::requeue). Its fields are those of the [`Message`] that it derefs to.
///
/// Dropped unsettled, it is requeued, so that a handler that panics loses nothing. (A quorum queue counts that as one more
/// delivery; one from a stream, which has no requeue, is acked.) Deliveries of a consumer with `no_ack` are settled from the
/// start: settling them sends nothing.
///
/// The forms for several settle, with one method, all unsettled deliveries of the channel up to this one, whichever consumer
/// they came for. The others of them that a program holds are settled then: dropping one does nothing, settling it is an
/// error, [`CallError::AlreadySettled`]. Those that a consumer had not handed out yet are handed out as settled from the
/// start after [`ack_multiple`](Self::ack_multiple), and never after the other two.
///
/// What cannot be settled as it is asked is dropped, and so requeued.
///
/// A delivery is settled on its own channel or never: when that is over, the server requeues the message by itself, and
/// settling is [`CallError::Channel`] with the reason. Nothing is sent on another channel or connection.
///
/// ```no_run
/// use amqp_client::{CallError, Delivery};
///
/// async fn handle(delivery: Delivery) -> Result<(), CallError> {
///     match std::str::from_utf8(delivery.body()) {
///         Ok(order) => {
///             println!("{order}");
///             delivery.ack().await
///         }
///         Err(_) => delivery.reject().await,
///     }
/// }
/// ```
#[derive(Debug)]
#[must_use = "a delivery that is dropped is requeued"]
pub struct Delivery {
    message: Message,
    /// Where it is to be settled, while it is not.
    unsettled: Option<Arc<ChannelHandle>>,
    pub(crate) followed: Followed,
}

impl Delivery {
    pub(super) fn new(message: Message, unsettled: Option<Arc<ChannelHandle>>, followed: Followed) -> Self {
        Self {
            message,
            unsettled,
            followed,
        }
    }

    /// basic.ack: the message is done with.
    ///
    /// Dropping the future before its first poll requeues the message; at that poll it is done.
    ///
    /// # Errors
    ///
    /// When the channel is over, or a form for several has settled it. Nothing is sent then.
    pub fn ack(self) -> Settle {
        Settle::new(self, How::Ack { multiple: false })
    }

    /// basic.ack with multiple: this message and all before it on the channel are done with.
    ///
    /// Dropping the future before its first poll requeues this message; at that poll it is done.
    ///
    /// ```no_run
    /// use amqp_client::{CallError, Delivery};
    ///
    /// // Deliveries of one channel, in their order.
    /// async fn ack_all(mut batch: Vec<Delivery>) -> Result<(), CallError> {
    ///     match batch.pop() {
    ///         Some(last) => last.ack_multiple().await,
    ///         None => Ok(()),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    pub fn ack_multiple(self) -> Settle {
        Settle::new(self, How::Ack { multiple: true })
    }

    /// basic.reject without requeue: the message is dead-lettered if its queue says where to, or thrown away.
    ///
    /// Dropping the future before its first poll requeues the message; at that poll it is done.
    ///
    /// ```no_run
    /// # async fn example(delivery: amqp_client::Delivery) -> Result<(), Box<dyn std::error::Error>> {
    /// delivery.reject().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack), and [`Refusal::StreamDelivery`] when the message is from a stream: it is acked then, as when
    /// it is dropped.
    #[doc(alias = "nack")]
    pub fn reject(self) -> Settle {
        Settle::new(self, How::Reject { requeue: false })
    }

    /// basic.nack with multiple, RabbitMQ's addition: this message and all before it on the channel are dead-lettered or
    /// thrown away. None of them may be from a stream: RabbitMQ closes the whole connection for it.
    ///
    /// Dropping the future before its first poll requeues this message; at that poll it is done.
    ///
    /// # Errors
    ///
    /// As [`reject`](Self::reject), and [`CallError::Unsupported`] on a protocol without basic.nack (AMQP 0-8): the message
    /// is requeued then, as when it is dropped.
    #[doc(alias = "nack")]
    pub fn reject_multiple(self) -> Settle {
        Settle::new(self, How::NackMultiple { requeue: false })
    }

    /// basic.reject with requeue: the message goes back to its queue, near to where it was.
    ///
    /// Dropping the future before its first poll does the same.
    ///
    /// ```no_run
    /// # async fn example(delivery: amqp_client::Delivery) -> Result<(), Box<dyn std::error::Error>> {
    /// delivery.requeue().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`reject`](Self::reject).
    #[doc(alias = "nack")]
    pub fn requeue(self) -> Settle {
        Settle::new(self, How::Reject { requeue: true })
    }

    /// basic.nack with multiple and requeue: this message and all before it on the channel go back to their queues. None of
    /// them may be from a stream: RabbitMQ closes the whole connection for it.
    ///
    /// Dropping the future before its first poll requeues this message; at that poll it is done.
    ///
    /// # Errors
    ///
    /// As [`reject`](Self::reject), and [`CallError::Unsupported`] on a protocol without basic.nack (AMQP 0-8): the message
    /// is requeued then, as when it is dropped.
    #[doc(alias = "nack")]
    pub fn requeue_multiple(self) -> Settle {
        Settle::new(self, How::NackMultiple { requeue: true })
    }

    /// Leaves the delivery unsettled, to be settled [by its tag](super::Channel::basic_ack), or to be requeued when its
    /// channel ends.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// if let Some(delivery) = channel.basic_get("orders").await? {
    ///     let message = delivery.detach();
    ///     channel.basic_ack(message.delivery_tag()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn detach(mut self) -> Message {
        if let Some(channel) = self.unsettled.take() {
            channel.with(|inner, _| inner.core.note_settled());
        }
        self.message.clone()
    }

    /// The message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Calls `f` once, in the context that the message carries, as the connection's [propagator](crate::Propagator) finds
    /// it; without a propagator, in the current one.
    ///
    /// ```no_run
    /// # fn handle(_: &[u8]) {}
    /// # async fn example(delivery: amqp_client::Delivery) -> Result<(), amqp_client::CallError> {
    /// delivery.in_context(|| handle(delivery.body()));
    /// delivery.ack().await
    /// # }
    /// ```
    pub fn in_context(&self, mut f: impl FnMut()) {
        match self.followed.source().map(|source| &source.propagator) {
            Some(Some(propagator)) => {
                let headers = self.message.properties().headers.unwrap_or_default();
                propagator.extract(&headers, &mut f);
            }
            _ => f(),
        }
    }

    /// The span `deliver` of this delivery, with the feature `tracing`: from here to its settlement. Be in it while the
    /// message is handled. One that nobody listens to is disabled.
    ///
    /// ```no_run
    /// # fn handle(_: &[u8]) {}
    /// # async fn example(delivery: amqp_client::Delivery) -> Result<(), amqp_client::CallError> {
    /// delivery.span().in_scope(|| handle(delivery.body()));
    /// delivery.ack().await
    /// # }
    /// ```
    #[cfg(feature = "tracing")]
    pub fn span(&self) -> tracing::Span {
        self.followed.span().cloned().unwrap_or_else(tracing::Span::none)
    }

    fn settle(&mut self, how: How) -> Result<(), CallError> {
        let settlement = how.of(self.message.delivery_tag());
        if trace::listened_to() {
            self.settle_and_tell(settlement)
        } else {
            self.settle_once(settlement)
        }
    }

    // Out of the way of those whom nobody listens to, so that their outcome goes straight to the caller.
    #[cold]
    #[inline(never)]
    fn settle_and_tell(&mut self, settlement: Settlement) -> Result<(), CallError> {
        let unsettled = self.unsettled.is_some();
        let outcome = self.settle_once(settlement);
        if unsettled {
            self.followed.settled(settlement, &outcome);
        }
        outcome
    }

    fn settle_once(&mut self, settlement: Settlement) -> Result<(), CallError> {
        let Some(channel) = &self.unsettled else {
            return Ok(());
        };
        if !matches!(settlement, Settlement::Ack(_)) && self.message.is_from_stream() {
            return Err(CallError::Refused(Refusal::StreamDelivery));
        }
        // What is an error settles nothing: it is dropped.
        channel.with(|inner, key| {
            inner.core.settle_once(key, settlement)?;
            inner.core.note_settled();
            Ok::<_, CallError>(())
        })?;
        self.unsettled = None;
        Ok(())
    }
}

/// Settles a delivery: done at the first poll, or at once by [`call`](Self::call), in any style. It waits for nothing.
///
/// Dropping it before the first poll requeues the message, as dropping the delivery does.
#[derive(Debug)]
#[must_use = "a delivery is only settled when this is awaited or called"]
pub struct Settle {
    delivery: Option<Delivery>,
    how: How,
}

/// How a delivery is settled.
#[derive(Debug, Clone, Copy)]
enum How {
    Ack { multiple: bool },
    Reject { requeue: bool },
    NackMultiple { requeue: bool },
}

impl How {
    fn of(self, delivery_tag: DeliveryTag) -> Settlement {
        match self {
            Self::Ack { multiple } => Settlement::Ack(basic::Ack {
                delivery_tag,
                multiple,
            }),
            Self::Reject { requeue } => Settlement::Reject(basic::Reject {
                delivery_tag,
                requeue,
            }),
            Self::NackMultiple { requeue } => Settlement::Nack(basic::Nack {
                delivery_tag,
                multiple: true,
                requeue,
            }),
        }
    }
}

impl Settle {
    fn new(delivery: Delivery, how: How) -> Self {
        Self {
            delivery: Some(delivery),
            how,
        }
    }

    /// Settles it, without `async`.
    ///
    /// ```no_run
    /// # fn example(delivery: amqp_client::Delivery) -> Result<(), amqp_client::CallError> {
    /// delivery.ack().call()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the way to settle it.
    pub fn call(mut self) -> Result<(), CallError> {
        self.settle()
    }

    fn settle(&mut self) -> Result<(), CallError> {
        let Some(delivery) = &mut self.delivery else {
            return Ok(());
        };
        let outcome = delivery.settle(self.how);
        // What could not be settled is requeued.
        self.delivery = None;
        outcome
    }
}

impl Future for Settle {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.settle())
    }
}

impl Deref for Delivery {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(channel) = self.unsettled.take() {
            channel.with(|inner, key| {
                inner.core.note_settled();
                inner.core.requeue(key, &self.message);
            });
            self.followed.dropped(&self.message);
        }
    }
}
