//! Messages as they were received: a method, properties and a body, in one buffer. How they are put together is
//! `assembly`'s matter.

use std::fmt;
use std::ops::Range;

use crate::methods::basic;
use amqp_protocol::method::{Arguments, Decode};
use amqp_protocol::{DecodeError, DeliveryTag, Reader, ShortStr};
use bytes::Bytes;

/// Octets that a message takes beside its own: its place in a queue that grows by doubling, and its allocation.
pub(super) const OVERHEAD: usize = 2 * size_of::<Message>() + 32;

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
    /// From the payload of the method frame to the end of the body, with what is between them.
    pub(super) octets: Bytes,
    /// Where the method ends.
    pub(super) method: usize,
    /// Property flags and values.
    pub(super) properties: Range<usize>,
    /// Where the body begins.
    pub(super) body: usize,
    pub(super) body_size: u64,
    /// As the method says; 0 when it has none.
    pub(super) delivery_tag: DeliveryTag,
    /// Octets of memory that it keeps.
    pub(super) buffer: usize,
}

impl Message {
    /// The method's arguments, or `None` when it is not `M`.
    pub fn method<'a, M: Arguments + Decode<'a>>(&'a self) -> Option<M> {
        let mut reader = Reader::new(self.method_payload());
        (reader.method_id(M::NAME) == Ok(M::ID)).then_some(())?;
        M::decode(&mut reader).ok()
    }

    /// The octets of the method frame's payload.
    pub(super) fn method_octets(&self) -> Bytes {
        self.octets.slice(..self.method)
    }

    /// The properties, decoded anew at each call.
    pub fn properties(&self) -> basic::Properties<'_> {
        let octets = self.octets.get(self.properties.clone()).unwrap_or_default();
        // They were validated when the message was received.
        basic::Properties::decode(&mut Reader::new(octets)).unwrap_or_default()
    }

    /// The body. Empty when it was [withheld](Self::is_withheld).
    pub fn body(&self) -> &[u8] {
        self.octets.get(self.body..).unwrap_or_default()
    }

    /// The body, sharing the octets.
    pub fn shared_body(&self) -> Bytes {
        self.octets.slice(self.body..)
    }

    /// The size of the body in octets, as its header said.
    pub fn body_size(&self) -> u64 {
        self.body_size
    }

    /// Whether the body was larger than `body_max` and thrown away.
    pub fn is_withheld(&self) -> bool {
        self.body_size != self.body().len() as u64
    }

    /// The exchange that it was published to.
    pub fn exchange(&self) -> ShortStr<'_> {
        match self.envelope() {
            Some(Envelope::Deliver(method)) => method.exchange,
            Some(Envelope::GetOk(method)) => method.exchange,
            Some(Envelope::Return(method)) => method.exchange,
            None => ShortStr::default(),
        }
    }

    /// The routing key that it was published with.
    pub fn routing_key(&self) -> ShortStr<'_> {
        match self.envelope() {
            Some(Envelope::Deliver(method)) => method.routing_key,
            Some(Envelope::GetOk(method)) => method.routing_key,
            Some(Envelope::Return(method)) => method.routing_key,
            None => ShortStr::default(),
        }
    }

    /// The number to settle it by; 0 for a returned message, which is not settled.
    pub fn delivery_tag(&self) -> DeliveryTag {
        self.delivery_tag
    }

    /// Whether the server may have delivered it before.
    pub fn redelivered(&self) -> bool {
        match self.envelope() {
            Some(Envelope::Deliver(method)) => method.redelivered,
            Some(Envelope::GetOk(method)) => method.redelivered,
            Some(Envelope::Return(_)) | None => false,
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

    pub(super) fn heading(&self) -> Option<Heading<'_>> {
        Heading::decode(self.method_payload()).ok().flatten()
    }

    // It was decoded before, when it was received.
    fn envelope(&self) -> Option<Envelope<'_>> {
        Envelope::decode(self.method_payload()).ok().flatten()
    }

    fn method_payload(&self) -> &[u8] {
        self.octets.get(..self.method).unwrap_or_default()
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
enum Envelope<'a> {
    Deliver(basic::Deliver<'a>),
    GetOk(basic::GetOk<'a>),
    Return(basic::Return<'a>),
}

impl<'a> Envelope<'a> {
    /// The method in the payload of a method frame, to its last octet; `None` when it carries no content.
    #[inline]
    fn decode(payload: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let mut reader = Reader::new(payload);
        let envelope = match reader.method_id("method")? {
            basic::Deliver::ID => Self::Deliver(basic::Deliver::decode(&mut reader)?),
            basic::GetOk::ID => Self::GetOk(basic::GetOk::decode(&mut reader)?),
            basic::Return::ID => Self::Return(basic::Return::decode(&mut reader)?),
            _ => return Ok(None),
        };
        reader.finish("method")?;
        Ok(Some(envelope))
    }
}

/// What a method says of the content behind it to those who hand it over.
pub(super) struct Heading<'a> {
    pub(super) to: Addressee<'a>,
    /// The number to settle it by; 0 for a returned message.
    pub(super) delivery_tag: DeliveryTag,
}

/// Whom a content is for.
pub(super) enum Addressee<'a> {
    /// Who consumes under this tag.
    Consumer(ShortStr<'a>),
    /// Who called basic.get.
    Caller,
    /// Who published it.
    Publisher,
}

impl<'a> Heading<'a> {
    /// Of the payload of a method frame, to its last octet; `None` when no content is behind it.
    #[inline]
    pub(super) fn decode(payload: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let (to, delivery_tag) = match Envelope::decode(payload)? {
            Some(Envelope::Deliver(method)) => {
                (Addressee::Consumer(method.consumer_tag), method.delivery_tag)
            }
            Some(Envelope::GetOk(method)) => (Addressee::Caller, method.delivery_tag),
            Some(Envelope::Return(_)) => (Addressee::Publisher, DeliveryTag(0)),
            None => return Ok(None),
        };
        Ok(Some(Self { to, delivery_tag }))
    }
}
