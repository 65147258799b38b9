//! `Writer`: appends the wire's primitive types to a buffer. It knows no method and no frame.

use crate::method::MethodId;
use crate::table::FieldTable;
use crate::wire::{Content, DeliveryTag, LongStr, PropertyFlags, ReplyCode, ShortStr};

/// Appends fields to a buffer. The methods are named as those of [`Reader`](crate::Reader), and none can fail.
///
/// ```
/// use amqp_protocol::{ShortStr, Writer};
///
/// let mut buffer = Vec::new();
/// let mut writer = Writer::new(&mut buffer);
/// writer.short(0);
/// writer.shortstr(&ShortStr::from_static("hello"));
/// writer.bits([true, false]);
/// assert_eq!(buffer, b"\x00\x00\x05hello\x01");
/// ```
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Writer<'b> {
    /// Appends to `out`.
    #[inline]
    pub const fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    /// One octet.
    #[inline]
    pub fn octet(&mut self, value: u8) {
        self.out.push(value);
    }

    /// 16 bits, the most significant octet first.
    #[inline]
    pub fn short(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// 32 bits.
    #[inline]
    pub fn long(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// 64 bits.
    #[inline]
    pub fn longlong(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Seconds since the start of 1970 (UTC).
    #[inline]
    pub fn timestamp(&mut self, seconds: u64) {
        self.longlong(seconds);
    }

    /// A reply code of 16 bits.
    #[inline]
    pub fn reply_code(&mut self, code: ReplyCode) {
        self.short(code.0);
    }

    /// A delivery tag of 64 bits.
    #[inline]
    pub fn delivery_tag(&mut self, tag: DeliveryTag) {
        self.longlong(tag.0);
    }

    /// The class id and the method id.
    #[inline]
    pub fn method_id(&mut self, id: MethodId) {
        self.long(u32::from(id.class) << 16 | u32::from(id.method));
    }

    /// An octet of length and the octets.
    #[inline]
    pub fn shortstr(&mut self, string: &ShortStr<'_>) {
        self.octet(string.len() as u8);
        self.octets(string.as_bytes());
    }

    /// Four octets of length and the octets.
    #[inline]
    pub fn longstr(&mut self, string: &LongStr<'_>) {
        self.counted(string.as_bytes());
    }

    /// Four octets of length and the table's own octets, in one copy.
    #[inline]
    pub fn table(&mut self, table: &FieldTable<'_>) {
        self.counted(table.as_octets());
    }

    /// A run of bits, packed from the least significant bit of each octet on. Unused bits are zero.
    #[inline]
    pub fn bits<const N: usize>(&mut self, bits: [bool; N]) {
        self.bit_run(&bits);
    }

    // By reference: a short array that is passed by value is passed as one integer, and a struct's bits, stored one by
    // one, are then loaded as one; such a load waits for its stores.
    #[inline]
    fn bit_run<const N: usize>(&mut self, bits: &[bool; N]) {
        for octet in bits.chunks(8) {
            self.octet(
                octet
                    .iter()
                    .rev()
                    .fold(0, |packed, &bit| packed << 1 | u8::from(bit)),
            );
        }
    }

    /// A class's properties: their flags, in as few words as carry them all, at least one; and behind them the values, which
    /// `values` writes, and says of which properties.
    // The flags are known when the values are written: to look at each property twice costs as much as all the rest.
    #[inline]
    pub fn property_flags(&mut self, values: impl FnOnce(&mut Self) -> PropertyFlags) {
        let start = self.out.len();
        self.short(0);
        let flags = values(self);
        match (flags.only_word(), self.out.get_mut(start..)) {
            (Some(word), Some([first, second, ..])) => [*first, *second] = word.to_be_bytes(),
            _ => self.put_flag_words(start, flags),
        }
    }

    /// Replaces the only word at `start` by all of them.
    #[cold]
    fn put_flag_words(&mut self, start: usize, flags: PropertyFlags) {
        let words = flags.words().flat_map(u16::to_be_bytes);
        self.out.splice(start..start + 2, words);
    }

    /// The domain `content` of AMQP 0-9.
    pub fn content(&mut self, content: &Content<'_>) {
        let (form, octets) = match content {
            Content::Inline(octets) => (0, octets),
            Content::Reference(octets) => (1, octets),
        };
        self.octet(form);
        self.longstr(octets);
    }

    /// An octet and `N` octets more, `M` in all, at once.
    #[inline]
    pub(crate) fn tagged<const N: usize, const M: usize>(&mut self, tag: u8, octets: [u8; N]) {
        let mut both = [tag; M];
        if let Some((_, rest)) = both.split_first_mut() {
            rest.copy_from_slice(&octets);
        }
        self.octets(&both);
    }

    /// An octet, four octets of length and the octets, which are at most `u32::MAX`.
    #[inline]
    pub(crate) fn tagged_octets(&mut self, tag: u8, octets: &[u8]) {
        self.tagged::<4, 5>(tag, (octets.len() as u32).to_be_bytes());
        self.octets(octets);
    }

    /// Octets as they are.
    #[inline]
    pub(crate) fn octets(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// Four octets of length and the octets, which are at most `u32::MAX`.
    #[inline]
    pub(crate) fn counted(&mut self, octets: &[u8]) {
        self.long(octets.len() as u32);
        self.octets(octets);
    }
}
