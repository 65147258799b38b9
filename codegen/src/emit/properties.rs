//! A class's content properties: flag words, then the values that are present.

use proc_macro2::TokenStream;
use quote::quote;

use super::class::Lifetimes;
use super::{Options, docs, field, field_ident, proptest, serde};
use crate::names;
use crate::protocol::{Class, Field, WireType};

pub(super) fn items(class: &Class, options: Options) -> TokenStream {
    let lifetimes = Lifetimes::of_properties(class);
    let Lifetimes { a, anonymous, owned } = &lifetimes;
    let copy = a.is_empty().then(|| quote!(Copy,));
    let summary = format!(
        " Content properties of the class `{}`: each is present or absent.",
        class.name
    );
    let derives = serde::structure(options);
    let fields = class.properties.iter().map(|item| {
        let docs = docs::attributes(&item.docs, &field::fallback(item), &[]);
        let serde = serde::property(item, options);
        let name = field_ident(&item.name);
        let rust = property_type(item);
        quote!(#docs #serde pub #name: #rust,)
    });
    let codec = codec(class, &lifetimes);
    let into_owned = into_owned(class, &lifetimes);
    let proptest = proptest::properties(class, &lifetimes, options);
    let path = names::plain(&class.name);
    quote! {
        #[doc = #summary]
        #[derive(Clone, #copy Debug, Default, PartialEq, Eq, Hash)]
        #derives
        pub struct Properties #a {
            #(#fields)*
        }

        #codec
        #into_owned

        impl amqp::View for Properties #owned {
            type Of<'a> = Properties #a;
        }

        impl amqp::Properties for Properties #anonymous {
            const CLASS_ID: u16 = CLASS_ID;
            const CLASS: &'static str = #path;
        }

        #proptest
    }
}

/// A bit is its own presence; anything else is optional.
fn property_type(item: &Field) -> TokenStream {
    let rust = field::rust_type(item, &quote!('a));
    if item.wire == WireType::Bit {
        rust
    } else {
        quote!(Option<#rust>)
    }
}

fn codec(class: &Class, lifetimes: &Lifetimes) -> TokenStream {
    let Lifetimes { a, anonymous, .. } = lifetimes;
    let path = format!("{}.properties", names::plain(&class.name));
    let flags: Vec<_> = class
        .properties
        .iter()
        .map(|item| {
            let name = field_ident(&item.name);
            if item.wire == WireType::Bit {
                quote!(self.#name)
            } else {
                quote!(self.#name.is_some())
            }
        })
        .collect();
    let valued = || class.properties.iter().filter(|item| item.wire != WireType::Bit);
    let lens = valued().map(|item| {
        let name = field_ident(&item.name);
        match field::fixed_len(item.wire) {
            Some(len) => {
                let len = proc_macro2::Literal::usize_unsuffixed(len);
                quote!(if self.#name.is_some() { len += #len; })
            }
            None => quote!(if let Some(value) = &self.#name { len += value.encoded_len(); }),
        }
    });
    let writes = class.properties.iter().enumerate().map(|(index, item)| {
        let name = field_ident(&item.name);
        let call = field::call(item);
        let index = proc_macro2::Literal::usize_unsuffixed(index);
        if item.wire == WireType::Bit {
            quote!(if self.#name { flags.set(#index); })
        } else {
            let borrow = item.wire.borrows().then(|| quote!(&));
            quote!(if let Some(value) = #borrow self.#name { flags.set(#index); writer.#call(value); })
        }
    });
    let reads = class.properties.iter().enumerate().map(|(index, item)| {
        let local = field::local(item);
        let index = proc_macro2::Literal::usize_unsuffixed(index);
        if item.wire == WireType::Bit {
            quote!(let #local = flags.has(#index);)
        } else {
            let call = field::call(item);
            let context = field::context(&path, item);
            quote!(let #local = if flags.has(#index) { Some(reader.#call(#context)?) } else { None };)
        }
    });
    let skips = valued_with_index(class).map(|(index, item)| {
        let call = field::call(item);
        let context = field::context(&path, item);
        quote!(if flags.has(#index) { reader.#call(#context)?; })
    });
    let inits = class.properties.iter().map(|item| {
        let name = field_ident(&item.name);
        let local = field::local(item);
        if name == local {
            quote!(#name)
        } else {
            quote!(#name: #local)
        }
    });
    let len = match valued().count() {
        0 => quote!(self.flags().encoded_len()),
        _ => quote! {
            let mut len = self.flags().encoded_len();
            #(#lens)*
            len
        },
    };
    let count = proc_macro2::Literal::usize_unsuffixed(class.properties.len());
    let skip_flags = valued().next().map(|_| quote!(let flags =));
    let encode = match class.properties.is_empty() {
        true => quote!(writer.property_flags(|_| amqp::PropertyFlags::default());),
        false => {
            let writer = valued().next().map_or_else(|| quote!(_), |_| quote!(writer));
            quote!(writer.property_flags(|#writer| {
                let mut flags = amqp::PropertyFlags::default();
                #(#writes)*
                flags
            });)
        }
    };
    let flags_local = (!class.properties.is_empty()).then(|| quote!(let flags =));
    // `decode` is always inlined: to move all properties out of a `Result` costs as much as to read them (ADR 5).
    quote! {
        impl Properties #anonymous {
            /// Which properties are present, in the order of the flags.
            #[inline]
            fn flags(&self) -> amqp::PropertyFlags {
                amqp::PropertyFlags::new([#(#flags),*])
            }

            /// Takes the flags and the values and keeps nothing: decoding, for whoever only wants to know that it would
            /// succeed.
            ///
            /// # Errors
            ///
            /// As decoding.
            #[inline]
            pub fn skip(reader: &mut amqp::Reader<'_>) -> Result<(), amqp::DecodeError> {
                #skip_flags reader.property_flags::<#count>(#path)?;
                #(#skips)*
                Ok(())
            }
        }

        impl amqp::Encode for Properties #anonymous {
            #[inline]
            fn encoded_len(&self) -> usize {
                #len
            }

            #[inline]
            fn encode(&self, writer: &mut amqp::Writer<'_>) {
                #encode
            }
        }

        impl<'a> amqp::Decode<'a> for Properties #a {
            #[inline(always)]
            fn decode(reader: &mut amqp::Reader<'a>) -> Result<Self, amqp::DecodeError> {
                #flags_local reader.property_flags::<#count>(#path)?;
                #(#reads)*
                Ok(Self { #(#inits),* })
            }
        }
    }
}

/// The properties that have a value, each with the number of its flag.
fn valued_with_index(class: &Class) -> impl Iterator<Item = (proc_macro2::Literal, &Field)> {
    let properties = class.properties.iter().enumerate();
    let valued = properties.filter(|(_, item)| item.wire != WireType::Bit);
    valued.map(|(index, item)| (proc_macro2::Literal::usize_unsuffixed(index), item))
}

fn into_owned(class: &Class, lifetimes: &Lifetimes) -> TokenStream {
    let Lifetimes { a, owned, .. } = lifetimes;
    let body = if a.is_empty() {
        quote!(self)
    } else {
        let inits = class.properties.iter().map(|item| {
            let name = field_ident(&item.name);
            if item.wire.borrows() {
                let rust = field::call(item);
                let rust = super::ident(match rust.to_string().as_str() {
                    "shortstr" => "ShortStr",
                    "longstr" => "LongStr",
                    "table" => "FieldTable",
                    _ => "Content",
                });
                quote!(#name: self.#name.map(amqp::#rust::into_owned))
            } else {
                quote!(#name: self.#name)
            }
        });
        quote!(Properties { #(#inits),* })
    };
    quote! {
        impl #a amqp::IntoOwned for Properties #a {
            type Owned = Properties #owned;

            fn into_owned(self) -> Properties #owned {
                #body
            }
        }
    }
}
