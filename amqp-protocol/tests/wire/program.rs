//! Runs the program and compares what it prints.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// What a run printed, and its exit status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) lines: Vec<String>,
    pub(crate) status: Option<i32>,
}

/// The program: `cargo test` builds the examples beside the tests.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("deps is a folder of the profile");
    let program = profile
        .join("examples")
        .join(format!("wire{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "run `cargo build -p amqp-protocol --example wire` first"
    );
    program
}

/// Runs it with `input` on standard input.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(program())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    // Written aside, so that neither side waits for the other with a full pipe. It fails when arguments are wrong.
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the program ends");
    let _ = writer.join().expect("the writer ends");
    let text = String::from_utf8(output.stdout).expect("lines are UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'));
    Run {
        lines: text.lines().map(str::to_owned).collect(),
        status: output.status.code(),
    }
}

/// A run that is asked and answers in turns.
pub(crate) struct Dialogue {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Dialogue {
    pub(crate) fn new(args: &str) -> Self {
        let mut child = Command::new(program())
            .args(args.split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = stdout.lines().map_while(Result::ok);
            lines.try_for_each(|line| sender.send(line))
        });
        Self { child, stdin, lines }
    }

    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.stdin.write_all(octets).expect("the program reads on");
    }

    /// The line that answers. It comes without more input, or the test fails.
    #[track_caller]
    pub(crate) fn answer(&self) -> String {
        let answer = self.lines.recv_timeout(Duration::from_secs(60));
        answer.expect("the answer does not wait for more input")
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command on lines.
pub(crate) fn lines<'l>(command: &str, args: &str, input: impl IntoIterator<Item = &'l str>) -> Run {
    let input: String = input.into_iter().flat_map(|line| [line, "\n"]).collect();
    let args: Vec<&str> = [command].into_iter().chain(args.split(' ')).collect();
    run(&args, input.as_bytes())
}

/// Each pair is the same thing: the octets decode to the JSON, which encodes to the octets.
#[track_caller]
pub(crate) fn same(args: &str, pairs: &[(&str, &str)]) {
    let decoded = lines("decode", args, pairs.iter().map(|pair| pair.0));
    assert_eq!(decoded.lines, Vec::from_iter(pairs.iter().map(|pair| pair.1)));
    assert_eq!(decoded.status, Some(0));
    let encoded = lines("encode", args, pairs.iter().map(|pair| pair.1));
    assert_eq!(encoded.lines, Vec::from_iter(pairs.iter().map(|pair| pair.0)));
    assert_eq!(encoded.status, Some(0));
}

/// Each input gives the error object of its kind, offset and context, and the status is 1.
#[track_caller]
pub(crate) fn errors(command: &str, args: &str, cases: &[(&str, &str, usize, &str)]) {
    let run = lines(command, args, cases.iter().map(|case| case.0));
    let expected = cases.iter().map(|(_, kind, offset, context)| {
        format!(r#"{{"error":{{"kind":"{kind}","offset":{offset},"context":"{context}"}}}}"#)
    });
    assert_eq!(run.lines, Vec::from_iter(expected));
    assert_eq!(run.status, Some(1));
}
