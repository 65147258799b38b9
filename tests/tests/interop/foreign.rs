//! Programs of others, run to their end within a limit. What they are told and what they print, their own modules know.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// What the slowest takes on a busy machine, times twenty.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Runs a program that is in a Debian package: gives it the input, and returns what it printed.
pub(crate) async fn run(package: &str, command: &mut Command, input: impl AsRef<[u8]>) -> Vec<u8> {
    run_within(LIMIT, package, command, input.as_ref()).await
}

async fn run_within(limit: Duration, package: &str, command: &mut Command, input: &[u8]) -> Vec<u8> {
    let name = command.as_std().get_program().display().to_string();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}: install Debian's package {package}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    // Its end of the pipe is dropped when all is written, which is the end of its input.
    let write = async move { stdin.write_all(input).await };
    // Both at once, so that neither side waits for the other with a full pipe.
    let end = async { tokio::join!(write, child.wait_with_output()) };
    let (written, output) = timeout(limit, end)
        .await
        .unwrap_or_else(|_| panic!("{name} did not end within {limit:?}"));
    let output = output.expect("its output can be read");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{complaint}", output.status);
    written.unwrap_or_else(|error| panic!("{name} did not read its input: {error}"));
    output.stdout
}

#[tokio::test]
#[should_panic(
    expected = "no-such-program: No such file or directory (os error 2): install Debian's package some-package"
)]
async fn a_missing_program_names_its_package() {
    run("some-package", &mut Command::new("no-such-program"), "").await;
}

#[tokio::test]
#[should_panic(expected = "sleep did not end within 10ms")]
async fn a_program_that_does_not_end_is_ended() {
    run_within(
        Duration::from_millis(10),
        "coreutils",
        Command::new("sleep").arg("1000"),
        &[],
    )
    .await;
}

#[tokio::test]
#[should_panic(expected = "ls: exit status: 2")]
async fn a_program_that_fails_says_why() {
    run("coreutils", Command::new("ls").arg("/no/such/folder"), "").await;
}
