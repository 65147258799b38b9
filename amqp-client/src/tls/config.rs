//! From [`TlsOptions`] to what rustls wants: files are read, certificates and keys looked at. No connection is made here.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{self, CertificateDer, PrivateKeyDer, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, RootCertStore, SignatureScheme};

use super::backend::Rustls;
use super::error::{TlsError, TlsFileError};
use crate::options::{ServerName, TlsOptions, TlsRoots};

/// The configuration of rustls for these options. Reads their files, so that it sees what has become of them since it was
/// called before; on the calling thread.
///
/// ```
/// use amqp_client::tls::{TlsError, client_config};
/// use amqp_client::{TlsOptions, TlsRoots};
///
/// let options = TlsOptions::default().roots(TlsRoots::File("no/such/ca.pem".into()));
/// let error = client_config(&options).unwrap_err();
/// assert!(matches!(&error, TlsError::File { path, .. } if path.ends_with("ca.pem")), "{error}");
/// ```
///
/// # Errors
///
/// [`TlsError::File`] when a file is missing or wrong, [`TlsError::NoPlatformRoots`] and [`TlsError::NoProvider`] when these
/// are not to be had, [`TlsError::Session`] when the provider has nothing to offer.
pub fn client_config(options: &TlsOptions) -> Result<Arc<ClientConfig>, TlsError> {
    let names_server = options.server_name != ServerName::Disabled;
    if let Rustls::ClientConfig(config) = &options.rustls {
        return Ok(if names_server {
            Arc::clone(config)
        } else {
            let mut config = ClientConfig::clone(config);
            config.enable_sni = false;
            Arc::new(config)
        });
    }
    let provider = provider(options)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(session)?
        .dangerous()
        .with_custom_certificate_verifier(verifier(options, &provider)?);
    let mut config = match &options.certfile {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let certificates = read_certificates(file)?;
            let key_file = options.keyfile.as_ref().unwrap_or(file);
            let key = read_key(key_file)?;
            builder
                .with_client_auth_cert(certificates, key)
                .map_err(|error| match error {
                    Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                        refuse(key_file, TlsFileError::KeyMismatch)
                    }
                    Error::InvalidCertificate(_) => refuse(file, TlsFileError::BadCertificate(1)),
                    _ => refuse(key_file, TlsFileError::BadPrivateKey),
                })?
        }
    };
    config.enable_sni = names_server;
    Ok(Arc::new(config))
}

/// The name by which the server at `host` is asked for and verified.
///
/// # Errors
///
/// [`TlsError::InvalidServerName`].
pub fn server_name(options: &TlsOptions, host: &str) -> Result<pki_types::ServerName<'static>, TlsError> {
    let name = match &options.server_name {
        ServerName::Name(name) => name,
        ServerName::Host | ServerName::Disabled => host,
    };
    // The zone of an IPv6 address means something on this machine only.
    let name = match name.split_once('%') {
        Some((address, _zone)) if address.contains(':') => address,
        _ => name,
    };
    pki_types::ServerName::try_from(name)
        .map(|name| name.to_owned())
        .map_err(|_| TlsError::InvalidServerName(name.to_owned()))
}

fn provider(options: &TlsOptions) -> Result<Arc<CryptoProvider>, TlsError> {
    if let Rustls::Provider(provider) = &options.rustls {
        return Ok(Arc::clone(provider));
    }
    if let Some(provider) = CryptoProvider::get_default() {
        return Ok(Arc::clone(provider));
    }
    #[cfg(feature = "tls")]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(feature = "tls"))]
    Err(TlsError::NoProvider)
}

fn verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if options.dangerously_skip_verification {
        return Ok(Arc::new(AnyCertificate(Arc::clone(provider))));
    }
    let roots = Arc::new(roots(&options.roots)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
    // It fails without a root, which `roots` does not let through.
    let verifier = verifier
        .build()
        .map_err(|error| TlsError::Session(Arc::new(error)))?;
    Ok(verifier)
}

fn roots(roots: &TlsRoots) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match roots {
        TlsRoots::Platform => {
            let found = rustls_native_certs::load_native_certs();
            // Platforms carry certificates that nobody has looked at for years.
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                let reasons = found.errors.iter().map(ToString::to_string).collect();
                return Err(TlsError::NoPlatformRoots { reasons });
            }
        }
        #[cfg(feature = "tls-bundled-roots")]
        TlsRoots::Bundled => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        #[cfg(not(feature = "tls-bundled-roots"))]
        TlsRoots::Bundled => return Err(TlsError::NoBundledRoots),
        TlsRoots::File(file) => {
            for (certificate, number) in read_certificates(file)?.into_iter().zip(1..) {
                store
                    .add(certificate)
                    .map_err(|_| refuse(file, TlsFileError::BadCertificate(number)))?;
            }
        }
    }
    Ok(store)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| refuse(file, TlsFileError::Unreadable(Arc::new(error))))
}

/// The certificates in a file, at least one.
fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<_, _>>()
        .map_err(|_| refuse(file, TlsFileError::NotPem))?;
    match certificates.is_empty() {
        true => Err(refuse(file, TlsFileError::NoCertificate)),
        false => Ok(certificates),
    }
}

/// The first private key in a file.
fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let octets = read(file)?;
    // The two ways to say so: PKCS#8's own label, and a header of PEM's in the old formats.
    let encrypted = [
        &b"-----BEGIN ENCRYPTED PRIVATE KEY"[..],
        b"Proc-Type: 4,ENCRYPTED",
    ];
    if octets
        .split(|octet| *octet == b'\n')
        .any(|line| encrypted.iter().any(|mark| line.starts_with(mark)))
    {
        return Err(refuse(file, TlsFileError::EncryptedKey));
    }
    match PrivateKeyDer::pem_slice_iter(&octets).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(_)) => Err(refuse(file, TlsFileError::NotPem)),
        None => Err(refuse(file, TlsFileError::NoPrivateKey)),
    }
}

fn refuse(file: &Path, reason: TlsFileError) -> TlsError {
    TlsError::File {
        path: file.to_owned(),
        reason,
    }
}

fn session(error: Error) -> TlsError {
    TlsError::Session(Arc::new(error))
}

/// Accepts whatever certificate comes. That the server holds its key is still looked at.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &pki_types::ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_servers() {
        let of =
            |options: TlsOptions, host| server_name(&options, host).map(|name| name.to_str().into_owned());
        for (host, name) in [
            ("broker.example", "broker.example"),
            ("localhost", "localhost"),
            ("192.0.2.1", "192.0.2.1"),
            ("fe80::1%eth0", "fe80::1"),
        ] {
            assert_eq!(of(TlsOptions::default(), host).unwrap(), name);
            let hidden = TlsOptions::default().server_name(ServerName::Disabled);
            assert_eq!(of(hidden, host).unwrap(), name);
            let other = TlsOptions::default().server_name(ServerName::Name("other.example".to_owned()));
            assert_eq!(of(other, host).unwrap(), "other.example");
        }
        for host in ["", "a b", "a%b"] {
            let error = of(TlsOptions::default(), host).unwrap_err();
            assert!(matches!(error, TlsError::InvalidServerName(name) if name == host));
        }
    }
}
