//! Sees that names which differ in the specification still differ in Rust.

use std::collections::HashMap;

use crate::document::{Element, Tag};
use crate::error::{Fault, Faults, Position};
use crate::names;

/// Whether two names differ only in spaces, hyphens and underscores.
pub(super) fn same(name: &str, other: &str) -> bool {
    names::plain(name) == names::plain(other)
}

pub(super) fn check(root: &Element, faults: &mut Faults) {
    let mut constants = Scope::new("constant", names::shouty);
    for constant in root.children_of(Tag::Constant) {
        constants.add(constant, faults);
    }
    let mut classes = Scope::new("class", names::snake);
    classes.reserve("constants", "the module of constants", &root.position);
    for class in root.children_of(Tag::Class) {
        classes.add(class, faults);
        fields(class, "property", faults);
        let mut methods = Scope::new("method", names::upper_camel);
        methods.reserve("Method", "the enum of the class's methods", &class.position);
        methods.reserve("Properties", "the class's content properties", &class.position);
        // The generated code calls these by their short names.
        for prelude in ["From", "Option", "Result", "Vec"] {
            methods.reserve(prelude, "a name of Rust's own", &class.position);
        }
        for method in class.children_of(Tag::Method) {
            if let (2.., Some(name)) = (
                method.children_of(Tag::Response).count(),
                method.attribute("name"),
            ) {
                let reply = format!("{}Reply", names::upper_camel(name));
                methods.reserve(&reply, "the enum of a method's responses", &method.position);
            }
        }
        for method in class.children_of(Tag::Method) {
            methods.add(method, faults);
            fields(method, "field", faults);
        }
    }
}

fn fields(parent: &Element, kind: &'static str, faults: &mut Faults) {
    let mut scope = Scope::new(kind, names::snake);
    for field in parent.children_of(Tag::Field) {
        scope.add(field, faults);
    }
}

/// The Rust names of one scope, and who has them.
struct Scope {
    kind: &'static str,
    rust: fn(&str) -> String,
    taken: HashMap<String, Taken>,
}

struct Taken {
    what: String,
    /// The specification's name; a reserved one has none.
    name: Option<String>,
    position: Position,
}

impl Scope {
    fn new(kind: &'static str, rust: fn(&str) -> String) -> Self {
        Self {
            kind,
            rust,
            taken: HashMap::new(),
        }
    }

    fn reserve(&mut self, rust: &str, what: &str, position: &Position) {
        let taken = Taken {
            what: what.to_owned(),
            name: None,
            position: position.clone(),
        };
        self.taken.insert(rust.to_owned(), taken);
    }

    fn add(&mut self, element: &Element, faults: &mut Faults) {
        let Some(name) = element.attribute("name").filter(|name| names::is_valid(name)) else {
            return;
        };
        let rust = (self.rust)(name);
        match self.taken.get(&rust) {
            // The very same name twice is a duplicate, which is reported as such.
            Some(taken) if taken.name.as_deref() == Some(name) => {}
            Some(taken) => {
                let fault = Fault::NameCollision {
                    kind: self.kind,
                    name: name.to_owned(),
                    rust,
                    other: taken.what.clone(),
                    first: taken.position.clone(),
                };
                faults.report(&element.position, fault);
            }
            None => {
                let taken = Taken {
                    what: format!("`{name}`"),
                    name: Some(name.to_owned()),
                    position: element.position.clone(),
                };
                self.taken.insert(rust, taken);
            }
        }
    }
}
