//! What is run, how often and in which order.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use amqp_harness::Scenario;

use crate::Failure;
use crate::counts;
use crate::lines::{Count, Line, Machine, Outcome, Run, Sample};
use crate::options::{Options, benches};
use crate::programs::{self, Program, Side};
use crate::running::run;
use crate::server::Server;

/// Messages of the first run that finds out how fast a program is.
const FIRST: u64 = 500;
/// The most messages of a run.
const MOST: u64 = 100_000_000;

/// Runs everything that the options want.
pub(crate) fn measure(options: &Options) -> Result<Vec<Line>, Failure> {
    let jobs: Vec<(&Program, Scenario)> = Scenario::ALL
        .into_iter()
        .flat_map(|scenario| programs::ALL.iter().map(move |program| (program, scenario)))
        .filter(|(program, scenario)| program.can(*scenario) && options.wants(program, *scenario))
        // The floor knows the broker that does nothing alone.
        .filter(|(program, _)| options.broker.is_none() || program.side != Side::Floor)
        .collect();
    if jobs.is_empty() {
        return Err("nothing is left to measure".into());
    }
    let server = options.broker.map(Server::connect).transpose()?;
    let mut lines = vec![Line::Machine(machine(options, server.as_ref()))];
    let mut messages = HashMap::new();
    for &(program, scenario) in &jobs {
        eprintln!("how fast: {}, {}", scenario.name(), program.name);
        let count = messages_of(options, server.as_ref(), program, scenario);
        messages.insert((program.name, scenario.name()), count);
    }
    for round in 0..options.rounds {
        // What is compared runs one behind the other, so that the machine is the same for all.
        let mut scenarios = Scenario::ALL;
        fastrand::shuffle(&mut scenarios);
        for scenario in scenarios {
            let mut now: Vec<&Program> = jobs
                .iter()
                .filter(|(_, each)| *each == scenario)
                .map(|(program, _)| *program)
                .collect();
            fastrand::shuffle(&mut now);
            for program in now {
                let count = messages[&(program.name, scenario.name())];
                let outcome = match once(server.as_ref(), program, scenario, count) {
                    Ok(sample) => Outcome::Measured(sample),
                    Err(error) => Outcome::Failed {
                        error: error.to_string(),
                    },
                };
                eprintln!(
                    "round {}: {}, {}: {outcome:?}",
                    round + 1,
                    scenario.name(),
                    program.name
                );
                lines.push(Line::Run(Run {
                    program: program.name.to_owned(),
                    scenario: scenario.name().to_owned(),
                    round,
                    outcome,
                }));
            }
        }
    }
    if options.counts {
        for &(program, scenario) in jobs
            .iter()
            .filter(|(_, scenario)| counts::SCENARIOS.contains(scenario))
        {
            let count = messages[&(program.name, scenario.name())];
            for what in counts::ALL {
                let each = counts::each(what, program, scenario, count);
                eprintln!("{what:?}: {}, {}: {each:?}", scenario.name(), program.name);
                let Ok(each) = each else { continue };
                lines.push(Line::Count(Count {
                    program: program.name.to_owned(),
                    scenario: scenario.name().to_owned(),
                    what,
                    each,
                }));
            }
        }
    }
    Ok(lines)
}

/// How many messages take about as long as a run should: found by runs of more and more, until they take a tenth of that.
fn messages_of(options: &Options, server: Option<&Server>, program: &Program, scenario: Scenario) -> u64 {
    let wanted = options.time.as_secs_f64();
    let mut count = FIRST;
    loop {
        // A run that fails will fail again, and say why.
        let Ok(sample) = once(server, program, scenario, count) else {
            return count;
        };
        let factor = wanted / sample.seconds.max(1e-6);
        if factor < 10.0 {
            return ((count as f64 * factor) as u64).clamp(FIRST, MOST);
        }
        count = (count as f64 * factor.min(20.0) / 2.0) as u64;
    }
}

fn once(
    server: Option<&Server>,
    program: &Program,
    scenario: Scenario,
    messages: u64,
) -> Result<Sample, Failure> {
    match server {
        None => run(program, scenario, messages, None),
        Some(server) => {
            server.prepare(scenario, messages)?;
            let sample = run(program, scenario, messages, Some(server.address()));
            server.tidy_up(scenario, messages)?;
            sample
        }
    }
}

fn machine(options: &Options, server: Option<&Server>) -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo").lines().find_map(|line| {
        Some(
            line.strip_prefix("model name")?
                .split_once(':')?
                .1
                .trim()
                .to_owned(),
        )
    });
    let mut versions = vec![
        said(Command::new("rustc").arg("--version")),
        format!(
            "librabbitmq {}",
            said(Command::new("pkg-config").args(["--modversion", "librabbitmq"]))
        ),
        format!(
            "pika {}",
            said(Command::new("/usr/bin/python3").args(["-c", "import pika; print(pika.__version__)"]))
        ),
    ];
    versions.extend(locked(&["lapin", "amqprs", "tokio"]));
    versions.extend(server.map(|server| server.version().to_owned()));
    Machine {
        processor: processor.unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        system: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        rounds: options.rounds,
        versions,
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// Packages of the peers with the versions that they are built with.
fn locked(names: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(benches().join("peers/Cargo.lock")).unwrap_or_default();
    let version = |name: &&str| {
        let entry = text.split_once(&format!("name = \"{name}\"\nversion = \""))?.1;
        Some(format!("{name} {}", entry.split('"').next()?))
    };
    names.iter().filter_map(version).collect()
}
