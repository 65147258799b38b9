//! A private RabbitMQ node as files and processes: what it is started with, and how it ends and begins again. What it does
//! is administered through `broker`.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{is_running, wait_for};
use crate::supervisor::{Supervisor, new_folder};

pub(crate) const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const RABBITMQCTL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
const NODE: &str = "amqp-tests";
/// The secret that nodes of a cluster share, in the home folder of each.
const COOKIE: &str = ".erlang.cookie";
/// RabbitMQ blocks every publisher when less than its limit is free; a run that starts with this much does not come near it.
const FREE_DISK: u64 = 256 << 20;
/// What a node takes on a busy machine, times ten.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(120);

/// What a private node has beyond the defaults of the test bed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Lines of `rabbitmq.conf`, each ended by a line feed.
    pub config: String,
    /// `advanced.config`, an Erlang term ended by a full stop; empty for none.
    pub advanced: String,
    /// Plugins to enable, by name.
    pub plugins: Vec<String>,
    /// Files in the node's working folder, by name and contents: the configuration names them without a path. They go when
    /// the node does.
    pub files: Vec<(String, String)>,
    /// A TLS listener beside the plain one, on [`Broker::tls_port`](crate::broker::Broker::tls_port).
    pub tls: Option<TlsListener>,
}

/// What a TLS listener identifies itself with, and what it wants of clients. The files are PEM, and read when
/// clients come: they must stay.
#[derive(Clone, Debug)]
pub struct TlsListener {
    /// The authorities that client certificates may come from.
    pub authorities: PathBuf,
    /// The node's certificate, followed by those between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Whether a client's certificate is verified, if it has one.
    pub verify_peer: bool,
    /// Whether a client without a certificate is refused.
    pub fail_if_no_peer_cert: bool,
}

impl TlsListener {
    /// Lines of `rabbitmq.conf`.
    fn config(&self, port: u16) -> String {
        let verify = if self.verify_peer {
            "verify_peer"
        } else {
            "verify_none"
        };
        format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\n\
             ssl_options.cacertfile = {}\n\
             ssl_options.certfile = {}\n\
             ssl_options.keyfile = {}\n\
             ssl_options.verify = {verify}\n\
             ssl_options.fail_if_no_peer_cert = {}\n",
            self.authorities.display(),
            self.certificate.display(),
            self.key.display(),
            self.fail_if_no_peer_cert
        )
    }
}

/// Where a node listens.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) amqp: u16,
    pub(crate) tls: u16,
    distribution: u16,
    epmd: u16,
}

impl Ports {
    /// Different ports that nothing listens on now.
    pub(crate) fn free() -> io::Result<Self> {
        let [amqp, tls, distribution, epmd] = [(); 4].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let port = |listener: io::Result<TcpListener>| Ok::<_, io::Error>(listener?.local_addr()?.port());
        let ports = Self {
            amqp: port(amqp)?,
            tls: port(tls)?,
            distribution: port(distribution)?,
            epmd: port(epmd)?,
        };
        Ok(ports)
    }
}

/// The processes of a node. They end, and its files go, when this is dropped or the process that owns it ends.
#[derive(Debug)]
pub(crate) struct Node {
    supervisor: Supervisor,
    epmd_port: u16,
    epmd: u32,
    server: u32,
    pub(crate) rabbitmqctl: PathBuf,
}

impl Node {
    /// Starts a node and waits until it accepts connections; `AddrInUse` when something else took a port.
    pub(crate) fn start(ports: &Ports, options: &Options) -> io::Result<Self> {
        let folder = new_folder();
        let environment = environment(&folder, NODE, ports);
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
        let mut node = Self {
            supervisor,
            epmd_port: ports.epmd,
            epmd,
            server: 0,
            rabbitmqctl,
        };
        node.start_server()?;
        Ok(node)
    }

    /// Starts another node, with the name server and the secret of this one.
    pub(crate) fn start_beside(&self, name: &str, ports: &Ports, options: &Options) -> io::Result<Self> {
        let ports = Ports {
            epmd: self.epmd_port,
            ..*ports
        };
        let folder = new_folder();
        let environment = environment(&folder, name, &ports);
        let supervisor = Supervisor::start(folder, &environment)?;
        let rabbitmqctl = write_files(supervisor.folder(), &ports, options, &environment)?;
        fs::copy(
            self.supervisor.folder().join(COOKIE),
            supervisor.folder().join(COOKIE),
        )?;
        let mut node = Self {
            supervisor,
            epmd_port: ports.epmd,
            epmd: self.epmd,
            server: 0,
            rabbitmqctl,
        };
        node.start_server()?;
        Ok(node)
    }

    /// Starts the server, the first time or again, and waits until it accepts connections.
    pub(crate) fn start_server(&mut self) -> io::Result<()> {
        let said_before = self.supervisor.output()?.len();
        let (epmd, server) = (self.epmd, self.supervisor.start_program(SERVER)?);
        self.server = server;
        wait_for("the node's start", START_LIMIT, || {
            let output = self.supervisor.output()?;
            let said = output.get(said_before..).unwrap_or_default();
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
        })
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.server)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(ErrorKind::InvalidData)?;
        Ok(kill_process(pid, signal)?)
    }

    /// Stops all threads of the server, and waits until they have: one that runs may go on for a moment.
    pub(crate) fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)?;
        wait_for("the node's threads to stop", START_LIMIT, || {
            for thread in fs::read_dir(format!("/proc/{}/task", self.server))? {
                let stat = fs::read_to_string(thread?.path().join("stat"))?;
                // The state stands behind the name in parentheses.
                let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
                if state != Some('T') {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
    }

    /// Waits until the server has ended.
    pub(crate) fn wait_for_end(&self) -> io::Result<()> {
        wait_for("the node's end", START_LIMIT, || {
            Ok((!is_running(self.server)).then_some(()))
        })
    }

    /// What the node has logged since its first start.
    pub(crate) fn log(&self) -> io::Result<String> {
        self.supervisor.output()
    }

    /// Makes the process group `leader` end with the node.
    pub(crate) fn adopt_group(&mut self, leader: u32) -> io::Result<()> {
        self.supervisor.adopt_group(leader)
    }
}

/// All that the node, its epmd and its `rabbitmqctl` see of the world.
fn environment(folder: &Path, name: &str, ports: &Ports) -> Vec<(&'static str, String)> {
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
        ("RABBITMQ_NODENAME", format!("{name}@localhost")),
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
    let tls = options.tls.as_ref().map(|tls| tls.config(ports.tls));
    fs::write(
        folder.join("rabbitmq.conf"),
        config + &tls.unwrap_or_default() + &options.config,
    )?;
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
    for (name, contents) in &options.files {
        fs::write(folder.join(name), contents)?;
    }

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
        let error = Node::start(&ports, &Options::default()).unwrap_err();
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
        let error = Node::start(&Ports::free().unwrap(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("no_such_key"), "{error}");
    }
}
