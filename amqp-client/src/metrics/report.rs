//! Tells the recorder what has changed on a connection. What there is to tell, the catalogue says.

use std::fmt;
use std::time::{Duration, Instant};

use ::metrics::{
    Counter, Gauge, Histogram, Label, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use super::{CATALOGUE, Kind, Metric, Seen, Source};
use crate::config::Config;
use crate::error::ConnectPhase;
use crate::error::ConnectionError;
use crate::handle::Shared;
use crate::sans_io::{Durations, Measured, State};

/// How often at most the recorder is told, but for the end. Recorders are read more rarely than that.
const PERIOD: Duration = Duration::from_secs(1);

/// What a connection has told the recorder.
#[derive(Default)]
pub(crate) struct Reporter {
    /// `None` before the first time.
    series: Option<Vec<Series>>,
    /// Empty, but while it is told.
    measured: Measured,
    /// Before which moment nothing more is told.
    next: Option<Instant>,
    /// Whether there may be something to tell then.
    behind: bool,
}

/// One series of the recorder's, with where it comes from; counters and gauges with what was told.
enum Series {
    Counter(Counter, fn(&Seen) -> u64, u64),
    Gauge(Gauge, fn(&Seen) -> u64, u64),
    Histogram(Histogram, fn(&mut Measured) -> &mut Durations),
}

impl Reporter {
    /// Tells what has changed, if it is time. The recorder is another's code: it runs when the lock is released.
    pub(crate) fn report(&mut self, shared: &Shared) {
        let Self {
            series,
            measured,
            next,
            behind,
        } = self;
        let told = shared.with(|inner| {
            let now = inner.now();
            let core = &mut inner.core;
            let ended = core.state() == State::Closed;
            if !ended && next.is_some_and(|next| now < next) {
                return None;
            }
            std::mem::swap(measured, &mut core.measured);
            let seen = Seen {
                stats: core.stats(now),
                opened: core.was_open,
                end: ended.then(|| core.error().map_or("other", reason)),
            };
            let name = series.is_none().then(|| name(core.config()));
            Some((seen, now, core.stats_move() && !ended, name))
        });
        let Some((seen, now, moves, name)) = told else {
            *behind = true;
            return;
        };
        *next = now.checked_add(PERIOD);
        *behind = moves;
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
                Series::Histogram(histogram, durations) => {
                    for (duration, count) in durations(measured).drain() {
                        histogram.record_many(duration, usize::try_from(count).unwrap_or(usize::MAX));
                    }
                }
            }
        }
    }

    /// When to report again though nothing else happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next.filter(|_| self.behind)
    }
}

/// Says nothing of the series, which are the recorder's.
impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("due", &self.due())
            .finish_non_exhaustive()
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
                (_, Source::Took(durations)) => Series::Histogram(histogram!(metric.name, labels), durations),
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
        ConnectionError::Closed | ConnectionError::CloseTimedOut | ConnectionError::CloseUnanswered => {
            "client"
        }
        ConnectionError::ClosedByServer(_) => "server",
        ConnectionError::HeartbeatTimedOut | ConnectionError::HeartbeatsMissed { .. } => "heartbeat",
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
