//! A RabbitMQ broker for tests: a private node, or the one that `AMQP_URL` names. What to do with it is the test's; what a
//! node is made of stands in `node`.

use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use crate::node::{Node, Ports, SERVER, START_LIMIT};
pub use crate::node::{Options, TlsListener};
use crate::process::wait_for;

/// Names the broker to use: its URI.
pub const URL_VARIABLE: &str = "AMQP_URL";
/// Names a program that is `rabbitmqctl` for the broker of [`URL_VARIABLE`]. Without it that broker cannot be administered.
pub const RABBITMQCTL_VARIABLE: &str = "AMQP_RABBITMQCTL";

/// A broker that is ready for connections. A private one ends, and its files go, when this is dropped or the process
/// that owns it ends in whatever way.
#[derive(Debug)]
pub struct Broker {
    url: String,
    tls_port: Option<u16>,
    rabbitmqctl: Option<PathBuf>,
    node: Option<Mutex<Node>>,
}

/// What makes a node block publishers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// More memory used than the high watermark allows.
    Memory,
    /// Less disk free than the limit demands.
    Disk,
}

impl Broker {
    /// The one broker of this process: that of `AMQP_URL`, or a private node.
    ///
    /// # Panics
    /// When there is none to be had: a test without its broker has failed.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Broker> = LazyLock::new(|| {
            Broker::named_by_environment().unwrap_or_else(|| Broker::private(&Options::default()))
        });
        &SHARED
    }

    /// A private node, whatever `AMQP_URL` says: for a `LazyLock` that the tests of one file share.
    ///
    /// # Panics
    /// When it does not come up: a test without its broker has failed.
    pub fn private(options: &Options) -> Self {
        Self::start(options).unwrap_or_else(|error| panic!("no broker: {error}"))
    }

    /// The broker that `AMQP_URL` names, if it is set and not empty.
    pub fn named_by_environment() -> Option<Self> {
        let url = env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty())?;
        Some(Self {
            url,
            tls_port: None,
            rabbitmqctl: env::var_os(RABBITMQCTL_VARIABLE).map(PathBuf::from),
            node: None,
        })
    }

    /// Starts a private node on free ports of the loopback interface and waits until it accepts connections.
    ///
    /// # Errors
    /// `NotFound` when RabbitMQ is not installed, `StorageFull` when the temporary folder has too little room, and what
    /// the node printed when it did not come up.
    pub fn start(options: &Options) -> io::Result<Self> {
        if !Path::new(SERVER).exists() {
            let message =
                format!("{SERVER}: install rabbitmq-server, or set {URL_VARIABLE} to a broker's URI");
            return Err(io::Error::new(ErrorKind::NotFound, message));
        }
        // A port that was free may have been taken before the node binds it.
        for _ in 0..9 {
            match Self::start_on(&Ports::free()?, options) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => eprintln!("{error}; with other ports"),
                result => return result,
            }
        }
        Self::start_on(&Ports::free()?, options)
    }

    fn start_on(ports: &Ports, options: &Options) -> io::Result<Self> {
        Ok(Self::of(Node::start(ports, options)?, ports, options))
    }

    fn of(node: Node, ports: &Ports, options: &Options) -> Self {
        Self {
            url: format!("amqp://guest:guest@127.0.0.1:{}", ports.amqp),
            tls_port: options.tls.as_ref().map(|_| ports.tls),
            rabbitmqctl: Some(node.rabbitmqctl.clone()),
            node: Some(Mutex::new(node)),
        }
    }

    /// Starts another node of this name, which joins the cluster of this one and does not outlive it.
    ///
    /// # Errors
    /// As of [`start`](Self::start), and as of [`kill`](Self::kill).
    pub fn start_member(&self, name: &str) -> io::Result<Self> {
        let (ports, options) = (Ports::free()?, Options::default());
        let node = self.node()?.start_beside(name, &ports, &options)?;
        let member = Self::of(node, &ports, &options);
        let cluster = self.rabbitmqctl(["eval", "node()."])?;
        member.rabbitmqctl(["stop_app"])?;
        member.rabbitmqctl(["join_cluster", cluster.trim().trim_matches('\'')])?;
        member.rabbitmqctl(["start_app"])?;
        Ok(member)
    }

    /// The URI of the default virtual host, user and password included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port, as [`url`](Self::url) has them.
    pub fn address(&self) -> &str {
        let (_, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        authority.rsplit('@').next().unwrap_or(authority)
    }

    /// The port of the TLS listener on 127.0.0.1, when [`Options::tls`] asked for one.
    pub fn tls_port(&self) -> Option<u16> {
        self.tls_port
    }

    /// The program that is `rabbitmqctl` for this broker, where there is one.
    pub fn rabbitmqctl_program(&self) -> Option<&Path> {
        self.rabbitmqctl.as_deref()
    }

    /// Runs `rabbitmqctl` and returns what it printed. It takes about two seconds.
    ///
    /// # Errors
    /// `Unsupported` for a broker that cannot be administered; what `rabbitmqctl` printed when it fails.
    pub fn rabbitmqctl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> io::Result<String> {
        let Some(program) = &self.rabbitmqctl else {
            let message =
                format!("{URL_VARIABLE} is set, and {RABBITMQCTL_VARIABLE} is not: no way to administer it");
            return Err(io::Error::new(ErrorKind::Unsupported, message));
        };
        let output = Command::new(program).args(arguments).output()?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            let (said, complaint) = (text(&output.stdout), text(&output.stderr));
            Err(io::Error::other(format!(
                "rabbitmqctl: {}\n{said}{complaint}",
                output.status
            )))
        }
    }

    /// The rows that a listing command of `rabbitmqctl` prints, column by column: `["list_queues", "name", "messages"]`.
    /// The broker counts messages and consumers of queues now and then only.
    ///
    /// # Errors
    /// As of [`rabbitmqctl`](Self::rabbitmqctl).
    pub fn rows<'a>(&self, command: impl IntoIterator<Item = &'a str>) -> io::Result<Vec<Vec<String>>> {
        let options = ["--quiet", "--no-table-headers"];
        let printed = self.rabbitmqctl(options.into_iter().chain(command))?;
        let row = |line: &str| line.split('\t').map(str::to_owned).collect();
        Ok(printed.lines().map(row).collect())
    }

    /// Adds a virtual host, which the user of [`url`](Self::url) may do everything in, and returns its URI.
    ///
    /// # Errors
    /// As of [`rabbitmqctl`](Self::rabbitmqctl). The name must hold nothing that a URI escapes.
    pub fn add_vhost(&self, name: &str) -> io::Result<String> {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("amqp", &self.url));
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        let user = authority.rsplit_once('@').map_or("guest", |(user, _)| user);
        let user = user.split(':').next().unwrap_or(user);
        self.rabbitmqctl(["add_vhost", name])?;
        self.rabbitmqctl(["set_permissions", "-p", name, user, ".*", ".*", ".*"])?;
        Ok(format!("{scheme}://{authority}/{name}"))
    }

    /// Adds a user, who may configure, write and read in the default virtual host what these expressions match.
    ///
    /// # Errors
    /// As of [`rabbitmqctl`](Self::rabbitmqctl).
    pub fn add_user(&self, name: &str, password: &str, permissions: [&str; 3]) -> io::Result<()> {
        let [configure, write, read] = permissions;
        self.rabbitmqctl(["add_user", name, password])?;
        self.rabbitmqctl(["set_permissions", name, configure, write, read])?;
        Ok(())
    }

    /// Ends the connections whose client properties hold `name`, as an operator does: they get connection.close with 320
    /// and `reason`. Tells how many there were.
    ///
    /// # Errors
    /// As of [`rabbitmqctl`](Self::rabbitmqctl).
    pub fn close_connections(&self, name: &str, reason: &str) -> io::Result<usize> {
        let rows = self.rows(["list_connections", "pid", "client_properties"])?;
        let pids = rows.iter().filter_map(|row| match row.as_slice() {
            [pid, properties] if properties.contains(name) => Some(pid),
            _ => None,
        });
        let mut count = 0;
        for pid in pids {
            self.rabbitmqctl(["close_connection", pid, reason])?;
            count += 1;
        }
        Ok(count)
    }

    /// Raises an alarm: the node sends connection.blocked to whoever publishes, from the first publish on.
    ///
    /// # Errors
    /// As of [`rabbitmqctl`](Self::rabbitmqctl); `TimedOut` when no alarm is seen.
    pub fn raise(&self, alarm: Alarm) -> io::Result<()> {
        match alarm {
            Alarm::Memory => self.rabbitmqctl(["set_vm_memory_high_watermark", "0.00001"])?,
            Alarm::Disk => self.rabbitmqctl(["set_disk_free_limit", "1000000GB"])?,
        };
        self.wait_for_alarm(alarm, true)
    }

    /// Clears an alarm, and publishers are let go.
    ///
    /// # Errors
    /// As of [`raise`](Self::raise).
    pub fn clear(&self, alarm: Alarm) -> io::Result<()> {
        match alarm {
            Alarm::Memory => self.rabbitmqctl(["set_vm_memory_high_watermark", "0.4"])?,
            Alarm::Disk => self.rabbitmqctl(["set_disk_free_limit", "1MB"])?,
        };
        self.wait_for_alarm(alarm, false)
    }

    fn wait_for_alarm(&self, alarm: Alarm, raised: bool) -> io::Result<()> {
        let resource = match alarm {
            Alarm::Memory => "{resource_limit,memory,",
            Alarm::Disk => "{resource_limit,disk,",
        };
        wait_for("the alarm", START_LIMIT, || {
            let alarms = self.rabbitmqctl(["eval", "rabbit_alarm:get_alarms()."])?;
            Ok((alarms.contains(resource) == raised).then_some(()))
        })
    }

    /// Ends the node as a crash does: with SIGKILL.
    ///
    /// # Errors
    /// `Unsupported` for a broker that is not private, here and in what follows.
    pub fn kill(&self) -> io::Result<()> {
        let node = self.node()?;
        node.signal(Signal::KILL)?;
        node.wait_for_end()
    }

    /// Ends the node in order: with SIGTERM.
    ///
    /// # Errors
    /// As of [`kill`](Self::kill); `TimedOut` when it goes on.
    pub fn stop(&self) -> io::Result<()> {
        let node = self.node()?;
        node.signal(Signal::TERM)?;
        node.wait_for_end()
    }

    /// Starts a node that has ended again, on the same ports and data, and waits until it accepts connections.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    pub fn start_again(&self) -> io::Result<()> {
        self.node()?.start_server()
    }

    /// Freezes the node: its sockets stay open, and nothing answers.
    ///
    /// # Errors
    /// As of [`kill`](Self::kill).
    pub fn freeze(&self) -> io::Result<()> {
        self.node()?.freeze()
    }

    /// Lets a frozen node go on.
    ///
    /// # Errors
    /// As of [`kill`](Self::kill).
    pub fn thaw(&self) -> io::Result<()> {
        self.node()?.signal(Signal::CONT)
    }

    /// How many connections the node has accepted since its first start, by its own log.
    ///
    /// # Errors
    /// As of [`kill`](Self::kill).
    pub fn connections_accepted(&self) -> io::Result<usize> {
        Ok(self.log()?.matches("accepting AMQP connection").count())
    }

    /// What the node has logged since its first start.
    ///
    /// # Errors
    /// As of [`kill`](Self::kill).
    pub fn log(&self) -> io::Result<String> {
        self.node()?.log()
    }

    /// Makes the process group `leader` end when this broker is dropped or its owner ends in whatever way.
    ///
    /// # Errors
    /// As of [`kill`](Self::kill).
    pub fn end_group_too(&self, leader: u32) -> io::Result<()> {
        self.node()?.adopt_group(leader)
    }

    fn node(&self) -> io::Result<MutexGuard<'_, Node>> {
        let node = self.node.as_ref().ok_or_else(|| {
            let message = format!("{URL_VARIABLE} is set: only a private node can be asked for this");
            io::Error::new(ErrorKind::Unsupported, message)
        })?;
        Ok(node.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
