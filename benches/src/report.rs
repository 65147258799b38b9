//! The table and the verdicts: which bars are met.

use std::fmt::Write;

use crate::measure::Time;
use crate::{Case, Direction, Scenario, VARIANTS};

/// At most so many times the floor ...
const FLOOR_RATIO: f64 = 1.3;
/// ... or so many nanoseconds above it, where that is more.
const FLOOR_SLACK: f64 = 5.0;

/// How many times faster than the better peer that does the same.
fn peer_bar(case: &Case) -> f64 {
    match (case.direction, case.scenario) {
        (Direction::Encode, _) => 2.5,
        (Direction::Decode, Scenario::Table) => 3.0,
        (Direction::Decode | Direction::DecodeAny, _) => 4.0,
    }
}

/// The better peer's time. Of the two only the first has an enum over all methods; the second decodes by type.
fn peer_time(case: &Case, first: f64, second: f64) -> f64 {
    match case.direction {
        Direction::DecodeAny => first,
        Direction::Decode | Direction::Encode => first.min(second),
    }
}

/// Whether the floor is a bar. It knows which method comes.
fn has_floor_bar(case: &Case) -> bool {
    case.direction != Direction::DecodeAny
}

/// The report as Markdown, and whether every bar is met.
pub fn report(cases: &[Case], times: &[[Time; 4]], allocations: &[[u64; 4]]) -> (String, bool) {
    let mut table = String::from("| scenario |");
    for variant in VARIANTS {
        let _ = write!(table, " {variant} |");
    }
    table.push_str(" better peer / ours | ours / floor |\n|---|---:|---:|---:|---:|---:|---:|\n");
    let mut verdicts = String::new();
    let mut all_met = true;
    for ((case, times), allocations) in cases.iter().zip(times).zip(allocations) {
        let direction = match case.direction {
            Direction::Decode | Direction::DecodeAny => "decode",
            Direction::Encode => "encode",
        };
        let any = if case.direction == Direction::DecodeAny {
            ", through `Method`"
        } else {
            ""
        };
        let name = format!("{direction} {}{any}", case.scenario.name());
        let [ours, first, second, floor] = times.map(|time| time.median);
        let (peer, above) = (peer_time(case, first, second) / ours, ours / floor);
        let _ = write!(table, "| {name} |");
        for (time, count) in times.iter().zip(allocations) {
            let _ = write!(
                table,
                " {:.1} ns [{:.1}..{:.1}], {count} |",
                time.median, time.min, time.max
            );
        }
        let _ = writeln!(table, " {peer:.1} | {above:.2} |");

        let none = (
            allocations[0] == 0,
            format!("{} allocations, at most 0", allocations[0]),
        );
        let bar = peer_bar(case);
        let faster = (
            peer >= bar,
            format!("{peer:.1} times faster than the better peer, at least {bar}"),
        );
        let near = has_floor_bar(case).then(|| {
            let met = ours <= (floor * FLOOR_RATIO).max(floor + FLOOR_SLACK);
            let text = format!(
                "{above:.2} times the floor, {:+.1} ns, at most {FLOOR_RATIO} or {FLOOR_SLACK:+} ns",
                ours - floor
            );
            (met, text)
        });
        let bars = [Some(none), Some(faster), near].into_iter().flatten();
        for (met, bar) in bars {
            all_met &= met;
            let _ = writeln!(
                verdicts,
                "- {}: {name}: {bar}",
                if met { "met" } else { "MISSED" }
            );
        }
    }
    (format!("{table}\n{verdicts}"), all_met)
}
