//! Which facts of two protocols differ, one a line, by name; prose and assertions are no facts.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::protocol::{Chassis, Class, ConstantKind, Field, Method, Protocol, Support};

/// One fact that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Name of the fact, for example `queue.declare: synchronous`.
    pub fact: String,
    /// Its value in the first protocol; `None` when the first lacks it.
    pub a: Option<String>,
    /// Its value in the second protocol; `None` when the second lacks it.
    pub b: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.a, &self.b) {
            (Some(a), Some(b)) => write!(f, "{}: {a} -> {b}", self.fact),
            (Some(a), None) => write!(f, "{}: only in the first ({a})", self.fact),
            (None, Some(b)) => write!(f, "{}: only in the second ({b})", self.fact),
            (None, None) => write!(f, "{}", self.fact),
        }
    }
}

/// Compares two protocols; the differences stand in the order of the elements' names, and what an
/// element holds behind what is said of itself.
#[must_use]
pub fn diff(a: &Protocol, b: &Protocol) -> Vec<Difference> {
    let (a, mut b) = (Facts::of(a), Facts::of(b));
    let mut differences = Vec::new();
    for (fact, a) in a.values {
        let b = b.values.remove(&fact);
        if b.as_ref() != Some(&a) {
            differences.push(Difference { fact, a: Some(a), b });
        }
    }
    differences.extend(b.values.into_iter().map(|(fact, b)| Difference {
        fact,
        a: None,
        b: Some(b),
    }));
    for (fact, a) in a.orders {
        let Some(b) = b.orders.remove(&fact) else { continue };
        if let Some((a, b)) = reordered(&a, &b) {
            differences.push(Difference {
                fact,
                a: Some(a),
                b: Some(b),
            });
        }
    }
    differences.sort_by(|a, b| place(&a.fact).cmp(&place(&b.fact)));
    fold_missing(&mut differences);
    differences
}

/// Where a fact stands: the parts of its element's name, then what it says of the element.
fn place(fact: &str) -> (Vec<&str>, Option<&str>) {
    let (element, aspect) = match fact.split_once(": ") {
        Some((element, aspect)) => (element, Some(aspect)),
        None => (fact, None),
    };
    (element.split('.').collect(), aspect)
}

/// The stretch of two lists that stands in another order; only what both have can.
fn reordered(a: &[String], b: &[String]) -> Option<(String, String)> {
    let common = |names: &[String], others: &[String]| -> Vec<String> {
        let others: HashSet<&String> = others.iter().collect();
        names
            .iter()
            .filter(|name| others.contains(name))
            .cloned()
            .collect()
    };
    let (a, b) = (common(a, b), common(b, a));
    let differs = |(a, b): (&String, &String)| a != b;
    let first = a.iter().zip(&b).position(differs)?;
    let last = a.iter().zip(&b).rposition(differs)?;
    let stretch = |names: &[String]| names.get(first..=last).unwrap_or_default().join(", ");
    Some((stretch(&a), stretch(&b)))
}

/// What a missing element holds is missing with it: the element's own line says enough.
fn fold_missing(differences: &mut Vec<Difference>) {
    let side = |difference: &Difference| (difference.a.is_none(), difference.b.is_none());
    let mut missing: Vec<(String, (bool, bool))> = Vec::new();
    differences.retain(|difference| {
        let side = side(difference);
        let inside = |(fact, outer): &(String, (bool, bool))| {
            *outer == side
                && difference
                    .fact
                    .strip_prefix(fact.as_str())
                    .is_some_and(|rest| rest.starts_with(['.', ':']))
        };
        if missing.iter().any(inside) {
            return false;
        }
        if side != (false, false) {
            missing.push((difference.fact.clone(), side));
        }
        true
    });
}

/// Facts by name; the value of an element is its number or type, and what it carries are facts of their own.
#[derive(Default)]
struct Facts {
    values: BTreeMap<String, String>,
    /// The order in which the parts of something stand.
    orders: BTreeMap<String, Vec<String>>,
}

impl Facts {
    fn of(protocol: &Protocol) -> Self {
        let mut facts = Self::default();
        facts.add("version", &protocol.version);
        facts.add("port", &protocol.port);
        for constant in &protocol.constants {
            let name = format!("constant {}", constant.name);
            facts.add(&name, &constant.value);
            facts.add(
                &format!("{name}: class"),
                &match constant.kind {
                    ConstantKind::Number | ConstantKind::Success => "none",
                    ConstantKind::SoftError => "soft error",
                    ConstantKind::HardError => "hard error",
                },
            );
        }
        for domain in &protocol.domains {
            facts.add(&format!("domain {}", domain.name), &domain.wire.name());
        }
        facts.order(
            "order of constants",
            protocol.constants.iter().map(|constant| &constant.name),
        );
        facts.order(
            "order of domains",
            protocol.domains.iter().map(|domain| &domain.name),
        );
        facts.order(
            "order of classes",
            protocol.classes.iter().map(|class| &class.name),
        );
        for class in &protocol.classes {
            facts.class(class);
        }
        facts
    }

    fn add(&mut self, fact: &str, value: &dyn fmt::Display) {
        self.values.insert(fact.to_owned(), value.to_string());
    }

    fn order<'n>(&mut self, fact: &str, names: impl Iterator<Item = &'n String>) {
        self.orders.insert(fact.to_owned(), names.cloned().collect());
    }

    fn class(&mut self, class: &Class) {
        let name = &class.name;
        self.add(name, &format_args!("class {}", class.index));
        self.add(&format!("{name}: handler"), &class.handler);
        self.chassis(name, class.chassis);
        self.order(
            &format!("{name}: order of properties"),
            class.properties.iter().map(|property| &property.name),
        );
        self.order(
            &format!("{name}: order of methods"),
            class.methods.iter().map(|method| &method.name),
        );
        for property in &class.properties {
            self.field(&format!("{name}.properties.{}", property.name), property);
        }
        for method in &class.methods {
            self.method(&format!("{name}.{}", method.name), method);
        }
    }

    fn method(&mut self, name: &str, method: &Method) {
        self.add(name, &format_args!("method {}", method.index));
        self.add(&format!("{name}: synchronous"), &method.synchronous);
        self.add(&format!("{name}: content"), &method.content);
        self.add(&format!("{name}: deprecated"), &method.deprecated);
        self.chassis(name, method.chassis);
        for response in &method.responses {
            self.add(&format!("{name}: response {response}"), &"yes");
        }
        self.order(
            &format!("{name}: order of fields"),
            method.fields().map(|field| &field.name),
        );
        for field in method.fields() {
            self.field(&format!("{name}.{}", field.name), field);
        }
    }

    fn chassis(&mut self, name: &str, chassis: Chassis) {
        for (peer, support) in [("server", chassis.server), ("client", chassis.client)] {
            if let Some(support) = support {
                let support = match support {
                    Support::Must => "MUST",
                    Support::Should => "SHOULD",
                    Support::May => "MAY",
                };
                self.add(&format!("{name}: chassis {peer}"), &support);
            }
        }
    }

    fn field(&mut self, name: &str, field: &Field) {
        self.add(name, &field.wire.name());
        self.add(&format!("{name}: domain"), &field.domain);
        self.add(&format!("{name}: reserved"), &field.reserved);
    }
}
