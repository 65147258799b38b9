//! `Frame`: a payload that owns its octets.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;

use crate::error::DecodeError;
use crate::method::{Decode, View};
use crate::wire::Reader;

/// A payload received and kept: validated octets that are decoded again at each access, so that what is read borrows from
/// them and nothing is copied.
///
/// `V` names what they are, in its `'static` form: `Frame<v0_9_1::Method<'static>>`.
///
/// ```
/// use amqp_protocol::frame::Frame;
/// use amqp_protocol::table::{FieldTable, FieldValue};
/// use bytes::Bytes;
///
/// let frame = Frame::<FieldTable<'static>>::new(Bytes::from_static(b"\0\0\0\x04\x01kt\x01"))?;
/// assert_eq!(frame.get().get("k"), Some(FieldValue::Boolean(true)));
/// # Ok::<(), amqp_protocol::DecodeError>(())
/// ```
pub struct Frame<V> {
    octets: Bytes,
    view: PhantomData<fn() -> V>,
}

impl<V: View> Frame<V> {
    /// Validates the octets, to the last of them.
    ///
    /// # Errors
    ///
    /// What decoding finds, and `TrailingOctets`.
    pub fn new(octets: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(&octets);
        V::Of::decode(&mut reader)?;
        reader.finish("frame.payload")?;
        Ok(Self {
            octets,
            view: PhantomData,
        })
    }

    /// The value, borrowing from the octets.
    ///
    /// # Panics
    ///
    /// When a [`View`] of your own breaks its promise and refuses octets that it has taken before. The types of this crate
    /// and those that are generated keep it, whatever the octets are.
    #[inline]
    pub fn get(&self) -> V::Of<'_> {
        match V::Of::decode(&mut Reader::new(&self.octets)) {
            Ok(value) => value,
            // The same octets have been decoded before, and they do not change.
            Err(error) => unreachable!("validated octets: {error}"),
        }
    }
}

impl<V> Frame<V> {
    /// The octets.
    pub fn as_octets(&self) -> &[u8] {
        &self.octets
    }

    /// The octets, still shared with what they came from.
    pub fn into_bytes(self) -> Bytes {
        self.octets
    }
}

impl<V> Clone for Frame<V> {
    fn clone(&self) -> Self {
        Self {
            octets: self.octets.clone(),
            view: PhantomData,
        }
    }
}

impl<V> PartialEq for Frame<V> {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl<V> Eq for Frame<V> {}

impl<V> fmt::Debug for Frame<V>
where
    V: View,
    for<'a> V::Of<'a>: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DecodeErrorKind;
    use crate::table::FieldTable;

    #[test]
    fn an_owned_frame_is_validated_to_its_last_octet() {
        type Table = Frame<FieldTable<'static>>;
        let frame = Table::new(Bytes::from_static(b"\0\0\0\x03\x01kV")).unwrap();
        assert_eq!(format!("{:?}", frame.clone()), r#"Frame({"k": Void})"#);
        assert_eq!(frame.clone().into_bytes(), frame.as_octets());
        for (octets, expected) in [
            (&b"\0\0\0\x03\x01k"[..], DecodeErrorKind::UnexpectedEnd),
            (b"\0\0\0\x03\x01kU", DecodeErrorKind::UnknownTag(b'U')),
            (b"\0\0\0\0x", DecodeErrorKind::TrailingOctets),
        ] {
            assert_eq!(Table::new(Bytes::from_static(octets)).unwrap_err().kind, expected);
        }
    }
}
