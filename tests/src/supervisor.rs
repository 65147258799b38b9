//! Processes that end with their owner, in a folder that goes with them. What they are is not known here.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A shell in a session of its own, which no Ctrl-C reaches. `supervisor.sh` says what it does.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Supervisor {
    /// Starts the shell, which makes `folder`; what it starts gets exactly the environment `variables`.
    pub(crate) fn start(folder: PathBuf, variables: &[(&str, String)]) -> io::Result<Self> {
        let mut shell = Command::new("setsid")
            .args(["sh", "-c", include_str!("supervisor.sh"), "supervisor"])
            .arg(&folder)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(orders), Some(answers)) = (shell.stdin.take(), shell.stdout.take()) else {
            unreachable!("both were asked to be pipes");
        };
        let mut supervisor = Self {
            shell,
            orders: Some(orders),
            answers: BufReader::new(answers),
            folder,
        };
        match supervisor.answer()?.as_str() {
            "ready" => Ok(supervisor),
            other => Err(io::Error::other(format!(
                "the supervisor said {other:?} instead of ready"
            ))),
        }
    }

    /// The folder that goes when this does.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a program without arguments and returns its process id. What it prints is in [`output`](Self::output).
    pub(crate) fn start_program(&mut self, program: &str) -> io::Result<u32> {
        let pid = self.order(&format!("start {program}"))?;
        pid.parse()
            .map_err(|_| io::Error::other(format!("the supervisor said {pid:?} instead of a process id")))
    }

    /// Makes the process group `leader` end with the owner as well.
    pub(crate) fn adopt_group(&mut self, leader: u32) -> io::Result<()> {
        self.order(&format!("adopt {leader}")).map(drop)
    }

    /// What the started programs have printed so far.
    pub(crate) fn output(&self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.folder.join("output"))?).into_owned())
    }

    fn order(&mut self, line: &str) -> io::Result<String> {
        let Some(orders) = &mut self.orders else {
            unreachable!("taken by drop alone");
        };
        writeln!(orders, "{line}")?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Supervisor {
    /// Returns when everything has ended and the folder is gone.
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Err(error) = self.shell.wait() {
            eprintln!("waiting for the supervisor: {error}");
        }
        // Gone, unless the supervisor itself was killed.
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A path in the temporary folder that nothing has had before.
pub(crate) fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    env::temp_dir().join(format!("amqp-tests-{}-{count}-{nanos}", std::process::id()))
}
