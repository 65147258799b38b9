//! Redirects within TLS: the host that is named must show a certificate of its own. The server that redirects is a script,
//! for RabbitMQ never does.

use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::v0_8::connection;
use amqp_client::protocol::{ChannelId, FieldTable, LongStr, ShortStr, frame};
use amqp_client::tls::{CertificateRefusal, TlsError};
use amqp_client::tokio::connect;
use amqp_client::{ConnectError, ConnectOptions, Connection, ConnectionError, Host, Protocol, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::certificates::{Folder, Valid};
use crate::node::{node, trusting};

/// Opens every connection up to connection.open, and answers with a redirect to this port of 127.0.0.1. Its certificate is
/// for this name.
async fn redirecting(name: &'static str, to: u16) -> u16 {
    let acceptor = node().authority.server(&[name], Valid::Now).acceptor();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let start = connection::Start {
        version_major: 8,
        version_minor: 0,
        server_properties: FieldTable::new(),
        mechanisms: LongStr::from_static("PLAIN"),
        locales: LongStr::from_static("en_US"),
    };
    let redirect = connection::Redirect {
        host: ShortStr::try_from(format!("127.0.0.1:{to}")).unwrap(),
        ..Default::default()
    };
    let octets = [
        method(&start),
        method(&connection::Tune::default()),
        method(&redirect),
    ]
    .concat();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            // A client that refuses the certificate ends the handshake.
            let Ok(mut stream) = acceptor.accept(tcp).await else {
                continue;
            };
            stream.read_exact(&mut [0; 8]).await.unwrap();
            stream.write_all(&octets).await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.ok();
        }
    });
    port
}

fn method<M: Arguments>(method: &M) -> Vec<u8> {
    let mut octets = Vec::new();
    frame::write_method(&mut octets, ChannelId(0), method, 0).unwrap();
    octets
}

async fn follow(host: &str, port: u16) -> Result<Connection, ConnectError> {
    let folder = Folder::new();
    let mut options = ConnectOptions::default()
        .hosts([Host::new(host, port)])
        .redirects(1)
        .tls(trusting(&folder));
    options.config.protocol = Protocol::V0_8;
    connect(options).await
}

#[tokio::test]
async fn the_named_host_is_asked_for_by_its_own_name() {
    let node = node().broker.tls_port().unwrap();
    // The node's certificate is good for 127.0.0.1, which is not what the first host is called.
    let first = redirecting("localhost", node).await;
    let connection = follow("localhost", first).await.unwrap();
    assert_eq!(connection.state(), State::Open);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_host_whose_certificate_is_for_the_first_name_alone_is_not_followed() {
    let second = redirecting("localhost", 1).await;
    let first = redirecting("localhost", second).await;
    let error = follow("localhost", first).await.unwrap_err();
    let errors: Vec<_> = error.attempts().iter().map(|attempt| &attempt.error).collect();
    let [.., ConnectionError::Redirected { .. }, last] = errors.as_slice() else {
        panic!("{error}")
    };
    let ConnectionError::Tls(TlsError::CertificateRefused(CertificateRefusal::NameMismatch {
        expected, ..
    })) = last
    else {
        panic!("{error}")
    };
    assert_eq!(expected, "127.0.0.1");
}
