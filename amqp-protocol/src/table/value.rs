//! `FieldValue`: one value of a table or an array, with the tag it has on the wire.
//! What Rust's own types become is said in `convert`.

use std::hash::{Hash, Hasher};

use crate::error::{DecodeError, DecodeErrorKind};
use crate::method::{Decode, Encode, IntoOwned, View};
use crate::table::validate::{self, split_counted};
use crate::table::{FieldArray, FieldTable};
use crate::wire::{LongStr, Reader, Writer};

/// A decimal number. Scale and bits are kept as they are: whether the 32 bits are signed, implementations disagree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Decimal {
    /// How many decimal places.
    pub scale: u8,
    /// The digits, as raw bits.
    pub value: u32,
}

/// A value of a table or an array: a variant for each tag that RabbitMQ writes or reads, so that the tag survives.
///
/// The tags are those that brokers use, which differ from the specification's: `s`, `l` and `L` are signed integers.
/// Values are equal when their tags and octets are; so a NaN equals itself, and `0.0` is not `-0.0`.
///
/// ```
/// use amqp_protocol::table::FieldValue;
///
/// assert_eq!(FieldValue::from(5).tag(), b'I');
/// assert_eq!(FieldValue::from(5_u8).as_i64(), Some(5));
/// assert_eq!(FieldValue::try_from("text")?.as_str(), Some("text"));
/// # Ok::<(), amqp_protocol::TooLong>(())
/// ```
#[derive(Debug, Clone)]
pub enum FieldValue<'a> {
    /// `t`: any octet but 0 is true.
    Boolean(bool),
    /// `b`: 8 bits, signed.
    ShortShortInt(i8),
    /// `B`: 8 bits, unsigned.
    ShortShortUint(u8),
    /// `s`: 16 bits, signed. (A short string in the specification.)
    ShortInt(i16),
    /// `u`: 16 bits, unsigned.
    ShortUint(u16),
    /// `I`: 32 bits, signed.
    LongInt(i32),
    /// `i`: 32 bits, unsigned.
    LongUint(u32),
    /// `l`: 64 bits, signed. (Unsigned in the specification.) What brokers write.
    LongLong(i64),
    /// `L`: 64 bits, signed. What some clients write.
    LongLongInt(i64),
    /// `f`: 32 bits of IEEE 754; every bit pattern is kept.
    Float(f32),
    /// `d`: 64 bits of IEEE 754; every bit pattern is kept.
    Double(f64),
    /// `D`: a decimal number.
    Decimal(Decimal),
    /// `S`: a long string.
    LongString(LongStr<'a>),
    /// `A`: an array.
    Array(FieldArray<'a>),
    /// `T`: seconds since the start of 1970 (UTC).
    Timestamp(u64),
    /// `F`: a table.
    Table(FieldTable<'a>),
    /// `V`: no value.
    Void,
    /// `x`: octets that are not text.
    ByteArray(LongStr<'a>),
}

impl<'a> FieldValue<'a> {
    /// Takes the tagged value that validated octets begin with. It is written where it is wanted, never moved: moving it
    /// costs more than reading it.
    #[inline(always)]
    pub(super) fn received(octets: &mut &'a [u8]) -> Option<Self> {
        let (&tag, rest) = octets.split_first()?;
        *octets = rest;
        Some(match tag {
            b't' => Self::Boolean(array::<1>(octets)? != [0]),
            b'b' => Self::ShortShortInt(i8::from_be_bytes(array(octets)?)),
            b'B' => Self::ShortShortUint(u8::from_be_bytes(array(octets)?)),
            b's' => Self::ShortInt(i16::from_be_bytes(array(octets)?)),
            b'u' => Self::ShortUint(u16::from_be_bytes(array(octets)?)),
            b'I' => Self::LongInt(i32::from_be_bytes(array(octets)?)),
            b'i' => Self::LongUint(u32::from_be_bytes(array(octets)?)),
            b'l' => Self::LongLong(i64::from_be_bytes(array(octets)?)),
            b'L' => Self::LongLongInt(i64::from_be_bytes(array(octets)?)),
            b'f' => Self::Float(f32::from_be_bytes(array(octets)?)),
            b'd' => Self::Double(f64::from_be_bytes(array(octets)?)),
            b'D' => {
                let [scale, value @ ..] = array::<5>(octets)?;
                Self::Decimal(Decimal {
                    scale,
                    value: u32::from_be_bytes(value),
                })
            }
            b'S' => Self::LongString(LongStr::received(counted(octets)?)),
            b'A' => Self::Array(FieldArray::received(counted(octets)?)),
            b'T' => Self::Timestamp(u64::from_be_bytes(array(octets)?)),
            b'F' => Self::Table(FieldTable::received(counted(octets)?)),
            b'V' => Self::Void,
            b'x' => Self::ByteArray(LongStr::received(counted(octets)?)),
            _ => return None,
        })
    }

    /// The tag, the bits of what has a fixed size, the octets of what has not.
    #[inline(always)]
    fn parts(&self) -> (u8, u64, &[u8]) {
        match self {
            Self::Boolean(value) => (b't', u64::from(*value), &[]),
            Self::ShortShortInt(value) => (b'b', *value as u64, &[]),
            Self::ShortShortUint(value) => (b'B', u64::from(*value), &[]),
            Self::ShortInt(value) => (b's', *value as u64, &[]),
            Self::ShortUint(value) => (b'u', u64::from(*value), &[]),
            Self::LongInt(value) => (b'I', *value as u64, &[]),
            Self::LongUint(value) => (b'i', u64::from(*value), &[]),
            Self::LongLong(value) => (b'l', *value as u64, &[]),
            Self::LongLongInt(value) => (b'L', *value as u64, &[]),
            Self::Float(value) => (b'f', u64::from(value.to_bits()), &[]),
            Self::Double(value) => (b'd', value.to_bits(), &[]),
            Self::Decimal(Decimal { scale, value }) => {
                (b'D', u64::from(*scale) << 32 | u64::from(*value), &[])
            }
            Self::LongString(value) => (b'S', 0, value.as_bytes()),
            Self::Array(value) => (b'A', 0, value.as_octets()),
            Self::Timestamp(value) => (b'T', *value, &[]),
            Self::Table(value) => (b'F', 0, value.as_octets()),
            Self::Void => (b'V', 0, &[]),
            Self::ByteArray(value) => (b'x', 0, value.as_bytes()),
        }
    }

    /// The octet that says the type on the wire.
    #[inline]
    #[must_use]
    pub fn tag(&self) -> u8 {
        self.parts().0
    }

    /// How many octets it has on the wire, that of the tag included.
    #[inline]
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let (tag, _, octets) = self.parts();
        1 + match tag {
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'l' | b'L' | b'd' | b'T' => 8,
            _ => 4 + octets.len(),
        }
    }

    /// Appends tag and value. Inlined for the sake of callers that know the tag.
    #[inline(always)]
    pub(super) fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Boolean(value) => writer.octets(&[b't', u8::from(*value)]),
            Self::ShortShortInt(value) => writer.octets(&[b'b', *value as u8]),
            Self::ShortShortUint(value) => writer.octets(&[b'B', *value]),
            Self::ShortInt(value) => writer.tagged::<2, 3>(b's', value.to_be_bytes()),
            Self::ShortUint(value) => writer.tagged::<2, 3>(b'u', value.to_be_bytes()),
            Self::LongInt(value) => writer.tagged::<4, 5>(b'I', value.to_be_bytes()),
            Self::LongUint(value) => writer.tagged::<4, 5>(b'i', value.to_be_bytes()),
            Self::LongLong(value) => writer.tagged::<8, 9>(b'l', value.to_be_bytes()),
            Self::LongLongInt(value) => writer.tagged::<8, 9>(b'L', value.to_be_bytes()),
            Self::Float(value) => writer.tagged::<4, 5>(b'f', value.to_be_bytes()),
            Self::Double(value) => writer.tagged::<8, 9>(b'd', value.to_be_bytes()),
            Self::Decimal(Decimal { scale, value }) => {
                writer.octets(&[b'D', *scale]);
                writer.long(*value);
            }
            Self::LongString(value) => writer.tagged_octets(b'S', value.as_bytes()),
            Self::Array(value) => writer.tagged_octets(b'A', value.as_octets()),
            Self::Timestamp(value) => writer.tagged::<8, 9>(b'T', value.to_be_bytes()),
            Self::Table(value) => writer.tagged_octets(b'F', value.as_octets()),
            Self::Void => writer.octet(b'V'),
            Self::ByteArray(value) => writer.tagged_octets(b'x', value.as_bytes()),
        }
    }

    /// How deep tables and arrays are nested in it; 0 when it is neither.
    #[inline]
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Table(table) => table.depth(),
            Self::Array(array) => array.depth(),
            _ => 0,
        }
    }

    /// Copies what is borrowed.
    #[must_use]
    pub fn into_owned(self) -> FieldValue<'static> {
        match self {
            Self::Boolean(value) => FieldValue::Boolean(value),
            Self::ShortShortInt(value) => FieldValue::ShortShortInt(value),
            Self::ShortShortUint(value) => FieldValue::ShortShortUint(value),
            Self::ShortInt(value) => FieldValue::ShortInt(value),
            Self::ShortUint(value) => FieldValue::ShortUint(value),
            Self::LongInt(value) => FieldValue::LongInt(value),
            Self::LongUint(value) => FieldValue::LongUint(value),
            Self::LongLong(value) => FieldValue::LongLong(value),
            Self::LongLongInt(value) => FieldValue::LongLongInt(value),
            Self::Float(value) => FieldValue::Float(value),
            Self::Double(value) => FieldValue::Double(value),
            Self::Decimal(value) => FieldValue::Decimal(value),
            Self::LongString(value) => FieldValue::LongString(value.into_owned()),
            Self::Array(value) => FieldValue::Array(value.into_owned()),
            Self::Timestamp(value) => FieldValue::Timestamp(value),
            Self::Table(value) => FieldValue::Table(value.into_owned()),
            Self::Void => FieldValue::Void,
            Self::ByteArray(value) => FieldValue::ByteArray(value.into_owned()),
        }
    }
}

#[inline(always)]
fn array<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = octets.split_first_chunk()?;
    *octets = rest;
    Some(*array)
}

#[inline(always)]
fn counted<'a>(octets: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (counted, rest) = split_counted(octets)?;
    *octets = rest;
    Some(counted)
}

impl PartialEq for FieldValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for FieldValue<'_> {}

impl Hash for FieldValue<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl Encode for FieldValue<'_> {
    #[inline]
    fn encoded_len(&self) -> usize {
        self.encoded_len()
    }

    fn encode(&self, writer: &mut Writer<'_>) {
        self.write(writer);
    }
}

impl<'a> Decode<'a> for FieldValue<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let tagged = reader.remaining();
        let rest = validate::value(tagged, tagged, 0).map_err(|fault| fault.at(reader.offset(), "value"))?;
        let mut octets = reader.take(tagged.len() - rest.len(), "value")?;
        Self::received(&mut octets).ok_or_else(|| reader.error(DecodeErrorKind::UnexpectedEnd, "value"))
    }
}

impl IntoOwned for FieldValue<'_> {
    type Owned = FieldValue<'static>;
    fn into_owned(self) -> FieldValue<'static> {
        self.into_owned()
    }
}

impl View for FieldValue<'static> {
    type Of<'a> = FieldValue<'a>;
}
