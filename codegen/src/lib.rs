//! From the XML of an AMQP specification to Rust: four stages, four types, no stage reads backwards.
//!
//! ```text
//! &str --xml::parse--> Document --resolve--> Protocol --emit--> Bindings --format--> file text
//! ```
//!
//! A build script calls [`generate`] and writes the text where it includes it from:
//!
//! ```
//! use amqp_codegen::{Options, Source, generate};
//!
//! let spec = Source {
//!     name: "tiny.xml",
//!     text: r#"<amqp major="0" minor="9" revision="1">
//!                <class name="echo" index="200">
//!                  <method name="say" index="10">
//!                    <chassis name="server" implement="MUST"/>
//!                    <field name="text" type="shortstr"/>
//!                  </method>
//!                </class>
//!              </amqp>"#,
//! };
//! let rust = generate(&spec, &[], Options::default())?;
//! assert!(rust.contains("pub struct Say<'a>"));
//! # Ok::<(), amqp_codegen::SpecErrors>(())
//! ```
//!
//! The generated code needs the crate `amqp-protocol` at run time.
#![forbid(unsafe_code)]
#![allow(
    clippy::result_large_err,
    reason = "a fault ends the build: it is cold, and holds what its message needs"
)]

/// The README's examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod diff;
pub mod document;
pub mod emit;
pub mod error;
pub mod format;
mod names;
pub mod protocol;
pub mod quirks;
mod resolve;
pub mod summary;
pub mod xml;

pub use emit::Options;
use error::Faults;
pub use error::{SpecError, SpecErrors};
pub use protocol::Protocol;
pub use resolve::resolve;

/// The text of a specification or overlay, and the name it has in error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// File name or path.
    pub name: &'a str,
    /// XML text.
    pub text: &'a str,
}

/// Parses and resolves a specification with overlays, which apply in the order given.
///
/// # Errors
/// Every fault of all documents; one that is not well-formed is read up to the place where it breaks, and then neither
/// its meaning nor that of the overlays behind it is looked at.
pub fn load(spec: &Source<'_>, overlays: &[Source<'_>]) -> Result<Protocol, SpecErrors> {
    load_decoded(Ok(*spec), overlays.iter().copied().map(Ok))
}

/// As [`load`], of texts as [`xml::decode`] left them: what cannot be decoded is reported together with the faults of the
/// other documents.
///
/// # Errors
/// As [`load`].
pub fn load_decoded<'a>(
    spec: Result<Source<'a>, SpecErrors>,
    overlays: impl IntoIterator<Item = Result<Source<'a>, SpecErrors>>,
) -> Result<Protocol, SpecErrors> {
    let mut faults = Faults::default();
    let mut read = |source: Result<Source<'_>, SpecErrors>| match source {
        Ok(source) => xml::read(source.name, source.text, &mut faults),
        Err(errors) => {
            faults.extend(errors);
            None
        }
    };
    let base = read(spec);
    let overlays: Vec<_> = overlays.into_iter().map(read).collect();
    // The first that cannot be read hides the meaning of those that lie on it.
    let overlays: Vec<_> = overlays.into_iter().map_while(|overlay| overlay).collect();
    let protocol = base.map(|base| resolve::protocol(&base, &overlays, &mut faults));
    faults.or_errors(protocol)
}

/// Generates the Rust text of a specification with overlays, to be included in a module:
/// `pub mod v { include!(concat!(env!("OUT_DIR"), "/v.rs")); }`.
///
/// # Errors
/// As [`load`].
pub fn generate(spec: &Source<'_>, overlays: &[Source<'_>], options: Options) -> Result<String, SpecErrors> {
    let protocol = load(spec, overlays)?;
    Ok(format::single(&emit::emit(&protocol, options), &protocol.sources))
}
