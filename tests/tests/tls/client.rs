//! The client's certificate, and what a client brings of its own: a URI, a provider, a configuration.

use std::sync::Arc;

use amqp_client::tls::rustls::pki_types::CertificateDer;
use amqp_client::tls::rustls::pki_types::pem::PemObject;
use amqp_client::tls::rustls::{self, ClientConfig, RootCertStore};
use amqp_client::tls::{CertificateRefusal, TlsAlert, TlsError, TlsTransport};
use amqp_client::tokio::Stream;
use amqp_client::{Config, ConnectPhase, ConnectionError, Credentials, ServerName, TlsOptions};
use rcgen::KeyPair;
use tokio::net::TcpStream;

use crate::certificates::{Folder, Signed, openssl};
use crate::node::{connect, connect_with_config, node, trusting};
use crate::server::refusal;

#[tokio::test]
async fn a_client_certificate_is_accepted_whatever_the_format_of_its_key() {
    let folder = Folder::new();
    let path = folder.path("");
    openssl(&path, "genrsa -traditional -out rsa.pkcs1 2048");
    openssl(&path, "pkcs8 -topk8 -nocrypt -in rsa.pkcs1 -out rsa.pkcs8");
    openssl(&path, "ecparam -name prime256v1 -genkey -out ec.sec1");
    openssl(&path, "pkcs8 -topk8 -nocrypt -in ec.sec1 -out ec.pkcs8");
    let mut options = trusting(&folder);
    for (file, pkcs8) in [
        ("rsa.pkcs1", "rsa.pkcs8"),
        ("rsa.pkcs8", "rsa.pkcs8"),
        ("ec.sec1", "ec.pkcs8"),
        ("ec.pkcs8", "ec.pkcs8"),
    ] {
        let read = |name| std::fs::read_to_string(folder.path(name)).unwrap();
        let key = KeyPair::from_pem(&read(pkcs8)).unwrap();
        let certificate = node().clients.client_of_key("client", &key).pem;
        options.certfile = Some(folder.write("client.pem", &certificate));
        options.keyfile = Some(folder.path(file));
        connect("demanding.test", &options)
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        // Both in one file, the key in front.
        options.certfile = Some(folder.write("both.pem", read(file) + &certificate));
        options.keyfile = None;
        connect("demanding.test", &options)
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    }
}

/// With TLS 1.3 the client is through with its handshake before the server has looked at the certificate.
#[tokio::test]
async fn a_missing_client_certificate_and_one_that_is_refused() {
    let folder = Folder::new();
    let mut options = trusting(&folder);
    let error = connect("demanding.test", &options).await.unwrap_err();
    let ConnectionError::Tls(TlsError::ClientCertificateRefused { alert }) = &error else {
        panic!("{error}")
    };
    assert_eq!(*alert, TlsAlert::CERTIFICATE_REQUIRED);
    assert_eq!(
        error.to_string(),
        "TLS: the server demands a client certificate: TLS alert certificate_required (116)"
    );
    let Signed { pem, key } = node().stranger.client("client");
    options.certfile = Some(folder.write("client.pem", pem + &key));
    let error = connect("demanding.test", &options).await.unwrap_err();
    let ConnectionError::Tls(TlsError::ClientCertificateRefused { alert }) = &error else {
        panic!("{error}")
    };
    assert_eq!(*alert, TlsAlert::UNKNOWN_CA);
    // A node that wants none does not look at it.
    connect("localhost", &options)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
}

/// SASL EXTERNAL: who one is, the certificate says.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_certificate_is_all_the_authentication_there_is() {
    let folder = Folder::new();
    let user = "by-certificate";
    node()
        .broker
        .add_user(user, "unused", [".*", ".*", ".*"])
        .unwrap();
    let mut options = trusting(&folder);
    let certificate = |name: &str| {
        let Signed { pem, key } = node().clients.client(name);
        folder.write("client.pem", pem + &key)
    };
    let external = || Config::default().credentials(Credentials::external());
    options.certfile = Some(certificate(user));
    let connection = connect_with_config("demanding.test", &options, external())
        .await
        .unwrap();
    let channel = connection.open_channel().await.unwrap();
    channel.queue_declare("").exclusive().await.unwrap();
    let listed = node()
        .broker
        .rows(["list_connections", "user", "auth_mechanism"])
        .unwrap();
    assert!(
        listed.contains(&vec![user.to_owned(), "EXTERNAL".to_owned()]),
        "{listed:?}"
    );
    connection.close().await.unwrap();
    // A certificate of nobody's, and none.
    options.certfile = Some(certificate("nobody"));
    let unknown = connect_with_config("demanding.test", &options, external()).await;
    assert!(
        matches!(unknown, Err(ConnectionError::AuthenticationRefused { .. })),
        "{unknown:?}"
    );
    options.certfile = None;
    let nameless = connect_with_config("localhost", &options, external()).await;
    assert!(nameless.is_err());
}

fn client_config(versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(node().authority.pem.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

#[tokio::test]
async fn a_configuration_of_rustls_is_used_as_it_is() {
    let mut options = TlsOptions::default();
    options.rustls = client_config(&[&rustls::version::TLS12]).into();
    let tcp = TcpStream::connect(("127.0.0.1", node().broker.tls_port().unwrap()))
        .await
        .unwrap();
    let mut transport = TlsTransport::new(Stream::new(tcp), "localhost", &options).unwrap();
    transport.handshake().await.unwrap();
    let version = transport.session().protocol_version();
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_2));
    assert!(matches!(
        refusal("expired.test", &options).await,
        CertificateRefusal::Expired
    ));
    // With TLS 1.2 the refusal is part of the handshake.
    let error = connect("demanding.test", &options).await.unwrap_err();
    assert!(
        matches!(
            error,
            ConnectionError::Tls(TlsError::Alert { alert: TlsAlert(40) })
        ),
        "{error}"
    );

    options.rustls = client_config(rustls::ALL_VERSIONS).into();
    options.server_name = ServerName::Disabled;
    connect("localhost", &options)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    assert!(matches!(
        refusal("other.test", &options).await,
        CertificateRefusal::NameMismatch { .. }
    ));
}

#[tokio::test]
async fn a_crypto_provider_is_used_as_it_is() {
    let folder = Folder::new();
    let mut options = trusting(&folder);
    let mut provider = rustls::crypto::ring::default_provider();
    let wanted = rustls::crypto::ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    provider.cipher_suites = vec![wanted];
    options.rustls = Arc::new(provider).into();
    let tcp = TcpStream::connect(("127.0.0.1", node().broker.tls_port().unwrap()))
        .await
        .unwrap();
    let mut transport = TlsTransport::new(Stream::new(tcp), "localhost", &options).unwrap();
    transport.handshake().await.unwrap();
    assert_eq!(transport.session().negotiated_cipher_suite(), Some(wanted));
}

/// The error of an attempt by this URI, which failed at TLS.
async fn fails_at_tls(uri: &str) -> ConnectionError {
    let error = amqp_client::tokio::connect(uri).await.unwrap_err();
    let [attempt] = error.attempts() else {
        panic!("{error}")
    };
    assert_eq!(attempt.phase, ConnectPhase::Tls, "{error}");
    attempt.error.clone()
}

#[tokio::test]
async fn the_keys_of_a_uri_say_all_of_it() {
    let folder = Folder::new();
    let port = node().broker.tls_port().unwrap();
    let Signed { pem, key } = node().clients.client("client");
    let file = |name, contents: &str| folder.write(name, contents).display().to_string();
    let ca = file("ca.pem", &node().authority.pem);
    let (certificate, key) = (file("client.pem", &pem), file("client.key", &key));
    let uri = |keys: &str| format!("amqps://guest:guest@127.0.0.1:{port}/%2f?{keys}");

    let trusted = uri(&format!("cacertfile={ca}&fail_if_no_peer_cert=true&depth=1"));
    amqp_client::tokio::connect(&trusted)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    let error = fails_at_tls(&uri("")).await;
    assert!(
        matches!(
            error,
            ConnectionError::Tls(TlsError::CertificateRefused(CertificateRefusal::UnknownIssuer))
        ),
        "{error}"
    );
    let unverified = uri("verify=verify_none");
    amqp_client::tokio::connect(&unverified)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();

    let demanding = trusted + "&server_name_indication=demanding.test";
    let error = fails_at_tls(&demanding).await;
    assert!(
        matches!(
            error,
            ConnectionError::Tls(TlsError::ClientCertificateRefused { .. })
        ),
        "{error}"
    );
    let presented = format!("{demanding}&certfile={certificate}&keyfile={key}");
    amqp_client::tokio::connect(&presented)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    std::fs::remove_file(&key).unwrap();
    let error = fails_at_tls(&presented).await;
    assert!(error.to_string().contains(&key), "{error}");
}
