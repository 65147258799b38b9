//! Follows domains to the primitive types they end in.

use std::collections::HashMap;

use super::overlay::ReplacedField;
use super::read::{Read, Unique};
use crate::document::{Element, Tag};
use crate::error::{Fault, Faults, Position};
use crate::protocol::{Version, WireType};
use crate::quirks;

pub(super) struct Domains<'a> {
    version: Version,
    types: HashMap<&'a str, &'a str>,
}

impl<'a> Domains<'a> {
    pub(super) fn new(root: &'a Element, version: Version, faults: &mut Faults) -> Self {
        let mut unique = Unique::new("domain");
        let mut types = HashMap::new();
        for element in root.children_of(Tag::Domain) {
            let Some(name) = unique.name(element, faults) else {
                continue;
            };
            if let Some(wire) = element.required("type", "a primitive type or another domain", faults) {
                types.insert(name, wire);
            }
        }
        Self { version, types }
    }

    /// The primitive type that a domain ends in; a fault is reported at `position`.
    pub(super) fn wire(&self, domain: &str, position: &Position, faults: &mut Faults) -> Option<WireType> {
        self.follow(domain)
            .map_err(|fault| faults.report(position, fault))
            .ok()
    }

    fn follow(&self, domain: &str) -> Result<WireType, Fault> {
        let mut chain = vec![domain];
        loop {
            let name = chain.last().copied().unwrap_or(domain);
            let hyphenated = name.replace(' ', "-");
            let next = self
                .types
                .get(name)
                .or_else(|| self.types.get(hyphenated.as_str()))
                .copied();
            match next {
                // A primitive type may be declared as a domain of its own name.
                Some(next) if next != name => {
                    if chain.contains(&next) {
                        let chain = chain
                            .iter()
                            .map(|link| format!("`{link}`"))
                            .collect::<Vec<_>>()
                            .join(", ");
                        return Err(Fault::CyclicDomain {
                            domain: domain.to_owned(),
                            chain,
                        });
                    }
                    chain.push(next);
                }
                _ => return self.primitive(name),
            }
        }
    }

    fn primitive(&self, name: &str) -> Result<WireType, Fault> {
        let named = WireType::NAMED
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, wire)| *wire);
        named
            .or_else(|| quirks::domain(self.version, name))
            .ok_or_else(|| {
                if self.types.contains_key(name) {
                    return Fault::CyclicDomain {
                        domain: name.to_owned(),
                        chain: format!("`{name}`"),
                    };
                }
                let primitives = WireType::NAMED.map(|(known, _)| known).join(", ");
                Fault::UnknownDomain {
                    domain: name.to_owned(),
                    primitives,
                }
            })
    }

    /// Sees that the fields an overlay put in the place of others have the same wire type.
    pub(super) fn check_replaced(&self, replaced: &[ReplacedField], faults: &mut Faults) {
        for ReplacedField { base, replacement } in replaced {
            let wire = |element: &Element| {
                element
                    .attribute("domain")
                    .or(element.attribute("type"))
                    .and_then(|name| self.follow(name).ok())
            };
            if let (Some(old), Some(new)) = (wire(base), wire(replacement))
                && old != new
            {
                let field = base.attribute("name").unwrap_or_default().to_owned();
                let fault = Fault::OverlayType {
                    field,
                    base: old.name(),
                    replacement: new.name(),
                };
                faults.report(&replacement.position, fault);
            }
        }
    }
}
