//! Running it: what a connection says of itself, what traces show, and how a program ends.
//!
//! # What it is doing
//!
//! | question | answer |
//! |---|---|
//! | is it open? | [`Connection::state`], at once |
//! | what happens to it? | [`Connection::events`], a stream |
//! | how much passed, how much waits? | [`Connection::stats`], at once |
//! | why is it over? | [`Connection::closed`], a future |
//! | who is the server? | [`Connection::server_properties`] |
//!
//! ```no_run
//! # async fn example(connection: amqp_client::Connection) {
//! use amqp_client::ConnectionEvent;
//!
//! let mut events = connection.events();
//! while let Some(event) = events.next().await {
//!     match event {
//!         ConnectionEvent::Blocked { reason } => eprintln!("the server blocks publishing: {reason}"),
//!         ConnectionEvent::Unblocked => eprintln!("publishing goes on"),
//!         ConnectionEvent::ReadingPaused => eprintln!("consumers are behind"),
//!         ConnectionEvent::ChannelEnded { channel, reason } => eprintln!("channel {channel}: {reason}"),
//!         ConnectionEvent::Closed(error) => eprintln!("the connection is over: {error}"),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! A subscriber that is behind holds nobody up: it misses the oldest events, and is told how many.
//!
//! For a health check, [`State::Open`] says that the handshake is over and nobody has closed: a server that died
//! is noticed after two heartbeat intervals. What asks the server itself is any request that changes nothing, such as
//! [`Channel::channel_flow`] on a channel kept for it.
//!
//! # Metrics
//!
//! With the Cargo feature `metrics`, connections tell the recorder of the crate `metrics` what they count and measure:
//! [`CATALOGUE`](crate::metrics::CATALOGUE) lists all of it. The program installs a recorder, and names its connections by
//! what they are for: the name is a label. A few that tell something is wrong:
//!
//! | metric | what it says |
//! |---|---|
//! | `amqp_client_connections` | how many are open: as many as there should be? |
//! | `amqp_client_connections_closed_total`, by `reason` | anything but `client` is a loss |
//! | `amqp_client_channels_closed_total`, by `reason` | `server`: something was refused; the error says what |
//! | `amqp_client_publish_outcomes_total`, by `outcome` | anything but `confirmed` is to be looked at |
//! | `amqp_client_blocked_milliseconds_total` | the server is short of memory or disk |
//! | `amqp_client_reading_paused_total` | consumers are behind by more than `receive_buffer` |
//! | `amqp_client_consumers_ended_total`, by `reason` | `overflow`: prefetch times body is too much ([back-pressure](super::back_pressure)) |
//! | `amqp_client_settle_duration_seconds` | how long handlers take |
//! | `amqp_client_heartbeat_lag_seconds` | for how long the driver was not polled: something blocks the runtime |
//!
//! ```
//! # #[cfg(feature = "metrics")] {
//! use amqp_client::metrics::CATALOGUE;
//!
//! // For a dashboard, or to compare with what it has.
//! for metric in CATALOGUE {
//!     println!("{}: {}", metric.name, metric.description);
//! }
//! # for name in [
//! #     "amqp_client_connections", "amqp_client_connections_closed_total", "amqp_client_channels_closed_total",
//! #     "amqp_client_publish_outcomes_total", "amqp_client_blocked_milliseconds_total",
//! #     "amqp_client_reading_paused_total", "amqp_client_consumers_ended_total",
//! #     "amqp_client_settle_duration_seconds", "amqp_client_heartbeat_lag_seconds",
//! # ] {
//! #     assert!(CATALOGUE.iter().any(|metric| metric.name == name), "{name}");
//! # }
//! # }
//! ```
//!
//! Without the feature, or beside it, [`Connection::stats`] has the counts of one connection.
//!
//! # Traces
//!
//! With the Cargo feature `tracing`, connections, calls and messages are spans and events of the crate of that name;
//! [`trace`] lists them, and the targets to filter by. [`Delivery::span`] is the one to be in while a message is
//! handled.
//!
//! A trace goes on in the program that consumes when messages carry its context: a [`Propagator`] writes it into their
//! headers and reads it there. With the feature `opentelemetry`, [`OpenTelemetryPropagator`] does so in the form that
//! the propagator of the program has, such as `traceparent` of the W3C:
//!
//! ```
//! # #[cfg(feature = "opentelemetry")] {
//! use amqp_client::{Config, OpenTelemetryPropagator};
//!
//! let config = Config::default().propagator(OpenTelemetryPropagator::global());
//! assert!(config.propagator.is_some());
//! # }
//! ```
//!
//! With both features, and the crate `tracing-opentelemetry` in the program, the span of a publish is the parent of that of
//! its delivery. Without `tracing`, [`Delivery::in_context`] handles a message in the context that it carries, and
//! [`Delivery::process_span`] begins the span of doing so: the example `opentelemetry` is a whole program.
//!
//! # How it ends
//!
//! [`Connection::shutdown`] stops consumers, lets handlers settle what they have, awaits confirms, and closes; its error
//! says what was left. [Connecting](super::connecting#its-end) has all the ways to end.
//!
//! # What is on the wire
//!
//! When nothing else explains it: a [wire tap](wire::Tap) sees every frame of both directions, decoded. [`wire::Text`] prints a
//! line for each, [`wire::Recorder`] writes their octets to files:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use amqp_client::tokio::connect;
//! use amqp_client::{ConnectOptions, wire};
//!
//! let mut options: ConnectOptions = "amqp://localhost".parse()?;
//! if std::env::var_os("SHOW_FRAMES").is_some() {
//!     options.config.wire_tap = Some(Arc::new(wire::Text::new(std::io::stderr())));
//! }
//! let connection = connect(options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Secrets of the handshake are hidden before a tap is called; what is in messages is not. The task that moves the octets
//! waits for the tap, so that a slow one slows the connection down. The example `wire_tap` does both, and
//! `cargo run -p amqp-protocol --all-features --example wire -- dissect FILE` reads what is recorded.
use super::*;
