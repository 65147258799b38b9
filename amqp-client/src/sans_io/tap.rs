//! Cuts the octets of a connection into frames for its tap, secrets taken out. It stands beside the core, not in it: who
//! moves the octets calls it, while nothing is locked. What a tap is and sees is `wire`'s.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use amqp_protocol::frame::{FrameType, Parsed, RawFrame, START_LEN};
use amqp_protocol::{ChannelId, DecodeError, ProtocolHeader};

use super::connection::FRAME_MIN;
use super::outgoing::Outgoing;
use crate::config::Config;
use crate::dialect::Protocol;
use crate::wire::{self, Octets, Sender, redact};

/// How many connections had a tap.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// Shows the octets of one connection to its [`wire_tap`](Config::wire_tap). Whoever moves octets between a
/// [`Connection`](super::Connection) and a transport has one beside it; the [`driver`](crate::driver) does.
///
/// ```
/// use std::time::Instant;
///
/// use amqp_client::Config;
/// use amqp_client::sans_io::{Connection, Outgoing, Tapping};
/// use bytes::BytesMut;
///
/// fn receive(connection: &mut Connection, tapping: &mut Option<Tapping>, input: &mut BytesMut) {
///     let now = Instant::now();
///     tapping.iter_mut().for_each(|tapping| tapping.received(now, input));
///     let _ = connection.receive(now, input);
///     tapping.iter_mut().for_each(|tapping| tapping.left(input.len()));
/// }
///
/// fn take(connection: &mut Connection, tapping: &mut Option<Tapping>, batch: &mut Outgoing) {
///     connection.take_outgoing(batch);
///     tapping.iter_mut().for_each(|tapping| tapping.sent(Instant::now(), batch));
/// }
///
/// // Without a tap there is none.
/// assert!(Tapping::new(&Config::default()).is_none());
/// ```
///
/// Dropping it tells the tap that the connection has ended.
pub struct Tapping {
    hand: Hand,
    /// The most octets of a frame that is received; 0 is no limit.
    frame_max: u32,
    /// Octets at the front of the input that the tap has seen, though the connection has not taken them yet, and octets
    /// that the input had when it was looked at.
    seen: usize,
    offered: usize,
    /// Whether something has been received.
    begun: bool,
    /// What ended the framing of what is received.
    broken: Option<DecodeError>,
}

/// What calls the tap.
struct Hand {
    /// None after it panicked.
    tap: Option<Arc<dyn wire::Tap>>,
    connection: u64,
    name: Option<String>,
    protocol: Protocol,
}

impl Tapping {
    /// Begins to show a connection to the tap of its settings, if they have one.
    pub fn new(config: &Config) -> Option<Self> {
        let tap = config.wire_tap.clone()?;
        Some(Self {
            hand: Hand {
                tap: Some(tap),
                connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed) + 1,
                name: config.connection_name.clone(),
                protocol: config.protocol,
            },
            frame_max: match config.frame_max {
                // The server chooses.
                0 => 0,
                octets => octets.max(FRAME_MIN),
            },
            seen: 0,
            offered: 0,
            begun: false,
            broken: None,
        })
    }

    /// Shows the whole frames of the input that have not been seen. Call it before
    /// [`Connection::receive`](super::Connection::receive), and [`left`](Self::left) after it.
    ///
    /// What breaks the framing is shown with all that is behind it. The limit on frames is that of the settings; when they
    /// have none, a frame larger than what the server was allowed ends the connection unseen, as does an incomplete one.
    pub fn received(&mut self, now: Instant, input: &[u8]) {
        self.offered = input.len();
        while let Some(rest) = input.get(self.seen..).filter(|rest| !rest.is_empty()) {
            let Some((octets, len)) = self.cut(rest) else {
                break;
            };
            self.begun = true;
            self.seen += len;
            self.hand.over(now, Sender::Server, octets);
        }
    }

    /// Takes note that the connection has left this many octets in the input.
    pub fn left(&mut self, octets: usize) {
        let taken = self.offered.saturating_sub(octets);
        self.seen = self.seen.saturating_sub(taken);
        self.offered = octets;
    }

    /// Shows the frames of a batch that was just taken, of which nothing has been written. Call it after
    /// [`Connection::take_outgoing`](super::Connection::take_outgoing).
    pub fn sent(&mut self, now: Instant, batch: &Outgoing) {
        let mut octets = Pieces {
            front: &[],
            behind: batch.chunks(),
        };
        // A batch ends where a frame does.
        while self.next_sent(now, &mut octets).is_some() {}
    }

    fn next_sent<'a>(
        &mut self,
        now: Instant,
        octets: &mut Pieces<'a, impl Iterator<Item = &'a [u8]>>,
    ) -> Option<()> {
        let start: [u8; START_LEN] = octets.take(START_LEN)?.as_ref().try_into().ok()?;
        if start.starts_with(&ProtocolHeader::MAGIC) {
            let [_, _, _, _, a, b, c] = start;
            let last = *octets.take(1)?.first()?;
            let header = ProtocolHeader([a, b, c, last]);
            self.hand
                .over(now, Sender::Client, Octets::ProtocolHeader(header.octets()));
            return Some(());
        }
        let [frame_type, c0, c1, s0, s1, s2, s3] = start;
        let channel = ChannelId(u16::from_be_bytes([c0, c1]));
        let size = u32::from_be_bytes([s0, s1, s2, s3]);
        let payload = octets.take(size as usize)?;
        octets.take(1)?;
        let frame_type = FrameType::from_octet(frame_type).ok()?;
        let octets = Octets::frame(frame_type, channel, &payload);
        self.hand.over(now, Sender::Client, octets);
        Some(())
    }

    /// What the octets begin with, and how long it is.
    fn cut<'a>(&mut self, rest: &'a [u8]) -> Option<(Octets<'a>, usize)> {
        let parsed = match self.broken {
            Some(error) => Err(error),
            None if !self.begun && rest.first() == Some(&b'A') => {
                ProtocolHeader::parse(rest).map(|parsed| match parsed {
                    Parsed::Complete(header) => {
                        Some((Octets::ProtocolHeader(header.octets()), ProtocolHeader::LEN))
                    }
                    Parsed::Incomplete { .. } => None,
                })
            }
            None => RawFrame::parse(rest, self.frame_max).map(|parsed| match parsed {
                Parsed::Complete(frame) => {
                    let octets = Octets::frame(frame.frame_type, frame.channel, frame.payload);
                    Some((octets, frame.encoded_len()))
                }
                Parsed::Incomplete { .. } => None,
            }),
        };
        parsed.unwrap_or_else(|error| {
            self.broken = Some(error);
            Some((Octets::Unframed(rest, error), rest.len()))
        })
    }
}

impl Hand {
    fn over(&mut self, at: Instant, sender: Sender, octets: Octets<'_>) {
        let Some(tap) = &self.tap else {
            return;
        };
        let hidden = match octets {
            Octets::Frame {
                frame_type: FrameType::Method,
                channel,
                payload,
                ..
            } => redact(payload).map(|hidden| (channel, hidden)),
            _ => None,
        };
        let frame = wire::Frame {
            connection: self.connection,
            connection_name: self.name.as_deref(),
            sender,
            at,
            protocol: self.protocol,
            octets: match &hidden {
                Some((channel, payload)) => Octets::frame(FrameType::Method, *channel, payload),
                None => octets,
            },
            redacted: hidden.is_some(),
        };
        if catch_unwind(AssertUnwindSafe(|| tap.frame(&frame))).is_err() {
            self.tap = None;
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if let Some(tap) = &self.tap {
            // Whoever panics while the thread unwinds ends the process.
            let _ = catch_unwind(AssertUnwindSafe(|| tap.ended(self.connection)));
        }
    }
}

impl fmt::Debug for Tapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tapping")
            .field("connection", &self.hand.connection)
            .finish_non_exhaustive()
    }
}

/// Octets in pieces, taken from the front.
struct Pieces<'a, I> {
    front: &'a [u8],
    behind: I,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Pieces<'a, I> {
    /// The next octets, copied only if they lie in several pieces.
    fn take(&mut self, len: usize) -> Option<Cow<'a, [u8]>> {
        if self.front.is_empty() && len > 0 {
            self.front = self.behind.next()?;
        }
        if let Some((taken, rest)) = self.front.split_at_checked(len) {
            self.front = rest;
            return Some(Cow::Borrowed(taken));
        }
        let mut taken = std::mem::take(&mut self.front).to_vec();
        let rest = self.take(len - taken.len())?;
        taken.extend_from_slice(&rest);
        Some(Cow::Owned(taken))
    }
}
