//! Iterators over validated tables and arrays. They check slices, and nothing that validation has already seen.

use std::iter::FusedIterator;

use crate::table::FieldValue;
use crate::wire::ShortStr;

/// The names and values of a [`FieldTable`](crate::table::FieldTable), in order.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    #[inline]
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (ShortStr<'a>, FieldValue<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&len, after) = self.rest.split_first()?;
        let (name, after) = after.split_at_checked(usize::from(len))?;
        let (value, rest) = FieldValue::received(after)?;
        self.rest = rest;
        Some((ShortStr::received(name), value))
    }
}

impl FusedIterator for Entries<'_> {}

/// The values of a [`FieldArray`](crate::table::FieldArray), in order.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    #[inline]
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = FieldValue<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (value, rest) = FieldValue::received(self.rest)?;
        self.rest = rest;
        Some(value)
    }
}

impl FusedIterator for Values<'_> {}
