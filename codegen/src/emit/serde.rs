//! serde's derives, with the names of the specification.

use proc_macro2::TokenStream;
use quote::quote;

use super::Options;
use crate::names;
use crate::protocol::{Field, WireType};

fn derive() -> TokenStream {
    quote! {
        #[derive(::amqp_protocol::__private::serde::Serialize, ::amqp_protocol::__private::serde::Deserialize)]
        #[serde(crate = "::amqp_protocol::__private::serde")]
    }
}

pub(super) fn structure(options: Options) -> Option<TokenStream> {
    let derive = derive();
    options
        .serde
        .then(|| quote!(#derive #[serde(deny_unknown_fields)]))
}

/// `{"class": .., ..}`: the class's own enum adds the rest.
pub(super) fn root_enum(options: Options) -> Option<TokenStream> {
    let derive = derive();
    options.serde.then(|| quote!(#derive #[serde(tag = "class")]))
}

/// `{.., "method": .., "arguments": ..}`
pub(super) fn method_enum(options: Options) -> Option<TokenStream> {
    let derive = derive();
    options
        .serde
        .then(|| quote!(#derive #[serde(tag = "method", content = "arguments", deny_unknown_fields)]))
}

/// `{"class": .., "properties": ..}`
pub(super) fn properties_enum(options: Options) -> Option<TokenStream> {
    let derive = derive();
    options
        .serde
        .then(|| quote!(#derive #[serde(tag = "class", content = "properties", deny_unknown_fields)]))
}

/// The specification's name of a class or method.
pub(super) fn variant(name: &str, options: Options) -> Option<TokenStream> {
    let name = names::plain(name);
    options.serde.then(|| quote!(#[serde(rename = #name)]))
}

/// The specification's name of a field, where Rust's differs.
pub(super) fn rename(field: &Field, options: Options) -> Option<TokenStream> {
    let name = names::plain(&field.name);
    (options.serde && name != names::snake(&field.name)).then(|| quote!(#[serde(rename = #name)]))
}

/// Properties that are absent do not appear.
pub(super) fn property(field: &Field, options: Options) -> Option<TokenStream> {
    let rename = rename(field, options);
    let absent = if field.wire == WireType::Bit {
        quote!(#[serde(default, skip_serializing_if = "::core::ops::Not::not")])
    } else {
        quote!(#[serde(default, skip_serializing_if = "Option::is_none")])
    };
    options.serde.then(|| quote!(#rename #absent))
}
