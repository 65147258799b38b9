//! Settling deliveries, and what a settlement of several leaves settled: nothing is settled twice. Who holds the deliveries
//! is the consumers' and their users' matter.

use std::time::Instant;

use amqp_protocol::frame::{self, FrameType};
use amqp_protocol::method::Arguments;
use amqp_protocol::{ChannelId, DeliveryTag};

use crate::methods::basic;

use super::connection::Connection;
use super::content::Message;
use super::durations::MEASURED;
use super::event::ChannelKey;
use crate::error::CallError;

/// A method that settles deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Done with.
    Ack(basic::Ack),
    /// Dead-lettered, dropped or requeued.
    Nack(basic::Nack),
    /// The same, of one delivery.
    Reject(basic::Reject),
}

impl Settlement {
    fn delivery_tag(&self) -> DeliveryTag {
        match self {
            Self::Ack(ack) => ack.delivery_tag,
            Self::Nack(nack) => nack.delivery_tag,
            Self::Reject(reject) => reject.delivery_tag,
        }
    }
}

impl Connection {
    /// Settles by tag, as the caller says. What a settlement of several covers [is settled](Self::is_settled) from here on,
    /// and after a nack no consumer hands it out any more: it comes again, or never. (With [`send`](Self::send) nobody takes
    /// note of that.)
    ///
    /// # Errors
    ///
    /// When the channel is over, basic.recover is under way, for which the server requeues it, or the protocol has no
    /// basic.nack. Nothing is sent or settled then.
    pub fn settle(&mut self, key: ChannelKey, settlement: Settlement) -> Result<(), CallError> {
        if self.channel(key)?.is_recovering() {
            // RabbitMQ would close the channel for a tag that it has requeued.
            return Err(CallError::AlreadySettled);
        }
        match settlement {
            Settlement::Ack(ack) => {
                self.put_ack(key, ack)?;
                self.stats.deliveries_acked += self.note_settlement(key, ack.delivery_tag, ack.multiple);
            }
            Settlement::Nack(nack) => {
                self.send(key, &nack)?;
                let settled = self.note_settlement(key, nack.delivery_tag, nack.multiple);
                if nack.multiple {
                    self.forget_settled(key);
                }
                *self.given_back(nack.requeue) += settled;
            }
            Settlement::Reject(reject) => {
                self.send(key, &reject)?;
                let settled = self.note_settlement(key, reject.delivery_tag, false);
                *self.given_back(reject.requeue) += settled;
            }
        }
        Ok(())
    }

    /// Settles by tag, unless a settlement of several has.
    ///
    /// # Errors
    ///
    /// When it has, and as [`settle`](Self::settle).
    pub fn settle_once(&mut self, key: ChannelKey, settlement: Settlement) -> Result<(), CallError> {
        if settlement.delivery_tag().0 <= self.channel(key)?.settled {
            return Err(CallError::AlreadySettled);
        }
        self.settle(key, settlement)
    }

    /// Whether a settlement of several, or basic.recover, has settled this delivery of the channel.
    pub fn is_settled(&mut self, key: ChannelKey, message: &Message) -> bool {
        self.has_settled(key, message.delivery_tag())
    }

    #[inline]
    pub(super) fn has_settled(&mut self, key: ChannelKey, delivery_tag: DeliveryTag) -> bool {
        self.channel(key)
            .is_ok_and(|channel| channel.settled > 0 && delivery_tag.0 <= channel.settled)
    }

    /// Gives back a delivery that was not handled: a reject with requeue, or for one from a stream, which cannot be
    /// requeued, an ack, which only lets the server send more. Does nothing when it is settled, or the channel is over.
    pub fn requeue(&mut self, key: ChannelKey, message: &Message) {
        let delivery_tag = message.delivery_tag();
        let settlement = if message.is_from_stream() {
            Settlement::Ack(basic::Ack {
                delivery_tag,
                multiple: false,
            })
        } else {
            Settlement::Reject(basic::Reject {
                delivery_tag,
                requeue: true,
            })
        };
        // An error means that it is settled, or the channel over, and the server requeues by itself.
        let _ = self.settle_once(key, settlement);
    }

    /// Sends basic.recover-async: what has come on the channel is settled from here on, and comes again.
    ///
    /// # Errors
    ///
    /// When the channel is over.
    pub fn recover_async(&mut self, key: ChannelKey, recover: basic::RecoverAsync) -> Result<(), CallError> {
        self.send(key, &recover)?;
        self.recovered(key);
        Ok(())
    }

    /// Queues basic.ack: what [`send`](Self::send) does, in a quarter of the 150 instructions.
    fn put_ack(&mut self, key: ChannelKey, ack: basic::Ack) -> Result<(), CallError> {
        let before = self.position();
        if self.dialect.translator(key.id).is_some() || self.deferred(key.id).is_some() {
            self.put_method(key.id, &ack)?;
        } else {
            self.put(|octets| octets.extend_from_slice(&ack_frame(key.id, ack)));
        }
        self.count_answer(key.id, before);
        Ok(())
    }

    /// The server has requeued what came on the channel and was not settled.
    pub(super) fn recovered(&mut self, key: ChannelKey) {
        self.stats.deliveries_requeued += self.note_settlement(key, DeliveryTag(0), true);
        self.forget_settled(key);
    }

    /// A delivery came that must be settled.
    pub(super) fn must_settle(&mut self, now: Instant, key: ChannelKey, delivery_tag: DeliveryTag) {
        if let Some(channel) = self.channel_slot(key) {
            let before = channel.unsettled.count();
            channel.unsettled.push(now, delivery_tag.0);
            let after = channel.unsettled.count();
            self.stats.deliveries_unsettled = self.stats.deliveries_unsettled + after - before;
        }
    }

    /// This delivery is settled, or everything up to it, 0 meaning what has come so far. Tells how many were not before.
    fn note_settlement(&mut self, key: ChannelKey, delivery_tag: DeliveryTag, multiple: bool) -> u64 {
        let just_settled = &mut self.just_settled;
        let mut count = 0;
        let mut note = |received, several| {
            count += several;
            match just_settled.last_mut() {
                _ if !MEASURED => {}
                Some((last, settled)) if *last == received => *settled += several,
                _ => just_settled.push((received, several)),
            }
        };
        let slot = usize::from(key.id.0).wrapping_sub(1);
        let channel = self.channels.get_mut(slot).and_then(Option::as_deref_mut);
        if let Some(channel) = channel.filter(|channel| channel.key == key) {
            if multiple {
                let through = match delivery_tag.0 {
                    0 => channel.delivered,
                    tag => tag,
                };
                channel.settled = channel.settled.max(through);
                channel.unsettled.settle_through(through, note);
            } else if let Some(received) = channel.unsettled.settle(delivery_tag.0) {
                note(received, 1);
            }
        }
        self.stats.deliveries_unsettled -= count;
        count as u64
    }

    /// What counts deliveries that were given back.
    fn given_back(&mut self, requeue: bool) -> &mut u64 {
        match requeue {
            true => &mut self.stats.deliveries_requeued,
            false => &mut self.stats.deliveries_rejected,
        }
    }

    /// Takes what is settled away from consumers that have not handed it out.
    fn forget_settled(&mut self, key: ChannelKey) {
        if let Some(settled) = self.channel_slot(key).map(|channel| channel.settled) {
            self.forget_deliveries(key, |message| message.delivery_tag().0 <= settled);
        }
    }
}

/// A frame with basic.ack.
fn ack_frame(channel: ChannelId, ack: basic::Ack) -> [u8; 21] {
    let [kind, c0, c1, s0, s1, s2, s3] = frame::start(FrameType::Method, channel, 13);
    let [i0, i1] = basic::Ack::ID.class.to_be_bytes();
    let [i2, i3] = basic::Ack::ID.method.to_be_bytes();
    let [t0, t1, t2, t3, t4, t5, t6, t7] = ack.delivery_tag.0.to_be_bytes();
    let multiple = u8::from(ack.multiple);
    [
        kind,
        c0,
        c1,
        s0,
        s1,
        s2,
        s3,
        i0,
        i1,
        i2,
        i3,
        t0,
        t1,
        t2,
        t3,
        t4,
        t5,
        t6,
        t7,
        multiple,
        frame::END,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_is_the_frame_that_is_generated_for_it() {
        for (channel, delivery_tag, multiple) in
            [(1, 1, false), (2047, u64::MAX / 3, true), (u16::MAX, 0, true)]
        {
            let (channel, delivery_tag) = (ChannelId(channel), DeliveryTag(delivery_tag));
            let ack = basic::Ack {
                delivery_tag,
                multiple,
            };
            let mut generated = Vec::new();
            frame::write_method(&mut generated, channel, &ack, 0).unwrap();
            assert_eq!(generated, ack_frame(channel, ack));
        }
    }
}
