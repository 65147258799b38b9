//! The deliveries of one channel that must be settled and are not: which, and since when. What settles them is
//! `deliveries`' matter.

use std::collections::VecDeque;
use std::time::Instant;

/// How many runs are kept. Who settles by [`send`](super::Connection::send) is not seen to settle: the oldest make room.
const RUNS: usize = 1 << 16;

/// Unsettled deliveries by runs of tags: what is received at a time and settled in order is one run, however much it is.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// Ascending.
    runs: VecDeque<Run>,
    /// How many deliveries they are.
    count: usize,
}

/// Deliveries with consecutive tags that were received at the same time; never none.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    last: u64,
    received: Instant,
}

impl Run {
    fn len(&self) -> usize {
        (self.last - self.first) as usize + 1
    }
}

impl Unsettled {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A delivery came. One whose tag is not above all others is not noted: no server sends it.
    pub(super) fn push(&mut self, now: Instant, tag: u64) {
        match self.runs.back_mut() {
            Some(run) if tag <= run.last => return,
            Some(run) if tag == run.last + 1 && now == run.received => run.last = tag,
            _ => {
                // More than one when runs were split.
                while self.runs.len() >= RUNS {
                    self.count -= self.runs.pop_front().as_ref().map_or(0, Run::len);
                }
                self.runs.push_back(Run {
                    first: tag,
                    last: tag,
                    received: now,
                });
            }
        }
        self.count += 1;
    }

    /// One is settled. Tells when it came, unless it was settled before.
    pub(super) fn settle(&mut self, tag: u64) -> Option<Instant> {
        let index = match self.runs.front() {
            Some(run) if tag <= run.last => 0,
            _ => self.runs.partition_point(|run| run.last < tag),
        };
        let run = self.runs.get_mut(index).filter(|run| run.first <= tag)?;
        let received = run.received;
        match (run.first == tag, run.last == tag) {
            (true, true) => {
                self.runs.remove(index);
            }
            (true, false) => run.first += 1,
            (false, true) => run.last -= 1,
            (false, false) => {
                let rest = Run {
                    first: tag + 1,
                    ..*run
                };
                run.last = tag - 1;
                self.runs.insert(index + 1, rest);
            }
        }
        self.count -= 1;
        Some(received)
    }

    /// All up to this tag are settled, those that were not before. Tells `settled` when they came, and how many at a time.
    pub(super) fn settle_through(&mut self, tag: u64, mut settled: impl FnMut(Instant, usize)) {
        while let Some(run) = self.runs.front_mut().filter(|run| run.first <= tag) {
            let mut part = *run;
            if run.last <= tag {
                self.runs.pop_front();
            } else {
                part.last = tag;
                run.first = tag + 1;
            }
            self.count -= part.len();
            settled(part.received, part.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push { skipped: u64, later: bool },
        Settle(u64),
        SettleThrough(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..3_u64, any::<bool>()).prop_map(|(skipped, later)| Step::Push { skipped, later }),
            (0..60_u64).prop_map(Step::Settle),
            (0..60_u64).prop_map(Step::SettleThrough),
        ]
    }

    proptest! {
        #[test]
        fn runs_are_what_a_map_of_tags_is(steps in prop::collection::vec(step(), 0..100)) {
            let (mut unsettled, mut map) = (Unsettled::default(), BTreeMap::new());
            let (mut now, mut tag) = (Instant::now(), 0);
            for step in steps {
                match step {
                    Step::Push { skipped, later } => {
                        now += Duration::from_secs(later.into());
                        tag += skipped + 1;
                        unsettled.push(now, tag);
                        map.insert(tag, now);
                    }
                    Step::Settle(tag) => prop_assert_eq!(unsettled.settle(tag), map.remove(&tag)),
                    Step::SettleThrough(tag) => {
                        let rest = map.split_off(&(tag + 1));
                        let expected: Vec<_> = std::mem::replace(&mut map, rest).into_values().collect();
                        let mut settled = Vec::new();
                        unsettled.settle_through(tag, |received, count| {
                            settled.extend(std::iter::repeat_n(received, count));
                        });
                        prop_assert_eq!(settled, expected);
                    }
                }
                prop_assert_eq!(unsettled.count(), map.len());
                prop_assert!(unsettled.runs.len() <= map.len());
            }
        }
    }

    #[test]
    fn a_batch_that_is_settled_in_order_is_one_run() {
        let mut unsettled = Unsettled::default();
        let now = Instant::now();
        for tag in 1..=1000 {
            unsettled.push(now, tag);
        }
        for tag in 1..=500 {
            assert_eq!(unsettled.settle(tag), Some(now));
            assert_eq!(unsettled.runs.len(), 1);
        }
        assert_eq!(unsettled.count(), 500);
    }

    #[test]
    fn tags_that_no_server_sends_and_settlements_that_are_not_seen_take_no_memory() {
        let mut unsettled = Unsettled::default();
        let now = Instant::now();
        for tag in [5, 5, 3, u64::MAX, 7, u64::MAX] {
            unsettled.push(now, tag);
        }
        assert_eq!(unsettled.count(), 2);
        unsettled.settle_through(u64::MAX, |_, _| {});
        assert_eq!(unsettled.count(), 0);
        for tag in 0..3 * RUNS as u64 {
            unsettled.push(now, 2 * tag);
        }
        assert_eq!((unsettled.runs.len(), unsettled.count()), (RUNS, RUNS));
    }

    #[test]
    fn a_run_that_was_split_makes_room_too() {
        let mut unsettled = Unsettled::default();
        let (now, tags) = (Instant::now(), 3 * RUNS as u64);
        for tag in 0..tags {
            unsettled.push(now, tag);
        }
        for tag in (1..tags).step_by(2) {
            unsettled.settle(tag);
        }
        assert!(unsettled.runs.len() > RUNS);
        unsettled.push(now, tags + 1);
        assert_eq!((unsettled.runs.len(), unsettled.count()), (RUNS, RUNS));
    }
}
