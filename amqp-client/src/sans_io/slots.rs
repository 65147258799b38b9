//! Where the consumers of a connection are found by what names them: by their ids, and on their channels by their tags. It
//! takes as long with ten thousand of them as with one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::channel::Subscriber;
use super::consumers::Consumer;
use super::event::ConsumerId;

/// The consumers of a channel by their tags.
pub(super) type Tags = HashMap<Box<[u8]>, Subscriber, BuildHasherDefault<TagHasher>>;

/// Consumers by their ids.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    /// Each in the slot that its id names.
    slots: Vec<Option<Consumer>>,
    free: Vec<u32>,
}

impl Consumers {
    /// Where the next one goes.
    pub(super) fn next_slot(&self) -> u32 {
        let behind = self.slots.len() as u32;
        self.free.last().copied().unwrap_or(behind)
    }

    /// Puts one where its id, with the [next slot](Self::next_slot), says.
    pub(super) fn insert(&mut self, consumer: Consumer) {
        match self.free.pop().and_then(|slot| self.slots.get_mut(slot as usize)) {
            Some(slot) => *slot = Some(consumer),
            None => self.slots.push(Some(consumer)),
        }
    }

    #[inline]
    pub(super) fn get(&self, id: ConsumerId) -> Option<&Consumer> {
        let consumer = self.slots.get(id.slot as usize)?.as_ref();
        consumer.filter(|consumer| consumer.id == id)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ConsumerId) -> Option<&mut Consumer> {
        let consumer = self.slots.get_mut(id.slot as usize)?.as_mut();
        consumer.filter(|consumer| consumer.id == id)
    }

    pub(super) fn remove(&mut self, id: ConsumerId) -> Option<Consumer> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        let consumer = slot.take_if(|consumer| consumer.id == id)?;
        self.free.push(id.slot);
        Some(consumer)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Consumer) -> bool) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.take_if(|consumer| !keep(consumer)).is_some() {
                self.free.push(index as u32);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.slots.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Consumer> {
        self.slots.iter_mut().flatten()
    }
}

/// Hashes tags without random keys, because the core is deterministic. No server can crowd them: they are ours. That of the
/// standard library would cost 200 instructions more for each delivery.
#[derive(Debug, Default)]
pub(super) struct TagHasher(u64);

impl TagHasher {
    #[inline]
    fn mix(&mut self, word: u64) {
        // Any odd number would do that has its bits all over.
        let product = u128::from(self.0 ^ word) * 0x9E37_79B9_7F4A_7C15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for TagHasher {
    #[inline]
    fn write(&mut self, octets: &[u8]) {
        match octets.last_chunk() {
            // The last eight, behind as many words as are there, which they may overlap.
            Some(last) => {
                let (words, _) = octets.as_chunks();
                words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
                self.mix(u64::from_le_bytes(*last));
            }
            None => self.mix(octets.iter().fold(0, |word, octet| word << 8 | u64::from(*octet))),
        }
    }

    #[inline]
    fn write_usize(&mut self, len: usize) {
        self.mix(len as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
