//! What is measured of a process while it does its job, and the line of JSON that says it.

use std::fs;
use std::time::Instant;

use cpu_time::ProcessTime;

use crate::Job;

/// A measurement under way: of time, of the processor's time in user and system mode, of memory, and of each message's time
/// where [`lap`](Self::lap) is called.
#[derive(Debug)]
pub struct Meter {
    scenario: &'static str,
    messages: u64,
    resident: u64,
    /// Nanoseconds.
    laps: Vec<u64>,
    processor: ProcessTime,
    begin: Instant,
    lap: Instant,
}

impl Meter {
    pub(crate) fn start(job: &Job) -> Self {
        let laps = Vec::with_capacity(usize::try_from(job.count).unwrap_or_default().min(1 << 20));
        let resident = resident_kib();
        let begin = Instant::now();
        Self {
            scenario: job.scenario.name(),
            messages: job.count,
            resident,
            laps,
            processor: ProcessTime::now(),
            begin,
            lap: begin,
        }
    }

    /// One message is done, and the next one begins.
    pub fn lap(&mut self) {
        let now = Instant::now();
        let time = now.duration_since(self.lap).as_nanos();
        self.laps.push(u64::try_from(time).unwrap_or(u64::MAX));
        self.lap = now;
    }

    /// Ends the measurement, and prints it.
    pub fn finish(mut self) {
        let seconds = self.begin.elapsed().as_secs_f64();
        let processor = self.processor.elapsed().as_secs_f64();
        let (scenario, messages, resident) = (self.scenario, self.messages, self.resident);
        self.laps.sort_unstable();
        let latency: String = [("p50", 50), ("p99", 99)]
            .into_iter()
            .filter_map(|(name, percent)| {
                let time = self.laps.get(self.laps.len() * percent / 100)?;
                Some(format!(",\"{name}_ns\":{time}"))
            })
            .collect();
        let peak = memory("VmHWM:");
        println!(
            "{{\"scenario\":\"{scenario}\",\"messages\":{messages},\"seconds\":{seconds:.6},\
             \"processor_seconds\":{processor:.6},\"resident_kib\":{resident},\"peak_kib\":{peak}{latency}}}"
        );
    }
}

/// Memory of this process, in KiB.
pub fn resident_kib() -> u64 {
    memory("VmRSS:")
}

/// A line of /proc/self/status, in KiB.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.unwrap_or_default()
}
