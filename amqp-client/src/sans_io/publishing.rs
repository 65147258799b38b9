//! Publishing: a method, a content header and a body leave as one unit. When they may is `gate`'s.
//!
//! What a publish costs decides how many there can be, so it is one function from the handle's poll to the encoding, and
//! another for that: 696 instructions a message of 16 octets, where one function for each step, with room for an error in what
//! each gives back, took 1,328.

use std::time::Instant;

use crate::methods::basic;
use amqp_protocol::content::{self, ContentHeader};
use amqp_protocol::frame::{self, FrameType};
use amqp_protocol::{ChannelId, DeliveryTag, TooLong};
use bytes::Bytes;

use super::connection::Connection;
use super::event::ChannelKey;
use super::returns;
use crate::error::PublishError;

/// Bodies from this size on go to the transport by reference; copying a smaller one costs less than keeping it apart.
const SHARE_FROM: usize = 4096;

/// The body of a message to publish. Borrowed octets are copied into the output at once; a large [`Bytes`] goes by
/// reference.
///
/// ```
/// use amqp_client::Body;
///
/// assert!(matches!(Body::from("one coffee"), Body::Borrowed(b"one coffee")));
/// assert!(matches!(Body::from(vec![0; 100_000]), Body::Shared(_)));
/// ```
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

impl Connection {
    /// Queues a message, all its frames in a row, and numbers it if the channel is in confirm mode.
    ///
    /// # Errors
    ///
    /// What holds it back, so ask [`may_publish`](Self::may_publish) before, or [wait](Self::wait_to_publish). Whatever the
    /// error, nothing was queued and no number was used.
    pub fn publish(
        &mut self,
        now: Instant,
        key: ChannelKey,
        method: &basic::Publish<'_>,
        properties: &basic::Properties<'_>,
        body: Body<'_>,
    ) -> Result<Published, PublishError> {
        self.channel(key)?;
        if !self.is_way_free(key) {
            return Err(self.held_back(key));
        }
        self.batch_began = Some(now);
        self.put_message(|| now, key, method, properties, &body, false)
            .map_err(|error| *error)
    }

    /// Queues a message that [may be published](Self::may_publish). The time is asked for if it matters; `keeps` the outcome,
    /// as [`keep_outcome`](Self::keep_outcome) does. An error is boxed: to hand on room for one costs more than to look
    /// whether there is one.
    #[inline(always)]
    pub(crate) fn put_message(
        &mut self,
        now: impl FnOnce() -> Instant,
        key: ChannelKey,
        method: &basic::Publish<'_>,
        properties: &basic::Properties<'_>,
        body: &Body<'_>,
        keeps: bool,
    ) -> Result<Published, Box<PublishError>> {
        let confirms = self.channel(key).map_err(PublishError::from)?.confirms.is_some();
        if method.mandatory && confirms {
            let now = self.time_of_batch(now);
            return self.put_mandatory(now, key, method, properties, body, keeps);
        }
        let position = self.position();
        self.put_content(key, method, properties, body)
            .map_err(PublishError::FrameTooLarge)?;
        let delivery_tag = match confirms {
            true => {
                let now = self.time_of_batch(now);
                self.number(now, key, position, None, keeps)
            }
            false => None,
        };
        Ok(Published {
            position,
            delivery_tag,
        })
    }

    /// Queues a message that may come back, and says by what it will be known.
    #[cold]
    fn put_mandatory(
        &mut self,
        now: Instant,
        key: ChannelKey,
        method: &basic::Publish<'_>,
        properties: &basic::Properties<'_>,
        body: &Body<'_>,
        keeps: bool,
    ) -> Result<Published, Box<PublishError>> {
        let mut numbered = None;
        let fingerprint = self.prepare_return(key, method, properties, body, &mut numbered);
        let properties = numbered.as_ref().unwrap_or(properties);
        let position = self.position();
        self.put_content(key, method, properties, body)
            .map_err(PublishError::FrameTooLarge)?;
        Ok(Published {
            position,
            delivery_tag: self.number(now, key, position, fingerprint, keeps),
        })
    }

    /// Appends the frames of a message.
    fn put_content(
        &mut self,
        key: ChannelKey,
        method: &basic::Publish<'_>,
        properties: &basic::Properties<'_>,
        body: &Body<'_>,
    ) -> Result<(), TooLong> {
        let (translator, frame_max) = (self.dialect.translator(key.id), self.send_frame_max);
        let body_octets = body.as_bytes();
        let header = ContentHeader {
            body_size: body_octets.len() as u64,
            properties,
        };
        let is_large = body_octets.len() >= SHARE_FROM;
        self.put(|octets| {
            let start = octets.len();
            match translator {
                None => frame::write_method(octets, key.id, method, frame_max)?,
                Some(translator) => translator.write_publish(octets, key.id, method, frame_max)?,
            }
            // A message leaves whole or not at all.
            frame::write_header(octets, key.id, &header, frame_max)
                .inspect_err(|_| octets.truncate(start))?;
            if !is_large {
                frame::write_body(octets, key.id, body_octets, frame_max);
            }
            Ok::<_, TooLong>(())
        })?;
        if is_large {
            self.put_large(key.id, body);
        }
        self.stats.messages_published += 1;
        self.note_backlog();
        Ok(())
    }

    /// The time that publishes go by which the transport takes together: a look at the clock costs as much as the encoding.
    /// While it takes nothing, nobody knows how long that may be, and each has its own.
    #[inline]
    fn time_of_batch(&mut self, now: impl FnOnce() -> Instant) -> Instant {
        match self.is_transport_idle() {
            true => *self.batch_began.get_or_insert_with(now),
            false => now(),
        }
    }

    /// The number of a message that was just queued, from `start` on.
    fn number(
        &mut self,
        now: Instant,
        key: ChannelKey,
        start: u64,
        fingerprint: Option<u64>,
        keeps: bool,
    ) -> Option<DeliveryTag> {
        let end = self.position();
        let confirms = self.channel_slot(key)?.confirms.as_mut()?;
        let unwatched = !confirms.watched;
        let delivery_tag = confirms.publish(now, start, end, fingerprint, keeps);
        self.stats.publishes_unconfirmed += 1;
        if unwatched {
            self.watch_confirms(key);
        }
        Some(delivery_tag)
    }

    /// What a mandatory publish in confirm mode is known by if it comes back; with the number in its headers, if it is to be.
    #[cold]
    fn prepare_return<'p>(
        &mut self,
        key: ChannelKey,
        method: &basic::Publish<'_>,
        properties: &basic::Properties<'p>,
        body: &Body<'_>,
        numbered: &mut Option<basic::Properties<'p>>,
    ) -> Option<u64> {
        let body_max = self.config.body_max;
        let confirms = self.channel(key).ok()?.confirms.as_ref()?;
        if confirms.options.return_header {
            let headers = returns::numbered(properties.headers.as_ref(), confirms.next());
            *numbered = Some(basic::Properties {
                headers: Some(headers),
                ..properties.clone()
            });
        }
        let properties = numbered.as_ref().unwrap_or(properties);
        Some(returns::fingerprint(
            method,
            properties,
            body.as_bytes(),
            body_max,
        ))
    }

    /// Appends the frames of a large body, by reference if it is shared.
    #[inline(never)]
    fn put_large(&mut self, id: ChannelId, body: &Body<'_>) {
        let frame_max = self.send_frame_max;
        let octets = match body {
            Body::Borrowed(octets) => return self.put(|out| frame::write_body(out, id, octets, frame_max)),
            Body::Shared(octets) => octets.clone(),
        };
        for part in content::split(octets, frame_max) {
            let start = frame::start(FrameType::Body, id, part.len() as u32);
            self.put(|out| out.extend_from_slice(&start));
            self.put_shared(part);
            self.put(|out| out.push(frame::END));
        }
    }
}
