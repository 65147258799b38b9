//! Testing programs that use the client, without a server and with one.
//!
//! # Without a client
//!
//! A [`Delivery`] comes from a server and from nowhere else. Keep what handles a message a function of its octets, and what
//! settles it a few lines around that: the function needs neither client nor server to be tested.
//!
//! # A server in memory
//!
//! [`tokio::connect_with`] takes any stream, such as one end of a pipe in memory. At the other end
//! a test plays the server, with the methods that [`methods`] has for both sides. So it can do what no
//! real server does when it is asked to: refuse, break off, say nothing.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # mod example {
//! use amqp_client::methods::{channel, connection, constants, queue};
//! use amqp_client::protocol::frame::{self, Parsed, RawFrame};
//! use amqp_client::protocol::method::Arguments;
//! use amqp_client::protocol::{ChannelId, LongStr, Reader, ShortStr};
//! use amqp_client::tokio::connect_with;
//! use amqp_client::{CallError, Channel, ChannelError, Config};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
//!
//! struct Server {
//!     stream: DuplexStream,
//!     received: Vec<u8>,
//! }
//!
//! impl Server {
//!     /// Waits for the method `M`.
//!     async fn expect<M: Arguments>(&mut self) {
//!         loop {
//!             if let Parsed::Complete(frame) = RawFrame::parse(&self.received, 0).unwrap() {
//!                 assert_eq!(Reader::new(frame.payload).method_id("method"), Ok(M::ID));
//!                 let len = frame.encoded_len();
//!                 self.received.drain(..len);
//!                 return;
//!             }
//!             assert!(self.stream.read_buf(&mut self.received).await.unwrap() > 0, "the client hung up");
//!         }
//!     }
//!
//!     async fn send<M: Arguments>(&mut self, channel: u16, method: &M) {
//!         let mut octets = Vec::new();
//!         frame::write_method(&mut octets, ChannelId(channel), method, 0).unwrap();
//!         self.stream.write_all(&octets).await.unwrap();
//!     }
//!
//!     async fn open_connection(&mut self) {
//!         self.stream.read_exact(&mut [0; 8]).await.unwrap();
//!         let start = connection::Start {
//!             version_minor: 9,
//!             mechanisms: LongStr::from_static("PLAIN"),
//!             locales: LongStr::from_static("en_US"),
//!             ..Default::default()
//!         };
//!         self.send(0, &start).await;
//!         self.expect::<connection::StartOk<'_>>().await;
//!         self.send(0, &connection::Tune { channel_max: 10, frame_max: 4096, heartbeat: 0 }).await;
//!         self.expect::<connection::TuneOk>().await;
//!         self.expect::<connection::Open<'_>>().await;
//!         self.send(0, &connection::OpenOk {}).await;
//!     }
//! }
//!
//! /// What is tested: it declares a queue, and has to live with one that was declared otherwise.
//! async fn prepare(channel: &Channel) -> Result<bool, CallError> {
//!     match channel.queue_declare("orders").durable().await {
//!         Ok(_) => Ok(true),
//!         Err(CallError::Channel(ChannelError::ClosedByServer(close)))
//!             if close.reply_code == constants::PRECONDITION_FAILED => Ok(false),
//!         Err(error) => Err(error),
//!     }
//! }
//!
//! // A test of yours says #[tokio::test].
//! # #[tokio::main(flavor = "current_thread")]
//! pub async fn a_queue_that_is_declared_otherwise_is_left_alone() {
//!     let (ours, stream) = tokio::io::duplex(4096);
//!     let (connection, driver) = connect_with(ours, Config::default());
//!     tokio::spawn(driver);
//!     let script = async {
//!         let mut server = Server { stream, received: Vec::new() };
//!         server.open_connection().await;
//!         server.expect::<channel::Open>().await;
//!         server.send(1, &channel::OpenOk {}).await;
//!         server.expect::<queue::Declare<'_>>().await;
//!         let close = channel::Close {
//!             reply_code: constants::PRECONDITION_FAILED,
//!             reply_text: ShortStr::from_static("inequivalent arg 'durable'"),
//!             ..Default::default()
//!         };
//!         server.send(1, &close).await;
//!         server.expect::<channel::CloseOk>().await;
//!     };
//!     let test = async {
//!         let channel = connection.open_channel().await.unwrap();
//!         assert!(!prepare(&channel).await.unwrap());
//!     };
//!     tokio::join!(script, test);
//! }
//! # }
//! # #[cfg(feature = "tokio")]
//! # example::a_queue_that_is_declared_otherwise_is_left_alone();
//! ```
//!
//! # Time
//!
//! The adapter for tokio goes by tokio's clock, which a test may pause: time-outs of half a minute take no time.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use amqp_client::tokio::connect_with;
//! use amqp_client::{Config, ConnectionError};
//! use tokio::time::Instant;
//!
//! // A server that says nothing.
//! let (ours, _theirs) = tokio::io::duplex(4096);
//! let config = Config::default();
//! let limit = config.handshake_timeout;
//! let (connection, driver) = connect_with(ours, config);
//! tokio::spawn(driver);
//!
//! let begun = Instant::now();
//! let error = connection.opened().await.unwrap_err();
//! assert!(matches!(error, ConnectionError::HandshakeTimedOut { .. }));
//! assert_eq!(begun.elapsed().as_secs(), limit.as_secs());
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```
//!
//! [`sans_io::Connection`] goes further: time is an argument, and the same inputs give the same
//! outputs.
//!
//! # With a server
//!
//! What a program expects of RabbitMQ, RabbitMQ alone can show. So that tests can run side by side on one server:
//!
//! - take the server's URI from the environment, and fail without it: a test that is skipped finds nothing;
//! - use queues that the server names and that end with the connection (`queue_declare("").exclusive()`), and a virtual
//!   host of its own for a test that needs fixed names;
//! - await what must have happened, such as a confirm or the reply of a passive declare, and do not sleep.
//!
//! A server that goes away is a proxy that a test ends, or a node of its own that it kills: `tests/src` of this
//! repository has both.
use super::*;
