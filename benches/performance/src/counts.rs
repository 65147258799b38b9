//! What each message costs that can be counted: the difference between so many messages and twice as many, divided.

use std::fs;

use amqp_harness::Scenario;

use crate::Failure;
use crate::build::allocation_counter;
use crate::lines::What;
use crate::options::benches;
use crate::programs::Program;
use crate::running::run_within;
use crate::statistics::Summary;

/// All that is counted.
pub(crate) const ALL: [What; 3] = [What::Instructions, What::Allocations, What::SystemCalls];

/// Scenarios in which it is.
pub(crate) const SCENARIOS: [Scenario; 4] = [
    Scenario::Publish,
    Scenario::Confirms,
    Scenario::Consume,
    Scenario::ConsumeAck,
];

/// How many of it a message costs, of a program that does so many messages in a run.
pub(crate) fn each(what: What, program: &Program, scenario: Scenario, in_run: u64) -> Result<f64, Failure> {
    let messages = match what {
        // Under callgrind everything takes fifty times as long.
        What::Instructions => (in_run / 50).clamp(1_000, 50_000),
        What::Allocations | What::SystemCalls => (in_run / 5).max(1_000),
    };
    // What several threads do differs from run to run.
    let times = match what {
        What::Instructions => 1,
        What::Allocations | What::SystemCalls => 3,
    };
    let mut differences = Vec::new();
    for _ in 0..times {
        let less = total(what, program, scenario, messages)?;
        let more = total(what, program, scenario, 2 * messages)?;
        differences.push((more - less) / messages as f64);
    }
    let summary = Summary::of(differences).ok_or("nothing was counted")?;
    Ok(summary.median)
}

fn total(what: What, program: &Program, scenario: Scenario, messages: u64) -> Result<f64, Failure> {
    let file = benches().join("target/release/count");
    let name = file.to_str().ok_or("the folder's name is not UTF-8")?;
    let library = allocation_counter();
    let library = library.to_str().ok_or("the folder's name is not UTF-8")?;
    let (wrapper, variables) = match what {
        What::Instructions => (
            &["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"][..],
            &[][..],
        ),
        What::Allocations => (
            &[][..],
            &[("LD_PRELOAD", library), ("COUNT_ALLOCATIONS", name)][..],
        ),
        What::SystemCalls => (&["strace", "-f", "-c", "-o", name][..], &[][..]),
    };
    let (_, said) = run_within(wrapper, variables, program, scenario, messages, None)?;
    let number = match what {
        What::Instructions => said
            .lines()
            .find_map(|line| Some(line.split_once("Collected : ")?.1.trim().to_owned())),
        What::Allocations => Some(fs::read_to_string(&file)?.trim().to_owned()),
        // "% time, seconds, usecs/call, calls, errors, syscall", the last of which is "total".
        What::SystemCalls => fs::read_to_string(&file)?
            .lines()
            .find(|line| line.ends_with("total"))
            .and_then(|line| Some(line.split_whitespace().nth(3)?.to_owned())),
    };
    Ok(number.ok_or("nothing was counted")?.parse()?)
}
