//! TLS: what can go wrong with it, and with the Cargo feature `tls` how it is done, by rustls. What a user may want of it
//! stands in [`TlsOptions`](crate::TlsOptions).
//!
//! | feature | what it adds |
//! |---|---|
//! | `tls` | TLS with ring as crypto provider, unless another is given |
//! | `tls-no-provider` | the same without ring: give a provider, such as aws-lc-rs, or install one for the process |
//! | `tls-bundled-roots` | `TlsRoots::Bundled`: Mozilla's root certificates, compiled in |
//!
//! The provider is that of the options, else the one that the process has installed, else ring. No feature
//! turns on aws-lc-rs.
//!
//! ```standalone_crate
//! # #[cfg(feature = "tls")]
//! # {
//! use std::sync::Arc;
//!
//! use amqp_client::TlsOptions;
//! use amqp_client::tls::{client_config, rustls};
//!
//! let mut provider = rustls::crypto::ring::default_provider();
//! provider.cipher_suites.truncate(2);
//! // For all of the process ...
//! provider.clone().install_default().expect("none is installed");
//! let options = TlsOptions::default().dangerously_skip_verification(true);
//! assert_eq!(client_config(&options)?.crypto_provider().cipher_suites.len(), 2);
//!
//! // ... or for one connection.
//! provider.cipher_suites.truncate(1);
//! let options = options.rustls(Arc::new(provider));
//! assert_eq!(client_config(&options)?.crypto_provider().cipher_suites.len(), 1);
//! # }
//! # Ok::<(), amqp_client::tls::TlsError>(())
//! ```
//!
//! Files are read anew at each connect, so that renewed certificates count without a restart. There is no setting for the
//! depth of certificate chains: rustls limits the work of building one, not its length. That a server asks for a client
//! certificate, and what happens without one, is the server's choice alone.
//!
//! To tell the server no name ([`ServerName::Disabled`](crate::ServerName::Disabled)) does not turn off that its certificate
//! must be for the host; in RabbitMQ's own client it does.
//!
//! Verification is rustls's: the certificate must be for the name (in subjectAltName; the common name does not count),
//! valid now, and issued by a root that is trusted. Revocation lists are looked at only when a
//! `rustls::ClientConfig` of one's own brings them.

mod backend;
#[cfg(feature = "tls-no-provider")]
mod config;
mod error;
#[cfg(feature = "tls-no-provider")]
mod transport;

pub use backend::Rustls;
#[cfg(feature = "tls-no-provider")]
pub use config::{client_config, server_name};
pub use error::{CertificateRefusal, TlsAlert, TlsError, TlsFileError};
#[cfg(feature = "tls-no-provider")]
pub use rustls;
#[cfg(feature = "tls-no-provider")]
pub use transport::TlsTransport;
