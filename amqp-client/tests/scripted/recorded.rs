//! What the recorder of the crate `metrics` has been told, for tests. The tests against a real broker use this file too.

use std::collections::{BTreeMap, BTreeSet};

use amqp_client::metrics::{CATALOGUE, Kind};
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// The sums of counters and gauges, and the values of histograms, of one connection name.
pub(crate) struct Recorded {
    snapshotter: Snapshotter,
    connection: &'static str,
    sums: BTreeMap<String, f64>,
    values: BTreeMap<String, Vec<f64>>,
    /// What there is of metrics, as [`in_catalogue`] says it.
    seen: BTreeSet<String>,
}

impl Recorded {
    pub(crate) fn new(recorder: &DebuggingRecorder, connection: &'static str) -> Self {
        Self {
            snapshotter: recorder.snapshotter(),
            connection,
            sums: BTreeMap::new(),
            values: BTreeMap::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Takes what was told since the last time: a snapshot has nothing of what an earlier one had.
    fn update(&mut self) {
        for (key, unit, description, value) in self.snapshotter.snapshot().into_vec() {
            let labels: Vec<_> = key
                .key()
                .labels()
                .map(|label| (label.key(), label.value()))
                .collect();
            let (own, other) = match labels.as_slice() {
                [("connection", name)] => (name, None),
                [("connection", name), other] => (name, Some(*other)),
                _ => panic!("{key:?}"),
            };
            if *own != self.connection {
                continue;
            }
            let name = match other {
                Some((_, value)) => format!("{} {value}", key.key().name()),
                None => key.key().name().to_owned(),
            };
            let (label, label_value) = other.unwrap_or_default();
            let (unit, description) = (unit.unwrap(), description.unwrap());
            let kind = match key.kind() {
                MetricKind::Counter => Kind::Counter,
                MetricKind::Gauge => Kind::Gauge,
                MetricKind::Histogram => Kind::Histogram,
            };
            self.seen.insert(format!(
                "{name} {kind:?} {unit:?} {label} {label_value} {description}"
            ));
            match value {
                DebugValue::Counter(more) => *self.sums.entry(name).or_default() += more as f64,
                DebugValue::Gauge(more) => *self.sums.entry(name).or_default() += more.0,
                DebugValue::Histogram(more) => {
                    let more = more.into_iter().map(|value| value.0);
                    self.values.entry(name).or_default().extend(more);
                }
            }
        }
    }

    /// A counter or a gauge, given as `NAME` or `NAME LABEL_VALUE`, without what all names begin with.
    pub(crate) fn sum(&mut self, name: &str) -> u64 {
        self.update();
        let sum = self.sums.get(&format!("amqp_client_{name}"));
        let sum = *sum.unwrap_or_else(|| panic!("there is no {name}: {:?}", self.sums));
        assert!(sum >= 0.0 && sum.fract() == 0.0, "{name}: {sum}");
        sum as u64
    }

    /// What was recorded of a histogram.
    pub(crate) fn values(&mut self, name: &str) -> Vec<f64> {
        self.update();
        let values = self.values.get(&format!("amqp_client_{name}"));
        values.unwrap_or_else(|| panic!("there is no {name}")).clone()
    }

    /// What there is of metrics, beside the catalogue.
    pub(crate) fn seen(&mut self) -> &BTreeSet<String> {
        self.update();
        &self.seen
    }

    /// The gauges that are not zero.
    pub(crate) fn levels(&mut self) -> Vec<&str> {
        self.update();
        let gauges = CATALOGUE.iter().filter(|metric| metric.kind == Kind::Gauge);
        let names = gauges.map(|metric| metric.name);
        names.filter(|name| self.sums[*name] != 0.0).collect()
    }
}

/// What the catalogue says that there is.
pub(crate) fn in_catalogue() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for metric in CATALOGUE {
        let (kind, unit, description) = (metric.kind, metric.unit, metric.description);
        let rest = |label, value| format!("{kind:?} {unit:?} {label} {value} {description}");
        match metric.label {
            None => {
                all.insert(format!("{} {}", metric.name, rest("", "")));
            }
            Some(label) => {
                all.extend(
                    metric
                        .label_values()
                        .map(|value| format!("{} {value} {}", metric.name, rest(label, value))),
                );
            }
        }
    }
    all
}
