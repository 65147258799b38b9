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

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (&len, after) = self.rest.split_first()?;
        let (name, tagged) = after.split_at_checked(usize::from(len))?;
        self.rest = tagged;
        Some((ShortStr::received(name), FieldValue::received(&mut self.rest)?))
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

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        FieldValue::received(&mut self.rest)
    }
}

impl FusedIterator for Values<'_> {}
