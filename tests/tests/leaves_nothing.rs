//! A run with a private node leaves no process, socket, file or enabled service behind, however it ends.
//!
//! Only what belongs to the run is looked at, for other things come and go on the same machine: its processes carry the
//! run's own temporary folder in their command line or environment, its sockets are theirs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

const LIMIT: Duration = Duration::from_secs(60);

/// `with-broker` on a command that leaves a child in the background, and what the machine was like before it.
struct Run {
    process: Child,
    folder: PathBuf,
    services: BTreeSet<PathBuf>,
    sockets: BTreeSet<u64>,
}

impl Run {
    fn start(name: &str) -> Self {
        let folder = new_folder(name);
        let services = enabled_services();
        let mut process = Command::new(env!("CARGO_BIN_EXE_with-broker"))
            .args(["sh", "-c", "sleep 1000 & echo started; read -r line"])
            .env_remove("AMQP_URL")
            .env("TMPDIR", &folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert_eq!(said, "started\n");

        let sockets = listening_sockets(&folder);
        assert!(
            sockets.len() >= 3,
            "AMQP, distribution and epmd listen: {sockets:?}"
        );
        let run = Self {
            process,
            folder,
            services,
            sockets,
        };
        for program in ["with-broker", "sleep", "supervisor", "epmd", "beam.smp"] {
            run.pid_of(program);
        }
        run
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    fn pid_of(&self, program: &str) -> Pid {
        let processes = processes(&self.folder);
        let named = |argument: &String| argument.rsplit('/').next() == Some(program);
        let found = processes
            .iter()
            .find(|process| process.arguments.iter().any(named));
        let pid = found
            .unwrap_or_else(|| panic!("no {program} in {processes:#?}"))
            .pid;
        Pid::from_raw(pid.try_into().unwrap()).unwrap()
    }

    /// Waits for the end and for what belongs to the run to vanish.
    fn assert_leaves_nothing(mut self) -> ExitStatus {
        // `wait` would close it, and that ends the command too.
        let _input = self.process.stdin.take();
        let status = self.process.wait().unwrap();
        eventually("processes", || processes(&self.folder), Vec::is_empty);
        let listening = || listening_inodes().intersection(&self.sockets).copied().collect();
        eventually("listening sockets", listening, BTreeSet::<u64>::is_empty);
        eventually("files", || files(&self.folder), Vec::is_empty);
        assert_eq!(enabled_services(), self.services);
        fs::remove_dir(&self.folder).unwrap();
        status
    }
}

impl Drop for Run {
    /// A failed test leaves nothing behind either.
    fn drop(&mut self) {
        self.process.kill().ok();
    }
}

mod private_node {
    use super::*;

    #[test]
    fn after_the_end_of_the_command() {
        let mut run = Run::start("end");
        drop(run.process.stdin.take());
        // `read` fails at the end of its input.
        assert_eq!(run.assert_leaves_nothing().code(), Some(1));
    }

    #[test]
    fn after_the_first_command_of_the_readme() {
        let folder = new_folder("hello");
        let (services, policy) = (enabled_services(), fs::read("/usr/sbin/policy-rc.d").ok());
        let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../quick-start"))
            .arg("hello")
            .env_remove("AMQP_URL")
            .env("TMPDIR", &folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            said.contains("published Hello") && said.contains("consumed  Hello"),
            "{said}"
        );
        eventually("processes", || processes(&folder), Vec::is_empty);
        eventually("files", || files(&folder), Vec::is_empty);
        assert_eq!(enabled_services(), services);
        assert_eq!(fs::read("/usr/sbin/policy-rc.d").ok(), policy);
        fs::remove_dir(&folder).unwrap();
    }

    #[test]
    fn after_an_interrupt_from_the_terminal() {
        let run = Run::start("interrupt");
        kill_process_group(run.pid(), Signal::INT).unwrap();
        assert_eq!(run.assert_leaves_nothing().signal(), Some(Signal::INT.as_raw()));
    }

    #[test]
    fn after_a_kill() {
        let run = Run::start("kill");
        kill_process(run.pid(), Signal::KILL).unwrap();
        assert_eq!(run.assert_leaves_nothing().signal(), Some(Signal::KILL.as_raw()));
    }

    #[test]
    fn after_a_kill_of_the_supervisor() {
        let mut run = Run::start("supervisor");
        kill_process(run.pid_of("supervisor"), Signal::KILL).unwrap();
        let sockets = run.sockets.clone();
        let listening = || listening_inodes().intersection(&sockets).copied().collect();
        eventually("listening sockets", listening, BTreeSet::<u64>::is_empty);
        // No supervisor is left to end what the command left in the background.
        kill_process(run.pid_of("sleep"), Signal::KILL).unwrap();
        drop(run.process.stdin.take());
        assert_eq!(run.assert_leaves_nothing().code(), Some(1));
    }
}

/// The temporary folder of a run, by whose name its processes are known.
fn new_folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("amqp-leaves-{name}-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    folder
}

fn eventually<T: std::fmt::Debug>(what: &str, observe: impl Fn() -> T, good: impl Fn(&T) -> bool) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let seen = observe();
        if good(&seen) {
            return;
        }
        assert!(Instant::now() < deadline, "{what} after {LIMIT:?}: {seen:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[derive(Debug)]
struct Process {
    pid: u32,
    arguments: Vec<String>,
}

/// The processes that carry the path in their command line or environment. A zombie carries nothing.
fn processes(folder: &Path) -> Vec<Process> {
    let marker = folder.to_str().unwrap();
    let pids = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        // Unreadable: another user's, or just gone.
        let read = |file: &str| {
            let octets = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            octets
                .split(|octet| *octet == 0)
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .collect()
        };
        let (arguments, environment): (Vec<_>, Vec<_>) = (read("cmdline"), read("environ"));
        arguments
            .iter()
            .chain(&environment)
            .any(|text| text.contains(marker))
            .then_some(Process { pid, arguments })
    })
    .collect()
}

/// The inodes of the sockets on which the processes of the run listen.
fn listening_sockets(folder: &Path) -> BTreeSet<u64> {
    let held: BTreeSet<u64> = processes(folder)
        .iter()
        .filter_map(|process| fs::read_dir(format!("/proc/{}/fd", process.pid)).ok())
        .flat_map(|descriptors| descriptors.flatten())
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .filter_map(|target| {
            target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        })
        .collect();
    listening_inodes().intersection(&held).copied().collect()
}

/// The inodes of all TCP sockets of this machine that listen.
fn listening_inodes() -> BTreeSet<u64> {
    const STATE: usize = 3;
    const INODE: usize = 9;
    const LISTEN: &str = "0A";
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[STATE] == LISTEN)
        .map(|fields| fields[INODE].parse().unwrap())
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}

/// The links that make systemd or init start something of RabbitMQ or Erlang with the machine.
fn enabled_services() -> BTreeSet<PathBuf> {
    let folders = ["/etc/systemd/system", "/etc"]
        .into_iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let folders = folders
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path());
    let starting = folders.filter(|folder| {
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.ends_with(".wants")
            || name.ends_with(".requires")
            || (name.starts_with("rc") && name.ends_with(".d"))
    });
    let links = starting
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|links| links.flatten());
    links
        .map(|link| link.path())
        .filter(|link| {
            ["rabbitmq", "epmd"]
                .iter()
                .any(|name| link.to_str().is_some_and(|link| link.contains(name)))
        })
        .collect()
}
