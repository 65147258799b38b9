//! Messages as they are received: a method, a content header and a body, in one buffer. Who gets them is decided elsewhere.

use std::fmt;
use std::ops::Range;

use crate::methods::basic;
use amqp_protocol::content::ContentHeader;
use amqp_protocol::frame::{FrameType, Parsed, RawFrame, START_LEN, payload_max};
use amqp_protocol::method::{Arguments, Decode};
use amqp_protocol::{DecodeError, DecodeErrorKind, DeliveryTag, Reader, ShortStr};
use bytes::{Buf, Bytes, BytesMut};

/// Octets of a content header before its property flags: class, weight, body size.
const HEADER_FIXED: usize = 12;

/// Octets of a fresh read buffer. Large messages share it, and it lives as long as one of them.
pub(crate) const READ_BUFFER: usize = 64 * 1024;

/// Messages of fewer octets are copied out of the read buffer, which a message that is kept would else hold whole. Of
/// larger ones the copy would cost more than it saves.
const SHARE_FROM: usize = READ_BUFFER / 4;

/// Octets that a message takes beside its own: its place in a queue that grows by doubling, and its allocation.
const OVERHEAD: usize = 2 * size_of::<Message>() + 32;

/// A received message: basic.deliver, basic.get-ok or basic.return, with properties and body.
///
/// It is the received octets; its fields are decoded when they are asked for, and nothing is copied. Cloning it shares
/// them.
///
/// ```no_run
/// # async fn example(message: amqp_client::Message) -> Result<(), Box<dyn std::error::Error>> {
/// println!("{} octets for {}", message.body_size(), message.routing_key());
/// if let Some(text) = message.properties().content_type {
///     println!("they are {}", text.to_str_lossy());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Message {
    octets: Bytes,
    /// Class, method and arguments.
    method: Range<usize>,
    /// Property flags and values.
    properties: Range<usize>,
    body: Range<usize>,
    body_size: u64,
    /// Octets of the buffer that it keeps alive.
    buffer: usize,
}

impl Message {
    /// The method's arguments, or `None` when it is not `M`.
    pub fn method<'a, M: Arguments + Decode<'a>>(&'a self) -> Option<M> {
        let mut reader = Reader::new(self.octets.get(self.method.clone())?);
        (reader.method_id(M::NAME) == Ok(M::ID)).then_some(())?;
        M::decode(&mut reader).ok()
    }

    /// The octets of the method frame's payload.
    pub(super) fn method_octets(&self) -> Bytes {
        self.octets.slice(self.method.clone())
    }

    /// The properties, decoded anew at each call.
    pub fn properties(&self) -> basic::Properties<'_> {
        let octets = self.octets.get(self.properties.clone()).unwrap_or_default();
        // They were validated when the message was received.
        basic::Properties::decode(&mut Reader::new(octets)).unwrap_or_default()
    }

    /// The body. Empty when it was [withheld](Self::is_withheld).
    pub fn body(&self) -> &[u8] {
        self.octets.get(self.body.clone()).unwrap_or_default()
    }

    /// The body, sharing the octets.
    pub fn shared_body(&self) -> Bytes {
        self.octets.slice(self.body.clone())
    }

    /// The size of the body in octets, as its header said.
    pub fn body_size(&self) -> u64 {
        self.body_size
    }

    /// Whether the body was larger than `body_max` and thrown away.
    pub fn is_withheld(&self) -> bool {
        self.body_size != self.body.len() as u64
    }

    /// The exchange that it was published to.
    pub fn exchange(&self) -> ShortStr<'_> {
        match self.envelope() {
            Ok(Envelope::Deliver(method)) => method.exchange,
            Ok(Envelope::GetOk(method)) => method.exchange,
            Ok(Envelope::Return(method)) => method.exchange,
            Err(_) => ShortStr::default(),
        }
    }

    /// The routing key that it was published with.
    pub fn routing_key(&self) -> ShortStr<'_> {
        match self.envelope() {
            Ok(Envelope::Deliver(method)) => method.routing_key,
            Ok(Envelope::GetOk(method)) => method.routing_key,
            Ok(Envelope::Return(method)) => method.routing_key,
            Err(_) => ShortStr::default(),
        }
    }

    /// The number to settle it by; 0 for a returned message, which is not settled.
    pub fn delivery_tag(&self) -> DeliveryTag {
        match self.envelope() {
            Ok(Envelope::Deliver(method)) => method.delivery_tag,
            Ok(Envelope::GetOk(method)) => method.delivery_tag,
            Ok(Envelope::Return(_)) | Err(_) => DeliveryTag(0),
        }
    }

    /// Whether the server may have delivered it before.
    pub fn redelivered(&self) -> bool {
        match self.envelope() {
            Ok(Envelope::Deliver(method)) => method.redelivered,
            Ok(Envelope::GetOk(method)) => method.redelivered,
            Ok(Envelope::Return(_)) | Err(_) => false,
        }
    }

    /// Whether it was read from a stream, which RabbitMQ says in the header `x-stream-offset`. Such a message can only be
    /// acked.
    pub fn is_from_stream(&self) -> bool {
        self.properties()
            .headers
            .is_some_and(|headers| headers.get("x-stream-offset").is_some())
    }

    /// Octets that it keeps in memory.
    pub(super) fn footprint(&self) -> usize {
        self.buffer + OVERHEAD
    }

    pub(super) fn envelope(&self) -> Result<Envelope<'_>, DecodeError> {
        Envelope::decode(self.octets.get(self.method.clone()).unwrap_or_default())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("exchange", &self.exchange())
            .field("routing_key", &self.routing_key())
            .field("properties", &self.properties())
            .field("body_size", &self.body_size)
            .finish_non_exhaustive()
    }
}

/// The three methods that carry content to a client.
pub(super) enum Envelope<'a> {
    Deliver(basic::Deliver<'a>),
    GetOk(basic::GetOk<'a>),
    Return(basic::Return<'a>),
}

impl<'a> Envelope<'a> {
    /// The method in the payload of a method frame, to its last octet.
    pub(super) fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let id = reader.method_id("method")?;
        let envelope = match id {
            basic::Deliver::ID => Self::Deliver(basic::Deliver::decode(&mut reader)?),
            basic::GetOk::ID => Self::GetOk(basic::GetOk::decode(&mut reader)?),
            basic::Return::ID => Self::Return(basic::Return::decode(&mut reader)?),
            _ => return Err(reader.error(DecodeErrorKind::UnknownMethod(id), "method")),
        };
        reader.finish("method")?;
        Ok(envelope)
    }
}

/// What a content header announces.
fn decode_header(payload: &[u8]) -> Result<u64, DecodeError> {
    let mut reader = Reader::new(payload);
    let header = ContentHeader::<basic::Properties<'_>>::decode(&mut reader)?;
    reader.finish("basic.properties")?;
    Ok(header.body_size)
}

/// What the frames at the front of the input make.
pub(super) enum Lookahead {
    /// The rest has not come; it is short enough to wait for.
    Incomplete,
    /// A whole message, taken from the input.
    Whole(Message),
    /// The frames must be taken one by one: there are several body frames, or those of other channels between them.
    Scattered,
}

/// Takes a message whole if it is a method, a header and at most one body frame in a row, so that a large body is not copied.
/// The frame at the front is a method that carries content; `frame_max` and `body_max` bound what is waited for.
pub(super) fn take_whole(
    input: &mut BytesMut,
    frame_max: u32,
    body_max: u64,
) -> Result<Lookahead, DecodeError> {
    let frame_at = |at: usize| RawFrame::parse(input.get(at..).unwrap_or_default(), frame_max);
    let Parsed::Complete(method) = frame_at(0)? else {
        return Ok(Lookahead::Incomplete);
    };
    let payload_of = |at: usize, frame: RawFrame<'_>| at + START_LEN..at + START_LEN + frame.payload.len();
    let follows = |frame: RawFrame<'_>, due| frame.frame_type == due && frame.channel == method.channel;

    let header_at = method.encoded_len();
    let Parsed::Complete(header) = frame_at(header_at)? else {
        return Ok(Lookahead::Incomplete);
    };
    if !follows(header, FrameType::Header) {
        return Ok(Lookahead::Scattered);
    }
    let body_size = decode_header(header.payload)?;
    let body_at = header_at + header.encoded_len();
    let (body, end) = if body_size == 0 {
        (body_at..body_at, body_at)
    } else if body_size > body_max.min(payload_max(frame_max).into()) {
        return Ok(Lookahead::Scattered);
    } else {
        let Parsed::Complete(body) = frame_at(body_at)? else {
            return Ok(Lookahead::Incomplete);
        };
        if !follows(body, FrameType::Body) || body.payload.len() as u64 != body_size {
            return Ok(Lookahead::Scattered);
        }
        (payload_of(body_at, body), body_at + body.encoded_len())
    };
    let header_span = payload_of(header_at, header);
    let (method, properties) = (
        payload_of(0, method),
        header_span.start + HEADER_FIXED..header_span.end,
    );
    let (octets, buffer) = if end < SHARE_FROM {
        let octets = Bytes::copy_from_slice(input.get(..end).unwrap_or_default());
        input.advance(end);
        (octets, end)
    } else {
        (input.split_to(end).freeze(), end.max(READ_BUFFER))
    };
    Ok(Lookahead::Whole(Message {
        octets,
        method,
        properties,
        body,
        body_size,
        buffer,
    }))
}

/// A message that comes frame by frame. Its buffer grows with what arrives, never by what is announced.
#[derive(Debug)]
pub(super) struct Assembly {
    octets: BytesMut,
    method: Range<usize>,
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
    /// Begins with the payload of a validated method.
    pub(super) fn new(method: &[u8]) -> Self {
        Self {
            octets: BytesMut::from(method),
            method: 0..method.len(),
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
        let octets = self.octets.freeze();
        let body = header.properties.end..octets.len();
        Some(Message {
            octets,
            method: self.method,
            properties: header.properties,
            body,
            body_size: header.body_size,
            buffer,
        })
    }
}

#[cfg(test)]
mod tests {
    use amqp_protocol::ChannelId;
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
        let Ok(Lookahead::Whole(message)) = take_whole(&mut input, 1 << 20, 1 << 20) else {
            panic!("not whole")
        };
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
