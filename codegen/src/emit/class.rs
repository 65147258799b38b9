//! A class: its methods, its content properties, the enum over its methods and the enums of replies.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{Module, Options, docs, method, properties, proptest, serde, type_ident};
use crate::names;
use crate::protocol::{Class, Field, Method};

/// `<'a>` and `<'_>` and so on for types that borrow, nothing for those that do not.
#[derive(Clone)]
pub(super) struct Lifetimes {
    pub(super) a: TokenStream,
    pub(super) anonymous: TokenStream,
    pub(super) owned: TokenStream,
}

impl Lifetimes {
    pub(super) fn new(borrows: bool) -> Self {
        if borrows {
            Self {
                a: quote!(<'a>),
                anonymous: quote!(<'_>),
                owned: quote!(<'static>),
            }
        } else {
            Self {
                a: quote!(),
                anonymous: quote!(),
                owned: quote!(),
            }
        }
    }

    pub(super) fn of_method(method: &Method) -> Self {
        Self::new(borrows(method.fields()))
    }

    pub(super) fn of_class(class: &Class) -> Self {
        Self::new(class.methods.iter().any(|method| borrows(method.fields())))
    }

    pub(super) fn of_properties(class: &Class) -> Self {
        Self::new(borrows(class.properties.iter()))
    }
}

/// Whether a struct of these fields borrows; reserved fields are not in it.
pub(super) fn borrows<'f>(mut fields: impl Iterator<Item = &'f Field>) -> bool {
    fields.any(|field| !field.reserved && field.wire.borrows())
}

pub(super) fn module(class: &Class, root: &Lifetimes, options: Options) -> Module {
    let index = Literal::u16_unsuffixed(class.index);
    let methods = class
        .methods
        .iter()
        .map(|item| method::items(class, item, options));
    let content = class.has_content().then(|| properties::items(class, options));
    let replies = class.methods.iter().filter(|method| method.responses.len() > 1);
    let replies = replies.map(|method| reply_enum(class, method, options));
    let method_enum = (!class.methods.is_empty()).then(|| method_enum(class, root, options));
    // `Declare::ID` reads better than `<Declare<'_> as amqp::Arguments>::ID`.
    let imports = match (class.methods.is_empty(), class.has_content()) {
        (false, _) => quote!(
            use ::amqp_protocol as amqp;
            use amqp::Arguments as _;
        ),
        (true, true) => quote!(
            use ::amqp_protocol as amqp;
        ),
        (true, false) => quote!(),
    };
    let facts = vec![format!("Class {index}.")];
    let fallback = format!("The class `{}`", class.name);
    Module {
        name: names::snake(&class.name),
        docs: docs::markdown(&class.docs, &fallback, &facts),
        items: quote! {
            #imports

            /// The class id.
            pub const CLASS_ID: u16 = #index;

            #content
            #method_enum
            #(#methods)*
            #(#replies)*
        },
    }
}

fn method_enum(class: &Class, root: &Lifetimes, options: Options) -> TokenStream {
    let Lifetimes { a, anonymous, owned } = Lifetimes::of_class(class);
    let reader = if a.is_empty() { quote!(<'_>) } else { a.clone() };
    let class_variant = type_ident(&class.name);
    let names: Vec<_> = class
        .methods
        .iter()
        .map(|method| type_ident(&method.name))
        .collect();
    let payloads = |select: fn(Lifetimes) -> TokenStream| -> Vec<TokenStream> {
        class
            .methods
            .iter()
            .map(|method| payload(method, select))
            .collect()
    };
    let owned_payloads = payloads(|lifetimes| lifetimes.owned);
    let payloads = payloads(|lifetimes| lifetimes.a);
    let (from_generics, from_lifetimes): (Vec<_>, Vec<_>) = class
        .methods
        .iter()
        .map(|method| {
            let a = Lifetimes::of_method(method).a;
            let root = if a.is_empty() { &root.anonymous } else { &root.a };
            (a, root.clone())
        })
        .unzip();
    let links = class
        .methods
        .iter()
        .map(|method| format!(" See [`{}`].", type_ident(&method.name)));
    let renames = class
        .methods
        .iter()
        .map(|method| serde::variant(&method.name, options));
    let indices: Vec<_> = class
        .methods
        .iter()
        .map(|method| Literal::u16_unsuffixed(method.index))
        .collect();
    let summary = format!(" A method of the class `{}`.", class.name);
    let derives = serde::method_enum(options);
    let proptest = proptest::enumeration(&quote!(Method #owned), &names, &owned_payloads, options);
    quote! {
        #[doc = #summary]
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #derives
        pub enum Method #a {
            #(#[doc = #links] #renames #names(#payloads),)*
        }

        impl #a Method #a {
            /// Decodes the arguments of the method that `id` names.
            ///
            /// # Errors
            /// The class has no such method, or its arguments are malformed.
            #[inline]
            pub fn decode_arguments(
                id: amqp::MethodId,
                reader: &mut amqp::Reader #reader,
            ) -> Result<Self, amqp::DecodeError> {
                match id.method {
                    #(#indices => Ok(Self::#names(amqp::Decode::decode(reader)?)),)*
                    _ => Err(reader.error(amqp::DecodeErrorKind::UnknownMethod(id), "method")),
                }
            }

            /// The name of the method with this id, for example `queue.declare`; `None` when the class has none.
            #[must_use]
            pub const fn name_of(method_id: u16) -> Option<&'static str> {
                match method_id {
                    #(#indices => Some(#names::NAME),)*
                    _ => None,
                }
            }

            /// The method's class id and method id.
            #[inline]
            #[must_use]
            pub const fn id(&self) -> amqp::MethodId {
                match self { #(Self::#names(_) => #names::ID,)* }
            }

            /// The method's name, for example `queue.declare`.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { #(Self::#names(_) => #names::NAME,)* }
            }

            /// Which peers may send it.
            #[must_use]
            pub const fn senders(&self) -> amqp::Senders {
                match self { #(Self::#names(_) => #names::SENDERS,)* }
            }

            /// Whether a content header and body follow it.
            #[must_use]
            pub const fn has_content(&self) -> bool {
                match self { #(Self::#names(_) => #names::CONTENT,)* }
            }
        }

        /// Of the arguments alone, without the ids.
        impl amqp::Encode for Method #anonymous {
            #[inline]
            fn encoded_len(&self) -> usize {
                match self { #(Self::#names(method) => method.encoded_len(),)* }
            }

            #[inline]
            fn encode(&self, writer: &mut amqp::Writer<'_>) {
                match self { #(Self::#names(method) => method.encode(writer),)* }
            }
        }

        impl #a amqp::IntoOwned for Method #a {
            type Owned = Method #owned;

            fn into_owned(self) -> Method #owned {
                match self { #(Self::#names(method) => Method::#names(method.into_owned()),)* }
            }
        }

        #(
            impl #from_generics From<#payloads> for super::Method #from_lifetimes {
                fn from(method: #payloads) -> Self {
                    super::Method::#class_variant(Method::#names(method))
                }
            }
        )*

        #proptest
    }
}

/// The struct of a method, with the lifetimes that `select` picks.
fn payload(method: &Method, select: fn(Lifetimes) -> TokenStream) -> TokenStream {
    let name = type_ident(&method.name);
    let lifetimes = select(Lifetimes::of_method(method));
    quote!(#name #lifetimes)
}

/// The enum of the methods that may answer `method`.
fn reply_enum(class: &Class, method: &Method, options: Options) -> TokenStream {
    let name = format_ident!("{}Reply", names::upper_camel(&method.name));
    let responses: Vec<&Method> = class
        .methods
        .iter()
        .filter(|other| method.responses.contains(&other.name))
        .collect();
    let variants: Vec<_> = responses
        .iter()
        .map(|response| type_ident(&response.name))
        .collect();
    let owned: Vec<_> = responses
        .iter()
        .map(|response| payload(response, |lifetimes| lifetimes.owned))
        .collect();
    let summary = format!(" What answers `{}.{}`.", class.name, method.name);
    let links = variants.iter().map(|variant| format!(" See [`{variant}`]."));
    let proptest = proptest::enumeration(&quote!(#name), &variants, &owned, options);
    quote! {
        #[doc = #summary]
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum #name {
            #(#[doc = #links] #variants(#owned),)*
        }

        impl amqp::Reply for #name {
            const IDS: &'static [amqp::MethodId] = &[#(#variants::ID),*];

            fn decode_reply(id: amqp::MethodId, reader: &mut amqp::Reader<'_>) -> Result<Self, amqp::DecodeError> {
                #(
                    if id == #variants::ID {
                        return amqp::Reply::decode_reply(id, reader).map(Self::#variants);
                    }
                )*
                Err(reader.error(amqp::DecodeErrorKind::UnknownMethod(id), "method"))
            }
        }

        #proptest
    }
}
