//! AMQP wire types, frames and generated methods: octets in, values out, and back.
//!
//! Decoding borrows from its input and allocates nothing; encoding appends to one buffer and cannot fail, because every
//! limit is kept when a value is built. No input, however hostile, panics or sizes an allocation.
//!
//! - [`wire`]: strings, newtypes, [`Reader`] and [`Writer`];
//! - [`table`]: field tables and arrays;
//! - [`method`]: the traits that the generated methods implement;
//! - [`frame`], [`content`], [`header`]: frames, contents that span them, and the protocol header before them.
//!
//! # Features
//!
//! - `serde`: every type reads and writes itself; deserializing yields owned data.
//! - `proptest`: every type has a strategy.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

// Generated code says `::amqp_protocol::…` wherever it stands, inside this crate too.
#[allow(unused_extern_crates, reason = "without a revision nothing is generated")]
extern crate self as amqp_protocol;

pub mod content;
pub mod error;
pub mod frame;
pub mod header;
pub mod method;
pub mod table;
pub mod wire;

#[cfg(feature = "proptest")]
mod arbitrary;
#[cfg(feature = "serde")]
mod serialize;
#[cfg(test)]
mod testing;

/// AMQP 0-9-1 with RabbitMQ's extensions: its constants, and per class its methods and content properties.
#[cfg(feature = "v0-9-1")]
pub mod v0_9_1 {
    include!(concat!(env!("OUT_DIR"), "/v0_9_1.rs"));
}

/// AMQP 0-8 as RabbitMQ speaks it: its constants, and per class its methods and content properties.
#[cfg(feature = "v0-8")]
pub mod v0_8 {
    include!(concat!(env!("OUT_DIR"), "/v0_8.rs"));
}

#[doc(inline)]
pub use crate::error::{DecodeError, DecodeErrorKind, TooLong};
#[doc(inline)]
pub use crate::header::ProtocolHeader;
#[doc(inline)]
pub use crate::method::{
    Arguments, Decode, Encode, IntoOwned, MethodId, Properties, Reply, Request, Senders, View,
};
#[doc(inline)]
pub use crate::table::{FieldArray, FieldTable, FieldValue};
#[doc(inline)]
pub use crate::wire::{
    ChannelId, Content, DeliveryTag, LongStr, PropertyFlags, Reader, ReplyCode, Severity, ShortStr, Writer,
};

/// What generated code needs of other crates, under the features that bring them.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "proptest")]
    pub use proptest;
    #[cfg(feature = "serde")]
    pub use serde;
}
