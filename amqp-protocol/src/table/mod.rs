//! Field tables and field arrays: encoded octets that are read in place and built by appending.
//! The values in them are [`FieldValue`]s; how a table is serialized is said elsewhere.

mod convert;
mod iter;
#[cfg(test)]
mod tests;
mod validate;
mod value;

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::num::TryFromIntError;

pub use iter::{Entries, Values};
pub(crate) use validate::split_counted;
pub use value::{Decimal, FieldValue};

use crate::error::{DecodeError, TooLong};
use crate::method::{Decode, Encode, IntoOwned, View};
use crate::wire::{Reader, ShortStr, Writer};

/// How deep tables and arrays may be nested, the outermost one counted.
pub const MAX_DEPTH: usize = 32;

/// What cannot be put into a table or an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A name has more than 255 octets, or a string, table or array would have more than 4,294,967,295.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// Tables and arrays would be nested deeper than [`MAX_DEPTH`].
    #[error("tables and arrays nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// An integer does not fit into the 64 signed bits of the widest tag.
    #[error("an integer beyond 64 signed bits")]
    OutOfRange(#[from] TryFromIntError),
}

impl From<Infallible> for TableError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A field table: names with values of any of the wire's types, in order, duplicates kept.
///
/// It *is* its encoded octets: received, they are validated once and borrowed; built, they are appended to; sent, they are
/// copied as one. Two tables are equal when their octets are.
///
/// ```
/// use amqp_protocol::table::{FieldTable, FieldValue, TableError};
///
/// let arguments = FieldTable::new().with("x-max-length", 1000)?.with("x-overflow", "reject-publish")?;
/// assert_eq!(arguments.get("x-max-length"), Some(FieldValue::LongInt(1000)));
/// for (name, value) in &arguments {
///     println!("{name}: {value:?}");
/// }
/// # Ok::<(), TableError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct FieldTable<'a>(Cow<'a, [u8]>);

/// A field array: values of any of the wire's types, in order. Like [`FieldTable`], it is its encoded octets.
///
/// ```
/// use amqp_protocol::table::{FieldArray, TableError};
///
/// let hosts = FieldArray::from_values(["a.example", "b.example"])?;
/// let names: Vec<_> = hosts.iter().map(|host| host.as_str().map(str::to_owned)).collect();
/// assert_eq!(names, [Some("a.example".to_owned()), Some("b.example".to_owned())]);
/// # Ok::<(), TableError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct FieldArray<'a>(Cow<'a, [u8]>);

impl<'a> FieldTable<'a> {
    /// The names and values, in order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        Entries::new(&self.0)
    }

    /// The value of the first entry of this name.
    #[inline]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<FieldValue<'_>> {
        let name = name.as_ref();
        self.iter()
            .find(|(key, _)| key.as_bytes() == name)
            .map(|(_, value)| value)
    }

    /// Appends an entry, also when there is one of the same name.
    ///
    /// # Errors
    ///
    /// When the name has more than 255 octets, the value cannot be made, or the table would become too large or too deep.
    /// The table is then as it was.
    #[inline]
    pub fn append<'n, 'v>(
        &mut self,
        name: impl TryInto<ShortStr<'n>, Error: Into<TableError>>,
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Result<(), TableError> {
        let name = name.try_into().map_err(Into::into)?;
        let value = value.try_into().map_err(Into::into)?;
        append(&mut self.0, Some(&name), &value)
    }

    /// The table with one more entry.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn with<'n, 'v>(
        mut self,
        name: impl TryInto<ShortStr<'n>, Error: Into<TableError>>,
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Result<Self, TableError> {
        self.append(name, value)?;
        Ok(self)
    }

    /// A table of these entries.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn from_entries<'n, 'v, N, V>(entries: impl IntoIterator<Item = (N, V)>) -> Result<Self, TableError>
    where
        N: TryInto<ShortStr<'n>, Error: Into<TableError>>,
        V: TryInto<FieldValue<'v>, Error: Into<TableError>>,
    {
        entries
            .into_iter()
            .try_fold(Self::new(), |table, (name, value)| table.with(name, value))
    }

    fn depth(&self) -> usize {
        1 + self.iter().map(|(_, value)| value.depth()).max().unwrap_or(0)
    }
}

impl<'a> FieldArray<'a> {
    /// The values, in order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Values<'_> {
        Values::new(&self.0)
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// When the value cannot be made, or the array would become too large or too deep. The array is then as it was.
    pub fn push<'v>(
        &mut self,
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Result<(), TableError> {
        let value = value.try_into().map_err(Into::into)?;
        append(&mut self.0, None, &value)
    }

    /// The array with one more value.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn with<'v>(
        mut self,
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Result<Self, TableError> {
        self.push(value)?;
        Ok(self)
    }

    /// An array of these values.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn from_values<'v, V>(values: impl IntoIterator<Item = V>) -> Result<Self, TableError>
    where
        V: TryInto<FieldValue<'v>, Error: Into<TableError>>,
    {
        values.into_iter().try_fold(Self::new(), Self::with)
    }

    fn depth(&self) -> usize {
        1 + self.iter().map(|value| value.depth()).max().unwrap_or(0)
    }
}

/// Appends a value, after its name in a table. Every limit is held before the first octet is written.
// Inlined, because where a value is appended its tag is known, and nothing but that tag's code is left.
#[inline(always)]
fn append(
    octets: &mut Cow<'_, [u8]>,
    name: Option<&ShortStr<'_>>,
    value: &FieldValue<'_>,
) -> Result<(), TableError> {
    const LIMIT: usize = u32::MAX as usize;
    let len = name.map_or(0, ShortStr::encoded_len) + value.encoded_len();
    // In 64 bits, which no two lengths exceed.
    if octets.len() as u64 + len as u64 > LIMIT as u64 {
        return Err(TooLong::new(octets.len().saturating_add(len), LIMIT).into());
    }
    // Each level within another takes a tag and a length at least, so only a large value can be too deep.
    if len >= 5 * MAX_DEPTH && value.depth() >= MAX_DEPTH {
        return Err(TableError::TooDeep);
    }
    if let Cow::Borrowed(borrowed) = octets {
        *octets = copied(borrowed);
    }
    let mut writer = Writer::new(octets.to_mut());
    if let Some(name) = name {
        writer.shortstr(name);
    }
    value.write(&mut writer);
    Ok(())
}

/// Out of line, because it happens to a table once at most.
#[cold]
#[inline(never)]
fn copied(octets: &[u8]) -> Cow<'static, [u8]> {
    Cow::Owned(octets.to_vec())
}

macro_rules! encoded {
    ($name:ident, $context:literal, validated by $validate:ident, read by $iter:ident of $item:ty) => {
        impl<'a> $name<'a> {
            /// An empty one.
            pub const fn new() -> Self {
                Self(Cow::Borrowed(&[]))
            }

            /// Takes four octets of length and validates as many octets.
            // Always inlined, so that the reader can stay in registers.
            #[inline(always)]
            pub(crate) fn read(reader: &mut Reader<'a>, context: &'static str) -> Result<Self, DecodeError> {
                let mut octets = reader.clone();
                let inner = octets.counted(context)?;
                validate::$validate(inner, 1).map_err(|fault| fault.at(reader.offset() + 4, context))?;
                *reader = octets;
                Ok(Self::received(inner))
            }

            /// Octets that have been validated.
            #[inline]
            const fn received(octets: &'a [u8]) -> Self {
                Self(Cow::Borrowed(octets))
            }

            /// The encoded octets, without the four of the length that precede them on the wire.
            #[inline]
            pub fn as_octets(&self) -> &[u8] {
                &self.0
            }

            /// Whether there is nothing in it.
            #[inline]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// Empties it; an owned buffer is kept for what is put in next.
            pub fn clear(&mut self) {
                match &mut self.0 {
                    Cow::Owned(octets) => octets.clear(),
                    Cow::Borrowed(octets) => *octets = &[],
                }
            }

            /// How many octets it has on the wire, the four of the length included.
            #[inline]
            pub fn encoded_len(&self) -> usize {
                4 + self.0.len()
            }

            /// The same, lent.
            #[inline]
            pub fn borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }

            /// Copies the octets if they are borrowed.
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }
        }

        impl Encode for $name<'_> {
            #[inline]
            fn encoded_len(&self) -> usize {
                self.encoded_len()
            }

            #[inline]
            fn encode(&self, writer: &mut Writer<'_>) {
                writer.counted(&self.0);
            }
        }

        impl<'a> Decode<'a> for $name<'a> {
            fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Self::read(reader, $context)
            }
        }

        impl IntoOwned for $name<'_> {
            type Owned = $name<'static>;
            fn into_owned(self) -> $name<'static> {
                self.into_owned()
            }
        }

        impl View for $name<'static> {
            type Of<'a> = $name<'a>;
        }

        impl<'t> IntoIterator for &'t $name<'_> {
            type Item = $item;
            type IntoIter = $iter<'t>;
            #[inline]
            fn into_iter(self) -> $iter<'t> {
                self.iter()
            }
        }
    };
}

encoded!(FieldTable, "table", validated by entries, read by Entries of (ShortStr<'t>, FieldValue<'t>));
encoded!(FieldArray, "array", validated by values, read by Values of FieldValue<'t>);

impl fmt::Debug for FieldTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl fmt::Debug for FieldArray<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
