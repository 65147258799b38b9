//! `diff` overlooks nothing: for every fact of our two specifications, a copy with that one fact changed is told apart
//! by a line that names it, or is refused by a fault that names it.

use amqp_codegen::diff::diff;
use amqp_codegen::document::{Document, Element, Tag};
use amqp_codegen::error::Position;
use amqp_codegen::{Protocol, SpecError, resolve, xml};
use amqp_spec::SpecFile;

#[test]
fn a_changed_fact_of_0_9_1_is_named() {
    every_fact(&amqp_spec::AMQP_0_9_1, 1800, 340);
}

#[test]
fn a_changed_fact_of_0_8_is_named() {
    every_fact(&amqp_spec::AMQP_0_8, 2800, 540);
}

/// Changes every fact of a file; at least so many copies must have been told apart and refused.
fn every_fact(file: &SpecFile, least_told: usize, least_refused: usize) {
    let root = without_prose(xml::parse(file.name, file.text).expect("it is sound").root);
    let document = Document { root: root.clone() };
    let mut copies = Copies {
        original: resolve(&document, &[]).expect("it is sound"),
        told: 0,
        refused: 0,
    };
    for place in places(&root, &[]) {
        attributes(&root, &place, &mut copies);
        removal(&root, &place, &mut copies);
        exchange(&root, &place, &mut copies);
    }
    let Copies { told, refused, .. } = copies;
    println!("{}: {told} copies told apart, {refused} refused", file.name);
    assert!(told >= least_told && refused >= least_refused, "{told} {refused}");
}

/// What became of the copies.
struct Copies {
    original: Protocol,
    told: usize,
    refused: usize,
}

impl Copies {
    /// A copy of which `diff` calls the changed fact by one of `names`, or of which a fault tells the position or name.
    fn check(&mut self, what: &str, root: Element, names: &[&str], position: &Position, name: &str) {
        match resolve(&Document { root }, &[]) {
            Ok(copy) => {
                let lines: Vec<String> = diff(&self.original, &copy)
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let named = |line: &String| {
                    names.iter().any(|name| {
                        line.strip_prefix(name)
                            .is_some_and(|rest| rest.starts_with([':', '.']))
                    })
                };
                assert!(lines.iter().any(named), "{what}: {names:?} in {lines:#?}");
                self.told += 1;
            }
            Err(faults) => {
                let (name, at) = (format!("`{name}`"), format!("at {position}"));
                let named = |error: &SpecError| {
                    let text = error.fault.to_string();
                    error.position == *position || text.contains(&name) || text.ends_with(&at)
                };
                assert!(
                    faults.as_slice().iter().any(named),
                    "{what}: {name} or {position} in {faults}"
                );
                self.refused += 1;
            }
        }
    }
}

/// A place in the document: indices of children from the root on.
type Place = Vec<usize>;

/// The elements that state facts.
const FACTS: [Tag; 8] = [
    Tag::Amqp,
    Tag::Constant,
    Tag::Domain,
    Tag::Class,
    Tag::Chassis,
    Tag::Method,
    Tag::Response,
    Tag::Field,
];

/// Prose is no fact, and only takes time to copy.
fn without_prose(mut element: Element) -> Element {
    element.text.clear();
    element.children.retain(|child| FACTS.contains(&child.tag));
    element.children = element.children.into_iter().map(without_prose).collect();
    element
}

fn places(element: &Element, at: &[usize]) -> Vec<Place> {
    let inside = element.children.iter().enumerate().flat_map(|(index, child)| {
        let at = [at, &[index]].concat();
        places(child, &at)
    });
    std::iter::once(at.to_vec()).chain(inside).collect()
}

fn get<'e>(root: &'e Element, place: &[usize]) -> &'e Element {
    place
        .iter()
        .fold(root, |element, index| &element.children[*index])
}

fn get_mut<'e>(root: &'e mut Element, place: &[usize]) -> &'e mut Element {
    place
        .iter()
        .fold(root, |element, index| &mut element.children[*index])
}

fn name(element: &Element) -> &str {
    element.attribute("name").unwrap_or_default()
}

/// What `diff` calls the element at a place.
fn fact(root: &Element, place: &[usize]) -> String {
    let element = get(root, place);
    let Some((_, outside)) = place.split_last() else {
        return "version".to_owned();
    };
    let outer = get(root, outside);
    match (element.tag, outer.tag) {
        (Tag::Constant, _) => format!("constant {}", name(element)),
        (Tag::Domain, _) => format!("domain {}", name(element)),
        (Tag::Class, _) => name(element).to_owned(),
        (Tag::Field, Tag::Class) => format!("{}.properties.{}", name(outer), name(element)),
        (Tag::Method | Tag::Field, _) => format!("{}.{}", fact(root, outside), name(element)),
        (tag, _) => format!("{}: {tag} {}", fact(root, outside), name(element)),
    }
}

/// Changes each attribute that is there, removes it, and adds each that is not.
fn attributes(root: &Element, place: &[usize], copies: &mut Copies) {
    let element = get(root, place);
    let subject = fact(root, place);
    let word = name(element).to_owned();
    for attribute in element.tag.attributes() {
        let old = element.attribute(attribute);
        for new in values(root, place, attribute) {
            let mut root = root.clone();
            set(get_mut(&mut root, place), attribute, new.as_deref());
            let what = format!("{subject}: {attribute} {old:?} -> {new:?}");
            let names = match *attribute {
                "name" => vec![subject.clone(), fact(&root, place)],
                "port" => vec!["port".to_owned()],
                "class" | "handler" | "synchronous" | "content" | "deprecated" | "reserved" => {
                    vec![format!("{subject}: {attribute}")]
                }
                "domain" => vec![subject.clone(), format!("{subject}: domain")],
                _ => vec![subject.clone()],
            };
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            copies.check(&what, root, &names, &element.position, &word);
        }
    }
}

fn set(element: &mut Element, attribute: &str, value: Option<&str>) {
    element.attributes.retain(|(key, _)| key != attribute);
    if let Some(value) = value {
        element.attributes.push((attribute.to_owned(), value.to_owned()));
    }
}

/// Other values for an attribute; `None` takes it away.
fn values(root: &Element, place: &[usize], attribute: &str) -> Vec<Option<String>> {
    let element = get(root, place);
    let old = element.attribute(attribute);
    let other = |choices: &[&str]| -> Vec<Option<String>> {
        let others = choices.iter().filter(|choice| Some(**choice) != old);
        others.map(|choice| Some((*choice).to_owned())).collect()
    };
    let add = |number: u16| {
        let old: u16 = old.expect("it is there").parse().expect("a number");
        Some((old + number).to_string())
    };
    let flag = || match old {
        Some(_) => vec![None, Some("0".to_owned())],
        None => vec![Some("1".to_owned())],
    };
    match (element.tag, attribute) {
        (Tag::Amqp, "major" | "minor") => vec![add(20), None],
        (Tag::Amqp, "revision") if old.is_none() => other(&["1"]),
        (Tag::Amqp, "revision") => vec![add(20), None],
        (Tag::Amqp, "port") => vec![add(1)],
        (_, "index" | "value") => vec![add(20_000), None],
        (Tag::Constant, "class") => match old {
            Some("soft-error" | "soft error") => vec![None, Some("hard-error".to_owned())],
            Some(_) => vec![None, Some("soft-error".to_owned())],
            None => other(&["soft-error", "hard-error"]),
        },
        // Taken away, it is the class itself.
        (Tag::Class, "handler") if old == element.attribute("name") => other(&["tx"]),
        (Tag::Class, "handler") => other(&["tx"]).into_iter().chain([None]).collect(),
        (Tag::Chassis, "implement") => other(&["MUST", "SHOULD", "MAY"])
            .into_iter()
            .chain([None])
            .collect(),
        (Tag::Chassis, "name") => other(&["server", "client"]),
        (Tag::Method, "synchronous" | "content" | "deprecated") | (Tag::Field, "reserved") => flag(),
        (Tag::Response, "name") => {
            let class = get(root, &place[..place.len() - 2]);
            let methods: Vec<&str> = class.children_of(Tag::Method).map(name).collect();
            other(&methods)
        }
        (_, "name") if element.tag != Tag::Amqp => vec![Some(format!("other {}", old.unwrap_or_default()))],
        // One of the same wire type, and one of another.
        (Tag::Field, "domain" | "type") if old.is_some() => {
            let domains = || root.children_of(Tag::Domain);
            let own = domains().find(|domain| domain.attribute("name") == old);
            let alike = domains().find(|domain| {
                let wire = own.and_then(|own| own.attribute("type"));
                own != Some(*domain) && domain.attribute("type") == wire
            });
            let alike = alike.filter(|_| attribute == "domain").map(name);
            let unlike = if old == Some("octet") { "long" } else { "octet" };
            let others = alike.into_iter().chain([unlike]);
            others.map(|domain| Some(domain.to_owned())).collect()
        }
        (Tag::Domain, "type") => other(&["bit", "octet", "shortstr"])
            .into_iter()
            .chain([None])
            .collect(),
        _ => Vec::new(),
    }
}

fn removal(root: &Element, place: &[usize], copies: &mut Copies) {
    let Some((index, outside)) = place.split_last() else {
        return;
    };
    let (element, outer) = (get(root, place), get(root, outside));
    let (subject, position) = (fact(root, place), element.position.clone());
    let mut root = root.clone();
    get_mut(&mut root, outside).children.remove(*index);
    // A method without a chassis is named instead.
    let word = if element.tag == Tag::Chassis {
        outer
    } else {
        element
    };
    let word = name(word).to_owned();
    copies.check(&format!("{subject} removed"), root, &[&subject], &position, &word);
}

/// Changes places with the next element of its kind, where their order means something.
fn exchange(root: &Element, place: &[usize], copies: &mut Copies) {
    let Some((index, outside)) = place.split_last() else {
        return;
    };
    let (element, outer) = (get(root, place), get(root, outside));
    let mut next = outer.children.iter().enumerate().skip(index + 1);
    let Some((next, other)) = next.find(|(_, other)| other.tag == element.tag) else {
        return;
    };
    let scope = match (element.tag, outer.tag) {
        (Tag::Constant, _) => "order of constants".to_owned(),
        (Tag::Domain, _) => "order of domains".to_owned(),
        (Tag::Class, _) => "order of classes".to_owned(),
        (Tag::Method, _) => format!("{}: order of methods", name(outer)),
        (Tag::Field, Tag::Class) => format!("{}: order of properties", name(outer)),
        (Tag::Field, _) => format!("{}: order of fields", fact(root, outside)),
        _ => return,
    };
    let line = format!("{scope}: {0}, {1} -> {1}, {0}", name(element), name(other));
    let mut root = root.clone();
    get_mut(&mut root, outside).children.swap(*index, next);
    let copy = resolve(&Document { root }, &[]).expect("the order of elements is free");
    let lines: Vec<String> = diff(&copies.original, &copy)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(lines, [line]);
    copies.told += 1;
}
