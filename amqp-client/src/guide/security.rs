//! TLS, who connects, and secrets.
//!
//! # TLS
//!
//! With the Cargo feature `tls`, `amqps://` is AMQP within TLS. The server's certificate is verified, against the roots
//! of the platform unless others are given:
//!
//! ```
//! use amqp_client::{ConnectOptions, Credentials, TlsOptions, TlsRoots};
//!
//! let mut options: ConnectOptions = "amqps://broker.example/shop".parse()?;
//! options.tls = Some(
//!     TlsOptions::default()
//!         .roots(TlsRoots::File("/etc/amqp/ca.pem".into()))
//!         .certfile("/etc/amqp/client.pem")
//!         .keyfile("/etc/amqp/client.key"),
//! );
//! // The client's certificate says who it is.
//! options.config = options.config.credentials(Credentials::external());
//! assert_eq!(options.hosts[0].port, amqp_client::DEFAULT_TLS_PORT);
//! # Ok::<(), amqp_client::UriError>(())
//! ```
//!
//! [`tls`] says what is verified, which crypto provider is used, and when files are read. A refusal is
//! a [`TlsError`](crate::tls::TlsError) that says which side refused, and why: an expired certificate is not an unknown
//! issuer, and neither is a wrong name. Nothing is sent to a server whose certificate is refused, no password either.
//!
//! `amqps://` never becomes plain AMQP: a build without TLS refuses it ([`ConnectError::TlsNotEnabled`]).
//! [`dangerously_skip_verification`](field@TlsOptions::dangerously_skip_verification) gives away all that TLS is for
//! but the encryption; for a private authority give its certificate as [`TlsRoots::File`] instead.
//!
//! # Who connects
//!
//! [`Credentials`] are SASL mechanisms in order of preference; the first that the server offers is used.
//!
//! | mechanism | what the server learns |
//! |---|---|
//! | [`plain`](Credentials::plain) (a URI's user and password) | the password, in clear text: it is as safe as the transport is |
//! | [`amqplain`](Credentials::amqplain) | the same, in another form |
//! | [`external`](Credentials::external) | what the transport says, such as the certificate |
//! | [`from_provider`](Credentials::from_provider) | a secret that somebody issues and that expires, such as an OAuth 2 token |
//! | [`mechanism`](Credentials::mechanism) | whatever your own [`Mechanism`] says |
//!
//! None of them proves anything to the client: who the server is, TLS says alone.
//!
//! # Secrets
//!
//! A [`Secret`] is shown by no `Debug`, and its memory is wiped when it is dropped:
//!
//! ```
//! use amqp_client::ConnectOptions;
//!
//! let options: ConnectOptions = "amqp://orders:s3cret@localhost/shop".parse()?;
//! assert_eq!(options.to_string(), "amqp://orders@localhost:5672/shop");
//! assert!(!format!("{options:?}").contains("s3cret"));
//! # Ok::<(), amqp_client::UriError>(())
//! ```
//!
//! `amqp-client/tests/wiped.rs` searches the memory of a process that has connected for its password. What the library
//! cannot reach are copies of the program's own, such as the text of a URI, and what TLS and the operating system keep.
//! Errors hold no secret of the library's; the texts of a [`SecretProvider`] and of a [`Mechanism`] are part of errors, and
//! theirs to keep clean.
//!
//! A secret that expires is replaced while the connection is open:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use amqp_client::tokio::{connect, keep_secret_fresh};
//! use amqp_client::{ConnectOptions, Credentials, IssueError, IssuedSecret, SecretProvider};
//!
//! struct TokenEndpoint;
//!
//! impl SecretProvider for TokenEndpoint {
//!     async fn issue(&self) -> Result<IssuedSecret, IssueError> {
//!         // Ask the endpoint here.
//!         Ok(IssuedSecret::new("a token", Duration::from_secs(3600)))
//!     }
//! }
//!
//! let mut options: ConnectOptions = "amqps://broker.example".parse()?;
//! options.config = options.config.credentials(Credentials::from_provider("", TokenEndpoint));
//! let connection = connect(options).await?;
//! tokio::spawn(keep_secret_fresh(&connection));
//! # Ok(())
//! # }
//! ```
//!
//! The example `oauth2_refresh` publishes for longer than its tokens live. Without a task that keeps the secret fresh, the
//! connection lasts until the server objects to the old one.
//!
//! # What a peer may send
//!
//! A server is not trusted with the client's memory or stack: no octets panic, no announced size allocates, and
//! [what waits is bounded](super::back_pressure). What a server says stands in errors as it said it, control characters
//! included: a log that they could harm escapes them.
use super::*;
