//! One run of a program, with a broker that is its own unless a real one is given.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use amqp_harness::Scenario;

use crate::Failure;
use crate::lines::Sample;
use crate::options::benches;
use crate::programs::Program;

/// Seconds after which a run has failed.
const LIMIT: u32 = 20;
/// The same under a program that slows it down.
const LIMIT_WITHIN: u32 = 300;

/// A broker that does nothing, until it is dropped.
struct Broker {
    process: Child,
    address: String,
}

impl Broker {
    fn start(pinned: bool) -> Result<Self, Failure> {
        let program = benches().join("target/release/do-nothing-broker");
        let mut process = command(pinned)
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut address)?;
        }
        let address = address.trim().to_owned();
        Ok(Self { process, address })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // There is nothing to do about a failure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What takes a message's time is seen on one core: otherwise it is the time in which another one wakes up.
fn command(pinned: bool) -> Command {
    let arguments = if pinned {
        &["taskset", "--cpu-list", "0"][..]
    } else {
        &["env"]
    };
    let mut command = Command::new(arguments[0]);
    command.args(&arguments[1..]);
    command
}

/// Runs a program behind `wrapper`, with these variables; what it printed on its output, and on its standard error.
pub(crate) fn run_within(
    wrapper: &[&str],
    variables: &[(&str, &str)],
    program: &Program,
    scenario: Scenario,
    messages: u64,
    broker: Option<SocketAddr>,
) -> Result<(String, String), Failure> {
    let pinned = matches!(scenario, Scenario::Confirm | Scenario::PingPong);
    let own = match broker {
        Some(_) => None,
        None => Some(Broker::start(pinned)?),
    };
    let address = match (&own, broker) {
        (Some(own), _) => own.address.clone(),
        (None, address) => address.map(|address| address.to_string()).unwrap_or_default(),
    };
    let mut command = command(pinned);
    let limit = if wrapper.is_empty() { LIMIT } else { LIMIT_WITHIN };
    command.args(["timeout", &limit.to_string()]);
    command.args(wrapper);
    if !variables.is_empty() {
        command.arg("env");
        command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
    }
    let output = command
        .args(program.command())
        .args([program.variant, scenario.name(), &messages.to_string(), &address])
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Ok((String::from_utf8(output.stdout)?, said)),
        Some(124) => Err(format!("not done after {limit} seconds").into()),
        _ => Err(said.lines().last().unwrap_or("it failed").to_owned().into()),
    }
}

/// Runs a program: what it measured.
pub(crate) fn run(
    program: &Program,
    scenario: Scenario,
    messages: u64,
    broker: Option<SocketAddr>,
) -> Result<Sample, Failure> {
    let (line, _) = run_within(&[], &[], program, scenario, messages, broker)?;
    Ok(serde_json::from_str(&line)?)
}
