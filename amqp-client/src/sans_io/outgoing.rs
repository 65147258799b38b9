//! Octets on their way to the transport, in order: encoded ones in one buffer, large bodies by reference. Knows no frames.

use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// The buffer's capacity that is kept however little of it was used.
const KEEP_CAPACITY: usize = 16 * 1024;

/// A batch of octets for the transport. It is a [`Buf`]: write its chunks, advance it by what was written, and tell
/// [`Connection::transmitted`](super::Connection::transmitted).
///
/// ```
/// use std::time::Instant;
///
/// use amqp_client::Config;
/// use amqp_client::sans_io::{Connection, Outgoing};
/// use bytes::Buf;
///
/// let mut connection = Connection::new(Config::default(), Instant::now());
/// let mut batch = Outgoing::new();
/// connection.take_outgoing(&mut batch);
/// assert_eq!(batch.chunk(), b"AMQP\0\0\x09\x01");
/// batch.advance(8);
/// connection.transmitted(Instant::now(), 8);
/// assert!(batch.is_empty());
/// ```
#[derive(Default)]
pub struct Outgoing {
    octets: Vec<u8>,
    /// Where in `octets` each shared body belongs, ascending.
    shared: VecDeque<(usize, Bytes)>,
    /// How much of `octets` is written.
    written: usize,
    remaining: usize,
}

impl Outgoing {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether everything was written.
    pub fn is_empty(&self) -> bool {
        self.remaining == 0
    }

    /// Lets `encode` append to the buffer, and tells how many octets it did.
    #[inline]
    pub(crate) fn encode<R>(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> R) -> (R, usize) {
        let before = self.octets.len();
        let result = encode(&mut self.octets);
        let octets = self.octets.len() - before;
        self.remaining += octets;
        (result, octets)
    }

    /// Appends octets without a copy.
    pub(super) fn push_shared(&mut self, octets: Bytes) {
        self.remaining += octets.len();
        self.shared.push_back((self.octets.len(), octets));
    }

    /// Forgets everything. Of a buffer of which little was used, most is given back; one that is filled again and again
    /// stays, because new memory costs a publish more than its instructions do.
    pub(crate) fn clear(&mut self) {
        let used = self.octets.len();
        self.octets.clear();
        if (1..self.octets.capacity() / 4).contains(&used) {
            self.octets.shrink_to(KEEP_CAPACITY.max(2 * used));
        }
        self.shared.clear();
        self.written = 0;
        self.remaining = 0;
    }

    /// What is unwritten, in order.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = self.written;
        let bodies = self.shared.iter().flat_map(move |(at, body)| {
            let octets = self.octets.get(from..*at).unwrap_or_default();
            from = *at;
            [octets, body.as_ref()]
        });
        let behind = self.shared.back().map_or(self.written, |(at, _)| *at);
        let tail = self.octets.get(behind..).unwrap_or_default();
        bodies.chain([tail]).filter(|chunk| !chunk.is_empty())
    }

    /// The unwritten octets before the next shared body.
    fn head(&self) -> &[u8] {
        let end = self.shared.front().map_or(self.octets.len(), |(at, _)| *at);
        self.octets.get(self.written..end).unwrap_or_default()
    }
}

/// Says how much there is, not what: there may be secrets and private messages in it.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("remaining", &self.remaining)
            .finish_non_exhaustive()
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        match (self.head(), self.shared.front()) {
            ([], Some((_, body))) => body,
            (head, _) => head,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(self.chunks()) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        assert!(
            count <= self.remaining,
            "advanced by {count} octets where {} remain",
            self.remaining
        );
        self.remaining -= count;
        loop {
            let head = self.head().len().min(count);
            self.written += head;
            count -= head;
            match self.shared.front_mut() {
                Some((_, body)) if count < body.len() => return body.advance(count),
                Some((_, body)) => count -= body.len(),
                None => return,
            }
            self.shared.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Outgoing {
        let mut batch = Outgoing::new();
        batch.encode(|octets| octets.extend_from_slice(b"ab"));
        batch.push_shared(Bytes::from_static(b"CDE"));
        batch.push_shared(Bytes::from_static(b"F"));
        batch.encode(|octets| octets.extend_from_slice(b"gh"));
        batch
    }

    #[test]
    fn order_is_kept_however_it_is_written() {
        for step in 1..=8 {
            let (mut batch, mut written) = (batch(), Vec::new());
            while batch.has_remaining() {
                let count = step.min(batch.chunk().len());
                written.extend_from_slice(&batch.chunk()[..count]);
                batch.advance(count);
            }
            assert_eq!(written, b"abCDEFgh", "by {step}");
        }
    }

    #[test]
    fn a_buffer_stays_while_it_is_used_and_goes_when_it_is_not() {
        let mut batch = Outgoing::new();
        let mut fill = |count: usize| {
            batch.clear();
            batch.encode(|octets| octets.resize(count, 7));
            batch.octets.capacity()
        };
        let large = 64 * KEEP_CAPACITY;
        let capacity = fill(large);
        assert_eq!(fill(large / 2), capacity);
        assert_eq!(fill(large), capacity);
        assert_eq!(fill(0), capacity);
        assert_eq!(fill(8), capacity);
        // What was used last says how much is kept.
        assert_eq!(fill(large / 8), KEEP_CAPACITY.max(large / 8));
        assert_eq!(fill(8), large / 8);
        assert_eq!(fill(8), KEEP_CAPACITY);
        assert_eq!(fill(8), KEEP_CAPACITY);
    }

    #[test]
    fn vectored_chunks_continue_behind_what_was_written() {
        for written in 0..=8 {
            for room in 0..6 {
                let mut batch = batch();
                batch.advance(written);
                let mut slices = vec![IoSlice::new(&[]); room];
                let count = batch.chunks_vectored(&mut slices);
                let octets: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                assert!(b"abCDEFgh"[written..].starts_with(&octets));
                assert!(room < 4 || octets.len() == 8 - written, "{written} {room}");
                assert_eq!(count == 0, room == 0 || written == 8);
            }
        }
    }
}
