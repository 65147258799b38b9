//! Medians and ranges of what was measured.

use amqp_harness::Scenario;

use crate::lines::{Count, Line, Machine, Outcome, Run, Sample, What};
use crate::programs::Program;

/// Of several runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Summary {
    /// `None` of nothing.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, least, most })
    }
}

/// All that was measured with one broker.
#[derive(Debug, Default)]
pub(crate) struct Results(Vec<Line>);

impl Results {
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        Self(lines)
    }

    pub(crate) fn machine(&self) -> Option<&Machine> {
        self.0.iter().find_map(|line| match line {
            Line::Machine(machine) => Some(machine),
            _ => None,
        })
    }

    fn runs(&self, program: &Program, scenario: Scenario) -> impl Iterator<Item = &Run> {
        self.0.iter().filter_map(move |line| match line {
            Line::Run(run) if run.program == program.name && run.scenario == scenario.name() => Some(run),
            _ => None,
        })
    }

    /// `None` when no run succeeded.
    pub(crate) fn summary(
        &self,
        program: &Program,
        scenario: Scenario,
        value: impl Fn(&Sample) -> Option<f64>,
    ) -> Option<Summary> {
        let samples = self.runs(program, scenario).filter_map(|run| match &run.outcome {
            Outcome::Measured(sample) => value(sample),
            Outcome::Failed { .. } => None,
        });
        Summary::of(samples.collect())
    }

    /// The ratio of two programs in each round, and of those the median.
    pub(crate) fn paired(
        &self,
        [above, below]: [&Program; 2],
        scenario: Scenario,
        value: impl Fn(&Sample) -> f64,
    ) -> Option<f64> {
        let ratios = self.runs(above, scenario).filter_map(|run| {
            let other = self
                .runs(below, scenario)
                .find(|other| other.round == run.round)?;
            match (&run.outcome, &other.outcome) {
                (Outcome::Measured(above), Outcome::Measured(below)) => Some(value(above) / value(below)),
                _ => None,
            }
        });
        Some(Summary::of(ratios.collect())?.median)
    }

    /// Why runs failed, when some did: how many of how many, and the first reason.
    pub(crate) fn failures(&self, program: &Program, scenario: Scenario) -> Option<(usize, usize, &str)> {
        let errors: Vec<&str> = self
            .runs(program, scenario)
            .filter_map(|run| match &run.outcome {
                Outcome::Failed { error } => Some(error.as_str()),
                Outcome::Measured(_) => None,
            })
            .collect();
        let all = self.runs(program, scenario).count();
        Some((errors.len(), all, errors.first()?))
    }

    /// What was counted of each message.
    pub(crate) fn count(&self, program: &Program, scenario: Scenario, wanted: What) -> Option<f64> {
        self.0.iter().find_map(|line| match line {
            Line::Count(Count {
                program: name,
                scenario: of,
                what,
                each,
            }) if name == program.name && of == scenario.name() && *what == wanted => Some(*each),
            _ => None,
        })
    }
}

/// Messages per second.
pub(crate) fn rate(sample: &Sample) -> f64 {
    sample.messages as f64 / sample.seconds
}

/// Microseconds of the processor's time per message.
pub(crate) fn processor(sample: &Sample) -> f64 {
    sample.processor_seconds * 1e6 / sample.messages as f64
}

/// Microseconds that half of the messages took at most.
pub(crate) fn median_time(sample: &Sample) -> Option<f64> {
    sample.p50_ns.map(|nanoseconds| nanoseconds as f64 / 1e3)
}

/// MiB by which memory grew at most.
pub(crate) fn growth(sample: &Sample) -> f64 {
    sample.peak_kib.saturating_sub(sample.resident_kib) as f64 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn the_median_of_an_even_number_is_between_two() {
        let summary = Summary::of(vec![4.0, 1.0, 2.0, 8.0]);
        let expected = Summary {
            median: 3.0,
            least: 1.0,
            most: 8.0,
        };
        assert_eq!(summary, Some(expected));
        assert_eq!(Summary::of(Vec::new()), None);
    }
}
