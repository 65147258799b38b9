//! Frames: the envelope around methods, content headers, bodies and heartbeats, read piece by piece and written into a
//! buffer; and [`Frame`], an owned payload. What order frames come in is not known here.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;

use crate::error::{DecodeError, DecodeErrorKind, TooLong};
use crate::method::{Arguments, Decode, Encode, View};
use crate::wire::{ChannelId, Reader, Writer};

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
    #[inline]
    pub fn parse(input: &'a [u8], frame_max: u32) -> Result<Parsed<Self>, DecodeError> {
        let Some((start, rest)) = input.split_first_chunk::<START_LEN>() else {
            return Self::parse_start(input);
        };
        let [octet, c0, c1, s0, s1, s2, s3] = *start;
        let channel = u16::from_be_bytes([c0, c1]);
        let size = u32::from_be_bytes([s0, s1, s2, s3]);
        let frame_type =
            FrameType::from_octet(octet).map_err(|kind| DecodeError::new(kind, 0, "frame.type"))?;
        if frame_type == FrameType::Heartbeat {
            if channel != 0 {
                let kind = DecodeErrorKind::HeartbeatOnChannel(channel);
                return Err(DecodeError::new(kind, 1, "frame.channel"));
            }
            if size != 0 {
                return Err(DecodeError::new(
                    DecodeErrorKind::HeartbeatNotEmpty,
                    3,
                    "frame.size",
                ));
            }
        }
        if size > payload_max(frame_max) {
            let kind = DecodeErrorKind::FrameTooLarge {
                payload: size,
                frame_max,
            };
            return Err(DecodeError::new(kind, 3, "frame.size"));
        }
        let size = size as usize;
        match rest.split_at_checked(size) {
            Some((payload, [END, ..])) => Ok(Parsed::Complete(Self {
                frame_type,
                channel: ChannelId(channel),
                payload,
            })),
            Some((_, [other, ..])) => Err(DecodeError::new(
                DecodeErrorKind::BadFrameEnd(*other),
                START_LEN + size,
                "frame.end",
            )),
            _ => Ok(Parsed::Incomplete {
                missing: size - rest.len() + 1,
            }),
        }
    }

    /// Fewer octets than say how long the frame is.
    #[cold]
    fn parse_start(input: &[u8]) -> Result<Parsed<Self>, DecodeError> {
        if let Some(&octet) = input.first() {
            FrameType::from_octet(octet).map_err(|kind| DecodeError::new(kind, 0, "frame.type"))?;
        }
        Ok(Parsed::Incomplete {
            missing: OVERHEAD - input.len(),
        })
    }

    /// How many octets the frame has, envelope included.
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        self.payload.len() + OVERHEAD
    }
}

/// The most octets that a payload may have in frames of `frame_max` octets; 0 stands for no limit.
#[inline]
pub const fn payload_max(frame_max: u32) -> u32 {
    if frame_max == 0 {
        u32::MAX
    } else {
        frame_max.saturating_sub(OVERHEAD as u32)
    }
}

/// The octets before a payload of `size` octets. [`END`] follows the payload. With these a large body goes out by
/// reference.
#[inline]
pub const fn start(frame_type: FrameType, channel: ChannelId, size: u32) -> [u8; START_LEN] {
    let [c0, c1] = channel.0.to_be_bytes();
    let [s0, s1, s2, s3] = size.to_be_bytes();
    [frame_type as u8, c0, c1, s0, s1, s2, s3]
}

/// Appends a frame around `payload`, which writes its own ids: a `Method` of any class, or a
/// [`ContentHeader`](crate::content::ContentHeader).
///
/// # Errors
///
/// When the payload does not fit into one frame of `frame_max` octets (0: no limit); nothing is appended then.
#[inline]
pub fn write(
    out: &mut Vec<u8>,
    frame_type: FrameType,
    channel: ChannelId,
    payload: &impl Encode,
    frame_max: u32,
) -> Result<(), TooLong> {
    let actual = payload.encoded_len();
    let limit = payload_max(frame_max) as usize;
    if actual > limit {
        return Err(TooLong { actual, limit });
    }
    out.reserve(actual + OVERHEAD);
    out.extend_from_slice(&start(frame_type, channel, actual as u32));
    let before = out.len();
    payload.encode(&mut Writer::new(out));
    debug_assert_eq!(out.len() - before, actual, "encoded_len and encode differ");
    out.push(END);
    Ok(())
}

/// Appends a frame with one method: its ids and its arguments.
///
/// # Errors
///
/// When the method does not fit into one frame of `frame_max` octets (0: no limit); nothing is appended then.
#[inline]
pub fn write_method<M: Arguments>(
    out: &mut Vec<u8>,
    channel: ChannelId,
    method: &M,
    frame_max: u32,
) -> Result<(), TooLong> {
    struct WithId<'m, M>(&'m M);

    impl<M: Arguments> Encode for WithId<'_, M> {
        #[inline]
        fn encoded_len(&self) -> usize {
            4 + self.0.encoded_len()
        }

        #[inline]
        fn encode(&self, writer: &mut Writer<'_>) {
            writer.method_id(M::ID);
            self.0.encode(writer);
        }
    }

    write(out, FrameType::Method, channel, &WithId(method), frame_max)
}

/// Appends a body as frames of at most `frame_max` octets (0: no limit), by copying. An empty body has no frame.
#[inline]
pub fn write_body(out: &mut Vec<u8>, channel: ChannelId, body: &[u8], frame_max: u32) {
    for part in body.chunks(payload_max(frame_max).max(1) as usize) {
        out.reserve(part.len() + OVERHEAD);
        out.extend_from_slice(&start(FrameType::Body, channel, part.len() as u32));
        out.extend_from_slice(part);
        out.push(END);
    }
}

/// A payload received and kept: validated octets that are decoded again at each access, so that what is read borrows from
/// them and nothing is copied.
///
/// `V` names what they are, in its `'static` form: `Frame<v0_9_1::Method<'static>>`.
///
/// ```
/// use amqp_protocol::frame::Frame;
/// use amqp_protocol::table::{FieldTable, FieldValue};
/// use bytes::Bytes;
///
/// let frame = Frame::<FieldTable<'static>>::new(Bytes::from_static(b"\0\0\0\x04\x01kt\x01"))?;
/// assert_eq!(frame.get().get("k"), Some(FieldValue::Boolean(true)));
/// # Ok::<(), amqp_protocol::DecodeError>(())
/// ```
pub struct Frame<V> {
    octets: Bytes,
    view: PhantomData<fn() -> V>,
}

impl<V: View> Frame<V> {
    /// Validates the octets, to the last of them.
    ///
    /// # Errors
    ///
    /// What decoding finds, and `TrailingOctets`.
    pub fn new(octets: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(&octets);
        V::Of::decode(&mut reader)?;
        reader.finish("frame.payload")?;
        Ok(Self {
            octets,
            view: PhantomData,
        })
    }

    /// The value, borrowing from the octets.
    #[inline]
    pub fn get(&self) -> V::Of<'_> {
        match V::Of::decode(&mut Reader::new(&self.octets)) {
            Ok(value) => value,
            // The same octets have been decoded before, and they do not change.
            Err(error) => unreachable!("validated octets: {error}"),
        }
    }
}

impl<V> Frame<V> {
    /// The octets.
    pub fn as_octets(&self) -> &[u8] {
        &self.octets
    }

    /// The octets, still shared with what they came from.
    pub fn into_bytes(self) -> Bytes {
        self.octets
    }
}

impl<V> Clone for Frame<V> {
    fn clone(&self) -> Self {
        Self {
            octets: self.octets.clone(),
            view: PhantomData,
        }
    }
}

impl<V> PartialEq for Frame<V> {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl<V> Eq for Frame<V> {}

impl<V> fmt::Debug for Frame<V>
where
    V: View,
    for<'a> V::Of<'a>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::{MethodId, Senders};
    use crate::table::FieldTable;
    use crate::wire::ShortStr;

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
            let result = RawFrame::parse(&[octet], 4096).map_err(|error| error.kind);
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

    struct Name(ShortStr<'static>);

    impl Encode for Name {
        fn encoded_len(&self) -> usize {
            self.0.encoded_len()
        }
        fn encode(&self, writer: &mut Writer<'_>) {
            writer.shortstr(&self.0);
        }
    }

    impl Arguments for Name {
        const ID: MethodId = MethodId {
            class: 50,
            method: 11,
        };
        const NAME: &'static str = "queue.name";
        const SENDERS: Senders = Senders {
            client: true,
            server: false,
        };
        const SYNCHRONOUS: bool = false;
        const CONTENT: bool = false;
    }

    #[test]
    fn methods_are_written_whole_or_not_at_all() {
        let mut out = vec![0xAA];
        let name = Name(ShortStr::from_static("abc"));
        assert_eq!(
            write_method(&mut out, ChannelId(2), &name, 15),
            Err(TooLong { actual: 8, limit: 7 })
        );
        assert_eq!(out, [0xAA]);
        write_method(&mut out, ChannelId(2), &name, 16).unwrap();
        assert_eq!(out[1..], *b"\x01\0\x02\0\0\0\x08\0\x32\0\x0B\x03abc\xCE");
    }

    #[test]
    fn bodies_are_cut_to_the_frame() {
        let mut out = Vec::new();
        write_body(&mut out, ChannelId(1), b"", 10);
        assert!(out.is_empty());
        write_body(&mut out, ChannelId(1), b"abc", 10);
        assert_eq!(out, b"\x03\0\x01\0\0\0\x02ab\xCE\x03\0\x01\0\0\0\x01c\xCE");
        let by_reference = [&start(FrameType::Body, ChannelId(1), 1)[..], b"c", &[END]].concat();
        assert!(out.ends_with(&by_reference));
    }

    #[test]
    fn an_owned_frame_is_validated_to_its_last_octet() {
        type Table = Frame<FieldTable<'static>>;
        let frame = Table::new(Bytes::from_static(b"\0\0\0\x03\x01kV")).unwrap();
        assert_eq!(format!("{:?}", frame.clone()), r#"Frame({"k": Void})"#);
        assert_eq!(frame.clone().into_bytes(), frame.as_octets());
        for (octets, expected) in [
            (&b"\0\0\0\x03\x01k"[..], DecodeErrorKind::UnexpectedEnd),
            (b"\0\0\0\x03\x01kU", DecodeErrorKind::UnknownTag(b'U')),
            (b"\0\0\0\0x", DecodeErrorKind::TrailingOctets),
        ] {
            assert_eq!(Table::new(Bytes::from_static(octets)).unwrap_err().kind, expected);
        }
    }
}
