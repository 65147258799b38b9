//! Another specification of AMQP: its methods, generated into a crate of yours.
//!
//! The methods in [`methods`] are made from the XML of AMQP 0-9-1 and of RabbitMQ's extensions when
//! `amqp-protocol` is built. The generator is a library, `amqp-codegen`, and reads other specifications in the same
//! grammar: AMQP 0-8 and 0-9, and variants that vendors have made of them.
//!
//! # In a build script
//!
//! Take `amqp-codegen` as a build dependency, `amqp-protocol` as a dependency, and generate:
//!
//! ```
//! use amqp_codegen::{Options, Source, generate};
//!
//! // The text of a file; here the smallest of all.
//! let spec = Source {
//!     name: "lamps.xml",
//!     text: r#"<amqp major="0" minor="9" revision="1">
//!                <class name="lamp" index="200">
//!                  <method name="switch" index="10">
//!                    <chassis name="server" implement="MUST"/>
//!                    <field name="on" type="bit"/>
//!                  </method>
//!                </class>
//!              </amqp>"#,
//! };
//! let rust = generate(&spec, &[], Options::default())?;
//! // A build script writes this to a file in OUT_DIR.
//! assert!(rust.contains("pub struct Switch"));
//! # Ok::<(), amqp_codegen::SpecErrors>(())
//! ```
//!
//! and include it where its module is to be:
//!
//! ```text
//! pub mod lamps {
//!     include!(concat!(env!("OUT_DIR"), "/lamps.rs"));
//! }
//! ```
//!
//! To add to a specification, or to replace parts of it, leave its file alone and write an overlay: a document of the same
//! grammar that says what differs. `spec/rabbitmq.xml` is one, and `generate` takes several.
//!
//! # The same runtime
//!
//! Generated modules hold data and their codecs. All else is [`protocol`], whatever the specification:
//! strings and tables, frames, contents that span frames, the traits that tie a method to its replies. So a method of a
//! variant is written into a frame by the same [`write_method`](crate::protocol::frame::write_method), and read by the same
//! [`Reader`](crate::protocol::Reader), as one of AMQP 0-9-1.
//!
//! `codegen/tests/third-party` is such a crate, outside of the workspace, with names that are hard to take over;
//! `docs/generated-code.md` shows what becomes of each construct; `tests/variants` generates every specification of
//! Debian's package `amqp-specs`, and sends every method of each through its codec and back.
//!
//! # What the client speaks
//!
//! The client does not become one for another specification that way: what a method does to a connection is not in the XML.
//! It understands what is in [`methods`], and takes any other method from a server for a
//! [violation](Violation). For a variant, the generated module is what a client, a proxy or a tool of your own is built on.
//!
//! # What can go wrong
//!
//! A specification that contradicts itself, or that overlays do not fit, is refused with every fault at once, each with
//! file and line. Another grammar, such as that of AMQP 0-10 or 1.0, is refused by name.
use super::*;
