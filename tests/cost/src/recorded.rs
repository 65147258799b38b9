//! What messages cost when that was last recorded: the file `recorded`, beside this package's manifest.

use std::fs;

use crate::{Cost, Failure, Row};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded");
const HEAD: &str = "\
# What a message costs, written by `cargo run --release --package amqp-cost -- --update`:
# scenario, messages a turn, instructions, allocations
";

/// So much above what is recorded costs what it did: compilers differ, and processors in how they copy octets.
const INSTRUCTIONS: f64 = 1.08;
/// Two allocations for a hundred messages.
const ALLOCATIONS: f64 = 0.02;

/// Scenarios, messages a turn, and what one costs.
pub(crate) struct Recorded(Vec<(String, u64, Cost)>);

impl Recorded {
    /// # Errors
    /// The file is missing, or holds something else.
    pub(crate) fn read() -> Result<Self, Failure> {
        let text = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let parsed = lines.map(|line| parse(line).ok_or_else(|| format!("{FILE}: what is {line:?}?")));
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    /// What it cost.
    pub(crate) fn of(&self, scenario: &str, batch: u64) -> Option<Cost> {
        let mut lines = self.0.iter();
        let line = lines.find(|line| (line.0.as_str(), line.1) == (scenario, batch))?;
        Some(line.2)
    }
}

/// Writes what is counted over what was recorded.
pub(crate) fn write(rows: &[Row]) -> Result<(), Failure> {
    let mut text = HEAD.to_owned();
    for Row {
        scenario,
        batch,
        cost,
        ..
    } in rows
    {
        text += &format!(
            "{scenario} {batch} {:.0} {:.3}\n",
            cost.instructions, cost.allocations
        );
    }
    fs::write(FILE, text)?;
    Ok(())
}

/// Whether something still costs what it did, or less.
pub(crate) fn holds(recorded: Cost, now: Cost) -> bool {
    now.instructions <= recorded.instructions * INSTRUCTIONS
        && now.allocations <= recorded.allocations + ALLOCATIONS
}

fn parse(line: &str) -> Option<(String, u64, Cost)> {
    let mut words = line.split_whitespace();
    let (scenario, batch) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
    let cost = Cost {
        instructions: words.next()?.parse().ok()?,
        allocations: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some((scenario, batch, cost))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(instructions: f64, allocations: f64) -> Cost {
        Cost {
            instructions,
            allocations,
        }
    }

    #[test]
    fn what_is_committed_is_read_and_has_every_scenario() {
        let recorded = Recorded::read().unwrap();
        for scenario in crate::scenarios::ALL {
            for batch in crate::BATCHES {
                assert!(recorded.of(scenario, batch).is_some(), "{scenario} {batch}");
            }
        }
        assert_eq!(recorded.of("publish", 3), None);
    }

    #[test]
    fn a_line_is_four_words() {
        assert_eq!(
            parse("publish 100 1206 0.125"),
            Some(("publish".to_owned(), 100, cost(1206.0, 0.125)))
        );
        for line in ["", "publish 100 1206", "publish 100 1206 0 0", "publish 100 x 0"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn more_of_either_does_not_hold() {
        let recorded = cost(1000.0, 0.0);
        assert!(holds(recorded, cost(1079.0, 0.019)));
        assert!(holds(recorded, cost(500.0, 0.0)));
        assert!(!holds(recorded, cost(1081.0, 0.0)));
        assert!(!holds(recorded, cost(1000.0, 0.021)));
    }
}
