//! How long things took: counted by size until somebody asks, in a bounded space. What is measured stands elsewhere.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Whether anybody ever asks. If not, nothing is counted, and nothing of the counting is compiled.
pub(super) const MEASURED: bool = cfg!(feature = "metrics");

/// Buckets for each power of two nanoseconds: a duration is off by at most one part in 32.
const STEPS: u64 = 16;

/// What a connection measures.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// From queueing a publish in confirm mode to its basic.ack or nack.
    pub(crate) confirms: Durations,
    /// From receiving a delivery to the transport's taking something after it was settled.
    pub(crate) settlements: Durations,
    /// How late heartbeats were.
    pub(crate) heartbeat_lags: Durations,
}

/// Durations that were measured. There are fewer than 1,000 buckets, and few of them in use at a time.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    /// Buckets in use, and how many durations fell into each.
    counts: BTreeMap<u16, u64>,
}

impl Durations {
    /// Counts `count` durations from one time to another.
    #[inline]
    pub(super) fn note(&mut self, from: Instant, to: Instant, count: u64) {
        if MEASURED {
            self.count(to.saturating_duration_since(from), count);
        }
    }

    fn count(&mut self, duration: Duration, count: u64) {
        let nanos = duration.as_secs().saturating_mul(1_000_000_000);
        let bucket = bucket(nanos.saturating_add(duration.subsec_nanos().into()));
        *self.counts.entry(bucket).or_default() += count;
    }

    /// What was counted, and how often, and begins anew.
    #[cfg_attr(not(feature = "metrics"), expect(dead_code, reason = "nobody asks"))]
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Duration, u64)> + use<> {
        let middle = |(bucket, count)| (Duration::from_nanos(middle(bucket)), count);
        std::mem::take(&mut self.counts).into_iter().map(middle)
    }
}

/// The bucket of a duration. Those below 32 nanoseconds have one each.
fn bucket(nanos: u64) -> u16 {
    let exponent = nanos.max(STEPS).ilog2() - STEPS.ilog2();
    // The highest five bits, of which the first is always set.
    (u64::from(exponent) * STEPS + (nanos >> exponent)) as u16
}

/// The middle of a bucket.
fn middle(bucket: u16) -> u64 {
    let exponent = (u64::from(bucket) / STEPS).saturating_sub(1);
    let first = (u64::from(bucket) - exponent * STEPS) << exponent;
    first + (1 << exponent) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_close_to_what_falls_into_it() {
        assert!((0..32).all(|nanos| middle(bucket(nanos)) == nanos));
        let mut nanos = 32;
        while let Some(next) = nanos_after(nanos) {
            let middle = middle(bucket(nanos));
            assert!(middle.abs_diff(nanos) <= nanos / 32, "{nanos}: {middle}");
            assert!(bucket(nanos) <= bucket(next));
            nanos = next;
        }
        assert!(bucket(u64::MAX) < 1000);
        assert!(middle(bucket(u64::MAX)) > u64::MAX / 32 * 31);
    }

    fn nanos_after(nanos: u64) -> Option<u64> {
        nanos.checked_add(nanos / 67 + 1)
    }

    #[cfg(feature = "metrics")]
    #[test]
    fn equal_durations_are_counted_and_not_kept() {
        let mut durations = Durations::default();
        for _ in 0..1000 {
            durations.count(Duration::from_secs(1), 1);
            durations.count(Duration::from_millis(2), 2);
        }
        assert_eq!(durations.counts.len(), 2);
        let counts: Vec<_> = durations.drain().map(|(_, count)| count).collect();
        assert_eq!(counts, [2000, 1000]);
        assert!(durations.drain().next().is_none());
    }
}
