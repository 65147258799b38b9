//! The room that octets are read into: little while few come, much while many do, and little again as soon as no more do.
//! What the octets mean, it does not know.

use std::io;
use std::task::Poll;

use bytes::BytesMut;

use crate::sans_io::READ_BUFFER;

/// Octets of the buffer of a connection for which little comes: as many small messages as the default prefetch lets come at a
/// time. A connection that is idle keeps it.
const LITTLE: usize = 12 * 1024;

/// How large the next buffer is.
#[derive(Debug, Default)]
pub(crate) struct ReadRoom {
    /// Whether a read has filled its room since a stream had nothing more.
    much: bool,
}

impl ReadRoom {
    /// Makes room in `input`, and has `read` append to it.
    #[inline]
    pub(crate) fn read(
        &mut self,
        input: &mut BytesMut,
        read: impl FnOnce(&mut BytesMut) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let buffer = if self.much { READ_BUFFER } else { LITTLE };
        if input.capacity() - input.len() < buffer / 4 {
            input.reserve(buffer);
        }
        let room = input.capacity() - input.len();
        let octets = read(input);
        match octets {
            Poll::Ready(Ok(octets)) => self.much |= octets >= room,
            // A frame that has come in part, and is large, needs its room.
            Poll::Pending if self.much && input.len() <= LITTLE / 2 => {
                self.much = false;
                let mut little = BytesMut::with_capacity(LITTLE);
                little.extend_from_slice(input);
                *input = little;
            }
            _ => {}
        }
        octets
    }
}

/// Has `read` fill the room that `input` has, for streams that read into initialized memory alone.
#[cfg(any(feature = "smol", feature = "blocking", feature = "event-loop"))]
pub(crate) fn read_initialized<E>(
    input: &mut BytesMut,
    read: impl FnOnce(&mut [u8]) -> Poll<Result<usize, E>>,
) -> Poll<Result<usize, E>> {
    if input.len() == input.capacity() {
        input.reserve(LITTLE);
    }
    let len = input.len();
    input.resize(input.capacity(), 0);
    let octets = read(input.get_mut(len..).unwrap_or_default());
    let read = match octets {
        Poll::Ready(Ok(octets)) => octets,
        _ => 0,
    };
    input.truncate(len + read);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let room = input.capacity() - input.len();
        input.resize(input.capacity(), 7);
        Poll::Ready(Ok(room))
    }

    fn nothing(_: &mut BytesMut) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    #[test]
    fn there_is_much_room_while_reads_fill_it_and_little_again_behind_them() {
        let (mut room, mut input) = (ReadRoom::default(), BytesMut::new());
        assert!(room.read(&mut input, nothing).is_pending());
        assert_eq!(input.capacity(), LITTLE);
        for _ in 0..3 {
            assert!(room.read(&mut input, fill).is_ready());
            input.clear();
        }
        assert!(input.capacity() >= READ_BUFFER);
        input.extend_from_slice(b"half a frame");
        assert!(room.read(&mut input, nothing).is_pending());
        assert_eq!((input.capacity(), &input[..]), (LITTLE, &b"half a frame"[..]));
    }

    #[test]
    fn a_large_frame_that_has_come_in_part_is_not_moved() {
        let (mut room, mut input) = (ReadRoom::default(), BytesMut::new());
        while input.len() <= LITTLE {
            assert!(room.read(&mut input, fill).is_ready());
        }
        // Room for more, which may be elsewhere.
        assert!(room.read(&mut input, nothing).is_pending());
        let octets = input.as_ptr();
        assert!(room.read(&mut input, nothing).is_pending());
        assert_eq!(input.as_ptr(), octets);
        input.clear();
        assert!(room.read(&mut input, nothing).is_pending());
        assert_eq!(input.capacity(), LITTLE);
    }

    #[cfg(any(feature = "smol", feature = "blocking", feature = "event-loop"))]
    #[test]
    fn initialized_room_is_taken_back_but_for_what_was_read() {
        let mut input = BytesMut::from(&b"ab"[..]);
        let read = |room: &mut [u8]| {
            room[..2].copy_from_slice(b"cd");
            Poll::Ready(Ok::<_, io::Error>(2))
        };
        assert!(read_initialized(&mut input, read).is_ready());
        assert_eq!(input, "abcd");
        assert!(read_initialized(&mut input, |_| Poll::<io::Result<_>>::Pending).is_pending());
        assert_eq!(input, "abcd");
    }
}
