//! A proptest strategy for every type, in its owned form.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::class::Lifetimes;
use super::{Options, field, field_ident};
use crate::protocol::{Class, Field, WireType};

/// proptest implements `Strategy` for tuples of at most twelve.
const TUPLE: usize = 10;

pub(super) fn structure(
    name: &Ident,
    fields: &[&Field],
    lifetimes: &Lifetimes,
    options: Options,
) -> Option<TokenStream> {
    let types = fields
        .iter()
        .map(|item| (field_ident(&item.name), field::rust_type(item, &quote!('static))))
        .collect();
    let owned = &lifetimes.owned;
    options.proptest.then(|| arbitrary(&quote!(#name #owned), types))
}

pub(super) fn properties(class: &Class, lifetimes: &Lifetimes, options: Options) -> Option<TokenStream> {
    let types = class
        .properties
        .iter()
        .map(|item| {
            let rust = field::rust_type(item, &quote!('static));
            let rust = if item.wire == WireType::Bit {
                rust
            } else {
                quote!(Option<#rust>)
            };
            (field_ident(&item.name), rust)
        })
        .collect();
    let owned = &lifetimes.owned;
    options
        .proptest
        .then(|| arbitrary(&quote!(Properties #owned), types))
}

fn arbitrary(rust: &TokenStream, fields: Vec<(Ident, TokenStream)>) -> TokenStream {
    let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    let groups: Vec<TokenStream> = fields
        .chunks(TUPLE)
        .map(|group| {
            let types = group.iter().map(|(_, rust)| rust);
            quote!((#(proptest::prelude::any::<#types>(),)*))
        })
        .collect();
    let patterns: Vec<TokenStream> = fields
        .chunks(TUPLE)
        .map(|group| {
            let locals = group.iter().map(|(name, _)| local(name));
            quote!((#(#locals,)*))
        })
        .collect();
    let inits = names.iter().map(|name| {
        let local = local(name);
        quote!(#name: #local)
    });
    implement(
        rust,
        &quote!(proptest::strategy::Strategy::prop_map((#(#groups,)*), |(#(#patterns,)*)| Self { #(#inits),* })),
    )
}

fn local(name: &Ident) -> Ident {
    format_ident!("{}_", name.to_string().trim_start_matches("r#"))
}

/// Strategies of an enum whose variants hold one value each; every variant is as likely as the next.
pub(super) fn enumeration(rust: &TokenStream, variants: &[Ident], options: Options) -> Option<TokenStream> {
    let arms = variants.iter().map(|variant| {
        quote!(proptest::strategy::Strategy::boxed(proptest::strategy::Strategy::prop_map(proptest::prelude::any(), Self::#variant)))
    });
    options
        .proptest
        .then(|| implement(rust, &quote!(proptest::strategy::Union::new([#(#arms),*]))))
}

fn implement(rust: &TokenStream, strategy: &TokenStream) -> TokenStream {
    quote! {
        const _: () = {
            use ::amqp_protocol::__private::proptest;

            impl proptest::arbitrary::Arbitrary for #rust {
                type Parameters = ();
                type Strategy = proptest::strategy::BoxedStrategy<Self>;

                fn arbitrary_with((): ()) -> Self::Strategy {
                    proptest::strategy::Strategy::boxed(#strategy)
                }
            }
        };
    }
}
