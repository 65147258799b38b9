//! What TLS is to be like, as plain data. Speaking it is the adapters' work.

use std::path::PathBuf;

use crate::secret::Secret;
use crate::settings::settings;

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
        /// The key of the client's certificate. Default: it is in [`certfile`](field@Self::certfile).
        keyfile: Option<PathBuf> = None, set(path: impl Into<PathBuf>) Some(path.into());
        /// What decrypts the key. Default: it is not encrypted.
        key_password: Option<Secret> = None, set(password: impl Into<Secret>) Some(password.into());
        /// The name that the server is told (SNI) and that its certificate must carry. Default: the host's.
        server_name: ServerName = ServerName::Host;
        /// Accepts any certificate from anybody, so that whoever is between here and the server can read and change
        /// everything, passwords included. Default: `false`.
        dangerously_skip_verification: bool = false;
    }
}

/// Where the authorities come from that may vouch for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsRoots {
    /// The operating system's.
    Platform,
    /// Those that the library was built with.
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
