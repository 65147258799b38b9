//! Generates the module of each revision that a feature asks for.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use amqp_codegen::{Options, Source, generate};
use amqp_spec::SpecFile;

/// Feature, specification, overlay, and the file that `lib.rs` includes.
const REVISIONS: [(&str, SpecFile, SpecFile, &str); 2] = [
    ("V0_9_1", amqp_spec::AMQP_0_9_1, amqp_spec::RABBITMQ, "v0_9_1.rs"),
    ("V0_8", amqp_spec::AMQP_0_8, amqp_spec::RABBITMQ_0_8, "v0_8.rs"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let feature = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    let options = Options {
        serde: feature("SERDE"),
        proptest: feature("PROPTEST"),
    };
    let folder = env::var("OUT_DIR")?;
    for (name, spec, overlay, file) in REVISIONS {
        if feature(name) {
            let rust = generate(&source(&spec), &[source(&overlay)], options)?;
            fs::write(Path::new(&folder).join(file), rust)?;
        }
    }
    Ok(())
}

fn source(file: &SpecFile) -> Source<'static> {
    Source {
        name: file.name,
        text: file.text,
    }
}
