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
//! # Methods
//!
//! A generated method is a struct of its class; `Method` is any of them, with its ids before it on the wire.
//!
//! ```
//! # #[cfg(feature = "v0-9-1")] {
//! use amqp_protocol::v0_9_1::{Method, queue};
//! use amqp_protocol::{Decode, Encode, Reader, ShortStr, Writer};
//!
//! let declare_ok = queue::DeclareOk {
//!     queue: ShortStr::from_static("q"),
//!     message_count: 1,
//!     consumer_count: 0,
//! };
//! let mut octets = Vec::new();
//! Method::from(declare_ok.clone()).encode(&mut Writer::new(&mut octets));
//! assert_eq!(octets, b"\0\x32\0\x0B\x01q\0\0\0\x01\0\0\0\0");
//!
//! let mut reader = Reader::new(&octets);
//! assert_eq!(Method::decode(&mut reader)?, Method::from(declare_ok));
//! reader.finish("method")?;
//! # }
//! # Ok::<(), amqp_protocol::DecodeError>(())
//! ```
//!
//! # Frames
//!
//! ```
//! # #[cfg(feature = "v0-9-1")] {
//! use amqp_protocol::frame::{self, FrameType, Parsed, RawFrame};
//! use amqp_protocol::v0_9_1::{Method, basic};
//! use amqp_protocol::{ChannelId, Decode, DeliveryTag, Reader};
//!
//! let ack = basic::Ack { delivery_tag: DeliveryTag(7), multiple: false };
//! let mut octets = Vec::new();
//! frame::write_method(&mut octets, ChannelId(1), &ack, 4096)?;
//!
//! // What comes from a socket may be the beginning of a frame, or more than one.
//! let Parsed::Complete(frame) = RawFrame::parse(&octets, 4096)? else { panic!("it is whole") };
//! assert_eq!((frame.frame_type, frame.channel), (FrameType::Method, ChannelId(1)));
//! let method = Method::decode(&mut Reader::new(frame.payload))?;
//! assert_eq!(method, Method::Basic(basic::Method::Ack(ack)));
//! let rest = &octets[frame.encoded_len()..];
//! assert!(rest.is_empty());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! - `serde`: every type reads and writes itself; deserializing yields owned data.
//! - `proptest`: every type has a strategy.
#![forbid(unsafe_code)]
#![warn(clippy::must_use_candidate)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

/// The examples of the README.
#[cfg(all(doctest, feature = "v0-9-1"))]
#[doc = include_str!("../README.md")]
mod readme {}

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
pub use crate::error::{DecodeError, DecodeErrorKind, TooLong, UnexpectedEnd};
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
