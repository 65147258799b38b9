//! Counts the instructions and allocations of a message in the client, with the features that this program is built with,
//! and compares them with what is recorded. It is itself the program that is counted.
#![forbid(unsafe_code)]

mod callgrind;
#[cfg(feature = "tracing")]
mod deaf;
mod recorded;
mod scenarios;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use recorded::Recorded;

type Failure = Box<dyn Error>;

const USAGE: &str = "\
Usage: amqp-cost [--check | --update]
       amqp-cost SCENARIO LISTENER BATCH MESSAGES

Prints what a message costs in each scenario, and what is recorded for it.

  --check   fail when one costs more than is recorded
  --update  record what is counted

With four arguments it is what callgrind runs.";

/// Counted is the difference between so many messages and twice as many.
const MESSAGES: u64 = 10_000;
/// Messages between two polls of the driver.
const BATCHES: [u64; 2] = [100, 1];
/// `info` and `debug` are subscribers of `tracing` that might listen up to that level, and never do.
const LISTENERS: &[&str] = &[
    "nobody",
    #[cfg(feature = "metrics")]
    "prometheus",
    #[cfg(feature = "tracing")]
    "info",
    #[cfg(feature = "tracing")]
    "debug",
];

/// Of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    instructions: f64,
    allocations: f64,
}

/// What was counted, and what it was before.
struct Row {
    scenario: &'static str,
    batch: u64,
    cost: Cost,
    recorded: Option<Cost>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("amqp-cost: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => count().map(drop),
        ["--check"] => check(&count()?),
        ["--update"] if LISTENERS.len() == 1 => recorded::write(&count()?),
        ["--update"] => Err("what is recorded is the cost without features".into()),
        [scenario, listener, batch, messages] => {
            listen(listener)?;
            scenarios::run(scenario, batch.parse()?, messages.parse()?)
        }
        _ => Err(USAGE.into()),
    }
}

/// Counts everything, and prints it.
fn count() -> Result<Vec<Row>, Failure> {
    let recorded = Recorded::read()?;
    println!(
        "| scenario | messages a turn | who listens | instructions | recorded | allocations | recorded |"
    );
    println!("|---|---:|---|---:|---:|---:|---:|");
    let mut rows = Vec::new();
    for scenario in scenarios::ALL {
        for batch in BATCHES {
            for listener in LISTENERS {
                let cost = callgrind::each(scenario, listener, batch, MESSAGES)?;
                let recorded = recorded.of(scenario, batch);
                let before = recorded.unwrap_or(Cost {
                    instructions: f64::NAN,
                    allocations: f64::NAN,
                });
                println!(
                    "| {scenario} | {batch} | {listener} | {:.0} | {:.0} | {:.3} | {:.3} |",
                    cost.instructions, before.instructions, cost.allocations, before.allocations
                );
                rows.push(Row {
                    scenario,
                    batch,
                    cost,
                    recorded,
                });
            }
        }
    }
    Ok(rows)
}

fn check(rows: &[Row]) -> Result<(), Failure> {
    let costs_more = |row: &&Row| {
        !row.recorded
            .is_some_and(|recorded| recorded::holds(recorded, row.cost))
    };
    let more = rows.iter().filter(costs_more);
    let more: Vec<_> = more
        .map(|row| format!("{} {}", row.scenario, row.batch))
        .collect();
    if more.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more than is recorded: {}; where that is meant, `--update`",
        more.join(", ")
    )
    .into())
}

/// Installs who listens.
fn listen(listener: &str) -> Result<(), Failure> {
    match listener {
        "nobody" => {}
        #[cfg(feature = "metrics")]
        "prometheus" => drop(metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?),
        #[cfg(feature = "tracing")]
        "info" | "debug" => tracing::subscriber::set_global_default(deaf::Deaf(listener.parse()?))?,
        _ => return Err(format!("there is no listener {listener}").into()),
    }
    Ok(())
}
