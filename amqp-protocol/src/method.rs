//! The traits that tie the generated methods and properties to the wire. It knows no method itself.

use std::fmt;

use crate::error::DecodeError;
use crate::wire::{Reader, Writer};

/// What names a method on the wire: the id of its class and its own within the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MethodId {
    /// The id of the class, 50 for `queue`.
    pub class: u16,
    /// The id of the method within its class, 10 for `declare`.
    pub method: u16,
}

impl MethodId {
    /// Class id and method id, in the order of the wire.
    #[must_use]
    pub const fn new(class: u16, method: u16) -> Self {
        Self { class, method }
    }
}

impl fmt::Display for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.class, self.method)
    }
}

/// Who may send a method, as the specification's `chassis` elements say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Senders {
    /// A client may send it.
    pub client: bool,
    /// A server may send it.
    pub server: bool,
}

impl Senders {
    /// Only clients send it.
    pub const CLIENT: Self = Self {
        client: true,
        server: false,
    };
    /// Only servers send it.
    pub const SERVER: Self = Self {
        client: false,
        server: true,
    };
    /// Both peers send it.
    pub const BOTH: Self = Self {
        client: true,
        server: true,
    };
}

/// Writes itself in the wire's form. It cannot fail: limits are kept when values are built.
pub trait Encode {
    /// How many octets [`encode`](Self::encode) writes.
    fn encoded_len(&self) -> usize;

    /// Appends the octets.
    fn encode(&self, writer: &mut Writer<'_>);
}

impl<T: Encode> Encode for &T {
    #[inline]
    fn encoded_len(&self) -> usize {
        T::encoded_len(self)
    }

    #[inline]
    fn encode(&self, writer: &mut Writer<'_>) {
        T::encode(self, writer);
    }
}

/// Reads itself from the wire's form, borrowing from the input and allocating nothing.
pub trait Decode<'a>: Sized {
    /// Takes its octets from the front of the reader and leaves what follows.
    ///
    /// # Errors
    ///
    /// When the octets are not of this form; the reader then stands somewhere before the fault.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

/// Cuts the tie to the buffer that a value was decoded from, by copying what it borrows.
pub trait IntoOwned {
    /// The same type with the lifetime `'static`.
    type Owned: 'static;

    /// Copies what is borrowed; what is owned already moves.
    fn into_owned(self) -> Self::Owned;
}

/// Names a borrowing type without its lifetime, so that an owner of octets can lend it:
/// [`Frame<V>`](crate::frame::Frame) is generic over it. Implemented by the `'static` form of each type.
///
/// Decoding must depend on the octets alone: octets that `Of<'a>` has once been decoded from decode again, for any `'a`.
/// `Frame` relies on it.
pub trait View: 'static {
    /// The type as it borrows from octets that live for `'a`.
    type Of<'a>: Decode<'a>;
}

/// The arguments of one method. `Encode` and `Decode` are of the arguments alone, without the ids.
pub trait Arguments: Encode {
    /// The ids that precede the arguments.
    const ID: MethodId;
    /// Class and method by the specification's names with `_` for each hyphen and space, as in `queue.declare_ok`.
    const NAME: &'static str;
    /// Who may send it.
    const SENDERS: Senders;
    /// Whether the specification calls it synchronous.
    const SYNCHRONOUS: bool;
    /// Whether a content header and body follow it.
    const CONTENT: bool;
}

/// A method that is answered.
pub trait Request: Arguments {
    /// The answer, from the specification's `response` elements.
    type Reply: Reply;

    /// Whether the method has a bit that asks for no answer.
    const NO_WAIT: bool = false;

    /// Asks for no answer (`true`) or for one. Does nothing when the method has no such bit.
    fn set_no_wait(&mut self, _no_wait: bool) {}

    /// Whether no answer is asked for.
    fn no_wait(&self) -> bool {
        false
    }
}

/// What answers a [`Request`]: one method, or one of several.
pub trait Reply: Sized + Send + 'static {
    /// The methods that answer.
    const IDS: &'static [MethodId];

    /// Decodes the arguments of the method `id` and copies what they borrow.
    ///
    /// # Errors
    ///
    /// `UnknownMethod` when `id` is none of [`IDS`](Self::IDS), else what decoding the arguments finds.
    fn decode_reply(id: MethodId, reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// The properties of a class that carries content. `Encode` and `Decode` are of the flags and the values.
pub trait Properties: Encode {
    /// The id of the class.
    const CLASS_ID: u16;
    /// The name of the class in the specification.
    const CLASS: &'static str;
}

impl<P: Properties> Properties for &P {
    const CLASS_ID: u16 = P::CLASS_ID;
    const CLASS: &'static str = P::CLASS;
}
