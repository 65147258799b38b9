//! Writing frames into a buffer: whole, or around a body that goes out by reference.

use crate::content::ContentHeader;
use crate::error::TooLong;
use crate::frame::{END, FrameType, START_LEN, part_max, payload_max};
use crate::method::{Arguments, Encode, Properties};
use crate::wire::{ChannelId, Writer};

/// The octets before a payload of `size` octets. [`END`] follows the payload. With these a large body goes out by
/// reference.
#[inline]
#[must_use]
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
    let frame = out.len();
    out.extend_from_slice(&start(frame_type, channel, 0));
    payload.encode(&mut Writer::new(out));
    finish(out, frame, frame_max)
}

/// Ends the frame that begins at `frame` and fills in its size, or takes it back.
// To ask for the length beforehand would be to walk through all fields twice.
#[inline(always)]
fn finish(out: &mut Vec<u8>, frame: usize, frame_max: u32) -> Result<(), TooLong> {
    let actual = out.len() - frame - START_LEN;
    let limit = payload_max(frame_max) as usize;
    if actual > limit {
        out.truncate(frame);
        return Err(TooLong::new(actual, limit));
    }
    if let Some(size) = out.get_mut(frame + 3..).and_then(<[u8]>::first_chunk_mut) {
        *size = (actual as u32).to_be_bytes();
    }
    out.push(END);
    Ok(())
}

/// Appends a frame with one method: its ids and its arguments.
///
/// # Errors
///
/// When the method does not fit into one frame of `frame_max` octets (0: no limit); nothing is appended then.
#[inline(always)]
pub fn write_method<M: Arguments>(
    out: &mut Vec<u8>,
    channel: ChannelId,
    method: &M,
    frame_max: u32,
) -> Result<(), TooLong> {
    let frame = out.len();
    let [kind, c0, c1, s0, s1, s2, s3] = start(FrameType::Method, channel, 0);
    let [i0, i1] = M::ID.class.to_be_bytes();
    let [i2, i3] = M::ID.method.to_be_bytes();
    // One write: what each of them costs is to see whether there is room, and to say where the next one goes.
    out.extend_from_slice(&[kind, c0, c1, s0, s1, s2, s3, i0, i1, i2, i3]);
    method.encode(&mut Writer::new(out));
    finish(out, frame, frame_max)
}

/// Appends a frame with the header of a content.
///
/// # Errors
///
/// When the header does not fit into one frame of `frame_max` octets (0: no limit); nothing is appended then.
#[inline(always)]
pub fn write_header<P: Properties>(
    out: &mut Vec<u8>,
    channel: ChannelId,
    header: &ContentHeader<P>,
    frame_max: u32,
) -> Result<(), TooLong> {
    let frame = out.len();
    let [kind, c0, c1, s0, s1, s2, s3] = start(FrameType::Header, channel, 0);
    let [i0, i1] = P::CLASS_ID.to_be_bytes();
    let [b0, b1, b2, b3, b4, b5, b6, b7] = header.body_size.to_be_bytes();
    out.extend_from_slice(&[
        kind, c0, c1, s0, s1, s2, s3, i0, i1, 0, 0, b0, b1, b2, b3, b4, b5, b6, b7,
    ]);
    header.properties.encode(&mut Writer::new(out));
    finish(out, frame, frame_max)
}

/// Appends a body as frames of at most `frame_max` octets (0: no limit), by copying. An empty body has no frame.
///
/// Peers agree on 4096 octets at least. A frame of less than 9 has no room for any part of a body: 1 to 8 are taken for 9.
#[inline]
pub fn write_body(out: &mut Vec<u8>, channel: ChannelId, body: &[u8], frame_max: u32) {
    let (max, mut rest) = (part_max(frame_max), body);
    while !rest.is_empty() {
        let (part, behind) = rest.split_at(rest.len().min(max));
        out.extend_from_slice(&start(FrameType::Body, channel, part.len() as u32));
        out.extend_from_slice(part);
        out.push(END);
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::OVERHEAD;
    use crate::method::{MethodId, Senders};
    use crate::wire::ShortStr;

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
    fn the_smallest_frame_of_a_body_has_9_octets() {
        for frame_max in 1..=9 {
            let mut out = Vec::new();
            write_body(&mut out, ChannelId(1), b"ab", frame_max);
            assert_eq!(out, b"\x03\0\x01\0\0\0\x01a\xCE\x03\0\x01\0\0\0\x01b\xCE");
        }
        let mut out = Vec::new();
        write_body(&mut out, ChannelId(1), &[7; 5000], 0);
        assert_eq!(out.len(), 5000 + OVERHEAD);
    }
}
