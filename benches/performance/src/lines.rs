//! What was measured, as lines of JSON: an object for each run, for each number that was counted, and for the machine.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Failure;

/// A line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Line {
    Machine(Machine),
    Run(Run),
    Count(Count),
}

/// Where and with what it was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
    pub(crate) rounds: usize,
    /// Of compilers and peers.
    pub(crate) versions: Vec<String>,
}

/// A run of a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) program: String,
    pub(crate) scenario: String,
    pub(crate) round: usize,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Measured(Sample),
    Failed { error: String },
}

/// What a program prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) messages: u64,
    pub(crate) seconds: f64,
    /// In user and system mode.
    pub(crate) processor_seconds: f64,
    /// Before, and the most there ever was.
    pub(crate) resident_kib: u64,
    pub(crate) peak_kib: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_ns: Option<u64>,
}

/// A number that belongs to each message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) program: String,
    pub(crate) scenario: String,
    pub(crate) what: What,
    pub(crate) each: f64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    Instructions,
    Allocations,
    SystemCalls,
}

/// Writes the lines to a file that is new each time.
pub(crate) fn write(path: &Path, lines: &[Line]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line)?);
        text.push('\n');
    }
    fs::write(path, text)?;
    Ok(())
}

/// Reads them; none where there is no file.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
