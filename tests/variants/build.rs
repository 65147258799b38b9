//! Generates a module for each variant that Debian's package `amqp-specs` ships, and says how much each must hold.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use amqp_codegen::{Options, Protocol, Source, emit, format, load};
use amqp_spec::SpecFile;

/// Folder of the package, and the module that is made of the file in it.
const VARIANTS: [(&str, &str); 7] = [
    ("0-8", "v0_8"),
    ("0-8-qpid", "v0_8_qpid"),
    ("0-9", "v0_9"),
    ("0-9-qpid", "v0_9_qpid"),
    ("0-9-1", "v0_9_1"),
    ("0-9-1-qpid", "v0_9_1_qpid"),
    ("0-9-1-rabbit", "v0_9_1_rabbit"),
];

/// What `amqp-protocol` generates for itself.
const OWN: [(&str, SpecFile, SpecFile); 2] = [
    ("OWN_V0_8", amqp_spec::AMQP_0_8, amqp_spec::RABBITMQ_0_8),
    ("OWN_V0_9_1", amqp_spec::AMQP_0_9_1, amqp_spec::RABBITMQ),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    let options = Options {
        proptest: true,
        ..Options::default()
    };
    let mut counts = String::new();
    let files = package_files()?;
    for (variant, module) in VARIANTS {
        let path = files
            .iter()
            .find(|path| path.parent().is_some_and(|parent| parent.ends_with(variant)))
            .ok_or_else(|| format!("the package `amqp-specs` has no XML file in a folder {variant}"))?;
        println!("cargo::rerun-if-changed={}", path.display());
        let text = fs::read_to_string(path)?;
        let source = Source {
            name: variant,
            text: &text,
        };
        let protocol = load(&source, &[])?;
        let rust = format::single(&emit::emit(&protocol, options), &protocol.sources);
        fs::write(folder.join(module).with_extension("rs"), rust)?;
        count(&mut counts, &module.to_uppercase(), &protocol)?;
    }
    for (name, spec, overlay) in OWN {
        let source = |file: SpecFile| Source {
            name: file.name,
            text: file.text,
        };
        count(&mut counts, name, &load(&source(spec), &[source(overlay)])?)?;
    }
    fs::write(folder.join("counts.rs"), counts)?;
    Ok(())
}

fn count(counts: &mut String, name: &str, protocol: &Protocol) -> std::fmt::Result {
    let methods: usize = protocol.classes.iter().map(|class| class.methods.len()).sum();
    let contents = protocol
        .classes
        .iter()
        .filter(|class| class.has_content())
        .count();
    writeln!(
        counts,
        "/// What the specification holds.\n\
         pub const {name}: crate::Counts = crate::Counts {{ methods: {methods}, contents: {contents} }};"
    )
}

/// The XML files of the package.
fn package_files() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let listed = Command::new("dpkg")
        .args(["-L", "amqp-specs"])
        .output()
        .map_err(|error| {
            format!("`dpkg` finds the files of the package `amqp-specs`, but does not run: {error}")
        })?;
    if !listed.status.success() {
        return Err("Debian's package `amqp-specs` is not installed: apt-get install amqp-specs".into());
    }
    let paths = String::from_utf8(listed.stdout)?;
    let is_xml = |path: &&Path| path.extension().is_some_and(|extension| extension == "xml");
    Ok(paths
        .lines()
        .map(Path::new)
        .filter(is_xml)
        .map(Path::to_owned)
        .collect())
}
