//! Resolves classes, their methods and fields: numbers, sides, responses, runs of bits.

use std::collections::{HashMap, HashSet};

use super::docs;
use super::domains::Domains;
use super::read::{Read, Unique};
use crate::document::{Element, Tag};
use crate::error::{Fault, Faults, Position, listed};
use crate::protocol::{Argument, Chassis, Class, Field, Method, Support, Version, WireType};
use crate::quirks;

/// The flag words that the runtime reads hold this many properties.
const MAX_PROPERTIES: usize = 60;

pub(super) fn classes(
    root: &Element,
    version: Version,
    domains: &Domains<'_>,
    faults: &mut Faults,
) -> Vec<Class> {
    let mut names = Unique::new("class");
    let mut indices = Indices {
        kind: "class",
        seen: HashMap::new(),
    };
    let mut classes = Vec::new();
    for element in root.children_of(Tag::Class) {
        let name = names.name(element, faults);
        let index = indices.index(element, name, faults);
        let class = Class {
            name: name.unwrap_or_default().to_owned(),
            index: index.unwrap_or_default(),
            handler: element
                .attribute("handler")
                .or(name)
                .unwrap_or_default()
                .to_owned(),
            chassis: chassis(element, faults),
            docs: docs::of(element),
            properties: properties(element, domains, faults),
            methods: methods(element, version, domains, faults),
        };
        classes.push(class);
    }
    classes
}

fn properties(class: &Element, domains: &Domains<'_>, faults: &mut Faults) -> Vec<Field> {
    let properties = fields(class, "property", domains, faults);
    for (property, element) in properties.iter().zip(class.children_of(Tag::Field)) {
        if property.reserved {
            faults.report(
                &element.position,
                Fault::ReservedProperty {
                    property: property.name.clone(),
                },
            );
        }
    }
    if properties.len() > MAX_PROPERTIES {
        let fault = Fault::TooManyProperties {
            class: class.attribute("name").unwrap_or_default().to_owned(),
            count: properties.len(),
            limit: MAX_PROPERTIES,
        };
        faults.report(&class.position, fault);
    }
    properties
}

fn methods(class: &Element, version: Version, domains: &Domains<'_>, faults: &mut Faults) -> Vec<Method> {
    let mut names = Unique::new("method");
    let mut indices = Indices {
        kind: "method",
        seen: HashMap::new(),
    };
    let siblings: HashSet<&str> = method_names(class).collect();
    let mut methods: Vec<Method> = Vec::new();
    for element in class.children_of(Tag::Method) {
        let name = names.name(element, faults);
        let index = indices.index(element, name, faults);
        let name = name.unwrap_or_default();
        let chassis = chassis(element, faults);
        if element.children_of(Tag::Chassis).next().is_none() {
            faults.report(
                &element.position,
                Fault::NoChassis {
                    method: name.to_owned(),
                },
            );
        }
        methods.push(Method {
            name: name.to_owned(),
            index: index.unwrap_or_default(),
            synchronous: element.flag("synchronous", faults),
            content: element.flag("content", faults),
            deprecated: element.flag("deprecated", faults),
            chassis,
            responses: responses(class, element, version, &siblings, faults),
            is_response: false,
            docs: docs::of(element),
            arguments: arguments(fields(element, "field", domains, faults)),
        });
    }
    let answers: HashSet<String> = methods
        .iter()
        .flat_map(|method| method.responses.clone())
        .collect();
    for method in &mut methods {
        method.is_response = answers.contains(&method.name);
    }
    methods
}

fn method_names(class: &Element) -> impl Iterator<Item = &str> {
    class
        .children_of(Tag::Method)
        .filter_map(|method| method.attribute("name"))
}

fn responses(
    class: &Element,
    method: &Element,
    version: Version,
    siblings: &HashSet<&str>,
    faults: &mut Faults,
) -> Vec<String> {
    let attribute = |element: &Element| element.attribute("name").unwrap_or_default().to_owned();
    let mut unique = Unique::new("response");
    let mut responses = Vec::new();
    for element in method.children_of(Tag::Response) {
        let Some(response) = unique.name(element, faults) else {
            continue;
        };
        if siblings.contains(response) {
            responses.push(response.to_owned());
        } else {
            let fault = Fault::UnknownResponse {
                response: response.to_owned(),
                method: attribute(method),
                class: attribute(class),
                methods: listed(method_names(class)),
            };
            faults.report(&element.position, fault);
        }
    }
    if responses.is_empty()
        && let Some(response) = quirks::response(version, &attribute(class), &attribute(method))
        && siblings.contains(response)
    {
        responses.push(response.to_owned());
    }
    responses
}

fn chassis(element: &Element, faults: &mut Faults) -> Chassis {
    let mut unique = Unique::new("chassis");
    let mut chassis = Chassis::default();
    for child in element.children_of(Tag::Chassis) {
        let Some(name) = unique.name(child, faults) else {
            continue;
        };
        let support = match child.required("implement", "MUST, SHOULD or MAY", faults) {
            Some("MUST") => Support::Must,
            Some("SHOULD") => Support::Should,
            Some("MAY") => Support::May,
            Some(value) => {
                let expected = "MUST, SHOULD or MAY";
                let fault = Fault::BadValue {
                    attribute: "implement",
                    value: value.to_owned(),
                    expected,
                };
                faults.report(&child.position, fault);
                continue;
            }
            None => continue,
        };
        match name {
            "server" => chassis.server = Some(support),
            "client" => chassis.client = Some(support),
            _ => {
                let expected = "`server` or `client`";
                let fault = Fault::BadValue {
                    attribute: "name",
                    value: name.to_owned(),
                    expected,
                };
                faults.report(&child.position, fault);
            }
        }
    }
    chassis
}

fn fields(parent: &Element, kind: &'static str, domains: &Domains<'_>, faults: &mut Faults) -> Vec<Field> {
    let mut names = Unique::new(kind);
    let mut fields = Vec::new();
    for element in parent.children_of(Tag::Field) {
        let name = names.name(element, faults).unwrap_or_default().to_owned();
        let domain = match (element.attribute("domain"), element.attribute("type")) {
            (Some(domain), None) | (None, Some(domain)) => domain.to_owned(),
            (Some(_), Some(_)) => {
                faults.report(&element.position, Fault::FieldWithTwoTypes { field: name });
                continue;
            }
            (None, None) => {
                faults.report(&element.position, Fault::FieldWithoutType { field: name });
                continue;
            }
        };
        let reserved = element.flag("reserved", faults);
        if let Some(wire) = domains.wire(&domain, &element.position, faults) {
            fields.push(Field {
                name,
                domain,
                wire,
                reserved,
                docs: docs::of(element),
            });
        }
    }
    fields
}

/// Places runs of bits: consecutive bit fields share octets, any other field ends the run.
fn arguments(fields: Vec<Field>) -> Vec<Argument> {
    let mut arguments: Vec<Argument> = Vec::new();
    for field in fields {
        match (arguments.last_mut(), field.wire) {
            (Some(Argument::Bits(run)), WireType::Bit) => run.push(field),
            (_, WireType::Bit) => arguments.push(Argument::Bits(vec![field])),
            _ => arguments.push(Argument::Field(field)),
        }
    }
    arguments
}

/// Reads indices of one scope, and sees that each stands once.
struct Indices<'a> {
    kind: &'static str,
    seen: HashMap<u16, (&'a str, &'a Position)>,
}

impl<'a> Indices<'a> {
    fn index(&mut self, element: &'a Element, name: Option<&'a str>, faults: &mut Faults) -> Option<u16> {
        element.required("index", "a whole number from 0 to 65535", faults)?;
        let index = element.number("index", faults)?;
        let name = name?;
        if let Some((other, first)) = self.seen.get(&index) {
            let fault = Fault::DuplicateIndex {
                kind: self.kind,
                name: name.to_owned(),
                index,
                other: (*other).to_owned(),
                first: (*first).clone(),
            };
            faults.report(&element.position, fault);
            return None;
        }
        self.seen.insert(index, (name, &element.position));
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Docs;

    fn field(name: &str, wire: WireType) -> Field {
        Field {
            name: name.to_owned(),
            domain: wire.name().to_owned(),
            wire,
            reserved: false,
            docs: Docs::default(),
        }
    }

    #[test]
    fn another_field_ends_a_run_of_bits() {
        let (a, b, c, d) = (
            field("a", WireType::Bit),
            field("b", WireType::Bit),
            field("c", WireType::Octet),
            field("d", WireType::Bit),
        );
        assert_eq!(
            arguments(vec![a.clone(), b.clone(), c.clone(), d.clone()]),
            [
                Argument::Bits(vec![a.clone(), b]),
                Argument::Field(c.clone()),
                Argument::Bits(vec![d])
            ]
        );
        assert_eq!(
            arguments(vec![c.clone(), a.clone()]),
            [Argument::Field(c), Argument::Bits(vec![a])]
        );
        assert_eq!(arguments(Vec::new()), []);
    }

    /// Nine bits take two octets; where they stand in them is the runtime's business.
    #[test]
    fn a_run_may_be_long() {
        let bits: Vec<Field> = (0..9)
            .map(|bit| field(&format!("bit-{bit}"), WireType::Bit))
            .collect();
        assert_eq!(arguments(bits.clone()), [Argument::Bits(bits)]);
    }
}
