//! What TLS is to be like, as plain data. Speaking it is the adapters' work.

use std::path::PathBuf;

use crate::secret::Secret;
use crate::settings::settings;
use crate::tls::Rustls;

settings! {
    /// How to speak TLS: whom to trust, and who to be. The server's certificate is verified unless
    /// [`dangerously_skip_verification`](field@Self::dangerously_skip_verification) says otherwise.
    ///
    /// Files are in PEM, and read anew at each connect.
    ///
    /// ```
    /// use amqp_client::{ConnectOptions, TlsOptions, TlsRoots};
    ///
    /// let tls = TlsOptions::default()
    ///     .roots(TlsRoots::File("/etc/amqp/ca.pem".into()))
    ///     .certfile("/etc/amqp/client.pem")
    ///     .keyfile("/etc/amqp/client.key");
    /// let options: ConnectOptions = "amqps://broker.example".parse()?;
    /// let options = options.tls(tls);
    /// # Ok::<(), amqp_client::UriError>(())
    /// ```
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct TlsOptions {
        /// The authorities that may vouch for the server. Default: the platform's.
        roots: TlsRoots = TlsRoots::Platform;
        /// The client's certificate, then those between it and its authority. Default: none.
        certfile: Option<PathBuf> = None, set(path: impl Into<PathBuf>) Some(path.into());
        /// The key of the client's certificate: PKCS#8, PKCS#1 (RSA) or SEC1 (EC). Default: it is in
        /// [`certfile`](field@Self::certfile).
        keyfile: Option<PathBuf> = None, set(path: impl Into<PathBuf>) Some(path.into());
        /// What decrypts the key, for adapters that can. Default: it is not encrypted. TLS by rustls cannot: it refuses an
        /// encrypted key as [`TlsFileError::EncryptedKey`](crate::tls::TlsFileError::EncryptedKey), with or without this.
        key_password: Option<Secret> = None, set(password: impl Into<Secret>) Some(password.into());
        /// The name that the server is told (SNI) and that its certificate must carry. Default: the host's.
        server_name: ServerName = ServerName::Host;
        /// Accepts any certificate from anybody, so that whoever is between here and the server can read and change
        /// everything, passwords included. Default: `false`.
        dangerously_skip_verification: bool = false;
        /// A crypto provider, or a whole configuration of rustls. Default: neither.
        rustls: Rustls = Rustls::Default, set(rustls: impl Into<Rustls>) rustls.into();
    }
}

/// Where the authorities come from that may vouch for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsRoots {
    /// The operating system's. The environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
    Platform,
    /// Mozilla's, as the library was built with them. Needs the Cargo feature `tls-bundled-roots`.
    Bundled,
    /// Those in this PEM file, and no others.
    File(PathBuf),
}

/// The name that a server is told, and that its certificate must carry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerName {
    /// The host's, as it stands in [`Host`](crate::Host).
    Host,
    /// This one.
    Name(String),
    /// The server is told no name; its certificate must carry the host's.
    Disabled,
}
