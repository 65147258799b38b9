//! Contents: the header that announces properties and body size, and a body that spans any number of frames.

use bytes::{Bytes, BytesMut};

use crate::error::{DecodeError, DecodeErrorKind};
use crate::frame::part_max;
use crate::method::{Decode, Encode, IntoOwned, Properties, View};
use crate::wire::{Reader, Writer};

/// What a header frame carries: the size of the body and the properties of the content.
///
/// The wire's field `weight` is sent as 0 and ignored on receipt, as the specification asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ContentHeader<P> {
    /// Octets of the body, over all its frames. 0 means that no body frame follows.
    pub body_size: u64,
    /// The properties of the class.
    pub properties: P,
}

impl<P> ContentHeader<P> {
    /// Decodes a header whose class is found out on the way: `properties` gets the class id and reads what belongs to it.
    ///
    /// # Errors
    ///
    /// `UnexpectedEnd`, and what `properties` finds.
    #[inline]
    pub fn decode_with<'a>(
        reader: &mut Reader<'a>,
        properties: impl FnOnce(u16, &mut Reader<'a>) -> Result<P, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let class_id = reader.short("header.class_id")?;
        reader.short("header.weight")?;
        let body_size = reader.longlong("header.body_size")?;
        Ok(Self {
            body_size,
            properties: properties(class_id, reader)?,
        })
    }
}

impl<P: Properties> Encode for ContentHeader<P> {
    #[inline]
    fn encoded_len(&self) -> usize {
        12 + self.properties.encoded_len()
    }

    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        let [c0, c1] = P::CLASS_ID.to_be_bytes();
        let [b0, b1, b2, b3, b4, b5, b6, b7] = self.body_size.to_be_bytes();
        writer.octets(&[c0, c1, 0, 0, b0, b1, b2, b3, b4, b5, b6, b7]);
        self.properties.encode(writer);
    }
}

impl<'a, P: Properties + Decode<'a>> Decode<'a> for ContentHeader<P> {
    // Without `decode_with`, whose closure is not inlined: see the decision on results (ADR 5).
    #[inline(always)]
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let start = reader.offset();
        let class_id = reader.short("header.class_id")?;
        if class_id != P::CLASS_ID {
            return Err(DecodeError::new(
                DecodeErrorKind::UnknownClass(class_id),
                start,
                "header.class_id",
            ));
        }
        reader.short("header.weight")?;
        let body_size = reader.longlong("header.body_size")?;
        let properties = P::decode(reader)?;
        Ok(Self {
            body_size,
            properties,
        })
    }
}

impl<P: IntoOwned> IntoOwned for ContentHeader<P> {
    type Owned = ContentHeader<P::Owned>;
    fn into_owned(self) -> Self::Owned {
        ContentHeader {
            body_size: self.body_size,
            properties: self.properties.into_owned(),
        }
    }
}

impl<V> View for ContentHeader<V>
where
    V: View,
    for<'a> V::Of<'a>: Properties,
{
    type Of<'a> = ContentHeader<V::Of<'a>>;
}

/// The parts of a body, one for each frame of at most `frame_max` octets (0: no limit). They share the body's memory.
/// An empty body has no part.
///
/// Peers agree on 4096 octets at least. A frame of less than 9 has no room for any part of a body: 1 to 8 are taken for 9.
///
/// ```
/// use amqp_protocol::content::split;
/// use bytes::Bytes;
///
/// let parts: Vec<Bytes> = split(Bytes::from_static(b"0123456789"), 12).collect();
/// assert_eq!(parts, ["0123", "4567", "89"]);
/// ```
pub fn split(mut body: Bytes, frame_max: u32) -> impl Iterator<Item = Bytes> {
    let max = part_max(frame_max);
    std::iter::from_fn(move || {
        let len = body.len().min(max);
        (len > 0).then(|| body.split_to(len))
    })
}

/// More body than the content header announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{received} octets of body where {announced} are announced")]
pub struct BodyTooLong {
    /// The size that the header announced.
    pub announced: u64,
    /// The octets of all frames so far, the last one included.
    pub received: u64,
}

/// Gathers the frames of one body.
///
/// A body in one frame is not copied. Memory follows what has arrived, at most twice as much; what is announced sizes
/// nothing.
///
/// ```
/// use amqp_protocol::content::Assembler;
/// use bytes::Bytes;
///
/// let mut body = Assembler::new(10);
/// body.push(Bytes::from_static(b"01234"))?;
/// body.push(Bytes::from_static(b"56789"))?;
/// assert!(body.is_complete());
/// assert_eq!(body.into_body(), "0123456789");
/// # Ok::<(), amqp_protocol::content::BodyTooLong>(())
/// ```
#[derive(Debug)]
pub struct Assembler {
    announced: u64,
    gathered: Gathered,
}

#[derive(Debug)]
enum Gathered {
    One(Bytes),
    More(BytesMut),
}

impl Assembler {
    /// Awaits a body of `body_size` octets. One of 0 octets has no frame and is complete at once.
    #[inline]
    #[must_use]
    pub const fn new(body_size: u64) -> Self {
        Self {
            announced: body_size,
            gathered: Gathered::One(Bytes::new()),
        }
    }

    /// Octets that have arrived.
    #[inline]
    pub fn received(&self) -> u64 {
        match &self.gathered {
            Gathered::One(part) => part.len() as u64,
            Gathered::More(parts) => parts.len() as u64,
        }
    }

    /// Whether all octets have arrived.
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.received() == self.announced
    }

    /// Takes the payload of the next body frame.
    ///
    /// # Errors
    ///
    /// When the frames hold more than was announced; the frame is not taken then.
    pub fn push(&mut self, part: Bytes) -> Result<(), BodyTooLong> {
        let received = self.received() + part.len() as u64;
        if received > self.announced {
            return Err(BodyTooLong {
                announced: self.announced,
                received,
            });
        }
        match &mut self.gathered {
            Gathered::One(first) if first.is_empty() => *first = part,
            Gathered::One(first) => {
                let mut parts = BytesMut::with_capacity(self.announced.min(2 * received) as usize);
                parts.extend_from_slice(first);
                parts.extend_from_slice(&part);
                self.gathered = Gathered::More(parts);
            }
            Gathered::More(parts) => {
                if parts.capacity() - parts.len() < part.len() {
                    parts.reserve(self.announced.min(2 * received) as usize - parts.len());
                }
                parts.extend_from_slice(&part);
            }
        }
        Ok(())
    }

    /// The body, as far as it has come.
    pub fn into_body(self) -> Bytes {
        match self.gathered {
            Gathered::One(part) => part,
            Gathered::More(parts) => parts.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::three_ways;
    use crate::wire::PropertyFlags;

    /// A class of one property, a flag without a value.
    #[derive(Debug, PartialEq)]
    struct Flag(bool);

    impl Encode for Flag {
        fn encoded_len(&self) -> usize {
            2
        }
        fn encode(&self, writer: &mut Writer<'_>) {
            writer.property_flags(|_| PropertyFlags::new([self.0]));
        }
    }

    impl Decode<'_> for Flag {
        fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
            let flags = reader.property_flags::<1>("test.properties")?;
            Ok(Self(flags.has(0)))
        }
    }

    impl Properties for Flag {
        const CLASS_ID: u16 = 60;
        const CLASS: &'static str = "test";
    }

    impl View for Flag {
        type Of<'a> = Flag;
    }

    const HEADER: &[u8] = b"\0\x3C\0\0\0\0\0\0\0\0\x01\0\x80\0";

    /// Takes the header only if all of it is there, as a frame's payload always is.
    fn whole<'a, T>(
        reader: &mut Reader<'a>,
        decode: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut ahead = reader.clone();
        let value = decode(&mut ahead)?;
        *reader = ahead;
        Ok(value)
    }

    #[test]
    fn headers_are_written_and_read() {
        let header = ContentHeader {
            body_size: 256,
            properties: Flag(true),
        };
        let mut out = Vec::new();
        header.encode(&mut Writer::new(&mut out));
        assert_eq!(out, HEADER);
        assert_eq!(header.encoded_len(), HEADER.len());
        assert_eq!(three_ways(HEADER, |r| whole(r, ContentHeader::decode)), header);
        let seen = three_ways(HEADER, |r| {
            whole(r, |r| {
                ContentHeader::decode_with(r, |class_id, r| Ok((class_id, Flag::decode(r)?)))
            })
        });
        assert_eq!((seen.body_size, seen.properties), (256, (60, Flag(true))));
        let frame = crate::frame::Frame::<ContentHeader<Flag>>::new(Bytes::from_static(HEADER)).unwrap();
        assert_eq!(frame.get(), header);
    }

    #[test]
    fn weight_is_ignored_and_another_class_refused() {
        let mut octets = HEADER.to_vec();
        octets[3] = 9;
        assert!(ContentHeader::<Flag>::decode(&mut Reader::new(&octets)).is_ok());
        octets[1] = 61;
        let error = ContentHeader::<Flag>::decode(&mut Reader::new(&octets)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown class 61 at octet 0 in header.class_id"
        );
    }

    #[test]
    fn the_smallest_part_has_one_octet() {
        let body = Bytes::from_static(b"ab");
        for frame_max in 1..=9 {
            assert_eq!(Vec::from_iter(split(body.clone(), frame_max)), ["a", "b"]);
        }
        assert_eq!(Vec::from_iter(split(body, 0)), ["ab"]);
        assert_eq!(split(Bytes::new(), 1).count(), 0);
    }

    #[test]
    fn one_part_is_not_copied() {
        let part = Bytes::from(vec![7; 100]);
        let mut body = Assembler::new(100);
        assert!(!body.is_complete());
        body.push(part.clone()).unwrap();
        assert!(body.is_complete());
        assert_eq!(body.into_body().as_ptr(), part.as_ptr());
    }

    #[test]
    fn nothing_and_more_than_announced() {
        assert!(Assembler::new(0).is_complete());
        let mut body = Assembler::new(3);
        body.push(Bytes::new()).unwrap();
        body.push(Bytes::from_static(b"ab")).unwrap();
        let error = body.push(Bytes::from_static(b"cd")).unwrap_err();
        assert_eq!(
            error,
            BodyTooLong {
                announced: 3,
                received: 4
            }
        );
        assert_eq!(
            (body.received(), body.into_body()),
            (2, Bytes::from_static(b"ab"))
        );
    }

    #[test]
    fn memory_follows_what_arrived() {
        let mut body = Assembler::new(u64::MAX);
        for count in 1..1000 {
            body.push(Bytes::from_static(&[1; 10])).unwrap();
            if let Gathered::More(parts) = &body.gathered {
                assert!(
                    parts.capacity() <= 2 * count * 10,
                    "{} for {count}",
                    parts.capacity()
                );
            }
        }
    }
}
