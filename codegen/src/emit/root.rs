//! What the classes of a revision have in common: the enums over all methods and over all content properties.

use proc_macro2::TokenStream;
use quote::quote;

use super::class::Lifetimes;
use super::{Module, Options, field_ident, proptest, serde, type_ident};
use crate::protocol::{Class, Protocol};

/// The lifetimes of the enum over all methods.
pub(super) fn lifetimes(protocol: &Protocol) -> Lifetimes {
    Lifetimes::new(
        protocol
            .classes
            .iter()
            .any(|class| !Lifetimes::of_class(class).a.is_empty()),
    )
}

pub(super) fn module(protocol: &Protocol, options: Options) -> Module {
    let version = protocol.version.to_string();
    let [a, b, c, d] = protocol.version.header().map(proc_macro2::Literal::u8_unsuffixed);
    let header_doc = format!(" The protocol header that asks for AMQP {version}.");
    let methods = methods(protocol, options);
    let properties = properties(protocol, options);
    Module {
        name: format!("v{}", version.replace('-', "_")),
        docs: format!("AMQP {version}: its constants, and per class its methods and content properties."),
        items: quote! {
            #[doc = #header_doc]
            pub const PROTOCOL_HEADER: ::amqp_protocol::ProtocolHeader =
                ::amqp_protocol::ProtocolHeader([#a, #b, #c, #d]);

            #methods
            #properties
        },
    }
}

/// A type of each class that `select` takes, with the lifetimes given.
fn payloads(classes: &[&Class], name: &str, lifetimes: impl Fn(&Class) -> TokenStream) -> Vec<TokenStream> {
    let name = super::ident(name);
    let payload = |class: &&Class| {
        let module = field_ident(&class.name);
        let lifetimes = lifetimes(class);
        quote!(#module::#name #lifetimes)
    };
    classes.iter().map(payload).collect()
}

fn methods(protocol: &Protocol, options: Options) -> TokenStream {
    let classes: Vec<&Class> = protocol
        .classes
        .iter()
        .filter(|class| !class.methods.is_empty())
        .collect();
    let Lifetimes { a, anonymous, owned } = lifetimes(protocol);
    let variants: Vec<_> = classes.iter().map(|class| type_ident(&class.name)).collect();
    let modules: Vec<_> = classes.iter().map(|class| field_ident(&class.name)).collect();
    let types = payloads(&classes, "Method", |class| Lifetimes::of_class(class).a);
    let links = modules.iter().map(|module| {
        format!(
            " Methods of [`{}`](mod@{module}).",
            module.to_string().trim_start_matches("r#")
        )
    });
    let ids = classes.iter().flat_map(|class| {
        class.methods.iter().map(|method| {
            let (module, method) = (field_ident(&class.name), type_ident(&method.name));
            quote!(#module::#method::ID)
        })
    });
    let count = classes.iter().map(|class| class.methods.len()).sum();
    let count = proc_macro2::Literal::usize_unsuffixed(count);
    let derives = serde::root_enum(options);
    let renames = classes.iter().map(|class| serde::variant(&class.name, options));
    let proptest = proptest::methods(&quote!(Method #owned), &variants, &modules, options);
    quote! {
        /// A method of any class.
        ///
        /// On the wire, and with [`Encode`](::amqp_protocol::Encode) and [`Decode`](::amqp_protocol::Decode),
        /// its class id and method id stand before its arguments.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #derives
        pub enum Method #a {
            #(#[doc = #links] #renames #variants(#types),)*
        }

        impl #a Method #a {
            /// The ids of all methods, in the order of the specification.
            pub const IDS: [::amqp_protocol::MethodId; #count] = {
                use ::amqp_protocol::Arguments as _;
                [#(#ids),*]
            };

            /// The name of the method with this id, for example `queue.declare`; `None` when there is none.
            #[must_use]
            pub const fn name_of(id: ::amqp_protocol::MethodId) -> Option<&'static str> {
                match id.class {
                    #(#modules::CLASS_ID => #modules::Method::name_of(id.method),)*
                    _ => None,
                }
            }

            /// The method's class id and method id.
            #[inline]
            #[must_use]
            pub const fn id(&self) -> ::amqp_protocol::MethodId {
                match self { #(Self::#variants(method) => method.id(),)* }
            }

            /// The method's name, for example `queue.declare`.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { #(Self::#variants(method) => method.name(),)* }
            }

            /// Which peers may send it.
            #[must_use]
            pub const fn senders(&self) -> ::amqp_protocol::Senders {
                match self { #(Self::#variants(method) => method.senders(),)* }
            }

            /// Whether a content header and body follow it.
            #[must_use]
            pub const fn has_content(&self) -> bool {
                match self { #(Self::#variants(method) => method.has_content(),)* }
            }
        }

        impl ::amqp_protocol::Encode for Method #anonymous {
            #[inline]
            fn encoded_len(&self) -> usize {
                4 + match self { #(Self::#variants(method) => method.encoded_len(),)* }
            }

            #[inline]
            fn encode(&self, writer: &mut ::amqp_protocol::Writer<'_>) {
                writer.method_id(self.id());
                match self { #(Self::#variants(method) => method.encode(writer),)* }
            }
        }

        impl<'a> ::amqp_protocol::Decode<'a> for Method #a {
            #[inline]
            fn decode(reader: &mut ::amqp_protocol::Reader<'a>) -> Result<Self, ::amqp_protocol::DecodeError> {
                let id = reader.method_id("method")?;
                match id.class {
                    #(#modules::CLASS_ID => Ok(Self::#variants(#modules::Method::decode_arguments(id, reader)?)),)*
                    _ => Err(reader.error(::amqp_protocol::DecodeErrorKind::UnknownClass(id.class), "method")),
                }
            }
        }

        impl #a ::amqp_protocol::IntoOwned for Method #a {
            type Owned = Method #owned;

            fn into_owned(self) -> Method #owned {
                match self { #(Self::#variants(method) => Method::#variants(method.into_owned()),)* }
            }
        }

        impl ::amqp_protocol::View for Method #owned {
            type Of<'a> = Method #a;
        }

        #proptest
    }
}

fn properties(protocol: &Protocol, options: Options) -> TokenStream {
    let classes: Vec<&Class> = protocol
        .classes
        .iter()
        .filter(|class| class.has_content())
        .collect();
    if classes.is_empty() {
        return quote!();
    }
    let borrows = classes
        .iter()
        .any(|class| !Lifetimes::of_properties(class).a.is_empty());
    let Lifetimes { a, anonymous, owned } = Lifetimes::new(borrows);
    let reader = if borrows { quote!(<'a>) } else { quote!(<'_>) };
    let variants: Vec<_> = classes.iter().map(|class| type_ident(&class.name)).collect();
    let modules: Vec<_> = classes.iter().map(|class| field_ident(&class.name)).collect();
    let types = payloads(&classes, "Properties", |class| Lifetimes::of_properties(class).a);
    let links = modules
        .iter()
        .map(|module| format!(" See [`{module}::Properties`]."));
    let owned_types = payloads(&classes, "Properties", |class| {
        Lifetimes::of_properties(class).owned
    });
    let derives = serde::properties_enum(options);
    let renames = classes.iter().map(|class| serde::variant(&class.name, options));
    let proptest = proptest::enumeration(
        &quote!(ContentProperties #owned),
        &variants,
        &owned_types,
        options,
    );
    quote! {
        /// Content properties of any class that carries content.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #derives
        pub enum ContentProperties #a {
            #(#[doc = #links] #renames #variants(#types),)*
        }

        impl #a ContentProperties #a {
            /// Decodes the properties of the class that a content header names.
            ///
            /// # Errors
            /// The class carries no content, or the properties are malformed.
            #[inline]
            pub fn decode(class_id: u16, reader: &mut ::amqp_protocol::Reader #reader) -> Result<Self, ::amqp_protocol::DecodeError> {
                match class_id {
                    #(#modules::CLASS_ID => ::amqp_protocol::Decode::decode(reader).map(Self::#variants),)*
                    _ => Err(reader.error(::amqp_protocol::DecodeErrorKind::UnknownClass(class_id), "header")),
                }
            }

            /// The class id that stands in the content header.
            #[must_use]
            pub const fn class_id(&self) -> u16 {
                match self { #(Self::#variants(_) => #modules::CLASS_ID,)* }
            }
        }

        impl ::amqp_protocol::Encode for ContentProperties #anonymous {
            #[inline]
            fn encoded_len(&self) -> usize {
                match self { #(Self::#variants(properties) => properties.encoded_len(),)* }
            }

            #[inline]
            fn encode(&self, writer: &mut ::amqp_protocol::Writer<'_>) {
                match self { #(Self::#variants(properties) => properties.encode(writer),)* }
            }
        }

        impl #a ::amqp_protocol::IntoOwned for ContentProperties #a {
            type Owned = ContentProperties #owned;

            fn into_owned(self) -> ContentProperties #owned {
                match self { #(Self::#variants(properties) => ContentProperties::#variants(properties.into_owned()),)* }
            }
        }

        #proptest
    }
}
