//! Lays overlays on a base document: new elements are appended, existing ones change only where the overlay says so.

use std::collections::HashMap;

use super::read::Read;
use crate::document::{Document, Element, Tag};
use crate::error::{Fault, Faults, listed};
use crate::protocol::Version;

/// A field of the base and the one that an overlay put in its place.
pub(super) struct ReplacedField {
    pub(super) base: Element,
    pub(super) replacement: Element,
}

/// The root of the base with all overlays applied, and the fields that were replaced.
pub(super) fn apply(
    base: &Document,
    overlays: &[Document],
    version: Version,
    faults: &mut Faults,
) -> (Element, Vec<ReplacedField>) {
    let mut root = base.root.clone();
    let mut overlay = Overlay {
        replaced: Vec::new(),
        faults,
    };
    overlay.refuse_marks(&root);
    let mut fit = true;
    for document in overlays {
        fit &= overlay.has_version(&root, &document.root, version);
    }
    // What another version defines and lacks says nothing of this one.
    if fit {
        for document in overlays {
            overlay.children(&mut root, &document.root);
        }
    }
    (root, overlay.replaced)
}

/// What an element of an overlay says of the base.
enum Mark<'a> {
    New,
    Extend,
    Replace(&'a str),
}

/// Where the named children of an element stand; of two with one name, the first.
struct Places(HashMap<(Tag, String), usize>);

impl Places {
    fn of(element: &Element) -> Self {
        let mut places = Self(HashMap::new());
        for (place, child) in element.children.iter().enumerate() {
            if let Some(name) = child.attribute("name") {
                places.add(child.tag, name, place);
            }
        }
        places
    }

    fn find(&self, tag: Tag, name: &str) -> Option<usize> {
        self.0.get(&(tag, name.to_owned())).copied()
    }

    fn add(&mut self, tag: Tag, name: &str, place: usize) {
        self.0.entry((tag, name.to_owned())).or_insert(place);
    }

    fn remove(&mut self, tag: Tag, name: &str) {
        self.0.remove(&(tag, name.to_owned()));
    }
}

struct Overlay<'f> {
    replaced: Vec<ReplacedField>,
    faults: &'f mut Faults,
}

impl Overlay<'_> {
    fn has_version(&mut self, base: &Element, overlay: &Element, version: Version) -> bool {
        let stated = super::version(overlay, self.faults);
        if stated != version {
            let fault = Fault::OverlayVersion {
                overlay: stated.to_string(),
                base: version.to_string(),
                file: base.position.file.clone(),
            };
            self.faults.report(&overlay.position, fault);
        }
        stated == version
    }

    fn refuse_marks(&mut self, element: &Element) {
        if element.attribute("overlay").is_some() {
            self.faults.report(
                &element.position,
                Fault::OverlayMisplaced {
                    element: element.tag.name(),
                },
            );
        }
        for child in &element.children {
            self.refuse_marks(child);
        }
    }

    fn mark<'a>(&mut self, element: &'a Element) -> Option<Mark<'a>> {
        match element.attribute("overlay") {
            None => Some(Mark::New),
            Some("extend") => Some(Mark::Extend),
            Some(value) => match value.strip_prefix("replace ") {
                Some(name) => Some(Mark::Replace(name.trim())),
                None => {
                    let expected = "`extend` or `replace NAME`";
                    let fault = Fault::BadValue {
                        attribute: "overlay",
                        value: value.to_owned(),
                        expected,
                    };
                    self.faults.report(&element.position, fault);
                    None
                }
            },
        }
    }

    fn children(&mut self, base: &mut Element, overlay: &Element) {
        let mut places = Places::of(base);
        for element in &overlay.children {
            match element.tag {
                Tag::Constant
                | Tag::Domain
                | Tag::Class
                | Tag::Method
                | Tag::Field
                | Tag::Chassis
                | Tag::Response => self.named(base, &mut places, element),
                // The prose of the base's root stays; elsewhere an overlay adds to it.
                _ if base.tag == Tag::Amqp => {}
                _ => base.children.push(element.clone()),
            }
        }
    }

    fn named(&mut self, base: &mut Element, places: &mut Places, element: &Element) {
        let Some(name) = element.required("name", "a name", self.faults) else {
            return;
        };
        let Some(mark) = self.mark(element) else { return };
        let known = places.find(element.tag, name);
        match mark {
            Mark::New => match known.and_then(|place| base.children.get(place)) {
                Some(first) => self.exists(element, name, first),
                None => {
                    for child in &element.children {
                        self.refuse_marks(child);
                    }
                    places.add(element.tag, name, base.children.len());
                    base.children.push(element.clone());
                }
            },
            Mark::Extend => match known.and_then(|place| base.children.get_mut(place)) {
                Some(target) => self.extend(target, element, name),
                None => self.missing(base, element, name, "extend"),
            },
            Mark::Replace(old) => {
                if let Some(other) = known.and_then(|place| base.children.get(place))
                    && old != name
                {
                    self.exists(element, name, other);
                    return;
                }
                let place = places.find(element.tag, old);
                match place.and_then(|place| Some((place, base.children.get_mut(place)?))) {
                    Some((place, target)) => {
                        self.replace(target, element, old);
                        places.remove(element.tag, old);
                        places.add(element.tag, name, place);
                    }
                    None => self.missing(base, element, old, "replace"),
                }
            }
        }
    }

    fn extend(&mut self, target: &mut Element, element: &Element, name: &str) {
        for (attribute, value) in &element.attributes {
            if attribute == "name" || attribute == "overlay" {
                continue;
            }
            match target.attribute(attribute) {
                None => target.attributes.push((attribute.clone(), value.clone())),
                Some(base) if base == value => {}
                Some(base) => {
                    let fault = Fault::OverlayAttribute {
                        kind: element.tag.name(),
                        name: name.to_owned(),
                        attribute: attribute.clone(),
                        value: value.clone(),
                        base: base.to_owned(),
                        first: target.position.clone(),
                    };
                    self.faults.report(&element.position, fault);
                }
            }
        }
        self.children(target, element);
    }

    fn replace(&mut self, target: &mut Element, element: &Element, old: &str) {
        if let (Some(base), Some(index)) = (target.attribute("index"), element.attribute("index"))
            && base != index
        {
            let fault = Fault::OverlayIndex {
                kind: element.tag.name(),
                name: old.to_owned(),
                base: base.to_owned(),
                index: index.to_owned(),
            };
            self.faults.report(&element.position, fault);
        }
        for child in &element.children {
            self.refuse_marks(child);
        }
        let mut replacement = element.clone();
        replacement
            .attributes
            .retain(|(attribute, _)| attribute != "overlay");
        if element.tag == Tag::Field {
            self.replaced.push(ReplacedField {
                base: target.clone(),
                replacement: replacement.clone(),
            });
        }
        *target = replacement;
    }

    fn exists(&mut self, element: &Element, name: &str, first: &Element) {
        let fault = Fault::OverlayExists {
            kind: element.tag.name(),
            name: name.to_owned(),
            first: first.position.clone(),
        };
        self.faults.report(&element.position, fault);
    }

    fn missing(&mut self, base: &Element, element: &Element, name: &str, verb: &'static str) {
        let names = base
            .children_of(element.tag)
            .filter_map(|child| child.attribute("name"));
        let fault = Fault::OverlayMissing {
            kind: element.tag.name(),
            name: name.to_owned(),
            verb,
            names: listed(names),
        };
        self.faults.report(&element.position, fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml;

    const BASE: &str = r#"<amqp major="0" minor="9">
        <class name="a" index="1">
          <doc>First.</doc>
          <method name="m" index="10"><field name="old" type="bit"/><field name="last" type="octet"/></method>
        </class>
      </amqp>"#;

    /// The names of an element's children of one kind, after an overlay.
    fn names(overlay: &str, path: &[&str], tag: Tag) -> Vec<String> {
        let parse = |name, text| xml::parse(name, text).expect("well-formed");
        let text = format!(r#"<amqp major="0" minor="9">{overlay}</amqp>"#);
        let (base, overlay) = (parse("base.xml", BASE), parse("overlay.xml", &text));
        let mut faults = Faults::default();
        let version = super::super::version(&base.root, &mut faults);
        let (root, _) = apply(&base, &[overlay], version, &mut faults);
        faults.or_errors(Some(())).expect("no fault");
        let element = path.iter().fold(&root, |element, name| {
            let found = element
                .children
                .iter()
                .find(|child| child.attribute("name") == Some(name));
            found.expect("it is there")
        });
        element
            .children_of(tag)
            .map(|child| child.attribute("name").unwrap_or(&child.text).to_owned())
            .collect()
    }

    #[test]
    fn what_is_new_goes_after_its_siblings() {
        let class = r#"<class name="b" index="2"/>"#;
        assert_eq!(names(class, &[], Tag::Class), ["a", "b"]);
        let method = r#"<class name="a" overlay="extend"><method name="n" index="20"/></class>"#;
        assert_eq!(names(method, &["a"], Tag::Method), ["m", "n"]);
    }

    #[test]
    fn a_replacement_keeps_the_place() {
        let field = r#"<class name="a" overlay="extend"><method name="m" overlay="extend">
                         <field name="new" type="bit" overlay="replace old"/></method></class>"#;
        assert_eq!(names(field, &["a", "m"], Tag::Field), ["new", "last"]);
        // Only what the replacement says remains.
        let method =
            r#"<class name="a" overlay="extend"><method name="n" index="10" overlay="replace m"/></class>"#;
        assert_eq!(names(method, &["a"], Tag::Method), ["n"]);
        assert_eq!(names(method, &["a", "n"], Tag::Field), [""; 0]);
    }

    #[test]
    fn prose_is_added() {
        let doc = r#"<class name="a" overlay="extend"><doc>Second.</doc></class>"#;
        assert_eq!(names(doc, &["a"], Tag::Doc), ["First.", "Second."]);
    }
}
