//! Files that TLS cannot use: each has its reason, and the error names the file. No broker takes part.

use amqp_client::tls::{TlsError, TlsFileError, client_config};
use amqp_client::{TlsOptions, TlsRoots};

use crate::certificates::{Authority, Folder, Signed, openssl};

/// What is wrong with the file of this name.
fn fault(options: &TlsOptions, name: &str) -> TlsFileError {
    match client_config(options).unwrap_err() {
        TlsError::File { path, reason } => {
            assert!(path.ends_with(name), "{}", path.display());
            reason
        }
        error => panic!("{error}"),
    }
}

#[test]
fn files_of_authorities() {
    let (folder, authority) = (Folder::new(), Authority::new("someone"));
    let mut options = TlsOptions::default();
    options.roots = TlsRoots::File(folder.path("ca.pem"));
    let reason = fault(&options, "ca.pem");
    assert!(
        matches!(&reason, TlsFileError::Unreadable(error) if error.kind() == std::io::ErrorKind::NotFound)
    );
    assert!(matches!(fault(&options, "ca.pem"), TlsFileError::Unreadable(_)));
    for (contents, expected) in [
        (String::new(), "no certificate in it"),
        ("no PEM at all".to_owned(), "no certificate in it"),
        (authority.client("x").key, "no certificate in it"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n".to_owned(),
            "not well-formed PEM",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n".to_owned(),
            "not well-formed PEM",
        ),
        (
            authority.pem.clone() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate 2 in it is not well-formed",
        ),
    ] {
        folder.write("ca.pem", &contents);
        assert_eq!(fault(&options, "ca.pem").to_string(), expected, "{contents}");
    }
    folder.write("ca.pem", authority.pem.repeat(2));
    client_config(&options).unwrap();
}

#[test]
fn files_of_clients() {
    let (folder, authority) = (Folder::new(), Authority::new("someone"));
    let Signed { pem, key } = authority.client("client");
    let mut options = TlsOptions::default();
    options.roots = TlsRoots::File(folder.write("ca.pem", &authority.pem));
    options.certfile = Some(folder.write("client.pem", &pem));
    assert!(matches!(
        fault(&options, "client.pem"),
        TlsFileError::NoPrivateKey
    ));
    options.keyfile = Some(folder.write("client.key", ""));
    assert!(matches!(
        fault(&options, "client.key"),
        TlsFileError::NoPrivateKey
    ));
    folder.write("client.key", authority.client("client").key);
    assert!(matches!(fault(&options, "client.key"), TlsFileError::KeyMismatch));
    folder.write(
        "client.key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    assert!(matches!(
        fault(&options, "client.key"),
        TlsFileError::BadPrivateKey
    ));
    folder.write("client.key", "-----BEGIN PRIVATE KEY-----\n");
    assert!(matches!(fault(&options, "client.key"), TlsFileError::NotPem));
    folder.write(
        "client.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    folder.write("client.key", &key);
    assert!(matches!(
        fault(&options, "client.pem"),
        TlsFileError::BadCertificate(1)
    ));
    folder.write("client.pem", &pem);
    client_config(&options).unwrap();
}

#[test]
fn an_encrypted_key_is_refused_in_both_formats() {
    let (folder, authority) = (Folder::new(), Authority::new("someone"));
    let Signed { pem, key } = authority.client("client");
    folder.write("client.key", &key);
    let mut options = TlsOptions::default();
    options.roots = TlsRoots::File(folder.write("ca.pem", &authority.pem));
    options.certfile = Some(folder.write("client.pem", &pem));
    for (file, arguments) in [
        ("new", "pkcs8 -topk8 -in client.key -out new -passout pass:s3cret"),
        ("old", "ec -aes128 -in client.key -out old -passout pass:s3cret"),
    ] {
        openssl(&folder.path(""), arguments);
        options.keyfile = Some(folder.path(file));
        let reason = fault(&options, file);
        assert!(matches!(reason, TlsFileError::EncryptedKey), "{file}: {reason}");
    }
}
