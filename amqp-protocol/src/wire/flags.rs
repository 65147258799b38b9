//! `PropertyFlags`: which of a class's properties are present, as the flag words of a content header say it.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::Reader;

/// Which of a class's properties are present: a flag for each, the first of them flag 0.
///
/// Up to [`MAX`](Self::MAX) flags. They go into words of 16 bits: 15 flags, the first in the most significant bit, and a
/// lowest bit that says that another word follows.
///
/// ```
/// use amqp_protocol::PropertyFlags;
///
/// let flags = PropertyFlags::new([true, false, true]);
/// assert!(flags.has(0) && !flags.has(1) && flags.has(2));
/// assert_eq!(flags.encoded_len(), 2);
/// ```
// One number and not an array of `bool`: each flag is then one test of one bit, wherever it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PropertyFlags(u64);

/// Flag 0: the flags stand in the order of the wire, so that a word is cut out of them with one shift.
const FIRST: u64 = 1 << 63;
/// The lowest bit of a word in the place of the first.
const CONTINUED: u64 = 1 << 48;

impl PropertyFlags {
    /// How many flags there can be: those of four words.
    pub const MAX: usize = 60;

    /// These flags, in order.
    #[inline]
    #[must_use]
    pub fn new<const COUNT: usize>(flags: [bool; COUNT]) -> Self {
        const { assert!(COUNT <= Self::MAX, "more than 60 properties") };
        let bits = flags.iter().fold(0, |bits, flag| bits << 1 | u64::from(*flag));
        Self(bits.unbounded_shl(64 - COUNT as u32))
    }

    /// Sets the flag `index`, counted from 0. There is none beyond [`MAX`](Self::MAX).
    #[inline]
    pub const fn set(&mut self, index: usize) {
        if index < Self::MAX {
            self.0 |= FIRST >> index;
        }
    }

    /// Whether the flag `index`, counted from 0, is set. Those beyond [`MAX`](Self::MAX) never are.
    #[inline]
    #[must_use]
    pub const fn has(self, index: usize) -> bool {
        index < Self::MAX && self.0 & (FIRST >> index) != 0
    }

    /// How many octets they have on the wire: two for each word up to the last one that carries a set flag, and never
    /// fewer than two.
    #[inline]
    #[must_use]
    pub fn encoded_len(self) -> usize {
        2 * self.words().count()
    }

    /// The word that says so, if one is enough: as it is for all properties of AMQP's classes.
    #[inline]
    pub(super) fn only_word(self) -> Option<u16> {
        (self.0 << 15 == 0).then_some((self.0 >> 48) as u16)
    }

    /// The words that say so.
    #[inline]
    pub(super) fn words(self) -> impl Iterator<Item = u16> {
        let behind = |bits: u64| Some(bits << 15).filter(|bits| *bits != 0);
        std::iter::successors(Some(self.0), move |bits| behind(*bits))
            .map(move |bits| (bits >> 48) as u16 & !1 | u16::from(behind(bits).is_some()))
    }

    /// Takes the words that say which of `count` properties follow.
    // One word, and no flag beyond the last property: that is what peers send, and all that is inlined. The rest has a
    // reader of its own, so that this one can stay in registers.
    #[inline(always)]
    pub(super) fn read(
        reader: &mut Reader<'_>,
        count: usize,
        context: &'static str,
    ) -> Result<Self, DecodeError> {
        let undefined = u64::MAX.unbounded_shr(count as u32);
        let mut words = reader.clone();
        let word = words.short(context)?;
        let flags = u64::from(word) << 48;
        if flags & (undefined | CONTINUED) != 0 {
            let (flags, rest) = Self::read_words(reader.clone(), undefined, context)?;
            *reader = rest;
            return Ok(flags);
        }
        *reader = words;
        Ok(Self(flags))
    }

    /// Takes any number of words. Superfluous ones are taken if they flag nothing.
    #[cold]
    fn read_words<'a>(
        mut words: Reader<'a>,
        undefined: u64,
        context: &'static str,
    ) -> Result<(Self, Reader<'a>), DecodeError> {
        let (mut all, mut defined) = (0, !undefined);
        for first in (0_usize..).step_by(15) {
            let start = words.offset();
            let word = u64::from(words.short(context)?) << 48;
            let flags = word & !CONTINUED;
            if flags & !defined != 0 {
                return Err(DecodeError::new(DecodeErrorKind::UnknownProperty, start, context));
            }
            defined <<= 15;
            // Where nothing is defined any more, nothing is shifted out.
            all |= u32::try_from(first).map_or(0, |first| flags.unbounded_shr(first));
            if word & CONTINUED == 0 {
                break;
            }
        }
        Ok((Self(all), words))
    }
}
