//! `Reader`: takes the wire's primitive types off the front of a slice. It knows no method and no frame.

use crate::error::{DecodeError, DecodeErrorKind, UnexpectedEnd};
use crate::method::MethodId;
use crate::table::{self, FieldTable};
use crate::wire::{Content, DeliveryTag, LongStr, PropertyFlags, ReplyCode, ShortStr};

/// Takes fields off the front of a slice and borrows from it.
///
/// Each method is named as the specification names the type. `context` says which field is being read; it goes into the
/// error. A field that fails is not taken, and the error's offset is where it begins.
///
/// ```
/// use amqp_protocol::Reader;
///
/// let mut reader = Reader::new(b"\x00\x00\x05hello\x01");
/// assert_eq!(reader.short("queue.declare.reserved_1")?, 0);
/// assert_eq!(reader.shortstr("queue.declare.queue")?, "hello");
/// assert_eq!(reader.bits::<2>("queue.declare.passive")?, [true, false]);
/// reader.finish("queue.declare")?;
/// # Ok::<(), amqp_protocol::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Octets at the start; the offset is what is gone of them.
    total: usize,
}

impl<'a> Reader<'a> {
    /// Reads `input` from its start.
    #[inline]
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self {
            rest: input,
            total: input.len(),
        }
    }

    /// How many octets have been taken.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.total - self.rest.len()
    }

    /// What has not been taken.
    #[inline]
    #[must_use]
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been taken.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error of this kind at the present offset.
    // Inlined for the reason that `DecodeError::new` gives.
    #[inline]
    #[must_use]
    pub const fn error(&self, kind: DecodeErrorKind, context: &'static str) -> DecodeError {
        DecodeError::new(kind, self.offset(), context)
    }

    #[inline]
    const fn end(&self, context: &'static str) -> UnexpectedEnd {
        UnexpectedEnd {
            offset: self.offset(),
            context,
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self, context: &'static str) -> Result<[u8; N], UnexpectedEnd> {
        match self.rest.split_first_chunk() {
            Some((octets, rest)) => {
                self.rest = rest;
                Ok(*octets)
            }
            None => Err(self.end(context)),
        }
    }

    /// One octet, unsigned.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when it is not there.
    #[inline]
    pub fn octet(&mut self, context: &'static str) -> Result<u8, UnexpectedEnd> {
        self.array(context).map(u8::from_be_bytes)
    }

    /// 16 bits, unsigned, the most significant octet first as in all of AMQP.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer than 2 octets are left.
    #[inline]
    pub fn short(&mut self, context: &'static str) -> Result<u16, UnexpectedEnd> {
        self.array(context).map(u16::from_be_bytes)
    }

    /// 32 bits, unsigned.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer than 4 octets are left.
    #[inline]
    pub fn long(&mut self, context: &'static str) -> Result<u32, UnexpectedEnd> {
        self.array(context).map(u32::from_be_bytes)
    }

    /// 64 bits, unsigned.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer than 8 octets are left.
    #[inline]
    pub fn longlong(&mut self, context: &'static str) -> Result<u64, UnexpectedEnd> {
        self.array(context).map(u64::from_be_bytes)
    }

    /// Seconds since the start of 1970 (UTC), over the whole range of 64 bits.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer than 8 octets are left.
    #[inline]
    pub fn timestamp(&mut self, context: &'static str) -> Result<u64, UnexpectedEnd> {
        self.longlong(context)
    }

    /// A reply code of 16 bits.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer than 2 octets are left.
    #[inline]
    pub fn reply_code(&mut self, context: &'static str) -> Result<ReplyCode, UnexpectedEnd> {
        self.short(context).map(ReplyCode)
    }

    /// A delivery tag of 64 bits.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer than 8 octets are left.
    #[inline]
    pub fn delivery_tag(&mut self, context: &'static str) -> Result<DeliveryTag, UnexpectedEnd> {
        self.longlong(context).map(DeliveryTag)
    }

    /// The class id and the method id that begin every method.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer than 4 octets are left.
    #[inline]
    pub fn method_id(&mut self, context: &'static str) -> Result<MethodId, UnexpectedEnd> {
        let id = self.long(context)?;
        Ok(MethodId {
            class: (id >> 16) as u16,
            method: id as u16,
        })
    }

    /// An octet of length and as many octets.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer are left.
    #[inline]
    pub fn shortstr(&mut self, context: &'static str) -> Result<ShortStr<'a>, UnexpectedEnd> {
        if let Some((&len, after)) = self.rest.split_first()
            && let Some((octets, rest)) = after.split_at_checked(usize::from(len))
        {
            self.rest = rest;
            return Ok(ShortStr::received(octets));
        }
        Err(self.end(context))
    }

    /// So many octets.
    #[inline]
    pub(crate) fn take(&mut self, len: usize, context: &'static str) -> Result<&'a [u8], UnexpectedEnd> {
        match self.rest.split_at_checked(len) {
            Some((octets, rest)) => {
                self.rest = rest;
                Ok(octets)
            }
            None => Err(self.end(context)),
        }
    }

    /// Four octets of length and as many octets.
    #[inline]
    pub(crate) fn counted(&mut self, context: &'static str) -> Result<&'a [u8], UnexpectedEnd> {
        match table::split_counted(self.rest) {
            Some((octets, rest)) => {
                self.rest = rest;
                Ok(octets)
            }
            None => Err(self.end(context)),
        }
    }

    /// Four octets of length and as many octets.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when fewer are left.
    #[inline]
    pub fn longstr(&mut self, context: &'static str) -> Result<LongStr<'a>, UnexpectedEnd> {
        self.counted(context).map(LongStr::received)
    }

    /// Four octets of length and a field table of as many octets, validated to the last of them.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd`, `UnknownTag` or `TooDeep`, with the offset of the name, tag or value at fault.
    #[inline]
    pub fn table(&mut self, context: &'static str) -> Result<FieldTable<'a>, DecodeError> {
        FieldTable::read(self, context)
    }

    /// A run of `N` bits, packed from the least significant bit of each octet on. Unused bits are ignored.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when the octets are not there.
    #[inline]
    pub fn bits<const N: usize>(&mut self, context: &'static str) -> Result<[bool; N], UnexpectedEnd> {
        let octets = self.take(N.div_ceil(8), context)?;
        Ok(std::array::from_fn(|bit| {
            octets
                .get(bit / 8)
                .is_some_and(|octet| octet >> (bit % 8) & 1 == 1)
        }))
    }

    /// The flags that say which of a class's `COUNT` properties follow: 15 to a word of 16 bits, the first in the most
    /// significant bit; the lowest bit says that another word follows. Superfluous words are taken if they flag nothing.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when a word is not there, `UnknownProperty` when a flag is set that the class has not.
    #[inline]
    pub fn property_flags<const COUNT: usize>(
        &mut self,
        context: &'static str,
    ) -> Result<PropertyFlags, DecodeError> {
        const { assert!(COUNT <= PropertyFlags::MAX, "more than 60 properties") };
        PropertyFlags::read(self, COUNT, context)
    }

    /// The domain `content` of AMQP 0-9: an octet, 0 for inline and 1 for a reference, and a long string.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd` when it is cut short, `UnknownContent` when the octet is another.
    pub fn content(&mut self, context: &'static str) -> Result<Content<'a>, DecodeError> {
        let mut reader = self.clone();
        let form = reader.octet(context)?;
        let octets = reader.longstr(context)?;
        let content = match form {
            0 => Content::Inline(octets),
            1 => Content::Reference(octets),
            other => return Err(self.error(DecodeErrorKind::UnknownContent(other), context)),
        };
        *self = reader;
        Ok(content)
    }

    /// Sees that nothing is left.
    ///
    /// # Errors
    ///
    /// `TrailingOctets` when something is.
    #[inline]
    pub fn finish(&self, context: &'static str) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.error(DecodeErrorKind::TrailingOctets, context))
        }
    }
}
