//! Memory for small messages: copied out of the read buffer, which a message that is kept would else hold whole, into
//! blocks that many share. What blocks hold for messages that wait too long is `limits`' matter.
//!
//! An allocation for each would cost three hundred instructions more.

use bytes::{Bytes, BytesMut};

/// Octets of a block at most: more than that, beyond itself, no small message that is kept holds.
const BLOCK: usize = 16 * 1024;

/// A larger message has memory of its own: few would fill a block, and leave much of it unused.
const LARGEST: usize = BLOCK / 8;

/// Where small messages go.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// What is left of the latest block.
    block: BytesMut,
    /// Octets of the blocks that were begun since messages were [moved](unshare) out of them.
    pub(super) begun: usize,
}

impl Blocks {
    /// Copies a message, behind which so many more octets have come.
    pub(super) fn copy(&mut self, octets: &[u8], behind: usize) -> Bytes {
        if octets.len() > LARGEST {
            return Bytes::copy_from_slice(octets);
        }
        // The whole block is there again when nobody has anything of it any more.
        if !self.block.try_reclaim(octets.len()) {
            // As large as what has come can fill: a message that comes alone needs none.
            if behind < octets.len() {
                return Bytes::copy_from_slice(octets);
            }
            let size = BLOCK.min(octets.len() + behind);
            self.block = BytesMut::with_capacity(size);
            self.begun += size;
        }
        self.block.extend_from_slice(octets);
        self.block.split().freeze()
    }
}

/// Gives a message memory of its own, if it may lie in a block.
pub(super) fn unshare(octets: &mut Bytes) {
    if octets.len() <= LARGEST {
        *octets = Bytes::copy_from_slice(octets);
    }
}
