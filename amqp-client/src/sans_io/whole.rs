//! The short way of a delivery that has come whole, for a consumer that runs. It is what [`receive_frame`] does with it,
//! with one look at each thing. Whatever else there is, and all that is wrong, goes the long way.
//!
//! That costs 350 instructions more, in all 1,510 and not 1,160 for a small delivery without acknowledgements.
//!
//! [`receive_frame`]: Connection::receive_frame

use std::time::Instant;

use amqp_protocol::Reader;
use amqp_protocol::frame::{FrameType, Parsed, RawFrame};
use amqp_protocol::method::{Arguments, Decode};
use bytes::BytesMut;

use super::assembly::{Lookahead, Whole};
use super::channel::Phase;
use super::connection::Connection;
use super::event::{Event, State};
use crate::methods::basic;

impl Connection {
    /// Takes the delivery at the front of the input. `None` when it does not go this way: then nothing has happened.
    #[inline(never)]
    pub(super) fn receive_delivery(&mut self, now: Instant, input: &mut BytesMut) -> Option<()> {
        if self.state != State::Open {
            return None;
        }
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
        let subscriber = channel.consumers.get(consumer_tag.as_bytes())?;
        let consumer = self.consumers.get_mut(subscriber.consumer)?;
        if consumer.end.is_some() {
            return None;
        }
        let Ok(Lookahead::Whole(whole)) = Whole::look(input, &frame, frame_max, self.config.body_max) else {
            return None;
        };
        channel.delivered = delivery_tag.0;
        if !subscriber.no_ack {
            let before = channel.unsettled.count();
            channel.unsettled.push(now, delivery_tag.0);
            let after = channel.unsettled.count();
            self.stats.deliveries_unsettled = self.stats.deliveries_unsettled + after - before;
        }
        self.stats.messages_delivered += 1;
        let message = whole.take(input, delivery_tag, Some(&mut self.blocks));
        self.buffered.add(&message);
        consumer.held.add(&message);
        consumer.queue.push_back(message);
        if consumer.queue.len() == 1 || self.announces_each_delivery {
            self.events.push_back(Event::Readable(consumer.id));
        }
        self.shed();
        Some(())
    }
}
