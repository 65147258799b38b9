//! The node with the TLS listener, and ways to it. What is right and wrong about it, the tests say.

use std::sync::LazyLock;

use amqp_client::driver::connect_with;
use amqp_client::tls::TlsTransport;
use amqp_client::tokio::Stream;
use amqp_client::{Config, Connection, ConnectionError, TlsOptions, TlsRoots};
use amqp_tests::broker::{Broker, Options, TlsListener};
use tokio::net::TcpStream;

use crate::certificates::{Authority, Folder, Signed, Valid};

/// The listener shows another certificate to clients that ask for another name. `demanding.test` wants one of the
/// client's, too.
const HOSTS: [&str; 6] = [
    "localhost",
    "other.test",
    "expired.test",
    "later.test",
    "stranger.test",
    "demanding.test",
];

/// A node of its own, and those who vouch.
pub(crate) struct Node {
    pub(crate) broker: Broker,
    /// Who signed the node's certificates, but for one.
    pub(crate) authority: Authority,
    pub(crate) stranger: Authority,
    /// Whose clients the node accepts.
    pub(crate) clients: Authority,
}

pub(crate) fn node() -> &'static Node {
    static NODE: LazyLock<Node> = LazyLock::new(|| {
        let [authority, stranger, clients] = ["servers", "stranger", "clients"].map(Authority::new);
        let mut files = vec![("clients.pem".to_owned(), clients.pem.clone())];
        let mut hosts = Vec::new();
        for host in HOSTS {
            let (signer, names, valid) = match host {
                "localhost" => (&authority, &["localhost", "127.0.0.1"][..], Valid::Now),
                "expired.test" => (&authority, &[host][..], Valid::Once),
                "later.test" => (&authority, &[host][..], Valid::Later),
                "stranger.test" => (&stranger, &[host][..], Valid::Now),
                _ => (&authority, &[host][..], Valid::Now),
            };
            let Signed { pem, key } = signer.server(names, valid);
            let verify = match host {
                "demanding.test" => "{verify, verify_peer}, {fail_if_no_peer_cert, true}",
                _ => "{verify, verify_none}",
            };
            hosts.push(format!(
                "{{\"{host}\", [{{cacertfile, \"clients.pem\"}}, {{certfile, \"{host}.pem\"}}, \
                 {{keyfile, \"{host}.key\"}}, {verify}]}}"
            ));
            files.push((format!("{host}.pem"), pem));
            files.push((format!("{host}.key"), key));
        }
        let listener = TlsListener {
            authorities: "clients.pem".into(),
            certificate: "localhost.pem".into(),
            key: "localhost.key".into(),
            verify_peer: false,
            fail_if_no_peer_cert: false,
        };
        // This stands in place of what the listener's own settings come to: they know one certificate only. EXTERNAL is
        // refused unless certificates are verified here, whatever holds for the host.
        let advanced = format!(
            "[{{rabbit, [{{ssl_options, [{{cacertfile, \"clients.pem\"}}, {{certfile, \"localhost.pem\"}}, \
             {{keyfile, \"localhost.key\"}}, {{verify, verify_peer}}, {{sni_hosts, [{}]}}]}}]}}].\n",
            hosts.join(",\n")
        );
        let options = Options {
            // EXTERNAL is of a plugin, and takes the certificate's common name for the user.
            config:
                "auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\nssl_cert_login_from = common_name\n"
                    .into(),
            plugins: vec!["rabbitmq_auth_mechanism_ssl".into()],
            advanced,
            files,
            tls: Some(listener),
        };
        Node {
            broker: Broker::private(&options),
            authority,
            stranger,
            clients,
        }
    });
    &NODE
}

/// Options that trust the node's authority, by a file in this folder.
pub(crate) fn trusting(folder: &Folder) -> TlsOptions {
    TlsOptions::default().roots(TlsRoots::File(folder.write("ca.pem", &node().authority.pem)))
}

/// Connects to the node as if it were this host.
pub(crate) async fn connect(host: &str, options: &TlsOptions) -> Result<Connection, ConnectionError> {
    connect_with_config(host, options, Config::default()).await
}

pub(crate) async fn connect_with_config(
    host: &str,
    options: &TlsOptions,
    config: Config,
) -> Result<Connection, ConnectionError> {
    let port = node().broker.tls_port().unwrap();
    connect_to(port, host, options, config).await
}

pub(crate) async fn connect_to_port(
    port: u16,
    host: &str,
    options: &TlsOptions,
) -> Result<Connection, ConnectionError> {
    connect_to(port, host, options, Config::default()).await
}

async fn connect_to(
    port: u16,
    host: &str,
    options: &TlsOptions,
    config: Config,
) -> Result<Connection, ConnectionError> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.set_nodelay(true).unwrap();
    let mut transport = TlsTransport::new(Stream::new(tcp), host, options)?;
    transport.handshake().await?;
    let (connection, driver) = connect_with(transport, config);
    tokio::spawn(driver);
    connection.opened().await?;
    Ok(connection)
}
