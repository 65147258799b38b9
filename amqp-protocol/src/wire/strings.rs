//! `ShortStr` and `LongStr`: octet strings whose length is bound when they are made. They are not checked to be text.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::Utf8Error;

use crate::error::TooLong;
use crate::method::IntoOwned;

macro_rules! octet_string {
    ($(#[$doc:meta])* $name:ident, max $max:expr, length $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $name<'a>(Cow<'a, [u8]>);

        impl<'a> $name<'a> {
            /// The most octets that it may have.
            pub const MAX: usize = $max;

            /// The text of a literal. Meant for constants, where a text that is too long stops the build.
            ///
            /// # Panics
            ///
            /// When the text has more than [`MAX`](Self::MAX) octets.
            pub const fn from_static(text: &'a str) -> Self {
                assert!(text.len() <= Self::MAX, "the text is too long");
                Self(Cow::Borrowed(text.as_bytes()))
            }

            /// Octets whose number the wire itself has bound.
            #[inline]
            pub(crate) const fn received(octets: &'a [u8]) -> Self {
                Self(Cow::Borrowed(octets))
            }

            /// The octets.
            #[inline]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The text.
            ///
            /// # Errors
            ///
            /// When the octets are not UTF-8: a peer may send any.
            #[inline]
            pub fn as_str(&self) -> Result<&str, Utf8Error> {
                std::str::from_utf8(&self.0)
            }

            /// The text, with U+FFFD in the place of what is not UTF-8.
            pub fn to_str_lossy(&self) -> Cow<'_, str> {
                String::from_utf8_lossy(&self.0)
            }

            /// How many octets it has.
            #[inline]
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// Whether it has no octets.
            #[inline]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// How many octets it has on the wire, those of its length included.
            #[inline]
            pub fn encoded_len(&self) -> usize {
                $prefix + self.0.len()
            }

            /// The same string, lent.
            #[inline]
            pub fn borrowed(&self) -> $name<'_> {
                $name(Cow::Borrowed(&self.0))
            }

            /// Copies the octets if they are borrowed.
            pub fn into_owned(self) -> $name<'static> {
                $name(Cow::Owned(self.0.into_owned()))
            }

            /// The octets, copied only if they are borrowed.
            pub fn into_bytes(self) -> Vec<u8> {
                self.0.into_owned()
            }

            #[inline]
            fn checked(octets: Cow<'a, [u8]>) -> Result<Self, TooLong> {
                if octets.len() <= Self::MAX {
                    Ok(Self(octets))
                } else {
                    Err(TooLong::new(octets.len(), Self::MAX))
                }
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = TooLong;
            #[inline]
            fn try_from(text: &'a str) -> Result<Self, TooLong> {
                Self::checked(Cow::Borrowed(text.as_bytes()))
            }
        }

        impl<'a> TryFrom<&'a String> for $name<'a> {
            type Error = TooLong;
            #[inline]
            fn try_from(text: &'a String) -> Result<Self, TooLong> {
                Self::checked(Cow::Borrowed(text.as_bytes()))
            }
        }

        impl TryFrom<String> for $name<'_> {
            type Error = TooLong;
            #[inline]
            fn try_from(text: String) -> Result<Self, TooLong> {
                Self::checked(Cow::Owned(text.into_bytes()))
            }
        }

        impl<'a> TryFrom<&'a [u8]> for $name<'a> {
            type Error = TooLong;
            #[inline]
            fn try_from(octets: &'a [u8]) -> Result<Self, TooLong> {
                Self::checked(Cow::Borrowed(octets))
            }
        }

        impl<'a, const N: usize> TryFrom<&'a [u8; N]> for $name<'a> {
            type Error = TooLong;
            #[inline]
            fn try_from(octets: &'a [u8; N]) -> Result<Self, TooLong> {
                Self::checked(Cow::Borrowed(octets))
            }
        }

        impl TryFrom<Vec<u8>> for $name<'_> {
            type Error = TooLong;
            #[inline]
            fn try_from(octets: Vec<u8>) -> Result<Self, TooLong> {
                Self::checked(Cow::Owned(octets))
            }
        }

        impl<'a> From<&'a $name<'_>> for $name<'a> {
            #[inline]
            fn from(string: &'a $name<'_>) -> Self {
                string.borrowed()
            }
        }

        impl AsRef<[u8]> for $name<'_> {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl Borrow<[u8]> for $name<'_> {
            fn borrow(&self) -> &[u8] {
                &self.0
            }
        }

        impl PartialEq<str> for $name<'_> {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other.as_bytes()
            }
        }

        impl PartialEq<&str> for $name<'_> {
            fn eq(&self, other: &&str) -> bool {
                *self == **other
            }
        }

        impl PartialEq<$name<'_>> for str {
            fn eq(&self, other: &$name<'_>) -> bool {
                *other == *self
            }
        }

        impl PartialEq<$name<'_>> for &str {
            fn eq(&self, other: &$name<'_>) -> bool {
                *other == **self
            }
        }

        impl fmt::Display for $name<'_> {
            /// The text, with U+FFFD in the place of what is not UTF-8.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.to_str_lossy())
            }
        }

        impl fmt::Debug for $name<'_> {
            /// A string literal, or a byte string literal when it is not UTF-8.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.as_str() {
                    Ok(text) => fmt::Debug::fmt(text, f),
                    Err(_) => write!(f, "b\"{}\"", self.0.escape_ascii()),
                }
            }
        }

        impl IntoOwned for $name<'_> {
            type Owned = $name<'static>;
            fn into_owned(self) -> $name<'static> {
                self.into_owned()
            }
        }
    };
}

octet_string! {
    /// A short string: 0 to 255 octets, borrowed or owned. By convention UTF-8, which nothing checks on receipt.
    ///
    /// Equality, order and hash are those of the octets.
    ///
    /// ```
    /// use amqp_protocol::ShortStr;
    ///
    /// const EXCHANGE: ShortStr<'static> = ShortStr::from_static("amq.topic");
    /// let queue = ShortStr::try_from("orders")?;
    /// assert_eq!(queue, "orders");
    /// assert!(EXCHANGE < queue);
    /// assert!(ShortStr::try_from("x".repeat(256)).is_err());
    ///
    /// let odd = ShortStr::try_from(b"caf\xe9")?;
    /// assert!(odd.as_str().is_err());
    /// assert_eq!(odd.to_string(), "caf\u{fffd}");
    /// # Ok::<(), amqp_protocol::TooLong>(())
    /// ```
    ShortStr, max u8::MAX as usize, length 1
}

octet_string! {
    /// A long string: up to 4,294,967,295 octets of any kind, borrowed or owned.
    ///
    /// Equality, order and hash are those of the octets.
    ///
    /// ```
    /// use amqp_protocol::LongStr;
    ///
    /// let response = LongStr::try_from(b"\0guest\0guest")?;
    /// assert_eq!(response.as_bytes().len(), 12);
    /// # Ok::<(), amqp_protocol::TooLong>(())
    /// ```
    LongStr, max u32::MAX as usize, length 4
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn lengths_are_bound() {
        assert_eq!(
            ShortStr::try_from("x".repeat(255)).map(|s| s.encoded_len()),
            Ok(256)
        );
        assert_eq!(
            ShortStr::try_from(vec![0; 256]),
            Err(TooLong {
                actual: 256,
                limit: 255
            })
        );
        assert_eq!(
            TooLong {
                actual: 256,
                limit: 255
            }
            .to_string(),
            "256 octets where at most 255 fit"
        );
        assert_eq!(LongStr::try_from(vec![0; 256]).map(|s| s.encoded_len()), Ok(260));
    }

    #[test]
    fn octets_that_are_not_text_are_shown_and_kept() {
        let odd = ShortStr::try_from(b"a\xFF\n").unwrap();
        assert!(odd.as_str().is_err());
        assert_eq!(odd.to_string(), "a\u{FFFD}\n");
        assert_eq!(format!("{odd:?}"), r#"b"a\xff\n""#);
        assert_eq!(format!("{:?}", ShortStr::from_static("a\n")), r#""a\n""#);
        assert_eq!(format!("[{:>4}]", ShortStr::from_static("ab")), "[  ab]");
        assert_eq!(odd.into_bytes(), b"a\xFF\n");
    }

    #[test]
    fn borrowed_and_owned_are_the_same_to_all() {
        let borrowed = ShortStr::from_static("queue");
        let owned = borrowed.clone().into_owned();
        assert_eq!(borrowed, owned);
        assert_eq!(borrowed.cmp(&owned), std::cmp::Ordering::Equal);
        assert_eq!(HashMap::from([(owned, 1)]).get(b"queue".as_slice()), Some(&1));
        assert_eq!(borrowed, "queue");
        assert_eq!("queue", borrowed);
        assert_eq!(*"queue", borrowed);
        assert_eq!(borrowed, *"queue");
        assert!(ShortStr::default().is_empty());
    }
}
