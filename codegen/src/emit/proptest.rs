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
    if fields.is_empty() {
        return implement(rust, &quote!(proptest::strategy::Just(Self {})));
    }
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
        &quote!((#(#groups,)*).prop_map(|(#(#patterns,)*)| Self { #(#inits),* })),
    )
}

fn local(name: &Ident) -> Ident {
    format_ident!("{}_", name.to_string().trim_start_matches("r#"))
}

/// Strategies of an enum whose variants hold one value each; every variant is as likely as the next.
pub(super) fn enumeration(
    rust: &TokenStream,
    variants: &[Ident],
    payloads: &[TokenStream],
    options: Options,
) -> Option<TokenStream> {
    let strategies = quote! {
        use ::amqp_protocol::__private::proptest::prelude::any;

        Vec::from([#(any::<#payloads>().prop_map(Self::#variants).boxed()),*])
    };
    options
        .proptest
        .then(|| with_strategies(rust, &strategies, "One strategy per variant."))
}

/// Strategies of the enum over the classes' enums of methods; every method is as likely as the next.
pub(super) fn methods(
    rust: &TokenStream,
    variants: &[Ident],
    modules: &[Ident],
    options: Options,
) -> Option<TokenStream> {
    let strategies = quote! {
        let mut strategies = Vec::new();
        #(
            let methods = #modules::Method::strategies().into_iter();
            strategies.extend(methods.map(|strategy| strategy.prop_map(Self::#variants).boxed()));
        )*
        strategies
    };
    options.proptest.then(|| {
        with_strategies(
            rust,
            &strategies,
            "One strategy per method, in the order of [`IDS`](Self::IDS).",
        )
    })
}

fn with_strategies(rust: &TokenStream, strategies: &TokenStream, doc: &str) -> TokenStream {
    let doc = format!(" {doc}");
    let arbitrary = implement(rust, &quote!(proptest::strategy::Union::new(Self::strategies())));
    quote! {
        impl #rust {
            #[doc = #doc]
            #[must_use]
            pub fn strategies() -> Vec<::amqp_protocol::__private::proptest::strategy::BoxedStrategy<Self>> {
                use ::amqp_protocol::__private::proptest::prelude::Strategy;

                #strategies
            }
        }

        #arbitrary
    }
}

fn implement(rust: &TokenStream, strategy: &TokenStream) -> TokenStream {
    quote! {
        const _: () = {
            use ::amqp_protocol::__private::proptest;
            use proptest::strategy::Strategy as _;

            impl proptest::arbitrary::Arbitrary for #rust {
                type Parameters = ();
                type Strategy = proptest::strategy::BoxedStrategy<Self>;

                fn arbitrary_with((): ()) -> Self::Strategy {
                    #strategy.boxed()
                }
            }
        };
    }
}
