//! The server's certificate: which ones are accepted, and why the others are not.

use amqp_client::tls::{CertificateRefusal, TlsError};
use amqp_client::{ConnectionError, ServerName, TlsOptions, TlsRoots};

use crate::certificates::Folder;
use crate::node::{connect, node, trusting};

/// Why the certificate that the node shows for this host is not accepted.
pub(crate) async fn refusal(host: &str, options: &TlsOptions) -> CertificateRefusal {
    match connect(host, options).await.unwrap_err() {
        ConnectionError::Tls(TlsError::CertificateRefused(refusal)) => refusal,
        error => panic!("{host}: {error}"),
    }
}

#[tokio::test]
async fn the_right_certificate_for_a_name_and_for_an_address() {
    let folder = Folder::new();
    for host in ["localhost", "127.0.0.1", "other.test"] {
        let connection = connect(host, &trusting(&folder)).await.unwrap();
        connection.open_channel().await.unwrap();
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn each_wrong_certificate_has_its_reason() {
    let folder = Folder::new();
    let options = trusting(&folder);
    // Nobody has this name: the node shows its certificate for localhost.
    let error = connect("wrong.test", &options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "TLS: the server's certificate is not accepted: it is not for \"wrong.test\", but for DnsName(\"localhost\"), \
         IpAddress(127.0.0.1)"
    );
    let reason = refusal("wrong.test", &options).await;
    assert!(matches!(reason, CertificateRefusal::NameMismatch { expected, .. } if expected == "wrong.test"));
    let reason = refusal("expired.test", &options).await;
    assert!(matches!(reason, CertificateRefusal::Expired), "{reason}");
    let reason = refusal("later.test", &options).await;
    assert!(matches!(reason, CertificateRefusal::NotYetValid), "{reason}");
    let reason = refusal("stranger.test", &options).await;
    assert!(matches!(reason, CertificateRefusal::UnknownIssuer), "{reason}");
}

#[tokio::test]
async fn neither_the_platform_nor_mozilla_knows_the_tests_authority() {
    let mut options = TlsOptions::default();
    for roots in [TlsRoots::Platform, TlsRoots::Bundled] {
        options.roots = roots;
        let reason = refusal("localhost", &options).await;
        assert!(matches!(reason, CertificateRefusal::UnknownIssuer), "{reason}");
    }
}

#[tokio::test]
async fn without_verification_every_certificate_is_accepted() {
    let mut options = TlsOptions::default();
    // Not even read then.
    options.roots = TlsRoots::File("no/such/file".into());
    options.dangerously_skip_verification = true;
    for host in ["wrong.test", "expired.test", "later.test", "stranger.test"] {
        let connection = connect(host, &options).await.unwrap();
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn another_name_can_be_asked_for_or_none() {
    let folder = Folder::new();
    let mut options = trusting(&folder);
    options.server_name = ServerName::Name("other.test".into());
    connect("10.0.0.1", &options)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    options.server_name = ServerName::Name("expired.test".into());
    assert!(matches!(
        refusal("localhost", &options).await,
        CertificateRefusal::Expired
    ));
    // Asked for no name, the node shows what it has for localhost; whether that is right is still looked at.
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
    options.server_name = ServerName::Name("no name".into());
    let error = connect("localhost", &options).await.unwrap_err();
    assert!(
        matches!(&error, ConnectionError::Tls(TlsError::InvalidServerName(name)) if name == "no name"),
        "{error}"
    );
}

#[tokio::test]
async fn files_are_read_anew_at_each_connect() {
    let folder = Folder::new();
    let options = trusting(&folder);
    connect("localhost", &options)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    folder.write("ca.pem", &node().stranger.pem);
    assert!(matches!(
        refusal("localhost", &options).await,
        CertificateRefusal::UnknownIssuer
    ));
    connect("stranger.test", &options)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    folder.write(
        "ca.pem",
        format!("{}{}", node().stranger.pem, node().authority.pem),
    );
    connect("localhost", &options)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
}
