//! [`Protocol`] to Rust: one token stream per class and one that joins them; it cannot fail and looks nothing up.
//!
//! The generated code calls the runtime through `::amqp_protocol`, inside classes through the alias `amqp`.

mod class;
mod constants;
mod docs;
mod field;
mod method;
mod properties;
mod proptest;
mod root;
mod serde;

use proc_macro2::{Ident, TokenStream};

use crate::names;
use crate::protocol::Protocol;

/// What is generated besides types with `Encode` and `Decode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `Serialize` and `Deserialize`, through the runtime's feature `serde`.
    pub serde: bool,
    /// proptest's `Arbitrary`, through the runtime's feature `proptest`.
    pub proptest: bool,
}

/// A module of generated code.
#[derive(Clone, Debug)]
pub struct Module {
    /// The module's name in Rust.
    pub name: String,
    /// Its documentation, as Markdown.
    pub docs: String,
    /// Its items.
    pub items: TokenStream,
}

/// The generated code of a protocol revision.
#[derive(Clone, Debug)]
pub struct Bindings {
    /// What the modules have in common: the enums over all classes.
    pub root: Module,
    /// The constants, and one module per class.
    pub modules: Vec<Module>,
}

/// Emits the code of a revision.
#[must_use]
pub fn emit(protocol: &Protocol, options: Options) -> Bindings {
    let mut modules = vec![constants::module(protocol)];
    let root = root::lifetimes(protocol);
    modules.extend(
        protocol
            .classes
            .iter()
            .map(|class| class::module(class, &root, options)),
    );
    Bindings {
        root: root::module(protocol, options),
        modules,
    }
}

/// An identifier that [`names`] made; raw ones included.
pub(crate) fn ident(name: &str) -> Ident {
    let span = proc_macro2::Span::call_site();
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, span),
        None => Ident::new(name, span),
    }
}

fn type_ident(name: &str) -> Ident {
    ident(&names::upper_camel(name))
}

fn field_ident(name: &str) -> Ident {
    ident(&names::snake(name))
}
