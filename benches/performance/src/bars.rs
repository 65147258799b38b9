//! What is demanded of this client, in the figures of one run, and whether it is met.

use std::fmt::Write as _;

use amqp_harness::Scenario;

use crate::lines::What;
use crate::programs::{self, Kind, Program, Side};
use crate::statistics::{Results, growth, median_time, processor, rate};

/// A demand.
struct Bar {
    text: String,
    /// What was measured; `None` when it was not.
    measured: Option<f64>,
    limit: Limit,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

/// The client that is compared where a bar names no runtime.
const OURS: &str = "ours, tokio current-thread";
const OURS_THREADS: &str = "ours, tokio multi-thread";
const OURS_BLOCKING: &str = "ours, blocking single-threaded";
const FLOOR: &str = "floor";
const FLOOR_TOKIO: &str = "floor, tokio current-thread";
/// Takes frames as they come, and puts no message together.
const RABBITMQ_C: &str = "rabbitmq-c, by frames";
/// Hands out messages, as this client does.
const RABBITMQ_C_MESSAGES: &str = "rabbitmq-c, by messages";

/// The bars of what was measured with a broker that does nothing, as a table.
pub(crate) fn of_nothing(results: &Results) -> String {
    use Limit::{AtLeast, AtMost};
    let rates = |name, scenario| median_rate(results, name, scenario);
    let peers = |scenario, kind| best_peer(results, scenario, kind);
    let times = |ours, others| Some(ours? / others?);
    let count = |scenario, what| results.count(programs::named(OURS)?, scenario, what);
    let against = |name: &str| format!("{name}, messages per second");
    let mut bars = Vec::new();
    let mut add = |text: String, measured, limit| {
        bars.push(Bar {
            text,
            measured,
            limit,
        })
    };

    for (ours, kind, words) in [
        (OURS, Kind::CurrentThread, "current-thread"),
        (OURS_THREADS, Kind::MultiThread, "multi-thread"),
    ] {
        add(
            against(&format!("publish: over the best peer on tokio {words}")),
            times(
                rates(ours, Scenario::Publish),
                peers(Scenario::Publish, Some(kind)),
            ),
            AtLeast(4.0),
        );
    }
    for (what, words, limit) in [
        (What::Allocations, "allocations", 0.0),
        (What::Instructions, "instructions", 700.0),
        (What::SystemCalls, "system calls", 0.02),
    ] {
        // A hundredth of an allocation is a buffer that grew.
        let slack = if what == What::Allocations { 0.005 } else { 0.0 };
        add(
            format!("publish: {words} per message"),
            count(Scenario::Publish, what),
            AtMost(limit + slack),
        );
    }
    add(
        against("confirms, 1,000 outstanding: over the best peer"),
        times(rates(OURS, Scenario::Confirms), peers(Scenario::Confirms, None)),
        AtLeast(3.0),
    );
    for peer in [RABBITMQ_C, RABBITMQ_C_MESSAGES] {
        add(
            against(&format!("consume, no ack: over {peer}")),
            times(rates(OURS, Scenario::Consume), rates(peer, Scenario::Consume)),
            AtLeast(1.5),
        );
    }
    for (what, words, limit) in [
        (What::Allocations, "allocations", 0.1),
        (What::Instructions, "instructions", 800.0),
    ] {
        add(
            format!("consume, no ack: {words} per message"),
            count(Scenario::Consume, what),
            AtMost(limit),
        );
    }
    let grown = programs::named(OURS)
        .and_then(|ours| results.summary(ours, Scenario::Consume, |sample| Some(growth(sample))));
    add(
        "consume, no ack: MiB that memory grows under the flood".to_owned(),
        grown.map(|grown| grown.median),
        AtMost(16.0),
    );
    add(
        against("consume, each acked: over the best peer"),
        times(
            rates(OURS, Scenario::ConsumeAck),
            peers(Scenario::ConsumeAck, None),
        ),
        AtLeast(5.0),
    );
    for (scenario, words) in [
        (Scenario::Confirm, "one confirm at a time"),
        (Scenario::PingPong, "ping-pong"),
    ] {
        for (ours, floor, words_2) in [
            (OURS, FLOOR_TOKIO, "tokio, over its raw echo"),
            (
                OURS_BLOCKING,
                FLOOR,
                "blocking single-threaded, over the blocking floor",
            ),
        ] {
            let time = |name| {
                let summary = results.summary(programs::named(name)?, scenario, median_time)?;
                Some(summary.median)
            };
            add(
                format!("{words}, one core: {words_2}, median time"),
                times(time(ours), time(floor)),
                AtMost(1.2),
            );
        }
    }
    let pair = [programs::named(OURS), programs::named(FLOOR)];
    let paired = match pair {
        [Some(ours), Some(floor)] => {
            results.paired([ours, floor], Scenario::Large, |sample| 1.0 / rate(sample))
        }
        _ => None,
    };
    add(
        "bodies of 64 KiB: over plain TCP with writes of 64 KiB, time, paired".to_owned(),
        paired,
        AtMost(1.15),
    );
    table(&bars)
}

/// The bars of what was measured with RabbitMQ.
pub(crate) fn of_rabbitmq(results: &Results) -> String {
    let mut bars = Vec::new();
    for scenario in Scenario::ALL {
        let ours = median_rate(results, OURS, scenario);
        let best = best_peer(results, scenario, None);
        bars.push(Bar {
            text: format!("{}: over the fastest peer, messages per second", scenario.name()),
            measured: ours.zip(best).map(|(ours, best)| ours / best),
            limit: Limit::AtLeast(0.95),
        });
        let cost = |program: &Program| {
            Some(
                results
                    .summary(program, scenario, |sample| Some(processor(sample)))?
                    .median,
            )
        };
        let ours = programs::named(OURS).and_then(cost);
        let others = programs::ALL
            .iter()
            .filter(|program| program.side == Side::Peer && program.is_async);
        let least = others.filter_map(cost).min_by(f64::total_cmp);
        for (words, other, limit) in [
            ("the cheapest async peer", least, 1.0),
            ("rabbitmq-c", programs::named(RABBITMQ_C).and_then(cost), 1.2),
        ] {
            bars.push(Bar {
                text: format!("{}: over {words}, the processor's time", scenario.name()),
                measured: ours.zip(other).map(|(ours, other)| ours / other),
                limit: Limit::AtMost(limit),
            });
        }
    }
    table(&bars)
}

fn table(bars: &[Bar]) -> String {
    let mut text = String::from("| bar | demanded | measured | |\n|---|---:|---:|---|\n");
    for bar in bars {
        let Some(measured) = bar.measured else { continue };
        let (limit, met) = match bar.limit {
            Limit::AtLeast(limit) => (format!("at least {limit}"), measured >= limit),
            Limit::AtMost(limit) => (format!("at most {limit}"), measured <= limit),
        };
        let verdict = if met { "met" } else { "**missed**" };
        let digits = if measured >= 100.0 { 0 } else { 2 };
        let _ = writeln!(
            text,
            "| {} | {limit} | {measured:.digits$} | {verdict} |",
            bar.text
        );
    }
    text
}

fn median_rate(results: &Results, name: &str, scenario: Scenario) -> Option<f64> {
    let summary = results.summary(programs::named(name)?, scenario, |sample| Some(rate(sample)))?;
    Some(summary.median)
}

fn best_peer(results: &Results, scenario: Scenario, kind: Option<Kind>) -> Option<f64> {
    programs::ALL
        .iter()
        .filter(|program| program.side == Side::Peer && kind.is_none_or(|kind| program.kind == kind))
        .filter_map(|program| median_rate(results, program.name, scenario))
        .max_by(f64::total_cmp)
}
