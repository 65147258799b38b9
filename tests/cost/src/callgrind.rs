//! Counts what this program does when callgrind runs it: instructions, and calls of the C library's allocator.

use std::collections::HashSet;
use std::env;
use std::process::{Child, Command, Stdio};

use crate::{Cost, Failure};

/// Rust's allocator calls these; growing in place counts as well.
const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign"];

/// What a message costs: the difference between so many and twice as many, divided.
pub(crate) fn each(scenario: &str, listener: &str, batch: u64, messages: u64) -> Result<Cost, Failure> {
    // Both at once: there are two processors at least where anybody waits for this.
    let less = start(scenario, listener, batch, messages)?;
    let more = start(scenario, listener, batch, 2 * messages)?;
    let (less, more) = (total(less)?, total(more)?);
    let each = |count: fn(&Total) -> u64| count(&more).saturating_sub(count(&less)) as f64 / messages as f64;
    Ok(Cost {
        instructions: each(|total| total.instructions),
        allocations: each(|total| total.allocations),
    })
}

/// What a whole run costs.
#[derive(Debug, PartialEq, Eq)]
struct Total {
    instructions: u64,
    allocations: u64,
}

fn start(scenario: &str, listener: &str, batch: u64, messages: u64) -> Result<Child, Failure> {
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/stdout"])
        .arg(env::current_exe()?)
        .args([scenario, listener, &batch.to_string(), &messages.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("valgrind: {error}"))?;
    Ok(child)
}

fn total(child: Child) -> Result<Total, Failure> {
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    parse(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| "callgrind wrote no totals".into())
}

/// Reads callgrind's file: `fn=` and `cfn=` name who calls and who is called, by `(number)` and, the first time, a name;
/// `calls=` says how often.
fn parse(file: &str) -> Option<Total> {
    let mut instructions = None;
    let mut allocations = 0;
    let mut allocators = HashSet::new();
    let mut called = "";
    for line in file.lines() {
        let Some((key, value)) = line.split_once(['=', ':']) else {
            continue;
        };
        let (first, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        match key {
            "fn" | "cfn" => {
                if ALLOCATORS.contains(&rest) {
                    allocators.insert(first);
                }
                if key == "cfn" {
                    called = first;
                }
            }
            "calls" if allocators.contains(called) => allocations += first.parse::<u64>().ok()?,
            "totals" => instructions = first.parse().ok(),
            _ => {}
        }
    }
    Some(Total {
        instructions: instructions?,
        allocations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_allocators_are_counted_by_whoever_calls() {
        let file = "\
version: 1
fn=(1) main
0 12
cfn=(2) malloc
calls=3 0
0 90
cfn=(3) push
calls=5 0
0 400

fn=(3)
cob=(4)
cfn=(2)
calls=4 0
0 120

fn=(5) realloc
0 9
fn=(6) grow
cfn=(5)
calls=2 0
0 18

totals: 640
";
        let expected = Total {
            instructions: 640,
            allocations: 9,
        };
        assert_eq!(parse(file), Some(expected));
        assert_eq!(parse("version: 1\n"), None);
    }
}
