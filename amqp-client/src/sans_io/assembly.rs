//! How messages are put together from frames: at once when all of one has come, else frame by frame. What frames mean
//! beside that, and who gets a message, is `incoming`'s matter.

use std::ops::Range;

use crate::methods::basic;
use amqp_protocol::frame::{FrameType, Parsed, RawFrame, START_LEN, payload_max};
use amqp_protocol::{ChannelId, DecodeError, DecodeErrorKind, DeliveryTag, Reader};
use bytes::{Buf, Bytes, BytesMut};

use super::blocks::Blocks;
use super::content::{Message, OVERHEAD};

/// Octets of a content header before its property flags: class, weight, body size.
const HEADER_FIXED: usize = 12;

/// Octets of a read buffer while much comes. Large messages share it, and it lives as long as one of them.
pub(crate) const READ_BUFFER: usize = 64 * 1024;

/// Messages of fewer octets are copied out of the read buffer, which a message that is kept would else hold whole. Of
/// larger ones the copy would cost more than it saves.
const SHARE_FROM: usize = READ_BUFFER / 4;

/// The size of the body that a content header announces. The properties are validated, and decoded when they are asked for.
#[inline(always)]
fn decode_header(payload: &[u8]) -> Result<u64, DecodeError> {
    let mut reader = Reader::new(payload);
    let class_id = reader.short("header.class_id")?;
    if class_id != basic::CLASS_ID {
        return Err(Reader::new(payload).error(DecodeErrorKind::UnknownClass(class_id), "header.class_id"));
    }
    reader.short("header.weight")?;
    let body_size = reader.longlong("header.body_size")?;
    basic::Properties::skip(&mut reader)?;
    reader.finish("basic.properties")?;
    Ok(body_size)
}

/// What the frames at the front of the input make.
pub(super) enum Lookahead {
    /// The rest has not come; it is short enough to wait for.
    Incomplete,
    /// A whole message.
    Whole(Whole),
    /// The frames must be taken one by one: there are several body frames, or those of other channels between them.
    Scattered,
}

/// A message at the front of the input: a method, a header and at most one body frame in a row. So a large body need not
/// be copied.
pub(super) struct Whole {
    head: Head,
    /// Where the body is in the input.
    body: Range<usize>,
    /// Octets of all frames.
    len: usize,
}

/// Where the parts before the body are in the input.
#[derive(Clone)]
struct Head {
    channel: ChannelId,
    method: Range<usize>,
    properties: Range<usize>,
}

impl Head {
    /// Looks for the body.
    #[inline(always)]
    fn with_body(
        self,
        input: &[u8],
        body_size: u64,
        frame_max: u32,
        body_max: u64,
    ) -> Result<Lookahead, DecodeError> {
        let body_at = self.properties.end + 1;
        let (body, len) = if body_size == 0 {
            (self.properties.end..self.properties.end, body_at)
        } else if body_size > body_max.min(payload_max(frame_max).into()) {
            return Ok(Lookahead::Scattered);
        } else {
            let Parsed::Complete(body) = frame_at(input, body_at, frame_max)? else {
                return Ok(Lookahead::Incomplete);
            };
            let follows = body.frame_type == FrameType::Body && body.channel == self.channel;
            if !follows || body.payload.len() as u64 != body_size {
                return Ok(Lookahead::Scattered);
            }
            (payload_of(body_at, &body), body_at + body.encoded_len())
        };
        Ok(Lookahead::Whole(Whole {
            head: self,
            body,
            len,
        }))
    }
}

#[inline(always)]
fn frame_at(input: &[u8], at: usize, frame_max: u32) -> Result<Parsed<RawFrame<'_>>, DecodeError> {
    RawFrame::parse(input.get(at..).unwrap_or_default(), frame_max)
}

#[inline(always)]
fn payload_of(at: usize, frame: &RawFrame<'_>) -> Range<usize> {
    at + START_LEN..at + START_LEN + frame.payload.len()
}

impl Whole {
    /// Looks for a message that begins with `method`, the frame at the front of the input. `frame_max` and `body_max` bound
    /// what is waited for.
    #[inline(always)]
    pub(super) fn look(
        input: &[u8],
        method: &RawFrame<'_>,
        frame_max: u32,
        body_max: u64,
    ) -> Result<Lookahead, DecodeError> {
        let header_at = method.encoded_len();
        let Parsed::Complete(header) = frame_at(input, header_at, frame_max)? else {
            return Ok(Lookahead::Incomplete);
        };
        if header.frame_type != FrameType::Header || header.channel != method.channel {
            return Ok(Lookahead::Scattered);
        }
        let body_size = decode_header(header.payload)?;
        let properties = payload_of(header_at, &header);
        let head = Head {
            channel: method.channel,
            method: payload_of(0, method),
            properties: properties.start + HEADER_FIXED..properties.end,
        };
        head.with_body(input, body_size, frame_max, body_max)
    }

    /// Looks at the front of the input for a message whose method and header are, octet for octet, those that this one has
    /// in `before`, but for the size of its body and for the octets in `numbers`, which may be any.
    #[inline(always)]
    pub(super) fn look_again(
        &self,
        before: &[u8],
        input: &[u8],
        numbers: Range<usize>,
        frame_max: u32,
        body_max: u64,
    ) -> Option<Self> {
        let size_at = self.head.properties.start - size_of::<u64>();
        let same = |range: Range<usize>| {
            let (before, input) = (before.get(range.clone())?, input.get(range)?);
            (before == input).then_some(())
        };
        same(0..numbers.start)?;
        same(numbers.end..size_at)?;
        // With the octet that ends the frame.
        same(self.head.properties.start..self.head.properties.end + 1)?;
        let body_size = Reader::new(input.get(size_at..)?)
            .longlong("header.body_size")
            .ok()?;
        match self.head.clone().with_body(input, body_size, frame_max, body_max) {
            Ok(Lookahead::Whole(whole)) => Some(whole),
            _ => None,
        }
    }

    /// Octets of all its frames.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A copy of one that is not large, by the blocks; `None` when it is better taken.
    #[inline(always)]
    pub(super) fn copy(
        &self,
        input: &[u8],
        delivery_tag: DeliveryTag,
        blocks: &mut Blocks,
    ) -> Option<Message> {
        let octets = self.head.method.start..self.body.end;
        if self.len >= SHARE_FROM {
            return None;
        }
        let buffer = octets.len();
        Some(self.message((blocks.copy(input, octets), buffer), delivery_tag))
    }

    /// Takes it from the input.
    pub(super) fn take(self, input: &mut BytesMut, delivery_tag: DeliveryTag) -> Message {
        let octets = self.head.method.start..self.body.end;
        let memory = if self.len < SHARE_FROM {
            let copy = Bytes::copy_from_slice(input.get(octets.clone()).unwrap_or_default());
            input.advance(self.len);
            (copy, octets.len())
        } else {
            let mut frames = input.split_to(self.len);
            frames.truncate(octets.end);
            (frames.freeze().split_off(octets.start), self.len.max(READ_BUFFER))
        };
        self.message(memory, delivery_tag)
    }

    /// What it is in memory of its own, and how much that keeps.
    #[inline]
    fn message(&self, (octets, buffer): (Bytes, usize), delivery_tag: DeliveryTag) -> Message {
        let (method, properties) = (&self.head.method, &self.head.properties);
        let start = method.start;
        Message {
            octets,
            method: method.end - start,
            properties: properties.start - start..properties.end - start,
            body: self.body.start - start,
            body_size: (self.body.end - self.body.start) as u64,
            delivery_tag,
            buffer,
        }
    }
}

/// A message that comes frame by frame. Its buffer grows with what arrives, never by what is announced.
#[derive(Debug)]
pub(super) struct Assembly {
    octets: BytesMut,
    /// Octets of the method.
    method: usize,
    delivery_tag: DeliveryTag,
    header: Option<Header>,
}

#[derive(Debug)]
struct Header {
    properties: Range<usize>,
    body_size: u64,
    received: u64,
    /// Whether the body is too large to be kept.
    withheld: bool,
}

/// Why a frame does not continue an [`Assembly`].
pub(super) enum Misfit {
    /// Another type of frame was due.
    Unexpected,
    /// The body has more octets than announced.
    TooLong,
    /// The header is malformed.
    Malformed(DecodeError),
}

impl Assembly {
    /// Begins with the payload of a validated method, which has this delivery tag.
    pub(super) fn new(method: &[u8], delivery_tag: DeliveryTag) -> Self {
        Self {
            octets: BytesMut::from(method),
            method: method.len(),
            delivery_tag,
            header: None,
        }
    }

    /// Takes the payload of the next frame; true when the message is complete.
    pub(super) fn push(
        &mut self,
        frame_type: FrameType,
        payload: &[u8],
        body_max: u64,
    ) -> Result<bool, Misfit> {
        match (&mut self.header, frame_type) {
            (None, FrameType::Header) => {
                let body_size = decode_header(payload).map_err(Misfit::Malformed)?;
                let start = self.octets.len();
                self.octets
                    .extend_from_slice(payload.get(HEADER_FIXED..).unwrap_or_default());
                let properties = start..self.octets.len();
                let withheld = body_size > body_max;
                self.header = Some(Header {
                    properties,
                    body_size,
                    received: 0,
                    withheld,
                });
                Ok(body_size == 0)
            }
            (Some(header), FrameType::Body) => {
                header.received += payload.len() as u64;
                if header.received > header.body_size {
                    return Err(Misfit::TooLong);
                }
                if !header.withheld {
                    self.octets.extend_from_slice(payload);
                }
                Ok(header.received == header.body_size)
            }
            _ => Err(Misfit::Unexpected),
        }
    }

    /// Octets that it keeps in memory.
    pub(super) fn footprint(&self) -> usize {
        self.octets.capacity() + OVERHEAD
    }

    /// Octets that would be free without the body, as far as it has come.
    pub(super) fn body_held(&self) -> usize {
        let header = self.header.as_ref().filter(|header| !header.withheld);
        header.map_or(0, |header| self.octets.capacity() - header.properties.end)
    }

    /// Throws the body away, what has come of it and what will.
    pub(super) fn withhold(&mut self) {
        if let Some(header) = &mut self.header {
            header.withheld = true;
            let kept = self.octets.get(..header.properties.end).unwrap_or_default();
            self.octets = BytesMut::from(kept);
        }
    }

    /// The message, once [`push`](Self::push) has said that it is complete.
    pub(super) fn finish(self) -> Option<Message> {
        let (header, buffer) = (self.header?, self.octets.capacity());
        Some(Message {
            octets: self.octets.freeze(),
            method: self.method,
            body: header.properties.end,
            properties: header.properties,
            body_size: header.body_size,
            delivery_tag: self.delivery_tag,
            buffer,
        })
    }
}

#[cfg(test)]
mod tests {
    use amqp_protocol::frame;

    use super::*;

    /// Whether a message with this body lies in the buffer that it was read into.
    fn is_shared(body: &[u8]) -> bool {
        let mut octets = Vec::new();
        frame::write_method(&mut octets, ChannelId(1), &basic::Deliver::default(), 0).unwrap();
        octets.extend_from_slice(&frame::start(FrameType::Header, ChannelId(1), 14));
        octets.extend_from_slice(&[0, 60, 0, 0]);
        octets.extend_from_slice(&(body.len() as u64).to_be_bytes());
        octets.extend_from_slice(&[0, 0, frame::END]);
        frame::write_body(&mut octets, ChannelId(1), body, 0);
        let mut input = BytesMut::from(octets.as_slice());
        let buffer = input.as_ptr_range();
        let Ok(Parsed::Complete(frame)) = RawFrame::parse(&input, 1 << 20) else {
            panic!("no frame")
        };
        let Ok(Lookahead::Whole(whole)) = Whole::look(&input, &frame, 1 << 20, 1 << 20) else {
            panic!("not whole")
        };
        let message = whole.take(&mut input, DeliveryTag(0));
        assert!(input.is_empty() && message.body() == body);
        buffer.contains(&message.octets.as_ptr())
    }

    #[test]
    fn only_large_messages_hold_the_buffer_that_they_were_read_into() {
        assert!(!is_shared(b"x"));
        assert!(!is_shared(&[0; SHARE_FROM - 100]));
        assert!(is_shared(&[0; SHARE_FROM]));
    }
}
