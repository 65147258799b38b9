//! The short way of a delivery that has come whole, for a consumer that runs. It is what [`receive_frame`] does with it,
//! with one look at each thing. Whatever else there is, and all that is wrong, goes the long way.
//!
//! That costs 700 instructions more: 1,600 in all, and not 880, for a small delivery without acknowledgements.
//!
//! [`receive_frame`]: Connection::receive_frame

use std::time::Instant;

use amqp_protocol::Reader;
use amqp_protocol::frame::{FrameType, Parsed, RawFrame};
use amqp_protocol::method::{Arguments, Decode};
use bytes::{Buf, BytesMut};

use super::assembly::{Lookahead, Whole};
use super::channel::Phase;
use super::connection::Connection;
use super::event::{Event, State};
use crate::methods::basic;

impl Connection {
    /// Takes the deliveries at the front of the input that go this way; false when there is none.
    pub(super) fn receive_deliveries(&mut self, now: Instant, input: &mut BytesMut) -> bool {
        if self.state != State::Open {
            return false;
        }
        let mut taken = 0;
        while let Some(len) = self.receive_delivery(now, input.get(taken..).unwrap_or_default()) {
            taken += len;
        }
        input.advance(taken);
        taken > 0
    }

    /// Takes the delivery at the front, of so many octets. `None` when it does not go this way: then nothing has happened.
    #[inline(always)]
    fn receive_delivery(&mut self, now: Instant, input: &[u8]) -> Option<usize> {
        let frame_max = self.receive_frame_max;
        let Ok(Parsed::Complete(frame)) = RawFrame::parse(input, frame_max) else {
            return None;
        };
        let mut reader = Reader::new(frame.payload);
        if frame.frame_type != FrameType::Method || reader.method_id("method") != Ok(basic::Deliver::ID) {
            return None;
        }
        let basic::Deliver {
            consumer_tag,
            delivery_tag,
            ..
        } = basic::Deliver::decode(&mut reader).ok()?;
        let index = usize::from(frame.channel.0).checked_sub(1)?;
        let channel = self.channels.get_mut(index)?.as_deref_mut()?;
        if !(reader.is_empty() && matches!(channel.phase, Phase::Open) && channel.assembly.is_none()) {
            return None;
        }
        let latest = channel.latest.and_then(|id| self.consumers.get(id));
        let id = match latest.filter(|consumer| consumer.tag == consumer_tag) {
            Some(consumer) => consumer.id,
            None => channel.consumers.get(consumer_tag.as_bytes())?.consumer,
        };
        let consumer = self.consumers.get_mut(id)?;
        if consumer.end.is_some() {
            return None;
        }
        let look = Whole::look(input, &frame, frame_max, self.config.body_max);
        let Ok(Lookahead::Whole(whole)) = look else {
            return None;
        };
        let len = whole.len();
        let message = whole.copy(input, delivery_tag, &mut self.blocks)?;
        channel.latest = Some(id);
        channel.delivered = delivery_tag.0;
        if !consumer.no_ack {
            let before = channel.unsettled.count();
            channel.unsettled.push(now, delivery_tag.0);
            let after = channel.unsettled.count();
            self.stats.deliveries_unsettled = self.stats.deliveries_unsettled + after - before;
        }
        self.stats.messages_delivered += 1;
        self.buffered.add(&message);
        consumer.held.add(&message);
        consumer.queue.push_back(message);
        if consumer.queue.len() == 1 || self.announces_each_delivery {
            self.events.push_back(Event::Readable(id));
        }
        self.shed();
        Some(len)
    }
}
