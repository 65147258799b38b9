//! The one pass over received tables and arrays: lengths, tags and depth. It reads no value.

use crate::error::{DecodeError, DecodeErrorKind};
use crate::table::MAX_DEPTH;

/// What is wrong, and where within the octets that were validated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    kind: DecodeErrorKind,
    offset: usize,
}

impl Fault {
    #[cold]
    #[inline(never)]
    fn new(kind: DecodeErrorKind, whole: &[u8], rest: &[u8]) -> Self {
        Self {
            kind,
            offset: whole.len() - rest.len(),
        }
    }

    #[cold]
    fn within(self, start: usize) -> Self {
        Self {
            kind: self.kind,
            offset: start + self.offset,
        }
    }

    /// The error of a field whose validated octets begin at `start`.
    #[cold]
    pub(crate) fn at(self, start: usize, context: &'static str) -> DecodeError {
        DecodeError::new(self.kind, start + self.offset, context)
    }
}

/// Splits off four octets of length and as many octets; gives these octets and what follows.
#[inline]
pub(crate) fn split_counted(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, after) = input.split_first_chunk()?;
    after.split_at_checked(u32::from_be_bytes(*len) as usize)
}

/// Validates the entries of a table that is the `depth`th one from outside.
pub(super) fn entries(whole: &[u8], depth: usize) -> Result<(), Fault> {
    let mut rest = whole;
    while let Some((&len, after)) = rest.split_first() {
        let Some((_, tagged)) = after.split_at_checked(usize::from(len)) else {
            return Err(Fault::new(DecodeErrorKind::UnexpectedEnd, whole, rest));
        };
        rest = value(whole, tagged, depth)?;
    }
    Ok(())
}

/// Validates the values of an array that is the `depth`th one from outside.
pub(super) fn values(whole: &[u8], depth: usize) -> Result<(), Fault> {
    let mut rest = whole;
    while !rest.is_empty() {
        rest = value(whole, rest, depth)?;
    }
    Ok(())
}

/// Validates the value that `tagged`, the end of `whole`, begins with, and gives what follows it.
/// The recursion ends at [`MAX_DEPTH`], whatever the octets say.
#[inline(always)]
pub(super) fn value<'a>(whole: &[u8], tagged: &'a [u8], depth: usize) -> Result<&'a [u8], Fault> {
    let rest = match tagged.split_first() {
        Some((b'S' | b'x', after)) => split_counted(after).map(|(_, rest)| rest),
        Some((b'I' | b'i' | b'f', after)) => after.get(4..),
        Some((b't' | b'b' | b'B', after)) => after.get(1..),
        Some((b'l' | b'L' | b'd' | b'T', after)) => after.get(8..),
        Some((b's' | b'u', after)) => after.get(2..),
        Some((b'D', after)) => after.get(5..),
        Some((b'V', after)) => Some(after),
        Some((tag @ (b'F' | b'A'), after)) => match split_counted(after) {
            Some(_) if depth >= MAX_DEPTH => return Err(Fault::new(DecodeErrorKind::TooDeep, whole, tagged)),
            Some((inner, rest)) => {
                let validate = if *tag == b'F' { entries } else { values };
                validate(inner, depth + 1)
                    .map_err(|fault| fault.within(whole.len() - rest.len() - inner.len()))?;
                Some(rest)
            }
            None => None,
        },
        Some((&tag, _)) => return Err(Fault::new(DecodeErrorKind::UnknownTag(tag), whole, tagged)),
        None => None,
    };
    rest.ok_or_else(|| Fault::new(DecodeErrorKind::UnexpectedEnd, whole, tagged))
}
