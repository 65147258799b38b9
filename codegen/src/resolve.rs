//! [`Document`]s to [`Protocol`]: a list of passes, in which all mistakes of a specification come to light.

mod class;
mod docs;
mod domains;
mod names;
mod overlay;
mod read;

use std::collections::HashMap;

use crate::document::{Document, Element, Tag};
use crate::error::{Fault, Faults, Position, SpecErrors};
use crate::protocol::{Constant, ConstantKind, Domain, Protocol, Version};
use crate::quirks;

use domains::Domains;
use read::{Read, Unique};

/// Resolves a specification and the overlays on it, which apply in the order given.
///
/// # Errors
/// Every fault of the documents, with file and line.
pub fn resolve(base: &Document, overlays: &[Document]) -> Result<Protocol, SpecErrors> {
    let mut faults = Faults::default();
    let protocol = protocol(base, overlays, &mut faults);
    faults.or_errors(Some(protocol))
}

/// As [`resolve`]; after a fault the protocol is of no use.
pub(crate) fn protocol(base: &Document, overlays: &[Document], faults: &mut Faults) -> Protocol {
    let version = version(&base.root, faults);
    let (root, replaced) = overlay::apply(base, overlays, version, faults);
    let domains = Domains::new(&root, version, faults);
    domains.check_replaced(&replaced, faults);
    let constants = constants(&root, faults);
    let classes = class::classes(&root, version, &domains, faults);
    if classes.is_empty() {
        faults.report(&root.position, Fault::NoClasses);
    }
    names::check(&root, faults);
    Protocol {
        version,
        port: root.number("port", faults).unwrap_or(DEFAULT_PORT),
        sources: std::iter::once(base)
            .chain(overlays)
            .map(|document| document.root.position.file.to_string())
            .collect(),
        constants,
        domains: domain_list(&root, &domains, faults),
        classes,
    }
}

/// The port the standard assigns, for documents that do not say.
const DEFAULT_PORT: u16 = 5672;

fn version(root: &Element, faults: &mut Faults) -> Version {
    let mut part = |name| {
        let value = root.number(name, faults).unwrap_or(0);
        u8::try_from(value).unwrap_or_else(|_| {
            let fault = Fault::BadValue {
                attribute: name,
                value: value.to_string(),
                expected: "a whole number from 0 to 255",
            };
            faults.report(&root.position, fault);
            0
        })
    };
    let stated = Version {
        major: part("major"),
        minor: part("minor"),
        revision: part("revision"),
    };
    for name in ["major", "minor"] {
        root.required(name, "a version number", faults);
    }
    quirks::version(stated)
}

fn constants(root: &Element, faults: &mut Faults) -> Vec<Constant> {
    let mut unique = Unique::new("constant");
    let mut codes: HashMap<u16, (&str, &Position)> = HashMap::new();
    let mut constants = Vec::new();
    for element in root.children_of(Tag::Constant) {
        let Some(name) = unique.name(element, faults) else {
            continue;
        };
        let kind = match element.attribute("class") {
            None if names::same(name, "reply-success") => ConstantKind::Success,
            None => ConstantKind::Number,
            Some("soft-error" | "soft error") => ConstantKind::SoftError,
            Some("hard-error" | "hard error") => ConstantKind::HardError,
            Some(value) => {
                let fault = Fault::BadValue {
                    attribute: "class",
                    value: value.to_owned(),
                    expected: "`soft-error` or `hard-error`",
                };
                faults.report(&element.position, fault);
                continue;
            }
        };
        element.required("value", "a whole number from 0 to 65535", faults);
        let Some(value) = element.number("value", faults) else {
            continue;
        };
        if kind != ConstantKind::Number {
            match codes.get(&value) {
                Some((other, first)) => {
                    let fault = Fault::DuplicateReplyCode {
                        name: name.to_owned(),
                        value,
                        other: (*other).to_owned(),
                        first: (*first).clone(),
                    };
                    faults.report(&element.position, fault);
                }
                None => {
                    codes.insert(value, (name, &element.position));
                }
            }
        }
        constants.push(Constant {
            name: name.to_owned(),
            value,
            kind,
            docs: docs::of(element),
        });
    }
    constants
}

fn domain_list(root: &Element, domains: &Domains<'_>, faults: &mut Faults) -> Vec<Domain> {
    let mut list = Vec::new();
    for element in root.children_of(Tag::Domain) {
        if let Some(name) = element.attribute("name")
            && let Some(wire) = domains.wire(name, &element.position, faults)
        {
            list.push(Domain {
                name: name.to_owned(),
                wire,
                docs: docs::of(element),
            });
        }
    }
    list
}
