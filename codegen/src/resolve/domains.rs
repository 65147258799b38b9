//! Follows domains to the primitive types they end in.

use std::collections::{HashMap, HashSet};

use super::overlay::ReplacedField;
use super::read::{Read, Unique};
use crate::document::{Element, Tag};
use crate::error::{Fault, Faults, Position};
use crate::protocol::{Version, WireType};
use crate::quirks;

pub(super) struct Domains<'a> {
    version: Version,
    defined: HashMap<&'a str, Definition<'a>>,
    /// Where each one ends; `None` after a fault, which is reported where the fault is and nowhere else.
    ends: HashMap<&'a str, Option<WireType>>,
}

#[derive(Clone, Copy)]
struct Definition<'a> {
    name: &'a str,
    base: &'a str,
    position: &'a Position,
}

impl<'a> Domains<'a> {
    pub(super) fn new(root: &'a Element, version: Version, faults: &mut Faults) -> Self {
        let mut domains = Self {
            version,
            defined: HashMap::new(),
            ends: HashMap::new(),
        };
        let mut unique = Unique::new("domain");
        let mut order = Vec::new();
        for element in root.children_of(Tag::Domain) {
            let Some(name) = unique.name(element, faults) else {
                continue;
            };
            match element.required("type", "a primitive type or another domain", faults) {
                Some(base) => {
                    let position = &element.position;
                    let definition = Definition { name, base, position };
                    domains.defined.insert(name, definition);
                    order.push(definition);
                }
                None => {
                    domains.ends.insert(name, None);
                }
            }
        }
        for definition in order {
            domains.follow(definition, faults);
        }
        domains
    }

    /// Walks from a domain to a primitive type, and remembers the end for all it came by.
    fn follow(&mut self, start: Definition<'a>, faults: &mut Faults) {
        let mut walk = vec![start];
        let mut seen = HashSet::from([start.name]);
        let end = loop {
            let Some(&last) = walk.last() else { break None };
            if let Some(end) = self.ends.get(last.name) {
                break *end;
            }
            // A primitive type may be declared as a domain of its own name.
            let next = match self.find(last.base) {
                Some(next) if next.name != last.name || primitive(last.base).is_none() => next,
                _ => match self.end(last.base) {
                    Ok(end) => break end,
                    Err(fault) => {
                        faults.report(last.position, fault);
                        break None;
                    }
                },
            };
            if !seen.insert(next.name) {
                let cycle = walk.iter().skip_while(|link| link.name != next.name);
                let links = cycle.chain([&next]).map(|link| format!("`{}`", link.name));
                let fault = Fault::CyclicDomain {
                    domain: next.name.to_owned(),
                    chain: links.collect::<Vec<_>>().join(" is a "),
                };
                faults.report(next.position, fault);
                break None;
            }
            walk.push(next);
        };
        for link in walk {
            self.ends.insert(link.name, end);
        }
    }

    /// The definition of a name, which may be written with spaces for hyphens.
    fn find(&self, name: &str) -> Option<Definition<'a>> {
        let defined = self.defined.get(name);
        defined
            .or_else(|| self.defined.get(name.replace(' ', "-").as_str()))
            .copied()
    }

    /// What a name ends in that is no longer to be followed.
    fn end(&self, name: &str) -> Result<Option<WireType>, Fault> {
        let known = self
            .ends
            .get(name)
            .or_else(|| self.ends.get(name.replace(' ', "-").as_str()));
        match known {
            Some(end) => Ok(*end),
            None => primitive(name)
                .or_else(|| quirks::domain(self.version, name))
                .map(Some)
                .ok_or_else(|| Fault::UnknownDomain {
                    domain: name.to_owned(),
                    primitives: WireType::NAMED.map(|(known, _)| known).join(", "),
                }),
        }
    }

    /// The primitive type that a domain ends in; an unknown domain is reported at `position`.
    pub(super) fn wire(&self, domain: &str, position: &Position, faults: &mut Faults) -> Option<WireType> {
        self.end(domain).unwrap_or_else(|fault| {
            faults.report(position, fault);
            None
        })
    }

    /// Sees that the fields an overlay put in the place of others have the same wire type.
    pub(super) fn check_replaced(&self, replaced: &[ReplacedField], faults: &mut Faults) {
        for ReplacedField { base, replacement } in replaced {
            let wire = |element: &Element| {
                element
                    .attribute("domain")
                    .or(element.attribute("type"))
                    .and_then(|name| self.end(name).ok().flatten())
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

fn primitive(name: &str) -> Option<WireType> {
    let mut named = WireType::NAMED.iter();
    named.find(|(known, _)| *known == name).map(|(_, wire)| *wire)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml;

    const V0_9: Version = Version {
        major: 0,
        minor: 9,
        revision: 0,
    };

    fn ends(domains: &str, names: &[&str]) -> (Vec<Option<WireType>>, Vec<String>) {
        let text = format!("<amqp>{domains}</amqp>");
        let document = xml::parse("test.xml", &text).expect("well-formed");
        let mut faults = Faults::default();
        let domains = Domains::new(&document.root, V0_9, &mut faults);
        let position = &document.root.position;
        let ends = names
            .iter()
            .map(|name| domains.wire(name, position, &mut faults))
            .collect();
        let faults = match faults.or_errors(Some(())) {
            Ok(()) => Vec::new(),
            Err(faults) => faults
                .as_slice()
                .iter()
                .map(|error| error.fault.to_string())
                .collect(),
        };
        (ends, faults)
    }

    #[test]
    fn a_chain_ends_in_a_primitive_type() {
        let (ends, faults) = ends(
            r#"<domain name="a" type="b"/><domain name="b-c" type="short"/><domain name="b" type="b c"/>
               <domain name="bit" type="bit"/>"#,
            &["a", "b", "b c", "bit", "octet", "content"],
        );
        let (short, bit) = (Some(WireType::Short), Some(WireType::Bit));
        let content = Some(WireType::Content);
        assert_eq!(ends, [short, short, short, bit, Some(WireType::Octet), content]);
        assert_eq!(faults, [""; 0]);
    }

    #[test]
    fn a_cycle_is_reported_once() {
        let (ends, faults) = ends(
            r#"<domain name="in" type="a"/><domain name="a" type="b"/><domain name="b" type="a"/>
               <domain name="self" type="self"/>"#,
            &["in", "a", "b", "self"],
        );
        assert_eq!(ends, [None; 4]);
        assert_eq!(
            faults,
            [
                "domain `a` is defined by itself: `a` is a `b` is a `a`; expected a chain that ends in a primitive type",
                "domain `self` is defined by itself: `self` is a `self`; expected a chain that ends in a primitive type",
            ]
        );
    }

    #[test]
    fn an_unknown_type_is_reported_where_it_stands() {
        let (ends, faults) = ends(
            r#"<domain name="a" type="b"/><domain name="b" type="strange"/>"#,
            &["a", "b", "odd"],
        );
        assert_eq!(ends, [None; 3]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(
            faults
                .iter()
                .any(|fault| fault.starts_with("unknown domain `strange`")),
            "{faults:?}"
        );
        assert!(
            faults
                .iter()
                .any(|fault| fault.starts_with("unknown domain `odd`")),
            "{faults:?}"
        );
    }
}
