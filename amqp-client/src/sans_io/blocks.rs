//! Memory for small messages: copied out of the read buffer, which a message that is kept would else hold whole, into
//! blocks that many share. What blocks hold for messages that wait too long is `limits`' matter.
//!
//! A block is a piece of the input as it came, and a message a slice of it. A copy and an allocation for each would cost
//! 260 instructions more.

use std::ops::Range;

use bytes::Bytes;

/// Octets of a block at most, with what an allocator adds a page: more than that, beyond itself, no small message that is
/// kept holds.
const BLOCK: usize = 4 * 1024 - 64;

/// A larger message has memory of its own, unless it lies in a block already.
const LARGEST: usize = BLOCK / 4;

/// The latest block, while the input is read that it is a piece of.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    block: Bytes,
    /// How many octets of input were left where it begins.
    left: usize,
    /// Octets of the blocks that were begun since messages were [moved](unshare) out of them.
    pub(super) begun: usize,
}

impl Blocks {
    /// A copy of a message in the input. It may be one of what follows, too, so the input must only go on until
    /// [`forget`](Self::forget).
    #[inline]
    pub(super) fn copy(&mut self, input: &[u8], message: Range<usize>) -> Bytes {
        let gone = self.left.saturating_sub(input.len());
        if gone + message.end <= self.block.len() {
            return self.block.slice(gone + message.start..gone + message.end);
        }
        self.begin(input, message)
    }

    fn begin(&mut self, input: &[u8], message: Range<usize>) -> Bytes {
        let octets = input.get(message.clone()).unwrap_or_default();
        let behind = input.len() - message.end;
        if octets.len() > LARGEST || behind < octets.len() {
            return Bytes::copy_from_slice(octets);
        }
        self.left = input.len();
        self.block = Bytes::copy_from_slice(input.get(..BLOCK).unwrap_or(input));
        self.begun += self.block.len();
        self.block.slice(message)
    }

    /// Other input comes from here on.
    pub(super) fn forget(&mut self) {
        self.block = Bytes::new();
    }
}

/// Gives a message memory of its own, if it may lie in a block.
pub(super) fn unshare(octets: &mut Bytes) {
    if octets.len() <= BLOCK {
        *octets = Bytes::copy_from_slice(octets);
    }
}
