//! Prints what each codec takes per operation, as a table and as verdicts on the bars.
//!
//! Options: `--rounds N` (101 unless said), `--check` (exit status 1 when a bar is missed), `--once CASE VARIANT COUNT`
//! (runs nothing but that, for a profiler).
#![forbid(unsafe_code)]

use std::error::Error;
use std::process::{Command, ExitCode, Stdio};

use amqp_benches::{VARIANTS, cases, measure, report, verify};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut rounds = 101;
    let mut check = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<usize, Box<dyn Error>> {
            Ok(arguments.next().ok_or("a number is missing")?.parse()?)
        };
        match argument.as_str() {
            "--check" => check = true,
            "--rounds" => rounds = number()?.max(1),
            "--once" => {
                let (case, variant, count) = (number()?, number()?, number()?);
                let mut cases = cases();
                let case = cases.get_mut(case).ok_or("no such case")?;
                (case.run.get_mut(variant).ok_or("no such variant")?)(count as u64);
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    verify();
    let allocations = allocations()?;
    let mut cases = cases();
    let times = measure::times(&mut cases, rounds);
    let (text, met) = report::report(&cases, &times, &allocations);
    println!(
        "Median [quickest..slowest] of {rounds} interleaved rounds, allocations per operation.\n\n{text}"
    );
    Ok(if check && !met {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The counts of the program `allocations`. A counting allocator in this process would add its own time to each
/// allocation of the peers.
fn allocations() -> Result<Vec<[u64; VARIANTS.len()]>, Box<dyn Error>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--release",
            "--bin",
            "allocations",
            "--features",
            "count",
        ])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("counting allocations failed".into());
    }
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| {
            let counts: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
            <[u64; VARIANTS.len()]>::try_from(counts).map_err(|_| "not a count per variant".into())
        })
        .collect()
}
