//! Frames: the envelope around methods, content headers, bodies and heartbeats, read piece by piece. Writing them is in
//! `encode`, keeping a payload in `owned`. What order frames come in is not known here.

mod encode;
mod owned;

use std::fmt;

pub use encode::{start, write, write_body, write_header, write_method};
pub use owned::Frame;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::ChannelId;

/// The octets before a payload: type, channel and size.
pub const START_LEN: usize = 7;
/// The octets that a frame has beside its payload: 7 before it and the frame-end octet after it.
pub const OVERHEAD: usize = 8;
/// The octet that ends each frame.
pub const END: u8 = 0xCE;
/// A whole heartbeat frame.
pub const HEARTBEAT: [u8; OVERHEAD] = [FrameType::Heartbeat as u8, 0, 0, 0, 0, 0, 0, END];

/// What a frame carries. (4.2.3 of the specification of 0-9-1)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[repr(u8)]
pub enum FrameType {
    /// A method.
    Method = 1,
    /// The properties and the size of a content.
    Header = 2,
    /// A part of a content's body.
    Body = 3,
    /// Nothing: it says that the peer lives.
    Heartbeat = 8,
}

impl FrameType {
    /// The type of this octet.
    ///
    /// # Errors
    ///
    /// `UnsupportedFrameType` for the out-of-band and trace frames of 0-8, `UnknownFrameType` for every other octet.
    #[inline]
    pub const fn from_octet(octet: u8) -> Result<Self, DecodeErrorKind> {
        match octet {
            1 => Ok(Self::Method),
            2 => Ok(Self::Header),
            3 => Ok(Self::Body),
            8 => Ok(Self::Heartbeat),
            4..=7 => Err(DecodeErrorKind::UnsupportedFrameType(octet)),
            _ => Err(DecodeErrorKind::UnknownFrameType(octet)),
        }
    }

    /// The name in lower case, as in `heartbeat`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Header => "header",
            Self::Body => "body",
            Self::Heartbeat => "heartbeat",
        }
    }
}

impl fmt::Display for FrameType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What was found at the front of octets that may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<T> {
    /// All of it.
    Complete(T),
    /// The beginning of it. Asking again before `missing` more octets are there cannot succeed.
    Incomplete {
        /// How many octets are missing at least; never 0.
        missing: usize,
    },
}

/// A frame as it lies in the input: its envelope is sound, its payload has not been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFrame<'a> {
    /// What the payload is.
    pub frame_type: FrameType,
    /// The channel it came on.
    pub channel: ChannelId,
    /// The octets between the size and the frame end; they begin [`START_LEN`] after the frame.
    pub payload: &'a [u8],
}

impl<'a> RawFrame<'a> {
    /// The frame that `input` begins with. `frame_max` is the most octets that a frame may have, envelope included; 0 is
    /// no limit. Nothing is kept between calls, and a fault is reported as soon as its octet is there.
    ///
    /// ```
    /// use amqp_protocol::frame::{HEARTBEAT, FrameType, Parsed, RawFrame};
    ///
    /// assert_eq!(RawFrame::parse(&HEARTBEAT[..5], 4096)?, Parsed::Incomplete { missing: 3 });
    /// let Parsed::Complete(frame) = RawFrame::parse(&HEARTBEAT, 4096)? else { unreachable!() };
    /// assert_eq!((frame.frame_type, frame.encoded_len()), (FrameType::Heartbeat, 8));
    /// # Ok::<(), amqp_protocol::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `UnknownFrameType`, `UnsupportedFrameType`, `FrameTooLarge`, `BadFrameEnd`, and for a heartbeat that has a channel
    /// or a payload `HeartbeatOnChannel` and `HeartbeatNotEmpty`. After any of them the stream has no frames any more.
    // Always: to give it back in memory costs as much as to find it (ADR 5).
    #[inline(always)]
    pub fn parse(input: &'a [u8], frame_max: u32) -> Result<Parsed<Self>, DecodeError> {
        if let Some((start, rest)) = input.split_first_chunk::<START_LEN>() {
            let (octet, channel, size) = split_start(*start);
            if let Ok(frame_type) = FrameType::from_octet(octet)
                && frame_type != FrameType::Heartbeat
                && size <= payload_max(frame_max)
                && let Some((payload, [END, ..])) = rest.split_at_checked(size as usize)
            {
                return Ok(Parsed::Complete(Self {
                    frame_type,
                    channel: ChannelId(channel),
                    payload,
                }));
            }
        }
        match parse_rare(input, frame_max)? {
            Some(missing) => Ok(Parsed::Incomplete { missing }),
            None => Ok(Parsed::Complete(Self {
                frame_type: FrameType::Heartbeat,
                channel: ChannelId(0),
                payload: &[],
            })),
        }
    }

    /// How many octets the frame has, envelope included.
    #[inline]
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.payload.len() + OVERHEAD
    }
}

/// Type octet, channel and size.
#[inline]
const fn split_start(start: [u8; START_LEN]) -> (u8, u16, u32) {
    let [octet, c0, c1, s0, s1, s2, s3] = start;
    (
        octet,
        u16::from_be_bytes([c0, c1]),
        u32::from_be_bytes([s0, s1, s2, s3]),
    )
}

/// What is not a whole frame with a payload: nothing is missing of a heartbeat, octets are of any other frame, or it is
/// wrong.
#[cold]
fn parse_rare(input: &[u8], frame_max: u32) -> Result<Option<usize>, DecodeError> {
    let error = |kind, offset, context| Err(DecodeError::new(kind, offset, context));
    let frame_type = match input.first().map(|&octet| FrameType::from_octet(octet)) {
        None => return Ok(Some(OVERHEAD)),
        Some(Err(kind)) => return error(kind, 0, "frame.type"),
        Some(Ok(frame_type)) => frame_type,
    };
    let Some((start, rest)) = input.split_first_chunk() else {
        return Ok(Some(OVERHEAD - input.len()));
    };
    let (_, channel, size) = split_start(*start);
    if frame_type == FrameType::Heartbeat {
        if channel != 0 {
            return error(DecodeErrorKind::HeartbeatOnChannel(channel), 1, "frame.channel");
        }
        if size != 0 {
            return error(DecodeErrorKind::HeartbeatNotEmpty, 3, "frame.size");
        }
    }
    if size > payload_max(frame_max) {
        let kind = DecodeErrorKind::FrameTooLarge {
            payload: size,
            frame_max,
        };
        return error(kind, 3, "frame.size");
    }
    let size = size as usize;
    match rest.get(size) {
        None => Ok(Some(size - rest.len() + 1)),
        Some(&END) => Ok(None),
        Some(&other) => error(DecodeErrorKind::BadFrameEnd(other), START_LEN + size, "frame.end"),
    }
}

/// The most octets that a payload may have in frames of `frame_max` octets; 0 stands for no limit.
#[inline]
#[must_use]
pub const fn payload_max(frame_max: u32) -> u32 {
    if frame_max == 0 {
        u32::MAX
    } else {
        frame_max.saturating_sub(OVERHEAD as u32)
    }
}

/// The most octets of a body that go into one frame: one at least, or there would be no end.
#[inline]
pub(crate) const fn part_max(frame_max: u32) -> usize {
    match payload_max(frame_max) {
        0 => 1,
        max => max as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// queue.declare-ok of channel 1, by hand.
    const FRAME: &[u8] = b"\x01\0\x01\0\0\0\x0E\0\x32\0\x0B\x01q\0\0\0\0\0\0\0\0\xCE";

    fn kind(input: &[u8], frame_max: u32) -> (DecodeErrorKind, usize, &'static str) {
        let error = RawFrame::parse(input, frame_max).unwrap_err();
        (error.kind, error.offset, error.context)
    }

    #[test]
    fn a_frame_is_awaited_octet_by_octet_and_leaves_its_tail() {
        for len in 0..FRAME.len() {
            let Ok(Parsed::Incomplete { missing }) = RawFrame::parse(&FRAME[..len], 0) else {
                panic!("{len} octets are no frame")
            };
            assert_eq!(
                missing,
                if len < START_LEN {
                    OVERHEAD - len
                } else {
                    FRAME.len() - len
                }
            );
        }
        let tailed = [FRAME, &HEARTBEAT].concat();
        for input in [FRAME, &tailed] {
            let Ok(Parsed::Complete(frame)) = RawFrame::parse(input, 22) else {
                panic!("a whole frame")
            };
            assert_eq!(
                (frame.frame_type, frame.channel),
                (FrameType::Method, ChannelId(1))
            );
            assert_eq!(frame.encoded_len(), FRAME.len());
            assert_eq!(frame.payload, &FRAME[START_LEN..FRAME.len() - 1]);
        }
    }

    #[test]
    fn types_are_judged_by_their_first_octet() {
        for octet in 0..=u8::MAX {
            let input = [octet];
            let result = RawFrame::parse(&input, 4096).map_err(|error| error.kind);
            match octet {
                1 | 2 | 3 | 8 => assert_eq!(result, Ok(Parsed::Incomplete { missing: 7 })),
                4..=7 => assert_eq!(result, Err(DecodeErrorKind::UnsupportedFrameType(octet))),
                _ => assert_eq!(result, Err(DecodeErrorKind::UnknownFrameType(octet))),
            }
        }
        let error = RawFrame::parse(b"\x04\0\0\0\0\0\0\xCE", 4096).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unsupported frame type 4 (oob-method) at octet 0 in frame.type"
        );
    }

    #[test]
    fn sizes_are_judged_before_the_payload_comes() {
        let start = start(FrameType::Body, ChannelId(1), 4089);
        let too_large = DecodeErrorKind::FrameTooLarge {
            payload: 4089,
            frame_max: 4096,
        };
        assert_eq!(kind(&start, 4096), (too_large, 3, "frame.size"));
        assert_eq!(
            RawFrame::parse(&start, 4097),
            Ok(Parsed::Incomplete { missing: 4090 })
        );
        assert_eq!(
            RawFrame::parse(&start, 0),
            Ok(Parsed::Incomplete { missing: 4090 })
        );
        let all = super::start(FrameType::Body, ChannelId(1), u32::MAX);
        assert_eq!(
            RawFrame::parse(&all, 0),
            Ok(Parsed::Incomplete {
                missing: u32::MAX as usize + 1
            })
        );
    }

    #[test]
    fn broken_envelopes_are_refused() {
        let mut frame = FRAME.to_vec();
        *frame.last_mut().unwrap() = 0xCD;
        assert_eq!(
            kind(&frame, 0),
            (DecodeErrorKind::BadFrameEnd(0xCD), FRAME.len() - 1, "frame.end")
        );
        let on_channel = b"\x08\0\x03\0\0\0\0\xCE";
        assert_eq!(
            kind(on_channel, 0),
            (DecodeErrorKind::HeartbeatOnChannel(3), 1, "frame.channel")
        );
        let not_empty = b"\x08\0\0\0\0\0\x01x\xCE";
        assert_eq!(
            kind(not_empty, 0),
            (DecodeErrorKind::HeartbeatNotEmpty, 3, "frame.size")
        );
    }
}
