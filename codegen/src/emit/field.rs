//! How one field stands in Rust: its type, its length, and the runtime calls that read and write it.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::field_ident;
use crate::names;
use crate::protocol::{Field, WireType};

/// Domains whose values must not be mixed up with other integers, and the runtime's types for them.
const NEWTYPES: [(&str, &str, &str); 2] = [
    ("delivery_tag", "DeliveryTag", "delivery_tag"),
    ("reply_code", "ReplyCode", "reply_code"),
];

fn newtype(field: &Field) -> Option<(Ident, Ident)> {
    let domain = names::plain(&field.domain);
    let expected = |name: &str| {
        matches!(
            (name, field.wire),
            ("delivery_tag", WireType::LongLong) | ("reply_code", WireType::Short)
        )
    };
    NEWTYPES
        .iter()
        .find(|(name, ..)| *name == domain && expected(name))
        .map(|(_, rust, call)| (format_ident!("{rust}"), format_ident!("{call}")))
}

/// What is said of a field of which the specification says nothing.
pub(super) fn fallback(field: &Field) -> String {
    format!("`{}` ({})", field.name, field.domain)
}

/// The field's type; `lifetime` stands in types that borrow.
pub(super) fn rust_type(field: &Field, lifetime: &TokenStream) -> TokenStream {
    if let Some((rust, _)) = newtype(field) {
        return quote!(amqp::#rust);
    }
    match field.wire {
        WireType::Bit => quote!(bool),
        WireType::Octet => quote!(u8),
        WireType::Short => quote!(u16),
        WireType::Long => quote!(u32),
        WireType::LongLong | WireType::Timestamp => quote!(u64),
        WireType::ShortStr => quote!(amqp::ShortStr<#lifetime>),
        WireType::LongStr => quote!(amqp::LongStr<#lifetime>),
        WireType::Table => quote!(amqp::FieldTable<#lifetime>),
        WireType::Content => quote!(amqp::Content<#lifetime>),
    }
}

/// The runtime's name for reading and writing the field.
pub(super) fn call(field: &Field) -> Ident {
    newtype(field).map_or_else(|| format_ident!("{}", field.wire.name()), |(_, call)| call)
}

/// Octets the field takes when they do not depend on its value.
pub(super) fn fixed_len(wire: WireType) -> Option<usize> {
    match wire {
        WireType::Bit => Some(0),
        WireType::Octet => Some(1),
        WireType::Short => Some(2),
        WireType::Long => Some(4),
        WireType::LongLong | WireType::Timestamp => Some(8),
        WireType::ShortStr | WireType::LongStr | WireType::Table | WireType::Content => None,
    }
}

/// What a reserved field is sent as.
pub(super) fn zero(wire: WireType) -> TokenStream {
    match wire {
        WireType::Bit => quote!(false),
        WireType::ShortStr => quote!(&amqp::ShortStr::default()),
        WireType::LongStr => quote!(&amqp::LongStr::default()),
        WireType::Table => quote!(&amqp::FieldTable::default()),
        WireType::Content => quote!(&amqp::Content::default()),
        _ => quote!(0),
    }
}

/// Octets a reserved field takes.
pub(super) fn zero_len(wire: WireType) -> usize {
    match wire {
        WireType::ShortStr => 1,
        WireType::LongStr | WireType::Table => 4,
        WireType::Content => 5,
        fixed => fixed_len(fixed).unwrap_or(0),
    }
}

/// An expression for the value as a runtime call wants it: by reference when it borrows.
pub(super) fn argument(field: &Field, value: &TokenStream) -> TokenStream {
    if field.wire.borrows() {
        quote!(&#value)
    } else {
        value.clone()
    }
}

/// The name of a local variable that holds the field while decoding.
pub(super) fn local(field: &Field) -> Ident {
    let name = field_ident(&field.name);
    // The next field is read from `reader`, and if it is a property then because `flags` says so.
    if name == "reader" || name == "flags" {
        format_ident!("{name}_")
    } else {
        name
    }
}

/// Where a decoding error says it happened: `queue.declare.arguments`.
pub(super) fn context(path: &str, field: &Field) -> String {
    format!("{path}.{}", names::plain(&field.name))
}
