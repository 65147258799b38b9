//! Wrong ports, and servers that hang up: each is told from the others.

use std::time::Duration;

use amqp_client::tls::TlsError;
use amqp_client::tokio::connect_with;
use amqp_client::{Config, ConnectionError};
use rustix::net::sockopt::set_socket_linger;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::certificates::{Folder, Valid};
use crate::node::{connect_to_port, node, trusting};

#[tokio::test]
async fn plain_amqp_to_the_tls_port_is_told_so() {
    let port = node().broker.tls_port().unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (connection, driver) = connect_with(tcp, Config::default());
    tokio::spawn(driver);
    let error = connection.opened().await.unwrap_err();
    assert!(matches!(error, ConnectionError::ServerSpeaksTls), "{error}");
    assert!(error.to_string().contains("amqps://"), "{error}");
}

#[tokio::test]
async fn tls_to_the_plain_port_is_told_so() {
    let folder = Folder::new();
    let port = node()
        .broker
        .address()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let error = connect_to_port(port, "localhost", &trusting(&folder))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectionError::Tls(TlsError::NotTls)), "{error}");
}

#[tokio::test]
async fn a_server_that_just_hangs_up_is_told_from_one_that_speaks() {
    let folder = Folder::new();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // All of the greeting is read, so that the end of the stream is no reset.
        let mut start = [0; 5];
        stream.read_exact(&mut start).await.unwrap();
        let length = u16::from_be_bytes([start[3], start[4]]);
        stream.read_exact(&mut vec![0; length.into()]).await.unwrap();
    });
    let error = connect_to_port(port, "localhost", &trusting(&folder))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectionError::Tls(TlsError::ClosedDuringHandshake)),
        "{error}"
    );
    server.await.unwrap();
}

/// TLS 1.3 as a server that shakes hands and then ends the stream, in order or by a reset, without a word of TLS.
#[tokio::test]
async fn a_server_that_hangs_up_behind_the_handshake_is_suspected_of_wanting_a_certificate() {
    let folder = Folder::new();
    let acceptor = node().authority.server(&["localhost"], Valid::Now).acceptor();
    for reset in [false, true] {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn({
            let acceptor = acceptor.clone();
            async move {
                let (tcp, _) = listener.accept().await.unwrap();
                if reset {
                    set_socket_linger(&tcp, Some(Duration::ZERO)).unwrap();
                }
                let mut stream = acceptor.accept(tcp).await.unwrap();
                stream.read_exact(&mut [0; 8]).await.unwrap();
            }
        });
        let error = connect_to_port(port, "localhost", &trusting(&folder))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ConnectionError::Tls(TlsError::ClosedAfterHandshake)),
            "{reset}: {error}"
        );
        server.await.unwrap();
    }
}
