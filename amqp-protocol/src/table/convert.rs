//! What Rust's own types become as a `FieldValue`, and how to get them back out of one.

use std::num::TryFromIntError;

use crate::error::TooLong;
use crate::table::{Decimal, FieldArray, FieldTable, FieldValue};
use crate::wire::LongStr;

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => { $(
        impl<'a> From<$from> for FieldValue<'a> {
            #[inline]
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        }
    )* };
}

from! {
    bool => Boolean, i8 => ShortShortInt, u8 => ShortShortUint, i16 => ShortInt, u16 => ShortUint,
    i32 => LongInt, u32 => LongUint, i64 => LongLong, f32 => Float, f64 => Double, Decimal => Decimal,
    LongStr<'a> => LongString, FieldArray<'a> => Array, FieldTable<'a> => Table,
}

impl<'a> From<&'a FieldTable<'_>> for FieldValue<'a> {
    #[inline]
    fn from(table: &'a FieldTable<'_>) -> Self {
        Self::Table(table.borrowed())
    }
}

impl<'a> From<&'a FieldArray<'_>> for FieldValue<'a> {
    #[inline]
    fn from(array: &'a FieldArray<'_>) -> Self {
        Self::Array(array.borrowed())
    }
}

macro_rules! try_from {
    ($($from:ty, $error:ty, $value:ident => $become:expr);* $(;)?) => { $(
        impl<'a> TryFrom<$from> for FieldValue<'a> {
            type Error = $error;
            #[inline]
            fn try_from($value: $from) -> Result<Self, $error> {
                $become
            }
        }
    )* };
}

try_from! {
    &'a str, TooLong, text => LongStr::try_from(text).map(Self::LongString);
    &'a String, TooLong, text => LongStr::try_from(text).map(Self::LongString);
    String, TooLong, text => LongStr::try_from(text).map(Self::LongString);
    u64, TryFromIntError, number => i64::try_from(number).map(Self::LongLong);
    usize, TryFromIntError, number => i64::try_from(number).map(Self::LongLong);
}

impl<'a> FieldValue<'a> {
    /// The truth value of `t`.
    #[inline]
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer, of whichever of the integer tags: peers choose them as they like.
    #[inline]
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::ShortShortInt(value) => Some(i64::from(*value)),
            Self::ShortShortUint(value) => Some(i64::from(*value)),
            Self::ShortInt(value) => Some(i64::from(*value)),
            Self::ShortUint(value) => Some(i64::from(*value)),
            Self::LongInt(value) => Some(i64::from(*value)),
            Self::LongUint(value) => Some(i64::from(*value)),
            Self::LongLong(value) | Self::LongLongInt(value) => Some(*value),
            _ => None,
        }
    }

    /// The number of `f` or `d`.
    #[inline]
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(f64::from(*value)),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// The octets of `S` or `x`.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::LongString(value) | Self::ByteArray(value) => Some(value.as_bytes()),
            _ => None,
        }
    }

    /// The octets of `S` or `x`, if they are UTF-8.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.as_bytes()
            .and_then(|octets| std::str::from_utf8(octets).ok())
    }

    /// The seconds of `T`.
    #[inline]
    #[must_use]
    pub fn as_timestamp(&self) -> Option<u64> {
        match self {
            Self::Timestamp(seconds) => Some(*seconds),
            _ => None,
        }
    }

    /// The table of `F`.
    #[inline]
    #[must_use]
    pub fn as_table(&self) -> Option<&FieldTable<'a>> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The array of `A`.
    #[inline]
    #[must_use]
    pub fn as_array(&self) -> Option<&FieldArray<'a>> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }
}
