//! Which setting governs what: times, and throughput.
//!
//! Every default stands with its setting, in [`Config`] and [`ConnectOptions`]. They are meant to be left alone; this
//! is for programs that know why.
//!
//! # Times
//!
//! [`Duration::MAX`](std::time::Duration::MAX) switches a limit off.
//!
//! | who waits, and for what | setting | the error |
//! |---|---|---|
//! | connecting, for an address or for TCP | [`connection_timeout`](field@ConnectOptions::connection_timeout) | [`ConnectionError::Transport`] |
//! | connecting, for the handshakes of TLS and AMQP | [`handshake_timeout`](field@Config::handshake_timeout) | [`ConnectionError::HandshakeTimedOut`] |
//! | connecting, for one address in all | [`stack_timeout`](field@ConnectOptions::stack_timeout) | as the two above |
//! | a request, for its reply | [`call_timeout`](field@Config::call_timeout) | [`CallError::TimedOut`] |
//! | a publish, for its turn | [`publish_timeout`](field@Config::publish_timeout) | the [`PublishError`] that says what it waited for |
//! | a receipt, for the confirm | [`confirm_timeout`](Request::confirm_timeout) | [`UnknownReason::TimedOut`] |
//! | the connection, for a sign of life | [`heartbeat`](field@Config::heartbeat), twice over | [`ConnectionError::HeartbeatTimedOut`] |
//! | the connection, for the transport to take octets | [`write_timeout`](field@Config::write_timeout) | [`ConnectionError::WriteTimedOut`] |
//! | the connection, for connection.unblocked | [`blocked_connection_timeout`](field@Config::blocked_connection_timeout) | [`ConnectionError::BlockedTimedOut`] |
//! | [`Connection::close`], for the server's answer | [`close_timeout`](field@Config::close_timeout) | [`ConnectionError::CloseTimedOut`] |
//! | [`Connection::shutdown`], for handlers and confirms | its argument | [`ShutdownError::Unfinished`] |
//!
//! A time limit of the program's own, such as `tokio::time::timeout`, does as well: a request that is dropped
//! disturbs no other ([dropping]).
//!
//! Heartbeats find a dead server; a short interval finds it sooner, and a program that blocks its runtime for twice as long
//! ends its own connection: [`HeartbeatsMissed`](ConnectionError::HeartbeatsMissed) says for how long it did.
//!
//! # Throughput
//!
//! What counts most is how much is under way at a time: each wait for one answer costs a round trip.
//!
//! - Publish many, then await: [`Receipts`], or receipts dropped and [`Publisher::wait_for_all`]. A publish and its receipt
//!   take no allocation of their own, which `a_publish_and_its_receipt_allocate_nothing` in `tests/tests/publish_cost.rs`
//!   counts.
//! - Give bodies away: a `Vec<u8>`, a `String` or [`Bytes`](bytes::Bytes) that is not small goes to the transport
//!   without being copied; a borrowed one is copied once ([`Body`]).
//! - Prefetch for what a round trip takes: at least as many deliveries as are handled while an ack travels to the
//!   server and the next delivery back. 1 means a round trip for each message.
//! - Take a body without a copy: [`Message::shared_body`]. A small message that is kept keeps 4 KiB at most, of those that
//!   came with it; one of 16 KiB or more keeps 64 KiB or what it has.
//! - Acks need no round trip: they are queued, and leave together with what else there is.
//! - Queues and exchanges that are declared one after the other take a round trip each; [`no_wait`](Request::no_wait)
//!   takes none, and what the server refuses closes the channel.
//! - A frame has at most [`frame_max`](field@Config::frame_max) octets, a body of more takes several. RabbitMQ's default is
//!   good for most.
//! - With [`blocking::SingleThreaded`] each publish is a write of its own, which leaves before its call returns. In the other
//!   styles one write takes what has gathered.
//! - One connection uses one task, its driver. Programs for which that is not enough open more connections.
//!
//! # Prefetch
//!
//! A small prefetch costs round trips; a large one, or none (0), makes giving back expensive. A classic queue of RabbitMQ
//! 3.10 takes time that grows with the square of the number of messages that are requeued one by one, and stands still
//! meanwhile: 10,000 of them stalled it for more than 30 seconds, on 3.10.8. One [`Delivery::requeue_multiple`] of as many
//! took 0.9 seconds.
//!
//! Deliveries are given back one by one where handlers [`requeue`](Delivery::requeue) or drop them, and where a consumer is
//! dropped, or ends with [`Overflow`](ConsumerEnd::Overflow), while it holds some. Where that may happen, leave the
//! [`prefetch_count`](Request::prefetch_count) in the hundreds; who gives up on a batch gives back the last of it with
//! `requeue_multiple`.
//!
//! # Memory
//!
//! Without TLS a connection on which nothing happens takes at most 24 KiB of heap, a channel 1 KiB: runtime, handles and
//! buffers together. `tests/tests/memory.rs` counts that in every style. Its buffer for what comes has 12 KiB, and 64 KiB for
//! as long as more than that comes at a time. What a load has made room for to write is given back within two heartbeats, or,
//! where there are none, with the next small writes.
//!
//! # Measuring
//!
//! The clock decides, in the program itself: [`Connection::stats`] counts messages and octets, and shows what waits.
//! `benches/README.md` says how the codec is measured and how to repeat it.
use super::*;
