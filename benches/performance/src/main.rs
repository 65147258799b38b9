//! Measures this client beside its peers and the floor, each program in a process of its own, and writes the report. Options:
//! see `USAGE`; what is measured, and how, says benches/README.md.
#![forbid(unsafe_code)]

mod bars;
mod build;
mod counts;
mod lines;
mod options;
mod plan;
mod plot;
mod programs;
mod report;
mod running;
mod server;
mod statistics;

use std::error::Error;
use std::process::ExitCode;

use options::Options;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("performance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let Some(options) = Options::from_args()? else {
        print!("{}", options::USAGE);
        return Ok(());
    };
    if !options.render {
        build::all(&options)?;
        let lines = plan::measure(&options)?;
        lines::write(&options.lines(), &lines)?;
    }
    report::write(&options.folder)
}
