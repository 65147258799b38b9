//! From a URI to an open connection, and to its end.
//!
//! # A connection
//!
//! [`connect`](crate::tokio::connect) takes a URI, or [`ConnectOptions`] for what no key of a URI can say. Read the URI
//! first and set the rest behind it:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use amqp_client::ConnectOptions;
//! use amqp_client::tokio::connect;
//!
//! let mut options: ConnectOptions = std::env::var("AMQP_URL")?.parse()?;
//! options.config = options.config.connection_name("orders-service");
//! let connection = connect(options).await?;
//! let channel = connection.open_channel().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Connection`] is one stream to one server, a [`Channel`] one of its conversations: requests are answered in their
//! order on a channel, and most of what a server refuses costs the channel and nothing else. Both are handles that
//! tasks may clone and share. Some advice:
//!
//! - One connection for what a process publishes and one for what it consumes: RabbitMQ stops reading from a connection
//!   that it blocks for publishing, acknowledgements included ([back-pressure](super::back_pressure)).
//! - One channel for each independent part of a program, so that an error of one closes nothing of another. Opening one
//!   takes a round trip: open it once, and not for each message.
//! - A name ([`Config::connection_name`](field@Config::connection_name)): the server lists the connection under it, and an
//!   error that quotes the server ends with it.
//!
//! # Several servers
//!
//! `amqp://one,two/shop?connection_attempts=5&retry_delay=2` names two servers and five rounds over both of them, and over
//! every address of each; with [`shuffle`](field@ConnectOptions::shuffle) not all clients meet at the first. When nothing
//! helps, the error has every attempt, with host, address and how far it came:
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use amqp_client::ConnectPhase;
//! use amqp_client::tokio::connect;
//!
//! // A port that is taken, and where nobody listens.
//! let socket = tokio::net::TcpSocket::new_v4()?;
//! socket.bind(([127, 0, 0, 1], 0).into())?;
//! let port = socket.local_addr()?.port();
//!
//! let uri = format!("amqp://127.0.0.1:{port}?connection_attempts=2&retry_delay=0");
//! let error = connect(uri).await.unwrap_err();
//! assert_eq!(error.attempts().len(), 2);
//! assert!(error.attempts().iter().all(|attempt| attempt.phase == ConnectPhase::Tcp));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```
//!
//! # What can go wrong
//!
//! | what happens | what [`ConnectError::attempts`] has |
//! |---|---|
//! | nobody listens, or the name is unknown | [`ConnectionError::Transport`] in the phase [`Tcp`](ConnectPhase::Tcp) or [`Resolve`](ConnectPhase::Resolve) |
//! | the server is silent | [`ConnectionError::HandshakeTimedOut`] after `handshake_timeout`, with the step that it did not take |
//! | user or password is wrong | [`ConnectionError::AuthenticationRefused`] |
//! | there is no such virtual host, or it is not this user's | [`ConnectionError::VirtualHostRefused`] |
//! | `amqp://` on a port for TLS | [`ConnectionError::ServerSpeaksTls`] |
//! | `amqps://` on a port for plain AMQP | [`TlsError::NotTls`](crate::tls::TlsError::NotTls) |
//! | the server speaks another revision of AMQP | [`ConnectionError::VersionRefused`] |
//!
//! A URI that is wrong is [`ConnectError::Uri`], which names the part; an unknown key is an error too, and no typing
//! mistake passes for a default. A virtual host at the end of a URI has three cases, of which `amqp://host/` is the one
//! that surprises ([`ConnectOptions`]).
//!
//! # When it is lost
//!
//! Nothing is brought over to another connection by itself: a lost one ends everything that was made from it, with one
//! error. [`Reconnecting`] makes another one, as a [strategy](ReconnectionStrategy) says; what must be declared, consumed
//! and published anew, the program knows:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # mod example {
//! use amqp_client::tokio::connect;
//! use amqp_client::{ConnectError, ConnectOptions, Connection, ExponentialBackoff, Reconnecting};
//! use tokio::time::sleep;
//!
//! async fn serve(options: ConnectOptions) -> Result<(), ConnectError> {
//!     // Between connections, pauses are the strategy's; within `connect`, they are the options'.
//!     let strategy = ExponentialBackoff::default();
//!     let mut connections = Reconnecting::new(strategy, || connect(options.clone()), sleep);
//!     while let Some(connection) = connections.next().await {
//!         let connection = connection?;
//!         if let Err(error) = work(&connection).await {
//!             eprintln!("{error}");
//!         }
//!     }
//!     Ok(())
//! }
//!
//! async fn work(connection: &Connection) -> Result<(), Box<dyn std::error::Error>> {
//!     // Declare, consume, publish; an error ends it.
//! #   let _ = connection;
//! #   Ok(())
//! }
//! # }
//! ```
//!
//! # Its end
//!
//! | | what was published | what was delivered and is not settled | the server |
//! |---|---|---|---|
//! | [`Connection::shutdown`] | leaves, and its confirms are awaited | handlers may settle it, for as long as `limit` says | is told |
//! | [`Connection::close`] | leaves; what is not confirmed ends as unknown | is requeued by the server | is told |
//! | the last handle dropped | as with `close`, if the driver is still polled | is requeued by the server | is told |
//! | the runtime dropped | what was not sent yet is lost | is requeued by the server | sees the stream end |
//!
//! The driver is a task of the runtime: `main` awaits `shutdown` or `close` before it returns. The example `worker` ends
//! by signal so that no order is lost or handled twice without need.
//!
//! # Other styles, streams and runtimes
//!
//! The chapters speak of programs with `async`, over tokio. Programs that block or consist of callbacks use the same handles:
//! [`styles`] says which is for whom. They begin in `blocking` and `event_loop`, those of smol in `smol`.
//!
//! [`tokio::connect_with`] takes any stream of tokio's kind,
//! [`driver::connect_with`] a [`Transport`](crate::driver::Transport) for any runtime, and
//! [`sans_io`] needs none. A handler that blocks its thread stops the driver that shares its runtime:
//! [`tokio`] says what to do about it.
use super::*;
