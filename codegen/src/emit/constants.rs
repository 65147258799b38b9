//! The constants of a revision, and what is known about its reply codes.

use quote::quote;

use super::{Module, docs, ident};
use crate::names;
use crate::protocol::{ConstantKind, Protocol};

pub(super) fn module(protocol: &Protocol) -> Module {
    let constants = protocol.constants.iter().map(|constant| {
        let docs = docs::attributes(&constant.docs, &format!("The constant `{}`", constant.name), &[]);
        let name = ident(&names::shouty(&constant.name));
        let value = constant.value;
        match constant.kind {
            ConstantKind::Number => {
                let value = proc_macro2::Literal::u16_unsuffixed(value);
                quote!(#docs pub const #name: u16 = #value;)
            }
            _ => {
                let value = proc_macro2::Literal::u16_unsuffixed(value);
                quote!(#docs pub const #name: amqp::ReplyCode = amqp::ReplyCode(#value);)
            }
        }
    });
    let codes = || {
        protocol
            .constants
            .iter()
            .filter(|constant| constant.kind != ConstantKind::Number)
    };
    let code_idents: Vec<_> = codes()
        .map(|constant| ident(&names::shouty(&constant.name)))
        .collect();
    let code_names = codes().map(|constant| names::shouty(&constant.name));
    let of_kind = |kind| {
        let idents: Vec<_> = codes()
            .filter(|constant| constant.kind == kind)
            .map(|constant| ident(&names::shouty(&constant.name)))
            .collect();
        idents
    };
    let arm = |kind, severity: &str| {
        let idents = of_kind(kind);
        let severity = ident(severity);
        (!idents.is_empty()).then(|| quote!(#(#idents)|* => Some(amqp::Severity::#severity),))
    };
    let soft = arm(ConstantKind::SoftError, "Channel");
    let hard = arm(ConstantKind::HardError, "Connection");
    Module {
        name: "constants".to_owned(),
        docs: "The constants: numbers of the protocol, and reply codes. \
               A codec wants those of [`frame`](::amqp_protocol::frame)."
            .to_owned(),
        items: quote! {
            use ::amqp_protocol as amqp;

            #(#constants)*

            /// The name of a reply code in this revision, for example `NOT_FOUND`.
            #[must_use]
            pub const fn reply_name(code: amqp::ReplyCode) -> Option<&'static str> {
                match code {
                    #(#code_idents => Some(#code_names),)*
                    _ => None,
                }
            }

            /// What an error with this reply code closes, the channel or the connection;
            /// `None` for a code that is no error or that this revision does not know.
            #[must_use]
            pub const fn severity(code: amqp::ReplyCode) -> Option<amqp::Severity> {
                match code {
                    #soft
                    #hard
                    _ => None,
                }
            }
        },
    }
}
