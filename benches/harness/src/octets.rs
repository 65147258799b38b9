//! Messages as octets, encoded once: what the broker that does nothing and the floor send.

use amqp_protocol::content::ContentHeader;
use amqp_protocol::frame::{self, FrameType};
use amqp_protocol::method::Arguments;
use amqp_protocol::v0_9_1::basic;
use amqp_protocol::{ChannelId, ShortStr};

use crate::Failure;

/// The largest frame that is agreed.
pub const FRAME_MAX: u32 = 131_072;

/// Octets of a frame beside its payload, without the frame end.
pub const START: usize = 7;

/// Octets of a message, or of a method alone, with a delivery tag somewhere.
#[derive(Debug, Clone)]
pub struct Tagged {
    octets: Vec<u8>,
    tag: usize,
}

impl Tagged {
    /// A delivery of `body` to a consumer.
    ///
    /// # Errors
    ///
    /// When a name is too long.
    pub fn deliver(channel: ChannelId, consumer_tag: ShortStr<'_>, body: &[u8]) -> Result<Self, Failure> {
        let tag = START + 4 + 1 + consumer_tag.len();
        let deliver = basic::Deliver {
            consumer_tag,
            routing_key: ShortStr::from_static("bench"),
            ..Default::default()
        };
        let octets = message(channel, &deliver, body)?;
        Ok(Self { octets, tag })
    }

    /// basic.ack of one message or of several.
    ///
    /// # Errors
    ///
    /// None that are known.
    pub fn ack(channel: ChannelId, multiple: bool) -> Result<Self, Failure> {
        let ack = basic::Ack {
            multiple,
            ..Default::default()
        };
        Ok(Self {
            octets: method(channel, &ack)?,
            tag: START + 4,
        })
    }

    /// How many octets it has.
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether that is none.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// Appends it with this delivery tag.
    pub fn append(&self, delivery_tag: u64, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&self.octets);
        self.set(delivery_tag, &mut out[begin..]);
    }

    /// As many of it as fit into `octets`, at least one. Their tags are [renumbered](Self::renumber) before each use.
    pub fn block(&self, octets: usize) -> Vec<u8> {
        self.octets.repeat((octets / self.len()).max(1))
    }

    /// Gives those in a block the delivery tags from `first` on.
    pub fn renumber(&self, block: &mut [u8], first: u64) {
        for (each, delivery_tag) in block.chunks_exact_mut(self.len()).zip(first..) {
            self.set(delivery_tag, each);
        }
    }

    fn set(&self, delivery_tag: u64, octets: &mut [u8]) {
        octets[self.tag..self.tag + 8].copy_from_slice(&delivery_tag.to_be_bytes());
    }
}

/// A method with content, and one property.
///
/// # Errors
///
/// When a name is too long.
pub fn message<M: Arguments>(channel: ChannelId, arguments: &M, body: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut octets = method(channel, arguments)?;
    let header = ContentHeader {
        body_size: body.len() as u64,
        properties: basic::Properties {
            delivery_mode: Some(1),
            ..Default::default()
        },
    };
    frame::write(&mut octets, FrameType::Header, channel, &header, FRAME_MAX)?;
    frame::write_body(&mut octets, channel, body, FRAME_MAX);
    Ok(octets)
}

/// The frame of a method.
///
/// # Errors
///
/// When it is too large.
pub fn method<M: Arguments>(channel: ChannelId, arguments: &M) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    frame::write_method(&mut octets, channel, arguments, FRAME_MAX)?;
    Ok(octets)
}
