//! What the program is asked to do.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use amqp_harness::Scenario;

use crate::Failure;
use crate::programs::Program;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Usage: amqp-performance [OPTIONS]

  --quick             3 rounds of a quarter of a second, and nothing counted, instead of 9 rounds of a second
  --rounds N          so many rounds
  --only WORDS        only scenarios of these names and programs with one of these words in their names; commas between them
  --no-counts         no instructions, allocations and system calls
  --broker HOST:PORT  a real broker, where guest may do everything on /, instead of one that does nothing
  --out FOLDER        where the report goes; docs by default, or benches/target/report with --quick or --only
  --render            measures nothing: writes the report again from what was measured before
";

/// The options.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    /// How long each run should take.
    pub(crate) time: Duration,
    pub(crate) counts: bool,
    pub(crate) broker: Option<SocketAddr>,
    pub(crate) folder: PathBuf,
    pub(crate) render: bool,
    only: Vec<String>,
}

impl Options {
    /// Those of the process; `None` when it is asked for help.
    pub(crate) fn from_args() -> Result<Option<Self>, Failure> {
        let mut options = Self {
            rounds: 9,
            time: Duration::from_secs(1),
            counts: true,
            broker: None,
            folder: benches().join("../docs"),
            render: false,
            only: Vec::new(),
        };
        let mut folder = None;
        let mut rounds = None;
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} has no value"));
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => {
                    options.rounds = 3;
                    options.time = Duration::from_millis(250);
                    options.counts = false;
                }
                "--rounds" => rounds = Some(value()?.parse()?),
                "--only" => options.only.extend(value()?.split(',').map(str::to_owned)),
                "--no-counts" => options.counts = false,
                "--broker" => options.broker = Some(value()?.parse()?),
                "--out" => folder = Some(PathBuf::from(value()?)),
                "--render" => options.render = true,
                _ => return Err(format!("unknown option {argument}\n{USAGE}").into()),
            }
        }
        let partial = !options.only.is_empty() || options.time < Duration::from_secs(1);
        options.folder = match folder {
            Some(folder) => folder,
            None if partial => benches().join("target/report"),
            None => options.folder,
        };
        options.rounds = rounds.unwrap_or(options.rounds);
        // What a real broker makes clients do is not theirs alone.
        options.counts &= options.broker.is_none();
        Ok(Some(options))
    }

    /// Where what is measured is kept.
    pub(crate) fn lines(&self) -> PathBuf {
        let broker = self.broker.map_or(DO_NOTHING, |_| RABBITMQ);
        lines(&self.folder, broker)
    }

    /// Whether this is wanted.
    pub(crate) fn wants(&self, program: &Program, scenario: Scenario) -> bool {
        let (scenarios, programs): (Vec<&String>, Vec<&String>) = self
            .only
            .iter()
            .partition(|word| Scenario::from_name(word).is_ok());
        (scenarios.is_empty() || scenarios.iter().any(|name| *name == scenario.name()))
            && (programs.is_empty() || programs.iter().any(|word| program.name.contains(word.as_str())))
    }
}

/// The broker that does nothing, in the names of files.
pub(crate) const DO_NOTHING: &str = "do-nothing";
/// The real one.
pub(crate) const RABBITMQ: &str = "rabbitmq";

/// The file of what was measured with a broker.
pub(crate) fn lines(folder: &std::path::Path, broker: &str) -> PathBuf {
    folder.join("performance").join(format!("{broker}.jsonl"))
}

/// The folder of the benchmarks.
pub(crate) fn benches() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
