//! Reading attributes of an element into values, and reporting those that cannot be read.

use std::collections::HashMap;

use crate::document::Element;
use crate::error::{Fault, Faults, Position};
use crate::names;

pub(super) trait Read {
    /// The value of an attribute that must be there.
    fn required(&self, attribute: &'static str, expected: &'static str, faults: &mut Faults) -> Option<&str>;
    /// A number, if the attribute is there.
    fn number(&self, attribute: &'static str, faults: &mut Faults) -> Option<u16>;
    /// A yes or no; absent means no.
    fn flag(&self, attribute: &'static str, faults: &mut Faults) -> bool;
}

impl Read for Element {
    fn required(&self, attribute: &'static str, expected: &'static str, faults: &mut Faults) -> Option<&str> {
        let value = self.attribute(attribute);
        if value.is_none() {
            faults.report(
                &self.position,
                Fault::MissingAttribute {
                    element: self.tag.name(),
                    attribute,
                    expected,
                },
            );
        }
        value
    }

    fn number(&self, attribute: &'static str, faults: &mut Faults) -> Option<u16> {
        let value = self.attribute(attribute)?;
        let number = value.trim().parse().ok();
        if number.is_none() {
            let expected = "a whole number from 0 to 65535";
            let fault = Fault::BadValue {
                attribute,
                value: value.to_owned(),
                expected,
            };
            faults.report(&self.position, fault);
        }
        number
    }

    fn flag(&self, attribute: &'static str, faults: &mut Faults) -> bool {
        match self.attribute(attribute) {
            None | Some("0") => false,
            Some("1") => true,
            Some(value) => {
                let fault = Fault::BadValue {
                    attribute,
                    value: value.to_owned(),
                    expected: "`1` or `0`",
                };
                faults.report(&self.position, fault);
                false
            }
        }
    }
}

/// Reads the names of the elements of one kind in one scope, and sees that each stands once.
pub(super) struct Unique<'a> {
    kind: &'static str,
    seen: HashMap<&'a str, &'a Position>,
}

impl<'a> Unique<'a> {
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            seen: HashMap::new(),
        }
    }

    /// The element's name, unless it is missing, malformed or taken.
    pub(super) fn name(&mut self, element: &'a Element, faults: &mut Faults) -> Option<&'a str> {
        let name = element.required("name", "a name", faults)?;
        if !names::is_valid(name) {
            faults.report(
                &element.position,
                Fault::BadName {
                    kind: self.kind,
                    name: name.to_owned(),
                },
            );
            return None;
        }
        if let Some(first) = self.seen.get(name) {
            let fault = Fault::DuplicateName {
                kind: self.kind,
                name: name.to_owned(),
                first: (*first).clone(),
            };
            faults.report(&element.position, fault);
            return None;
        }
        self.seen.insert(name, &element.position);
        Some(name)
    }
}
