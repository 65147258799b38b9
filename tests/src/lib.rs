//! What the tests of this workspace share: brokers, the examples as programs, and a network that fails when it is told to.
#![forbid(unsafe_code)]

pub mod broker;
pub mod examples;
pub mod framing;
mod node;
mod process;
pub mod proxy;
mod supervisor;

/// The Rust examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The Rust example of the client's README.
#[cfg(doctest)]
#[doc = include_str!("../../amqp-client/README.md")]
pub struct ClientReadme;

/// The Rust example of the page on adapters.
#[cfg(doctest)]
#[doc = include_str!("../../docs/writing-an-adapter.md")]
pub struct WritingAnAdapter;
