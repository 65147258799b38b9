//! A delivery: a received message and the duty to settle it, once.

use std::ops::Deref;

use amqp_protocol::method::Arguments;
use amqp_protocol::v0_9_1::basic;

use super::channel::Channel;
use crate::error::CallError;
use crate::sans_io::Message;

/// A message that was delivered, and must be settled: [`ack`](Self::ack), [`reject`](Self::reject) or
/// [`requeue`](Self::requeue). Its fields are those of the [`Message`] that it derefs to.
///
/// Dropped unsettled, it is requeued, so that a handler that panics loses nothing. (A quorum queue counts that as one more
/// delivery; one from a stream, which has no requeue, is acked.) Deliveries of a consumer with `no_ack` are settled from the
/// start: settling them sends nothing.
#[derive(Debug)]
#[must_use = "a delivery that is dropped is requeued"]
pub struct Delivery {
    message: Message,
    /// Where it is to be settled, while it is not.
    unsettled: Option<Channel>,
}

impl Delivery {
    pub(super) fn new(message: Message, unsettled: Option<Channel>) -> Self {
        Self { message, unsettled }
    }

    /// basic.ack: the message is done with.
    ///
    /// Dropping the future before its first poll requeues the message; at that poll it is done.
    ///
    /// # Errors
    ///
    /// When the channel is over. The server requeues the message by itself then.
    pub async fn ack(self) -> Result<(), CallError> {
        let delivery_tag = self.message.delivery_tag();
        self.settle(basic::Ack {
            delivery_tag,
            multiple: false,
        })
    }

    /// basic.reject without requeue: the message is dead-lettered if its queue says where to, or thrown away.
    ///
    /// Dropping the future before its first poll requeues the message; at that poll it is done.
    ///
    /// # Errors
    ///
    /// When the channel is over, and, since RabbitMQ closes the whole connection for it, when the message is from a stream.
    pub async fn reject(self) -> Result<(), CallError> {
        self.put_back(false)
    }

    /// basic.reject with requeue: the message goes back to its queue, near to where it was.
    ///
    /// Dropping the future before its first poll does the same.
    ///
    /// # Errors
    ///
    /// As [`reject`](Self::reject).
    pub async fn requeue(self) -> Result<(), CallError> {
        self.put_back(true)
    }

    /// Leaves the delivery unsettled, to be settled by its tag, or to be requeued when its channel ends.
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

    fn put_back(self, requeue: bool) -> Result<(), CallError> {
        if self.unsettled.is_some() && self.message.is_from_stream() {
            return Err(CallError::NotSendable {
                method: basic::Reject::NAME,
            });
        }
        let delivery_tag = self.message.delivery_tag();
        self.settle(basic::Reject {
            delivery_tag,
            requeue,
        })
    }

    fn settle(mut self, method: impl Arguments) -> Result<(), CallError> {
        match self.unsettled.take() {
            Some(channel) => channel.with(|inner, key| {
                inner.core.note_settled();
                inner.core.send(key, &method)
            }),
            None => Ok(()),
        }
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
        }
    }
}
