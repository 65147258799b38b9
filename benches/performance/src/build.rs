//! Builds what is measured.

use std::path::PathBuf;
use std::process::Command;

use amqp_harness::Scenario;

use crate::Failure;
use crate::options::{Options, benches};
use crate::programs::{self, Side};

/// Builds all that the options want.
pub(crate) fn all(options: &Options) -> Result<(), Failure> {
    let cargo = |manifest: &str, packages: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["build", "--release", "--quiet", "--bins", "--manifest-path"])
            .arg(benches().join(manifest))
            .args(packages.iter().flat_map(|package| ["--package", package]));
        succeed(&mut command)
    };
    cargo("Cargo.toml", &["amqp-harness", "amqp-clients"])?;
    let is_wanted = |program: &&programs::Program| {
        Scenario::ALL
            .into_iter()
            .any(|scenario| options.wants(program, scenario))
    };
    let mut wanted = programs::ALL.iter().filter(is_wanted);
    if wanted.any(|program| program.side == Side::Peer) {
        cargo("peers/Cargo.toml", &[])?;
        let source = benches().join("peers/other/rabbitmq_c.c");
        let mut command = compiler();
        command
            .arg(source)
            .arg("-o")
            .arg(benches().join("target/release/rabbitmq_c"))
            .arg("-lrabbitmq");
        succeed(&mut command)?;
    }
    if options.counts {
        let mut command = compiler();
        command
            .args(["-shared", "-fPIC"])
            .arg(benches().join("performance/src/count_allocations.c"))
            .arg("-o")
            .arg(allocation_counter());
        succeed(&mut command)?;
    }
    Ok(())
}

/// The library that counts allocations.
pub(crate) fn allocation_counter() -> PathBuf {
    benches().join("target/release/count_allocations.so")
}

/// As the C library's own package is compiled.
fn compiler() -> Command {
    let mut command = Command::new("cc");
    command.args(["-O2", "-Wall", "-Wextra", "-Werror"]);
    command
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} failed", command.get_program().display()).into())
    }
}
