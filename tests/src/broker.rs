//! A RabbitMQ broker for tests: a private node, or the one that `AMQP_URL` names. What to do with it is the test's.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{is_running, wait_for};
use crate::supervisor::{Supervisor, new_folder};

/// Names the broker to use: its URI.
pub const URL_VARIABLE: &str = "AMQP_URL";
/// Names a program that is `rabbitmqctl` for the broker of [`URL_VARIABLE`]. Without it that broker cannot be administered.
pub const RABBITMQCTL_VARIABLE: &str = "AMQP_RABBITMQCTL";

const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const RABBITMQCTL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
const NODE: &str = "amqp-tests@localhost";
/// RabbitMQ blocks every publisher when less than its limit is free; a run that starts with this much does not come near it.
const FREE_DISK: u64 = 256 << 20;
/// What a node takes on a busy machine, times ten.
const START_LIMIT: Duration = Duration::from_secs(120);

/// What a private node has beyond the defaults of the test bed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Lines of `rabbitmq.conf`, each ended by a line feed.
    pub config: String,
    /// `advanced.config`, an Erlang term ended by a full stop; empty for none.
    pub advanced: String,
    /// Plugins to enable, by name.
    pub plugins: Vec<String>,
}

/// A broker that is ready for connections. A private one ends, and its files go, when this is dropped or the process
/// that owns it ends in whatever way.
#[derive(Debug)]
pub struct Broker {
    url: String,
    rabbitmqctl: Option<PathBuf>,
    node: Option<Node>,
}

#[derive(Debug)]
struct Node {
    supervisor: Supervisor,
    server: u32,
}

impl Broker {
    /// The one broker of this process: that of `AMQP_URL`, or a private node.
    ///
    /// # Panics
    /// When there is none to be had: a test without its broker has failed.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Broker> = LazyLock::new(|| match Broker::named_by_environment() {
            Some(broker) => broker,
            None => Broker::start(&Options::default()).unwrap_or_else(|error| panic!("no broker: {error}")),
        });
        &SHARED
    }

    /// The broker that `AMQP_URL` names, if it is set and not empty.
    pub fn named_by_environment() -> Option<Self> {
        let url = env::var(URL_VARIABLE).ok().filter(|url| !url.is_empty())?;
        Some(Self {
            url,
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
        let folder = new_folder();
        let environment = environment(&folder, ports);
        let mut supervisor = Supervisor::start(folder, &environment)?;
        let rabbitmqctl = write_files(supervisor.folder(), ports, options, &environment)?;

        let epmd = supervisor.start_program("epmd")?;
        wait_for("epmd's port", START_LIMIT, || {
            // It ends without a word when its port is taken.
            if !is_running(epmd) {
                let said = supervisor.output()?;
                let kind = if said.is_empty() {
                    ErrorKind::AddrInUse
                } else {
                    ErrorKind::Other
                };
                return Err(io::Error::new(
                    kind,
                    format!("epmd ended at port {}: {said}", ports.epmd),
                ));
            }
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, ports.epmd)).ok())
        })?;
        let server = supervisor.start_program(SERVER)?;
        wait_for("the node's start", START_LIMIT, || {
            let said = supervisor.output()?;
            if said.contains("Server startup complete") {
                return Ok(Some(()));
            }
            if is_running(epmd) && is_running(server) {
                return Ok(None);
            }
            let taken = ["eaddrinuse", "dist_port_already_used"]
                .iter()
                .any(|reason| said.contains(reason));
            let kind = if taken || !is_running(epmd) {
                ErrorKind::AddrInUse
            } else {
                ErrorKind::Other
            };
            Err(io::Error::new(kind, format!("the node did not come up: {said}")))
        })?;
        Ok(Self {
            url: format!("amqp://guest:guest@127.0.0.1:{}", ports.amqp),
            rabbitmqctl: Some(rabbitmqctl),
            node: Some(Node { supervisor, server }),
        })
    }

    /// The URI of the default virtual host, user and password included.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The program that is `rabbitmqctl` for this broker, where there is one.
    pub fn rabbitmqctl_program(&self) -> Option<&Path> {
        self.rabbitmqctl.as_deref()
    }

    /// Runs `rabbitmqctl` and returns what it printed.
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

    /// Ends the node as a crash does: with SIGKILL.
    ///
    /// # Errors
    /// `Unsupported` for a broker that is not private.
    pub fn kill(&self) -> io::Result<()> {
        let server = self.node.as_ref().ok_or_else(not_private)?.server;
        let pid = i32::try_from(server)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(ErrorKind::InvalidData)?;
        kill_process(pid, Signal::KILL)?;
        wait_for("the node's end", START_LIMIT, || {
            Ok((!is_running(server)).then_some(()))
        })
    }

    /// How many connections the node has accepted since its start, by its own log.
    ///
    /// # Errors
    /// `Unsupported` for a broker that is not private.
    pub fn connections_accepted(&self) -> io::Result<usize> {
        let log = self.node.as_ref().ok_or_else(not_private)?.supervisor.output()?;
        Ok(log.matches("accepting AMQP connection").count())
    }

    /// Makes the process group `leader` end when this broker is dropped or its owner ends in whatever way.
    ///
    /// # Errors
    /// `Unsupported` for a broker that is not private.
    pub fn end_group_too(&mut self, leader: u32) -> io::Result<()> {
        self.node
            .as_mut()
            .ok_or_else(not_private)?
            .supervisor
            .adopt_group(leader)
    }
}

fn not_private() -> io::Error {
    let message = format!("{URL_VARIABLE} is set: only a private node can be asked for this");
    io::Error::new(ErrorKind::Unsupported, message)
}

struct Ports {
    amqp: u16,
    distribution: u16,
    epmd: u16,
}

impl Ports {
    /// Three different ports that nothing listens on now.
    fn free() -> io::Result<Self> {
        let [amqp, distribution, epmd] = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let port = |listener: io::Result<TcpListener>| Ok::<_, io::Error>(listener?.local_addr()?.port());
        let ports = Self {
            amqp: port(amqp)?,
            distribution: port(distribution)?,
            epmd: port(epmd)?,
        };
        Ok(ports)
    }
}

/// All that the node, its epmd and its `rabbitmqctl` see of the world.
fn environment(folder: &Path, ports: &Ports) -> Vec<(&'static str, String)> {
    let inside = |name: &str| folder.join(name).display().to_string();
    let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
    vec![
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
        ),
        ("LANG", "C.UTF-8".into()),
        ("HOME", inside("")),
        ("ERL_INETRC", inside("inetrc")),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("ERL_EPMD_PORT", ports.epmd.to_string()),
        ("RABBITMQ_NODENAME", NODE.into()),
        ("RABBITMQ_DIST_PORT", ports.distribution.to_string()),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
        ("RABBITMQ_CONFIG_FILE", inside("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", inside("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", inside("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", inside("data")),
        ("RABBITMQ_LOG_BASE", inside("log")),
        ("RABBITMQ_PID_FILE", inside("pid")),
        // Everything to standard output: one place to look at when a node does not come up.
        ("RABBITMQ_LOGS", "-".into()),
        // With this the script becomes the Erlang machine, where else it would stay as its parent.
        ("RABBITMQ_ALLOW_INPUT", "1".into()),
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            format!("-noinput +S 1:1 {loopback}"),
        ),
        ("RABBITMQ_CTL_ERL_ARGS", loopback.into()),
        // Any port; else all `rabbitmqctl` of a machine share eleven.
        ("RABBITMQ_CTL_DIST_PORT_MIN", "0".into()),
        ("RABBITMQ_CTL_DIST_PORT_MAX", "0".into()),
    ]
}

/// Writes the node's files and a `rabbitmqctl` for it, whose path is returned.
fn write_files(
    folder: &Path,
    ports: &Ports,
    options: &Options,
    environment: &[(&str, String)],
) -> io::Result<PathBuf> {
    let room = rustix::fs::statvfs(folder)?;
    if room.f_bavail.saturating_mul(room.f_frsize) < FREE_DISK {
        let message = format!("{}: less than {} MiB free", folder.display(), FREE_DISK >> 20);
        return Err(io::Error::new(ErrorKind::StorageFull, message));
    }
    let config = format!(
        "listeners.tcp.1 = 127.0.0.1:{}\ndisk_free_limit.absolute = 1MB\n",
        ports.amqp
    );
    fs::write(folder.join("rabbitmq.conf"), config + &options.config)?;
    // A bare machine has no /etc/hosts, and on others localhost may be ::1 first.
    let hosts = "{host, {127,0,0,1}, [\"localhost\"]}.\n{lookup, [file, native]}.\n";
    fs::write(folder.join("inetrc"), hosts)?;
    fs::write(
        folder.join("enabled_plugins"),
        format!("[{}].\n", options.plugins.join(",")),
    )?;
    let advanced = if options.advanced.is_empty() {
        "[]."
    } else {
        &options.advanced
    };
    fs::write(folder.join("advanced.config"), advanced)?;

    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let assignments: Vec<_> = environment
        .iter()
        .map(|(name, value)| format!("{name}={}", quoted(value)))
        .collect();
    let rabbitmqctl = folder.join("rabbitmqctl");
    let script = format!(
        "#!/bin/sh\nexec env -i {} {RABBITMQCTL} \"$@\"\n",
        assignments.join(" ")
    );
    fs::write(&rabbitmqctl, script)?;
    fs::set_permissions(&rabbitmqctl, fs::Permissions::from_mode(0o700))?;
    Ok(rabbitmqctl)
}

#[cfg(test)]
mod private_node {
    use super::*;

    fn assert_refused_as_taken(port_of: fn(&Ports) -> u16) {
        let ports = Ports::free().unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port_of(&ports))).unwrap();
        let error = Broker::start_on(&ports, &Options::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
    }

    #[test]
    fn a_taken_amqp_port_is_told_from_other_failures() {
        assert_refused_as_taken(|ports| ports.amqp);
    }

    #[test]
    fn a_taken_distribution_port_is_told_from_other_failures() {
        assert_refused_as_taken(|ports| ports.distribution);
    }

    #[test]
    fn a_taken_epmd_port_is_told_from_other_failures() {
        assert_refused_as_taken(|ports| ports.epmd);
    }

    #[test]
    fn a_wrong_configuration_is_not_tried_again() {
        let options = Options {
            config: "no_such_key = 1\n".into(),
            ..Options::default()
        };
        let error = Broker::start(&options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("no_such_key"), "{error}");
    }
}
