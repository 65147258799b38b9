//! The program `amqp-codegen`: arguments and exit status around the library.
#![forbid(unsafe_code)]

mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use amqp_codegen::diff::diff;
use amqp_codegen::error::Fault;
use amqp_codegen::summary::Summary;
use amqp_codegen::{Options, Protocol, SpecError, emit, format, load_decoded};
use clap::{Args, Parser, Subcommand};

use files::{Failure, Input};

/// Generates Rust bindings from the XML specification of AMQP 0-8, 0-9, 0-9-1 or a variant of it.
///
/// Exit status: 0 fine; 1 a negative answer (check found faults, diff found differences); 2 an error.
/// Errors are printed as `file:line: what is wrong; what was expected`. A specification `-` is standard input.
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
        /// Where to write: a file, or a folder (one that exists, or a path that ends in `/`) for one file per class; standard output without it or with `-`
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
    ///
    /// Exit status 1 when there is one.
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
    /// Prose, labels and assertions are no facts. Exit status 1 when some differ.
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
    /// The specification, an XML file; `-` is standard input
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
        Err(failure) => {
            match failure {
                Failure::Io(message) => files::complain(&message),
                Failure::Spec(faults) => files::complain(&faults),
            }
            ExitCode::from(2)
        }
    }
}

fn generate(spec: &Spec, output: Option<&Path>, options: Options) -> Result<Answer, Failure> {
    let protocol = spec.load()?;
    let bindings = emit::emit(&protocol, options);
    match output {
        Some(path) if is_folder(path) => {
            fs::create_dir_all(path).map_err(|error| Failure::io(&path.display(), &error))?;
            let code = format::folder(&bindings, &protocol.sources);
            let code: Vec<_> = code
                .iter()
                .map(|file| (path.join(&file.name), file.text.as_str()))
                .collect();
            files::write(&code, &spec.paths())?;
        }
        Some(path) if !files::is_stream(path) => {
            let code = format::single(&bindings, &protocol.sources);
            files::write(&[(path.to_owned(), &code)], &spec.paths())?;
        }
        _ => files::print(&format::single(&bindings, &protocol.sources))?,
    }
    Ok(Answer::Yes)
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/')
}

fn check(spec: &Spec) -> Result<Answer, Failure> {
    let is_other_grammar = |error: &SpecError| matches!(error.fault, Fault::OtherGrammar { .. });
    match spec.load() {
        Ok(_) => Ok(Answer::Yes),
        Err(Failure::Spec(faults)) if !faults.as_slice().iter().any(is_other_grammar) => {
            files::complain(&faults);
            Ok(Answer::No)
        }
        // Not to be read at all, or by another program: that answers nothing.
        Err(failure) => Err(failure),
    }
}

fn summary(spec: &Spec, json: bool) -> Result<Answer, Failure> {
    let summary = Summary::new(&spec.load()?);
    if json {
        let json = serde_json::to_string(&summary).map_err(|error| Failure::Io(error.to_string()))?;
        files::print(&format!("{json}\n"))?;
    } else {
        files::print(&summary.to_string())?;
    }
    Ok(Answer::Yes)
}

fn compare(a: &Spec, b: &Spec) -> Result<Answer, Failure> {
    let paths = a.paths().into_iter().chain(b.paths());
    files::each_once(paths.filter(|path| files::is_stream(path)))?;
    let differences = diff(&a.load()?, &b.load()?);
    let lines: String = differences
        .iter()
        .map(|difference| format!("{difference}\n"))
        .collect();
    files::print(&lines)?;
    Ok(if differences.is_empty() {
        Answer::Yes
    } else {
        Answer::No
    })
}

impl Spec {
    fn load(&self) -> Result<Protocol, Failure> {
        files::each_once(self.paths())?;
        let spec = files::read(&self.spec)?;
        let overlays = self
            .overlay
            .iter()
            .map(|path| files::read(path))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(load_decoded(spec.source(), overlays.iter().map(Input::source))?)
    }

    /// The specification and its overlays.
    fn paths(&self) -> Vec<&Path> {
        let overlays = self.overlay.iter().map(PathBuf::as_path);
        std::iter::once(self.spec.as_path()).chain(overlays).collect()
    }
}
