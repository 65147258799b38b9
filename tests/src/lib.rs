//! What the tests of this workspace share: a private broker. No test lives here.
#![forbid(unsafe_code)]

pub mod broker;
mod node;
mod process;
mod supervisor;

/// The Rust examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The Rust example of the client's README.
#[cfg(doctest)]
#[doc = include_str!("../../amqp-client/README.md")]
pub struct ClientReadme;
