//! Generates the variant that `lib.rs` includes.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use amqp_codegen::{Options, Source, generate};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=variant.xml");
    let text = fs::read_to_string("variant.xml")?;
    let spec = Source {
        name: "variant.xml",
        text: &text,
    };
    let rust = generate(&spec, &[], Options::default())?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("variant.rs"), rust)?;
    Ok(())
}
