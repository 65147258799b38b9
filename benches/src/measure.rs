//! Times: batches of all variants of all cases, in another order each round, so that a slow spell of the machine meets
//! them all.

use std::time::{Duration, Instant};

use crate::{Case, VARIANTS};

/// How long a batch should take.
const BATCH: Duration = Duration::from_micros(500);

/// Nanoseconds per operation.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// Of the rounds.
    pub median: f64,
    /// The quickest round.
    pub min: f64,
    /// The slowest round.
    pub max: f64,
}

impl Time {
    fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        Self {
            median: rounds[rounds.len() / 2],
            min: rounds[0],
            max: rounds[rounds.len() - 1],
        }
    }
}

/// Runs every variant of every case so many rounds.
pub fn times(cases: &mut [Case], rounds: usize) -> Vec<[Time; VARIANTS.len()]> {
    let mut order: Vec<_> = (0..cases.len())
        .flat_map(|case| (0..VARIANTS.len()).map(move |variant| (case, variant)))
        .collect();
    let counts: Vec<u64> = order
        .iter()
        .map(|&(case, variant)| batch(&mut cases[case].run[variant]))
        .collect();
    let mut results = vec![[const { Vec::new() }; VARIANTS.len()]; cases.len()];
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &(case, variant) in &order {
            let count = counts[case * VARIANTS.len() + variant];
            let start = Instant::now();
            (cases[case].run[variant])(count);
            results[case][variant].push(start.elapsed().as_nanos() as f64 / count as f64);
        }
    }
    results.into_iter().map(|case| case.map(Time::of)).collect()
}

/// How many operations make a batch; warms up on the way.
fn batch(run: &mut dyn FnMut(u64)) -> u64 {
    let mut count = 64;
    loop {
        let start = Instant::now();
        run(count);
        let taken = start.elapsed();
        if taken >= BATCH / 2 {
            return (count as f64 * BATCH.as_secs_f64() / taken.as_secs_f64()).ceil() as u64;
        }
        count *= 2;
    }
}

/// xorshift64: enough to shuffle with.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
