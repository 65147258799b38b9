//! Tells the recorder what has changed on a connection. What there is to tell, the catalogue says.

use std::fmt;
use std::time::{Duration, Instant};

use ::metrics::{
    Counter, Gauge, Histogram, Label, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use super::{CATALOGUE, Kind, Metric, Seen, Source};
use crate::config::Config;
#[cfg(feature = "tokio")]
use crate::error::ConnectPhase;
use crate::error::ConnectionError;
use crate::handle::Shared;
use crate::sans_io::{Durations, State};

/// How often to tell what changes though the driver has nothing to do.
const PERIOD: Duration = Duration::from_secs(1);

/// What a connection has told the recorder.
#[derive(Default)]
pub(crate) struct Reporter {
    /// `None` before the first time.
    series: Option<Vec<Series>>,
    heartbeats_told: u64,
    confirms: Durations,
    settlements: Durations,
    due: Option<Instant>,
}

/// One series of the recorder's; counters and gauges with where they come from, and what was told.
enum Series {
    Counter(Counter, fn(&Seen) -> u64, u64),
    Gauge(Gauge, fn(&Seen) -> u64, u64),
    Confirms(Histogram),
    Settlements(Histogram),
    HeartbeatLag(Histogram),
}

impl Reporter {
    /// Tells what has changed. The recorder is another's code: it runs when the lock is released.
    pub(crate) fn report(&mut self, shared: &Shared) {
        let series = &mut self.series;
        let (confirms, settlements) = (&mut self.confirms, &mut self.settlements);
        let (seen, now, moves, name) = shared.with(|inner| {
            let now = inner.now();
            let core = &mut inner.core;
            std::mem::swap(confirms, &mut core.confirm_durations);
            std::mem::swap(settlements, &mut core.settle_durations);
            let seen = Seen {
                stats: core.stats(now),
                opened: core.was_open,
                end: (core.state() == State::Closed).then(|| core.error().map_or("other", reason)),
            };
            let name = series.is_none().then(|| name(core.config()));
            (seen, now, core.stats_move() && seen.end.is_none(), name)
        });
        self.due = moves.then(|| *self.due.get_or_insert_with(|| now + PERIOD));
        let series = series.get_or_insert_with(|| register(&name.unwrap_or_default()));
        for series in series {
            match series {
                Series::Counter(counter, read, told) => {
                    let total = read(&seen);
                    if total > *told {
                        counter.increment(total - *told);
                        *told = total;
                    }
                }
                Series::Gauge(gauge, read, told) => {
                    // A connection that is over adds nothing any more.
                    let level = if seen.end.is_some() { 0 } else { read(&seen) };
                    if level != *told {
                        gauge.increment(level as f64 - *told as f64);
                        *told = level;
                    }
                }
                Series::Confirms(histogram) => record(histogram, confirms),
                Series::Settlements(histogram) => record(histogram, settlements),
                Series::HeartbeatLag(histogram) => {
                    if seen.stats.heartbeats_sent > self.heartbeats_told {
                        histogram.record(seen.stats.heartbeat_lag);
                    }
                }
            }
        }
        self.heartbeats_told = seen.stats.heartbeats_sent;
    }

    /// When to report again though nothing else happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The driver is awake, and will report.
    pub(crate) fn awake(&mut self) {
        self.due = None;
    }
}

/// Says nothing of the series, which are the recorder's.
impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

fn record(histogram: &Histogram, durations: &mut Durations) {
    for (duration, count) in durations.drain() {
        histogram.record_many(duration, usize::try_from(count).unwrap_or(usize::MAX));
    }
}

/// Makes a connection's series known to the recorder, all of them at once: what has not happened is 0.
fn register(name: &str) -> Vec<Series> {
    let mut all = Vec::new();
    for metric in CATALOGUE {
        describe(metric);
        for (value, source) in metric.series {
            let labels = labels(name, metric, value);
            all.push(match (metric.kind, *source) {
                (Kind::Counter, Source::Connection(read)) => {
                    Series::Counter(counter!(metric.name, labels), read, 0)
                }
                (_, Source::Connection(read)) => Series::Gauge(gauge!(metric.name, labels), read, 0),
                (_, Source::Confirms) => Series::Confirms(histogram!(metric.name, labels)),
                (_, Source::Settlements) => Series::Settlements(histogram!(metric.name, labels)),
                (_, Source::HeartbeatLag) => Series::HeartbeatLag(histogram!(metric.name, labels)),
                (_, Source::Attempts) => continue,
            });
        }
    }
    all
}

fn describe(metric: &Metric) {
    let Metric {
        name,
        unit,
        description,
        ..
    } = *metric;
    match metric.kind {
        Kind::Counter => describe_counter!(name, unit, description),
        Kind::Gauge => describe_gauge!(name, unit, description),
        Kind::Histogram => describe_histogram!(name, unit, description),
    }
}

/// The value of the label that all metrics have.
fn name(config: &Config) -> String {
    config.connection_name.clone().unwrap_or_default()
}

fn labels(name: &str, metric: &Metric, value: &'static str) -> Vec<Label> {
    let label = metric.label.map(|label| Label::from_static_parts(label, value));
    let name = Label::new("connection", name.to_owned());
    std::iter::once(name).chain(label).collect()
}

/// An attempt to connect is over: it failed in this phase, or the connection opened.
#[cfg(feature = "tokio")]
pub(crate) fn attempted(config: &Config, failed: Option<ConnectPhase>) {
    let outcome = match failed {
        None => "opened",
        Some(ConnectPhase::Resolve) => "resolve",
        Some(ConnectPhase::Tcp) => "tcp",
        Some(ConnectPhase::Tls) => "tls",
        Some(ConnectPhase::Amqp) => "amqp",
    };
    let attempts = |metric: &&Metric| matches!(metric.series, [(_, Source::Attempts), ..]);
    for metric in CATALOGUE.iter().filter(attempts) {
        describe(metric);
        counter!(metric.name, labels(&name(config), metric, outcome)).increment(1);
    }
}

/// Why a connection that was open ended, in the catalogue's words.
fn reason(error: &ConnectionError) -> &'static str {
    match error {
        ConnectionError::Closed | ConnectionError::CloseTimedOut => "client",
        ConnectionError::ClosedByServer(_) => "server",
        ConnectionError::HeartbeatTimedOut => "heartbeat",
        ConnectionError::WriteTimedOut | ConnectionError::AnswersNotTaken { .. } => "write",
        ConnectionError::BlockedTimedOut { .. } => "blocked",
        ConnectionError::PeerViolation(_) => "violation",
        ConnectionError::EndOfStream { .. } | ConnectionError::Transport(_) | ConnectionError::Tls(_) => {
            "transport"
        }
        ConnectionError::DriverDropped => "driver",
        _ => "other",
    }
}
