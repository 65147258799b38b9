//! A method: its struct, and the traits that tie it to the wire, to its ids and to its reply.

use proc_macro2::TokenStream;
use quote::quote;

use super::class::Lifetimes;
use super::{Options, docs, field, field_ident, proptest, serde, type_ident};
use crate::names;
use crate::protocol::{Argument, Class, Field, Method, WireType};

pub(super) fn items(class: &Class, method: &Method, options: Options) -> TokenStream {
    let name = type_ident(&method.name);
    let lifetimes = Lifetimes::of_method(method);
    let shown: Vec<&Field> = method.fields().filter(|field| !field.reserved).collect();
    let structure = structure(class, method, &shown, &lifetimes, options);
    let codec = codec(class, method, &lifetimes);
    let owned = into_owned(&quote!(#name), &shown, &lifetimes);
    let arguments = arguments(class, method, &lifetimes);
    let request = request(class, method, &shown, &lifetimes);
    let reply = method.is_response.then(|| reply(method, &lifetimes));
    let proptest = proptest::structure(&name, &shown, &lifetimes, options);
    quote! {
        #structure
        #codec
        #owned
        #arguments
        #request
        #reply
        #proptest
    }
}

fn structure(
    class: &Class,
    method: &Method,
    shown: &[&Field],
    lifetimes: &Lifetimes,
    options: Options,
) -> TokenStream {
    let name = type_ident(&method.name);
    let a = &lifetimes.a;
    let copy = a.is_empty().then(|| quote!(Copy,));
    let fallback = format!("The method `{}.{}`", class.name, method.name);
    let docs = docs::attributes(&method.docs, &fallback, &facts(class, method));
    let derives = serde::structure(options);
    let fields = shown.iter().map(|item| {
        let docs = docs::attributes(&item.docs, &field::fallback(item), &[]);
        let rename = serde::rename(item, options);
        let name = field_ident(&item.name);
        let rust = field::rust_type(item, &quote!('a));
        quote!(#docs #rename pub #name: #rust,)
    });
    quote! {
        #docs
        #[derive(Clone, #copy Debug, Default, PartialEq, Eq, Hash)]
        #derives
        pub struct #name #a {
            #(#fields)*
        }
    }
}

/// What the specification states about the method beside its prose.
fn facts(class: &Class, method: &Method) -> Vec<String> {
    let senders = match (method.chassis.server.is_some(), method.chassis.client.is_some()) {
        (true, true) => "either peer",
        (true, false) => "the client",
        _ => "the server",
    };
    let answered = match method.responses.as_slice() {
        [] => String::new(),
        responses => {
            let links: Vec<_> = responses
                .iter()
                .map(|response| format!("[`{}`]", type_ident(response)))
                .collect();
            format!(", answered by {}", links.join(" or "))
        }
    };
    let content = if method.content {
        ", followed by a content header and body"
    } else {
        ""
    };
    let deprecated = if method.deprecated {
        ", deprecated by the standard"
    } else {
        ""
    };
    vec![format!(
        "`{}.{}` ({}.{}), sent by {senders}{answered}{content}{deprecated}.",
        class.name, method.name, class.index, method.index
    )]
}

fn codec(class: &Class, method: &Method, lifetimes: &Lifetimes) -> TokenStream {
    let name = type_ident(&method.name);
    let Lifetimes { a, anonymous, .. } = lifetimes;
    let path = format!("{}.{}", names::plain(&class.name), names::plain(&method.name));
    let len = encoded_len(method);
    let writes = method.arguments.iter().map(write);
    let reads = method.arguments.iter().map(|argument| read(&path, argument));
    let inits = method.fields().filter(|item| !item.reserved).map(init);
    let (writer, reader) = match method.arguments.as_slice() {
        [] => (quote!(_writer), quote!(_reader)),
        _ => (quote!(writer), quote!(reader)),
    };
    quote! {
        impl amqp::Encode for #name #anonymous {
            #[inline]
            fn encoded_len(&self) -> usize {
                #len
            }

            #[inline]
            fn encode(&self, #writer: &mut amqp::Writer<'_>) {
                #(#writes)*
            }
        }

        impl<'a> amqp::Decode<'a> for #name #a {
            #[inline]
            fn decode(#reader: &mut amqp::Reader<'a>) -> Result<Self, amqp::DecodeError> {
                #(#reads)*
                Ok(Self { #(#inits),* })
            }
        }
    }
}

fn init(item: &Field) -> TokenStream {
    let name = field_ident(&item.name);
    let local = field::local(item);
    if name == local {
        quote!(#name)
    } else {
        quote!(#name: #local)
    }
}

fn encoded_len(method: &Method) -> TokenStream {
    let mut fixed = 0;
    let mut terms = Vec::new();
    for argument in &method.arguments {
        match argument {
            Argument::Bits(run) => fixed += run.len().div_ceil(8),
            Argument::Field(item) if item.reserved => fixed += field::zero_len(item.wire),
            Argument::Field(item) => match field::fixed_len(item.wire) {
                Some(len) => fixed += len,
                None => {
                    let name = field_ident(&item.name);
                    terms.push(quote!(self.#name.encoded_len()));
                }
            },
        }
    }
    if fixed > 0 || terms.is_empty() {
        let fixed = proc_macro2::Literal::usize_unsuffixed(fixed);
        terms.insert(0, quote!(#fixed));
    }
    quote!(#(#terms)+*)
}

fn write(argument: &Argument) -> TokenStream {
    let value = |item: &Field| {
        let name = field_ident(&item.name);
        if item.reserved {
            field::zero(item.wire)
        } else {
            field::argument(item, &quote!(self.#name))
        }
    };
    match argument {
        Argument::Field(item) => {
            let call = field::call(item);
            let value = value(item);
            quote!(writer.#call(#value);)
        }
        Argument::Bits(run) => {
            let values = run.iter().map(value);
            quote!(writer.bits([#(#values),*]);)
        }
    }
}

fn read(path: &str, argument: &Argument) -> TokenStream {
    match argument {
        Argument::Field(item) => {
            let call = field::call(item);
            let context = field::context(path, item);
            if item.reserved {
                quote!(reader.#call(#context)?;)
            } else {
                let local = field::local(item);
                quote!(let #local = reader.#call(#context)?;)
            }
        }
        Argument::Bits(run) => {
            let context = run
                .first()
                .map(|first| field::context(path, first))
                .unwrap_or_default();
            let locals = run.iter().map(|item| {
                let local = field::local(item);
                if item.reserved { quote!(_) } else { quote!(#local) }
            });
            quote!(let [#(#locals),*] = reader.bits(#context)?;)
        }
    }
}

/// `IntoOwned` and `View` of a struct.
pub(super) fn into_owned(name: &TokenStream, shown: &[&Field], lifetimes: &Lifetimes) -> TokenStream {
    let Lifetimes { a, owned, .. } = lifetimes;
    let body = if a.is_empty() {
        quote!(self)
    } else {
        let inits = shown.iter().map(|item| {
            let name = field_ident(&item.name);
            if item.wire.borrows() {
                quote!(#name: self.#name.into_owned())
            } else {
                quote!(#name: self.#name)
            }
        });
        quote!(#name { #(#inits),* })
    };
    quote! {
        impl #a amqp::IntoOwned for #name #a {
            type Owned = #name #owned;

            fn into_owned(self) -> #name #owned {
                #body
            }
        }

        impl amqp::View for #name #owned {
            type Of<'a> = #name #a;
        }
    }
}

fn arguments(class: &Class, method: &Method, lifetimes: &Lifetimes) -> TokenStream {
    let name = type_ident(&method.name);
    let anonymous = &lifetimes.anonymous;
    let [class_id, method_id] = [class.index, method.index].map(proc_macro2::Literal::u16_unsuffixed);
    let path = format!("{}.{}", names::plain(&class.name), names::plain(&method.name));
    // The peer that receives a method is named by its chassis, hence the other one sends it.
    let senders = match (method.chassis.server.is_some(), method.chassis.client.is_some()) {
        (true, true) => quote!(BOTH),
        (true, false) => quote!(CLIENT),
        _ => quote!(SERVER),
    };
    let (synchronous, content) = (method.synchronous, method.content);
    quote! {
        impl amqp::Arguments for #name #anonymous {
            const ID: amqp::MethodId = amqp::MethodId::new(#class_id, #method_id);
            const NAME: &'static str = #path;
            const SENDERS: amqp::Senders = amqp::Senders::#senders;
            const SYNCHRONOUS: bool = #synchronous;
            const CONTENT: bool = #content;
        }
    }
}

fn request(class: &Class, method: &Method, shown: &[&Field], lifetimes: &Lifetimes) -> TokenStream {
    let name = type_ident(&method.name);
    let anonymous = &lifetimes.anonymous;
    let reply = match method.responses.as_slice() {
        [] => return quote!(),
        [response] => {
            let owned = class
                .methods
                .iter()
                .find(|other| other.name == *response)
                .map(|response| Lifetimes::of_method(response).owned);
            let response = type_ident(response);
            quote!(#response #owned)
        }
        _ => {
            let reply = quote::format_ident!("{}Reply", names::upper_camel(&method.name));
            quote!(#reply)
        }
    };
    let no_wait = shown.iter().find(|item| is_no_wait(item)).map(|item| {
        let field = field_ident(&item.name);
        quote! {
            const NO_WAIT: bool = true;

            fn no_wait(&self) -> bool {
                self.#field
            }

            fn set_no_wait(&mut self, no_wait: bool) {
                self.#field = no_wait;
            }
        }
    });
    quote! {
        impl amqp::Request for #name #anonymous {
            type Reply = #reply;

            #no_wait
        }
    }
}

/// Whether the field asks the peer not to answer.
fn is_no_wait(item: &Field) -> bool {
    item.wire == WireType::Bit && names::plain(&item.name).replace('_', "") == "nowait"
}

fn reply(method: &Method, lifetimes: &Lifetimes) -> TokenStream {
    let name = type_ident(&method.name);
    let owned = &lifetimes.owned;
    let value = if owned.is_empty() {
        quote!(amqp::Decode::decode(reader))
    } else {
        quote!(Ok(amqp::IntoOwned::into_owned(<#name<'_> as amqp::Decode<'_>>::decode(reader)?)))
    };
    quote! {
        impl amqp::Reply for #name #owned {
            const IDS: &'static [amqp::MethodId] = &[Self::ID];

            fn decode_reply(id: amqp::MethodId, reader: &mut amqp::Reader<'_>) -> Result<Self, amqp::DecodeError> {
                if id == Self::ID { #value } else { Err(reader.error(amqp::DecodeErrorKind::UnknownMethod(id), "method")) }
            }
        }
    }
}
