//! The program `amqp-codegen`: arguments, files and exit status around the library.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use amqp_codegen::diff::diff;
use amqp_codegen::summary::Summary;
use amqp_codegen::{Options, Protocol, Source, emit, format, load, xml};
use clap::{Args, Parser, Subcommand};

/// Generates Rust bindings from the XML specification of AMQP 0-8, 0-9, 0-9-1 or a variant of it.
///
/// Exit status: 0 fine; 1 a negative answer (check found faults, diff found differences); 2 an error.
/// Errors are printed as `file:line: what is wrong; what was expected`.
#[derive(Parser)]
#[command(name = "amqp-codegen", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write formatted Rust code
    ///
    /// An error leaves an existing output untouched.
    Generate {
        #[command(flatten)]
        spec: Spec,
        /// Where to write: a file, or a folder (one that exists, or a path that ends in `/`) for one file per class; standard output without it
        #[arg(short, long, value_name = "FILE|DIR")]
        output: Option<PathBuf>,
        /// Derive serde's Serialize and Deserialize (needs the feature `serde` of amqp-protocol)
        #[arg(long)]
        serde: bool,
        /// Implement proptest's Arbitrary (needs the feature `proptest` of amqp-protocol)
        #[arg(long)]
        proptest: bool,
    },
    /// Report every fault of a specification
    Check {
        #[command(flatten)]
        spec: Spec,
    },
    /// Print version and counts, and a line per class
    Summary {
        #[command(flatten)]
        spec: Spec,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the protocol facts that differ between two specifications, one a line
    ///
    /// Prose, labels and assertions are no facts.
    Diff {
        /// The first specification
        a: PathBuf,
        /// The second specification
        b: PathBuf,
        /// An overlay on the first; may be given several times
        #[arg(long, value_name = "FILE")]
        overlay_a: Vec<PathBuf>,
        /// An overlay on the second; may be given several times
        #[arg(long, value_name = "FILE")]
        overlay_b: Vec<PathBuf>,
    },
}

#[derive(Args)]
struct Spec {
    /// The specification, an XML file
    spec: PathBuf,
    /// An overlay on it; may be given several times, and applies in this order
    #[arg(long, value_name = "FILE")]
    overlay: Vec<PathBuf>,
}

/// What a command answers.
enum Answer {
    Yes,
    No,
}

fn main() -> ExitCode {
    let answer = match Cli::parse().command {
        Command::Generate {
            spec,
            output,
            serde,
            proptest,
        } => generate(&spec, output.as_deref(), Options { serde, proptest }),
        Command::Check { spec } => check(&spec),
        Command::Summary { spec, json } => summary(&spec, json),
        Command::Diff {
            a,
            b,
            overlay_a,
            overlay_b,
        } => compare(
            &Spec {
                spec: a,
                overlay: overlay_a,
            },
            &Spec {
                spec: b,
                overlay: overlay_b,
            },
        ),
    };
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn generate(spec: &Spec, output: Option<&Path>, options: Options) -> Result<Answer, String> {
    let protocol = spec.load()?;
    let bindings = emit::emit(&protocol, options);
    match output {
        None => print(&format::single(&bindings, &protocol.sources))?,
        Some(path) if path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/') => {
            fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
            for file in format::folder(&bindings, &protocol.sources) {
                replace(&path.join(file.name), &file.text)?;
            }
        }
        Some(path) => replace(path, &format::single(&bindings, &protocol.sources))?,
    }
    Ok(Answer::Yes)
}

fn check(spec: &Spec) -> Result<Answer, String> {
    match spec.read()?.load() {
        Ok(_) => Ok(Answer::Yes),
        Err(faults) => {
            eprintln!("{faults}");
            Ok(Answer::No)
        }
    }
}

fn summary(spec: &Spec, json: bool) -> Result<Answer, String> {
    let summary = Summary::new(&spec.load()?);
    if json {
        let json = serde_json::to_string(&summary).map_err(|error| error.to_string())?;
        print(&format!("{json}\n"))?;
    } else {
        print(&summary.to_string())?;
    }
    Ok(Answer::Yes)
}

fn compare(a: &Spec, b: &Spec) -> Result<Answer, String> {
    let differences = diff(&a.load()?, &b.load()?);
    for difference in &differences {
        print(&format!("{difference}\n"))?;
    }
    Ok(if differences.is_empty() {
        Answer::Yes
    } else {
        Answer::No
    })
}

/// Files that were read, by name.
struct Texts(Vec<(String, Vec<u8>)>);

impl Texts {
    fn load(&self) -> Result<Protocol, String> {
        let mut sources = Vec::new();
        for (name, octets) in &self.0 {
            let text = xml::decode(name, octets).map_err(|faults| faults.to_string())?;
            sources.push(Source { name, text });
        }
        let [spec, overlays @ ..] = sources.as_slice() else {
            return Err("no specification".to_owned());
        };
        load(spec, overlays).map_err(|faults| faults.to_string())
    }
}

impl Spec {
    fn read(&self) -> Result<Texts, String> {
        let mut texts = Vec::new();
        for path in std::iter::once(&self.spec).chain(&self.overlay) {
            let name = path.display().to_string();
            let failed = |error: io::Error| format!("{name}: {error}");
            let octets = fs::metadata(path).map_err(failed)?.len();
            xml::check_size(&name, octets).map_err(|faults| faults.to_string())?;
            let octets = fs::read(path).map_err(failed)?;
            texts.push((name, octets));
        }
        Ok(Texts(texts))
    }

    fn load(&self) -> Result<Protocol, String> {
        self.read()?.load()
    }
}

/// Writes beside the file and renames, so that a failure leaves what was there.
fn replace(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut name = path
        .file_name()
        .ok_or_else(|| format!("{}: not a file name", path.display()))?
        .to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| {
            let _ = fs::remove_file(&new);
            failed(error)
        })
}

/// Prints to standard output; a reader that went away is no error of ours.
fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}
