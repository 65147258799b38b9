//! The workspace's examples as programs. What they print and how they end is the tests'.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The program of the example of this name. It has every feature, as everything that `./quick-start test` builds: behind
/// that, nothing is left to build here.
///
/// # Panics
/// When the examples cannot be built, or there is none of this name: a test without its program has failed.
pub fn example(name: &str) -> PathBuf {
    static PROGRAMS: LazyLock<Vec<PathBuf>> = LazyLock::new(build);
    let program = PROGRAMS
        .iter()
        .find(|program| program.file_stem().is_some_and(|stem| stem == name));
    program
        .unwrap_or_else(|| panic!("no example {name}: {PROGRAMS:?}"))
        .clone()
}

fn build() -> Vec<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--all-features", "--examples"])
        .args(["--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the examples cannot be built");
    let messages = String::from_utf8(output.stdout).expect("messages are UTF-8");
    let program = |message: &str| {
        let (_, behind) = message.split_once(r#""executable":""#)?;
        Some(behind.split_once('"')?.0.into())
    };
    messages.lines().filter_map(program).collect()
}
