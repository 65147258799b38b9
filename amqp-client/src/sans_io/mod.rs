//! AMQP without I/O: no socket, clock, lock, thread or runtime. [`Connection`] is all of it.
//!
//! Commands are methods of [`Connection`]; what becomes of them comes out of [`poll_event`](Connection::poll_event). Octets
//! go in by [`receive`](Connection::receive) and out by [`take_outgoing`](Connection::take_outgoing). Time is an argument.
//! Whoever owns a connection calls it when:
//!
//! | | call |
//! |---|---|
//! | octets came | [`receive`](Connection::receive) |
//! | the stream ended, or failed | [`receive_eof`](Connection::receive_eof), [`transport_failed`](Connection::transport_failed) |
//! | the transport can take octets | [`take_outgoing`](Connection::take_outgoing), and [`transmitted`](Connection::transmitted) for what it took |
//! | the time of [`poll_timeout`](Connection::poll_timeout) has come | [`handle_timeout`](Connection::handle_timeout) |
//! | any of these was called, or a command | [`poll_event`](Connection::poll_event), until it has none |
//!
//! A [`Tapping`] shows the octets to the `wire_tap` of the settings, if there is one.
//!
//! [`wants_read`](Connection::wants_read) says when not to read, so that consumers who are behind cost no memory.
//!
//! Two examples are whole programs: `sans_io_std` over a socket of the standard library, in less than a hundred lines, and
//! `sans_io_pipe` over a pipe in memory, to a server made of the same generated types.
//!
//! # Driving a connection
//!
//! The handshake over a blocking socket:
//!
//! ```no_run
//! use std::io::{ErrorKind, Read, Write};
//! use std::net::TcpStream;
//! use std::time::{Duration, Instant};
//!
//! use amqp_client::Config;
//! use amqp_client::sans_io::{Connection, Outgoing, State};
//! use bytes::{Buf, BytesMut};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut stream = TcpStream::connect("localhost:5672")?;
//! let mut connection = Connection::new(Config::default(), Instant::now());
//! let (mut input, mut batch, mut octets) = (BytesMut::new(), Outgoing::new(), [0; 4096]);
//! while connection.state() < State::Open {
//!     connection.take_outgoing(&mut batch);
//!     while batch.has_remaining() {
//!         let written = stream.write(batch.chunk())?;
//!         batch.advance(written);
//!         connection.transmitted(Instant::now(), written as u64);
//!     }
//!     let wait = connection.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
//!     stream.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
//!     match stream.read(&mut octets) {
//!         Ok(0) => connection.receive_eof(Instant::now()),
//!         Ok(len) => {
//!             input.extend_from_slice(&octets[..len]);
//!             connection.receive(Instant::now(), &mut input)?;
//!         }
//!         Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
//!         Err(error) => connection.transport_failed(Instant::now(), error),
//!     }
//!     connection.handle_timeout(Instant::now());
//!     while let Some(event) = connection.poll_event() {
//!         println!("{event:?}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Commands and events
//!
//! A command that the server answers gives a [`RequestId`]; one [`Event::Resolved`] has its outcome:
//!
//! ```no_run
//! # fn example(connection: &mut amqp_client::sans_io::Connection) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Instant;
//!
//! use amqp_client::protocol::ShortStr;
//! use amqp_client::methods::{basic, queue};
//! use amqp_client::sans_io::{Event, Settlement};
//!
//! let orders = ShortStr::from_static("orders");
//! let (channel, _opened) = connection.open_channel(Instant::now())?;
//! let declare = queue::Declare { queue: orders.clone(), durable: true, ..Default::default() };
//! let declared = connection.call(Instant::now(), channel, declare)?;
//! let consume = basic::Consume { queue: orders, ..Default::default() };
//! let (consumer, _started) = connection.consume(Instant::now(), channel, consume, Some(20))?;
//!
//! // Whenever the connection was driven:
//! while let Some(event) = connection.poll_event() {
//!     match event {
//!         Event::Resolved { request, outcome } if request == declared => {
//!             let declare_ok: queue::DeclareOk = outcome?.decode()?;
//!             println!("{} messages", declare_ok.message_count);
//!         }
//!         Event::Readable(readable) if readable == consumer => {
//!             while let Some(Ok(message)) = connection.next_delivery(consumer) {
//!                 let delivery_tag = message.delivery_tag();
//!                 connection.settle(channel, Settlement::Ack(basic::Ack { delivery_tag, multiple: false }))?;
//!                 connection.note_settled();
//!             }
//!         }
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod answers;
mod assembly;
mod authentication;
mod blocks;
mod channel;
mod channels;
mod commands;
mod confirms;
mod connection;
mod consumers;
mod content;
mod deliveries;
mod durations;
mod ending;
mod event;
mod gate;
mod handshake;
mod heartbeat;
mod incoming;
mod limits;
mod outcomes;
mod outgoing;
mod portions;
mod publishing;
mod returns;
mod shutdown;
mod slots;
mod stats;
mod tap;
mod timers;
mod transactions;
mod unsettled;
mod whole;

pub(crate) use assembly::READ_BUFFER;
pub use confirms::ConfirmOptions;
pub use connection::Connection;
pub use content::Message;
pub use deliveries::Settlement;
#[cfg(feature = "metrics")]
pub(crate) use durations::{Durations, Measured};
pub use event::{ChannelKey, ConsumerEnd, ConsumerId, Event, Reply, RequestId, State};
pub use outgoing::Outgoing;
pub use publishing::{Body, Published};
pub use returns::{RETURN_HEADER, Returned};
pub use shutdown::Unfinished;
pub use stats::Stats;
pub use tap::Tapping;
