//! The wire's primitive types: numbers with a meaning, octet strings, and the reader and writer of them all.
//! Field tables have their own module, [`table`](crate::table).

mod flags;
mod reader;
mod strings;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;

pub use flags::PropertyFlags;
pub use reader::Reader;
pub use strings::{LongStr, ShortStr};
pub use writer::Writer;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(number: $inner) -> Self {
                Self(number)
            }
        }
    };
}

number! {
    /// The reason of a close or a return. Any number survives, known to the specification or not.
    ReplyCode(u16)
}

/// What an error closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The channel: a soft error.
    Channel,
    /// The connection, hence all channels: a hard error.
    Connection,
}

number! {
    /// A delivery's number, counted by the sender from 1 on each channel; 0 stands for all of them so far.
    DeliveryTag(u64)
}

number! {
    /// The number of a channel; 0 is the connection itself.
    ChannelId(u16)
}

/// The domain `content` of AMQP 0-9, which its own specification forgets to define: a body within a method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Content<'a> {
    /// The octets themselves.
    Inline(LongStr<'a>),
    /// The name under which the octets were sent before.
    Reference(LongStr<'a>),
}

impl Content<'_> {
    /// How many octets it has on the wire.
    #[inline]
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Inline(octets) | Self::Reference(octets) => 1 + octets.encoded_len(),
        }
    }

    /// Copies what is borrowed.
    #[must_use]
    pub fn into_owned(self) -> Content<'static> {
        match self {
            Self::Inline(octets) => Content::Inline(octets.into_owned()),
            Self::Reference(octets) => Content::Reference(octets.into_owned()),
        }
    }
}

impl Default for Content<'_> {
    /// No octets, inline.
    fn default() -> Self {
        Self::Inline(LongStr::default())
    }
}
