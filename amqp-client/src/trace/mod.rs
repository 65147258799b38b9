//! What the feature `tracing` tells: spans and events of the crate `tracing`, whose names stand here alone. Without it all of
//! this is nothing.
//!
//! Names that begin with `messaging.`, `network.`, `server.` or `error.` are those of OpenTelemetry's semantic conventions for
//! messaging and RabbitMQ, [version 1.42.0](https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/), which calls
//! them in development; `otel.` is read by the crate `tracing-opentelemetry`; `amqp.` is this library's own. A field whose
//! value is not known is left out.
//!
//! Three targets, for filters such as `amqp_client=info` or `amqp_client::message=debug`:
//!
//! | target | what |
//! |---|---|
//! | `amqp_client::connection` | connections, and channels as they begin and end |
//! | `amqp_client::call` | requests and their replies |
//! | `amqp_client::message` | messages, out and in |
//!
//! # Spans
//!
//! | span | level | target | fields |
//! |---|---|---|---|
//! | `connection` | INFO | `amqp_client::connection` | `messaging.system` `server.address` `server.port` `network.peer.address` `network.peer.port` `amqp.connection.name` `amqp.virtual_host` |
//! | `call` | DEBUG | `amqp_client::call` | `otel.name` `otel.kind` `otel.status_code` `messaging.system` `server.address` `server.port` `network.peer.address` `network.peer.port` `amqp.connection.name` `amqp.virtual_host` `amqp.channel` `amqp.method` `error.type` |
//! | `publish` | DEBUG | `amqp_client::message` | `otel.name` `otel.kind` `otel.status_code` `messaging.system` `server.address` `server.port` `network.peer.address` `network.peer.port` `amqp.connection.name` `amqp.virtual_host` `amqp.channel` `messaging.operation.name` `messaging.operation.type` `messaging.destination.name` `messaging.rabbitmq.destination.routing_key` `messaging.rabbitmq.message.delivery_tag` `messaging.message.body.size` `messaging.message.id` `messaging.message.conversation_id` `amqp.held_back` `error.type` |
//! | `deliver` | DEBUG | `amqp_client::message` | `otel.name` `otel.kind` `messaging.system` `server.address` `server.port` `network.peer.address` `network.peer.port` `amqp.connection.name` `amqp.virtual_host` `amqp.channel` `messaging.operation.name` `messaging.operation.type` `messaging.destination.name` `messaging.rabbitmq.destination.routing_key` `messaging.rabbitmq.message.delivery_tag` `messaging.message.body.size` `messaging.message.id` `messaging.message.conversation_id` `amqp.redelivered` |
//!
//! - `connection` lasts as long as the driver, which is in it whenever it is polled. It has no parent: a connection
//!   outlives whatever opened it.
//! - `call` goes from the first poll of a request to its reply.
//! - `publish` goes from the first poll of the publish to its end, or, in confirm mode, to that of its
//!   [`Receipt`](crate::Receipt). `amqp.held_back` is for how many seconds it was held back, if it was.
//! - `deliver` goes from the moment at which a delivery is handed out to its settlement or drop.
//!   [`Delivery::span`](crate::Delivery::span) gives it, to be in it while the message is handled.
//!
//! The last three are children of the span that they are begun in. With a [propagator](crate::Propagator), a message
//! carries its `publish` span along, and `deliver` is a child of that one.
//!
//! # Events
//!
//! The name of an event is its message.
//!
//! | event | level | target | fields |
//! |---|---|---|---|
//! | `connection attempt failed` | WARN | `amqp_client::connection` | `server.address` `server.port` `network.peer.address` `network.peer.port` `amqp.phase` `error` |
//! | `connection opened` | INFO | `amqp_client::connection` | `amqp.server.product` `amqp.server.version` |
//! | `publishing blocked` | WARN | `amqp_client::connection` | `amqp.reason` |
//! | `publishing unblocked` | INFO | `amqp_client::connection` | |
//! | `reading paused` | DEBUG | `amqp_client::connection` | |
//! | `reading resumed` | DEBUG | `amqp_client::connection` | |
//! | `events missed` | WARN | `amqp_client::connection` | `amqp.count` |
//! | `connection closed` | INFO, WARN or ERROR | `amqp_client::connection` | `error` |
//! | `channel opened` | DEBUG | `amqp_client::connection` | `amqp.channel` |
//! | `channel flow` | INFO | `amqp_client::connection` | `amqp.channel` `amqp.active` |
//! | `channel closed` | DEBUG or WARN | `amqp_client::connection` | `amqp.channel` `error` |
//! | `consumer ended` | WARN | `amqp_client::connection` | `amqp.channel` `amqp.consumer_tag` `error` |
//! | `call answered` | DEBUG | `amqp_client::call` | `amqp.reply` `amqp.duration` |
//! | `call failed` | WARN | `amqp_client::call` | `error` `amqp.duration` |
//! | `publish held back` | DEBUG | `amqp_client::message` | |
//! | `publish confirmed` | DEBUG | `amqp_client::message` | |
//! | `publish failed` | WARN | `amqp_client::message` | `error` |
//! | `settled` | DEBUG | `amqp_client::message` | `messaging.operation.name` `messaging.operation.type` `messaging.rabbitmq.message.delivery_tag` `amqp.multiple` `amqp.requeue` |
//! | `settling failed` | WARN | `amqp_client::message` | `messaging.operation.name` `messaging.operation.type` `messaging.rabbitmq.message.delivery_tag` `error` |
//! | `dropped unsettled` | DEBUG | `amqp_client::message` | `messaging.rabbitmq.message.delivery_tag` |
//!
//! - The end of a connection is INFO when this program closed it; WARN when the network, the server's operator or a lack of
//!   time ended it, so that another one may live longer; ERROR when something must be mended first: a password, a setting,
//!   what a program sent, or the server.
//! - Events of a connection and its channels are told by the driver, in its span. They are those of
//!   [`Connection::events`](crate::Connection::events), and come from the first poll on at which anybody listens.
//! - Those of a call are in its span, so are those of a publish and of a delivery. A message that is settled
//!   [by its tag](crate::Channel::basic_ack) has no span; its event is in the current one.
//! - `amqp.duration` is in seconds.
//!
//! # What it costs and promises
//!
//! While nobody listens, a message costs one look at a static number; `benches/README.md` has the instructions. Subscribers
//! run outside of the connection's lock, and may use the connection. No secret is in a field: no body, no header and
//! no credentials.

mod followed;
#[cfg(feature = "tracing")]
mod messages;
#[cfg(not(feature = "tracing"))]
mod off;
mod source;
#[cfg(feature = "tracing")]
mod spans;

pub(crate) use followed::Followed;
#[cfg(not(feature = "tracing"))]
pub(crate) use off::*;
#[cfg(any(feature = "tracing", feature = "opentelemetry"))]
pub(crate) use source::destination;
pub(crate) use source::{Labels, Source};
#[cfg(feature = "tracing")]
pub(crate) use {messages::*, spans::*};
