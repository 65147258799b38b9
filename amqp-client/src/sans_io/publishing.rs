//! Publishing: a method, a content header and a body leave as one unit, or wait at a gate before anything is queued.

use std::time::Instant;

use amqp_protocol::frame::{self, FrameType, payload_max};
use amqp_protocol::method::Encode;
use amqp_protocol::v0_9_1::basic;
use amqp_protocol::{ChannelId, DeliveryTag, TooLong, Writer, content};
use bytes::Bytes;

use super::connection::{Connection, deadline};
use super::event::{ChannelKey, Event, RequestId};
use crate::error::{ChannelError, PublishError};

/// Bodies from this size on go to the transport by reference; copying a smaller one costs less than keeping it apart.
const SHARE_FROM: usize = 4096;

/// The body of a message to publish. Borrowed octets are copied into the output at once; a large [`Bytes`] goes by
/// reference.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// Octets of the caller's.
    Borrowed(&'a [u8]),
    /// Octets that are shared or given away.
    Shared(Bytes),
}

impl Body<'_> {
    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(octets) => octets,
            Self::Shared(octets) => octets,
        }
    }
}

impl Default for Body<'_> {
    fn default() -> Self {
        Self::Borrowed(&[])
    }
}

impl<'a> From<&'a [u8]> for Body<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self::Borrowed(octets)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Body<'a> {
    fn from(octets: &'a [u8; N]) -> Self {
        Self::Borrowed(octets)
    }
}

impl<'a> From<&'a str> for Body<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Body<'a> {
    fn from(text: &'a String) -> Self {
        Self::Borrowed(text.as_bytes())
    }
}

impl<'a> From<&'a Vec<u8>> for Body<'a> {
    fn from(octets: &'a Vec<u8>) -> Self {
        Self::Borrowed(octets)
    }
}

impl From<Vec<u8>> for Body<'_> {
    fn from(octets: Vec<u8>) -> Self {
        Self::Shared(octets.into())
    }
}

impl From<String> for Body<'_> {
    fn from(text: String) -> Self {
        Self::Shared(text.into())
    }
}

impl From<Bytes> for Body<'_> {
    fn from(octets: Bytes) -> Self {
        Self::Shared(octets)
    }
}

/// A publish that was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Where its first octet stands in the outgoing stream. While the transport has not taken more octets than this, the
    /// message was certainly not sent.
    pub position: u64,
    /// Its number in the confirms of its channel, in confirm mode.
    pub delivery_tag: Option<DeliveryTag>,
}

/// Somebody who waits to publish, until it takes its turn.
#[derive(Debug)]
pub(super) struct GateWaiter {
    pub(super) request: RequestId,
    pub(super) channel: ChannelKey,
    pub(super) deadline: Option<Instant>,
}

impl Connection {
    /// Queues a message, all its frames in a row, and numbers it if the channel is in confirm mode.
    ///
    /// # Errors
    ///
    /// [`PublishError::Blocked`] while [`may_publish`](Self::may_publish) is false;
    /// [`wait_to_publish`](Self::wait_to_publish) then. Whatever the error, nothing was queued and no number was used.
    pub fn publish(
        &mut self,
        key: ChannelKey,
        method: &basic::Publish<'_>,
        properties: &basic::Properties<'_>,
        body: Body<'_>,
    ) -> Result<Published, PublishError> {
        self.channel(key)?;
        if !self.may_publish(key) {
            return Err(PublishError::Blocked);
        }
        let published = self.put_message(key, method, properties, body);
        self.open_gate();
        published
    }

    fn put_message(
        &mut self,
        key: ChannelKey,
        method: &basic::Publish<'_>,
        properties: &basic::Properties<'_>,
        body: Body<'_>,
    ) -> Result<Published, PublishError> {
        let frame_max = self.send_frame_max;
        let position = self.position();
        let header = Header {
            body_size: body.as_bytes().len() as u64,
            properties,
        };
        let (actual, limit) = (header.encoded_len(), payload_max(frame_max) as usize);
        if actual > limit {
            return Err(PublishError::FrameTooLarge(TooLong { actual, limit }));
        }
        self.put(|octets| {
            frame::write_method(octets, key.id, method, frame_max)?;
            frame::write(octets, FrameType::Header, key.id, &header, frame_max)
        })
        .map_err(PublishError::FrameTooLarge)?;
        self.put_body(key.id, body);
        let next = self.channel(key)?.next_confirm.as_mut();
        let delivery_tag = next.map(|next| {
            let tag = DeliveryTag(*next);
            *next += 1;
            tag
        });
        Ok(Published {
            position,
            delivery_tag,
        })
    }

    /// Whether a publish on this channel would be taken now: the server blocks neither the connection nor the channel, no
    /// more than `send_buffer` octets wait for the transport, and it is nobody else's turn. Nothing but publishing is ever
    /// held back.
    pub fn may_publish(&self, key: ChannelKey) -> bool {
        self.turn.is_none() && self.is_gate_free(key)
    }

    fn is_gate_free(&self, key: ChannelKey) -> bool {
        let slot = self
            .channels
            .get(usize::from(key.id.0).wrapping_sub(1))
            .and_then(Option::as_deref);
        let flow = slot.is_some_and(|channel| channel.key == key && channel.flow);
        flow && self.error.is_none() && !self.blocked && self.backlog() <= self.config.send_buffer as u64
    }

    /// Waits for a turn to publish, for at most `publish_timeout`: resolved by [`Event::MayPublish`], then
    /// [taken](Self::take_turn). Turns are given one at a time, in the order of waiting, and the next when this one is
    /// taken, [abandoned](Self::abandon_request), or `publish_timeout` is over.
    ///
    /// # Errors
    ///
    /// When the channel is over.
    pub fn wait_to_publish(&mut self, now: Instant, key: ChannelKey) -> Result<RequestId, ChannelError> {
        self.channel(key)?;
        let request = RequestId(self.next_id());
        self.gate.push_back(GateWaiter {
            request,
            channel: key,
            deadline: deadline(now, self.config.publish_timeout),
        });
        self.open_gate();
        Ok(request)
    }

    /// Takes the turn that [`Event::MayPublish`] gave. `None`: [`publish`](Self::publish) at once, before anything else.
    /// `Some`: the server has stopped publishing since; the same place in the queue, and its deadline, go on under this
    /// request.
    ///
    /// # Errors
    ///
    /// When the channel is over, or the turn was not taken within `publish_timeout`.
    pub fn take_turn(
        &mut self,
        key: ChannelKey,
        request: RequestId,
    ) -> Result<Option<RequestId>, PublishError> {
        self.channel(key)?;
        let Some(place) = self.gate.iter().position(|waiter| waiter.request == request) else {
            return Err(PublishError::Blocked);
        };
        self.turn = self.turn.filter(|holder| *holder != request);
        if self.may_publish(key) {
            self.gate.remove(place);
            return Ok(None);
        }
        let again = RequestId(self.next_id());
        if let Some(waiter) = self.gate.get_mut(place) {
            waiter.request = again;
        }
        self.open_gate();
        Ok(Some(again))
    }

    /// Gives the turn to the first whose way is free, unless somebody has it. It keeps its place until it takes the turn.
    pub(super) fn open_gate(&mut self) {
        if self.turn.is_some() {
            return;
        }
        let next = self.gate.iter().find(|waiter| self.is_gate_free(waiter.channel));
        if let Some(request) = next.map(|waiter| waiter.request) {
            self.turn = Some(request);
            self.events.push_back(Event::MayPublish {
                request,
                outcome: Ok(()),
            });
        }
    }

    /// Sends everybody away who waits on a channel that is over.
    pub(super) fn clear_gate(&mut self, key: ChannelKey, reason: &ChannelError) {
        let (gone, kept) = std::mem::take(&mut self.gate)
            .into_iter()
            .partition(|waiter| waiter.channel == key);
        self.gate = kept;
        for waiter in gone {
            self.dismiss(waiter.request, reason.clone().into());
        }
        self.open_gate();
    }

    /// Sends those away who waited too long; they stand in the order of their deadlines.
    pub(super) fn time_out_gate(&mut self, now: Instant) {
        let due = |waiter: &GateWaiter| waiter.deadline.is_some_and(|at| at <= now);
        while self.gate.front().is_some_and(due)
            && let Some(waiter) = self.gate.pop_front()
        {
            self.dismiss(waiter.request, PublishError::Blocked);
        }
        self.open_gate();
    }

    /// Takes note that this one left the queue by itself.
    pub(super) fn leave_gate(&mut self, request: RequestId) {
        self.gate.retain(|waiter| waiter.request != request);
        self.turn = self.turn.filter(|holder| *holder != request);
        self.open_gate();
    }

    /// Resolves the request of one who left the queue, unless it was given its turn: then taking it fails.
    fn dismiss(&mut self, request: RequestId, error: PublishError) {
        if self.turn == Some(request) {
            self.turn = None;
            return;
        }
        self.events.push_back(Event::MayPublish {
            request,
            outcome: Err(error),
        });
    }

    fn put_body(&mut self, id: ChannelId, body: Body<'_>) {
        let frame_max = self.send_frame_max;
        match body {
            Body::Shared(octets) if octets.len() >= SHARE_FROM => {
                for part in content::split(octets, frame_max) {
                    let start = frame::start(FrameType::Body, id, part.len() as u32);
                    self.put(|out| out.extend_from_slice(&start));
                    self.put_shared(part);
                    self.put(|out| out.push(frame::END));
                }
            }
            body => self.put(|out| frame::write_body(out, id, body.as_bytes(), frame_max)),
        }
    }
}

/// A content header that borrows its properties.
struct Header<'a> {
    body_size: u64,
    properties: &'a basic::Properties<'a>,
}

impl Encode for Header<'_> {
    fn encoded_len(&self) -> usize {
        12 + self.properties.encoded_len()
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        writer.short(basic::CLASS_ID);
        writer.short(0);
        writer.longlong(self.body_size);
        self.properties.encode(writer);
    }
}
