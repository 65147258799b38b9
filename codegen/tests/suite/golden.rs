//! The text of generated code: one small class of each revision, and the page that explains it.

use std::path::Path;

use amqp_codegen::{Options, Source, emit, format, load};
use amqp_spec::SpecFile;

use crate::support::{golden, source};

fn class(spec: &SpecFile, file: &str, options: Options) -> String {
    let protocol = load(&source(spec), &[]).expect("it is sound");
    let files = format::folder(&emit::emit(&protocol, options), &protocol.sources);
    let found = files
        .into_iter()
        .find(|generated| generated.name == Path::new(file));
    found.expect("the class is there").text
}

#[test]
fn tx_of_0_9_1() {
    golden(
        "golden/tx-0-9-1.rs",
        &class(&amqp_spec::AMQP_0_9_1, "tx.rs", Options::default()),
    );
}

#[test]
fn access_of_0_8() {
    golden(
        "golden/access-0-8.rs",
        &class(&amqp_spec::AMQP_0_8, "access.rs", Options::default()),
    );
}

#[test]
fn access_of_0_8_with_all_options() {
    let options = Options {
        serde: true,
        proptest: true,
    };
    golden(
        "golden/access-0-8-options.rs",
        &class(&amqp_spec::AMQP_0_8, "access.rs", options),
    );
}

/// The blocks of a language in a Markdown text.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let begin = format!("```{language}\n");
    text.split(begin.as_str())
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect()
}

#[test]
fn the_page_shows_what_is_generated() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/generated-code.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let (base, overlay) = page.split_once("\n## Overlays\n").expect("the last section");
    let spec = blocks(base, "xml").concat();
    let spec = Source {
        name: "spec.xml",
        text: &spec,
    };
    let replacing = blocks(overlay, "xml").concat();
    let replacing = Source {
        name: "overlay.xml",
        text: &replacing,
    };
    let mut shown = 0;
    for (section, overlays) in [(base, &[][..]), (overlay, &[replacing])] {
        let protocol = load(&spec, overlays).unwrap_or_else(|faults| panic!("{faults}"));
        let files = format::folder(&emit::emit(&protocol, Options::default()), &protocol.sources);
        let generated: String = files.into_iter().map(|file| file.text).collect();
        for rust in blocks(section, "rust") {
            assert!(generated.contains(rust), "not generated:\n{rust}");
            shown += 1;
        }
    }
    println!("{shown} blocks of Rust are shown");
    assert!(shown >= 15, "{shown}");
}
