//! The documented form of a specification: every construct is read, none changes a fact, and the prose becomes rustdoc.

use amqp_codegen::diff::diff;
use amqp_codegen::document::{Element, Tag};
use amqp_codegen::{Options, Source, generate, xml};

use crate::support::{amqp_codegen, golden, protocol};

const FULL: &str = include_str!("../documented/full.xml");
const STRIPPED: &str = include_str!("../documented/stripped.xml");

#[test]
fn it_states_the_facts_of_its_stripped_twin() {
    let (full, stripped) = (protocol("full.xml", FULL), protocol("stripped.xml", STRIPPED));
    assert_eq!(diff(&full, &stripped), []);
    let path = |name: &str| format!("{}/tests/documented/{name}", env!("CARGO_MANIFEST_DIR"));
    let ran = amqp_codegen(&[&"diff", &path("full.xml"), &path("stripped.xml")]);
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "", "")
    );
}

#[test]
fn its_prose_becomes_documentation() {
    let spec = Source {
        name: "full.xml",
        text: FULL,
    };
    let rust = generate(&spec, &[], Options::default()).unwrap_or_else(|faults| panic!("{faults}"));
    golden("golden/documented.rs", &rust);
}

/// The fixture leaves out no element and no attribute of the grammar, but for the attribute `overlay`.
#[test]
fn it_has_every_construct() {
    fn seen(element: &Element, tags: &mut Vec<Tag>, attributes: &mut Vec<(Tag, String)>) {
        tags.push(element.tag);
        attributes.extend(
            element
                .attributes
                .iter()
                .map(|(key, _)| (element.tag, key.clone())),
        );
        for child in &element.children {
            seen(child, tags, attributes);
        }
    }
    let document = xml::parse("full.xml", FULL).unwrap_or_else(|faults| panic!("{faults}"));
    let (mut tags, mut attributes) = (Vec::new(), Vec::new());
    seen(&document.root, &mut tags, &mut attributes);
    for &tag in Tag::ALL {
        assert!(tags.contains(&tag), "<{tag}>");
        for attribute in tag.attributes() {
            let known = (tag, (*attribute).to_owned());
            assert!(
                attributes.contains(&known) || ["overlay", "revision"].contains(attribute),
                "{attribute} of <{tag}>"
            );
        }
    }
}
