//! The report: `performance.md`, and a folder of pictures beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use amqp_harness::Scenario;

use crate::Failure;
use crate::bars;
use crate::counts;
use crate::lines::{self, What};
use crate::options::{DO_NOTHING, RABBITMQ, lines as lines_of};
use crate::plot::{self, Row};
use crate::programs::{self, Program, Side};
use crate::statistics::{Results, Summary, growth, median_time, processor, rate};

/// Writes it from the lines in the folder.
pub(crate) fn write(folder: &Path) -> Result<(), Failure> {
    let mut text = String::from(
        "# Performance\n\n\
         Written by a program: [benches/README.md](../benches/README.md#performance) says what is measured, how, and how to\n\
         repeat it. Each figure is a median, with the least and the most behind it.\n",
    );
    for (broker, title, bars) in [
        (
            DO_NOTHING,
            "With a broker that does nothing",
            bars::of_nothing as fn(&Results) -> String,
        ),
        (RABBITMQ, "With RabbitMQ", bars::of_rabbitmq),
    ] {
        let results = Results::new(lines::read(&lines_of(folder, broker))?);
        let Some(machine) = results.machine() else {
            continue;
        };
        let _ = writeln!(
            text,
            "\n## {title}\n\n{} rounds on {} cores of {}, {}; {}.\n\n### Bars\n\n{}",
            machine.rounds,
            machine.cores,
            machine.processor,
            machine.system,
            machine.versions.join(", "),
            bars(&results),
        );
        for scenario in Scenario::ALL {
            if let Some(table) = table(&results, scenario) {
                let file = format!("performance/{broker}-{}.svg", scenario.name());
                let _ = writeln!(
                    text,
                    "### {}\n\n{table}\n![{}]({file})\n",
                    heading(scenario),
                    heading(scenario)
                );
                fs::write(folder.join(&file), picture(&results, scenario))?;
            }
        }
        text.push_str(&counted(&results));
        text.push_str(&memory(&results));
    }
    let file = folder.join("performance.md");
    fs::write(&file, text.trim_end().to_owned() + "\n")?;
    println!("{}", file.display());
    Ok(())
}

fn heading(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Publish => "Publish",
        Scenario::Confirms => "Publish with confirms, 1,000 outstanding",
        Scenario::Consume => "Consume without acknowledgements",
        Scenario::ConsumeAck => "Consume, each delivery acked",
        Scenario::Confirm => "One confirm at a time, one core",
        Scenario::PingPong => "Publish and consume, ping-pong, one core",
        Scenario::Large => "Publish bodies of 64 KiB",
    }
}

/// Whether the time of each message is what counts.
fn is_timed(scenario: Scenario) -> bool {
    matches!(scenario, Scenario::Confirm | Scenario::PingPong)
}

/// A row for each program; `None` when none was run.
fn table(results: &Results, scenario: Scenario) -> Option<String> {
    let mut rows = String::new();
    for program in programs::ALL {
        if let Some((failed, all, reason)) = results.failures(program, scenario) {
            let _ = writeln!(
                rows,
                "| {} | {failed} of {all} runs failed: {reason} | | |",
                program.name
            );
        }
        let summary = |value: fn(&_) -> f64| results.summary(program, scenario, |sample| Some(value(sample)));
        let Some((rate, cost)) = summary(rate).zip(summary(processor)) else {
            continue;
        };
        let third = if is_timed(scenario) {
            let p50 = results.summary(program, scenario, median_time);
            let p99 = results.summary(program, scenario, |sample| Some(sample.p99_ns? as f64 / 1e3));
            format!("{} | {}", range(p50, short), range(p99, short))
        } else {
            range(Some(rate), rate_text)
        };
        let _ = writeln!(
            rows,
            "| {} | {} | {third} |",
            program.name,
            range(Some(cost), short)
        );
    }
    let columns = if is_timed(scenario) {
        "| | processor, us per message | half within us | 99 % within us |\n|---|---:|---:|---:|\n"
    } else {
        "| | processor, us per message | messages per second |\n|---|---:|---:|\n"
    };
    let rows = if is_timed(scenario) {
        rows
    } else {
        rows.replace("| | |\n", "| |\n")
    };
    (!rows.is_empty()).then(|| columns.to_owned() + &rows)
}

fn picture(results: &Results, scenario: Scenario) -> String {
    let row = |program: &Program| {
        let value = if is_timed(scenario) {
            results.summary(program, scenario, median_time)?
        } else {
            results.summary(program, scenario, |sample| Some(rate(sample)))?
        };
        let label = if is_timed(scenario) { short } else { rate_text };
        Some(Row {
            name: program.name,
            side: program.side,
            label: label(value.median),
            value,
        })
    };
    // Beside what the octets alone take, nothing could be told from nothing.
    let shown =
        |program: &&Program| is_timed(scenario) || scenario == Scenario::Large || program.side != Side::Floor;
    let mut rows: Vec<Row> = programs::ALL.iter().filter(shown).filter_map(row).collect();
    rows.sort_by(|a, b| b.value.median.total_cmp(&a.value.median));
    let unit = if is_timed(scenario) {
        rows.reverse();
        "microseconds, less is better"
    } else {
        "messages per second"
    };
    plot::bars(&format!("{}: {unit}", heading(scenario)), &rows)
}

/// Instructions, allocations and system calls.
fn counted(results: &Results) -> String {
    let mut text = String::new();
    for (what, title, digits) in [
        (What::Instructions, "Instructions of a message", 0),
        (What::Allocations, "Allocations of a message", 2),
        (What::SystemCalls, "System calls of a message", 3),
    ] {
        let mut rows = String::new();
        for program in programs::ALL {
            let each = counts::SCENARIOS.map(|scenario| results.count(program, scenario, what));
            if each.iter().any(Option::is_some) {
                let cells = each.map(|each| each.map_or(String::new(), |each| format!("{each:.digits$}")));
                let _ = writeln!(rows, "| {} | {} |", program.name, cells.join(" | "));
            }
        }
        if !rows.is_empty() {
            let names = counts::SCENARIOS.map(Scenario::name).join(" | ");
            let _ = writeln!(
                text,
                "### {title}\n\n| | {names} |\n|---|---:|---:|---:|---:|\n{rows}"
            );
        }
    }
    text
}

fn memory(results: &Results) -> String {
    let grown = |program: &&'static Program| {
        let grown = results.summary(program, Scenario::Consume, |sample| Some(growth(sample)))?;
        Some(format!("| {} | {} |\n", program.name, range(Some(grown), short)))
    };
    let rows: String = programs::ALL
        .iter()
        .filter_map(|program| grown(&program))
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "### Memory under a flood\n\nBy how much it grew while consuming without acknowledgements.\n\n| | MiB |\n|---|---:|\n{rows}"
    )
}

/// A median, and what is around it.
fn range(summary: Option<Summary>, text: fn(f64) -> String) -> String {
    summary.map_or(String::new(), |Summary { median, least, most }| {
        format!("{} ({} to {})", text(median), text(least), text(most))
    })
}

fn short(value: f64) -> String {
    let digits = match value {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

fn rate_text(value: f64) -> String {
    match value {
        1e7.. => format!("{:.1} M", value / 1e6),
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.0} k", value / 1e3),
        1e3.. => format!("{:.1} k", value / 1e3),
        _ => format!("{value:.0}"),
    }
}
