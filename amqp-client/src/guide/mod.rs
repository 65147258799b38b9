//! The guide: a chapter for each thing that a program does with a broker.
//!
//! What an item takes, gives and refuses stands on its own page. Here is which to use, what can go wrong, and what the
//! library does about it. Whoever is new reads [`connecting`], then [`publishing`] or [`consuming`], then [`errors`].
//!
//! | chapter | what for |
//! |---|---|
//! | [`styles`] | futures, blocking calls, callbacks: which, and what each costs |
//! | [`connecting`] | from a URI to an open connection, several servers, its loss and its end |
//! | [`publishing`] | so that nothing is lost without somebody knowing |
//! | [`consuming`] | so that each message is handled, and handled again if it was not |
//! | [`back_pressure`] | what waits, where, and how much of it |
//! | [`errors`] | what is over, whose fault it is, what to do next |
//! | [`dropping`] | what becomes of a future that is dropped, and of a handle |
//! | [`tuning`] | which setting governs what: times and throughput |
//! | [`security`] | TLS, who connects, secrets |
//! | [`operating`] | what a connection says of itself; metrics; traces; what is on the wire |
//! | [`testing`] | programs that use the client, without a server and with one |
//! | [`revisions`] | AMQP 0-8 |
//! | [`regenerating`] | another specification of AMQP |
//! | [`coming_from_lapin`], [`coming_from_amqprs`], [`coming_from_pika`] | name by name |
//!
//! RabbitMQ's tutorials are examples, which the tests run: `hello`, `work_queue`, `publish_subscribe`, `routing`, `topics`,
//! `rpc` and `confirms`, in this order; `worker` and `web_service` are what comes after them. Each is a file in
//! `amqp-client/examples`: `cargo run -p amqp-client --example hello`.
//!
//! Names of tests and files are those of the repository. A figure stands here only beside the test or the command that
//! produces it.
#![cfg_attr(
    not(all(
        feature = "blocking",
        feature = "event-loop",
        feature = "smol",
        feature = "tokio",
        feature = "smol",
        feature = "blocking",
        feature = "event-loop",
        feature = "tls",
        feature = "metrics",
        feature = "tracing",
        feature = "opentelemetry"
    )),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "what a feature adds has no page without it"
    )
)]

pub mod back_pressure;
pub mod connecting;
pub mod consuming;
pub mod dropping;
pub mod errors;
pub mod operating;
pub mod publishing;
pub mod regenerating;
pub mod revisions;
pub mod security;
pub mod styles;
pub mod testing;
pub mod tuning;

#[cfg(feature = "tokio")]
#[doc = include_str!("coming_from_amqprs.md")]
pub mod coming_from_amqprs {}
#[cfg(feature = "tokio")]
#[doc = include_str!("coming_from_lapin.md")]
pub mod coming_from_lapin {}
#[cfg(all(feature = "blocking", feature = "event-loop"))]
#[doc = include_str!("coming_from_pika.md")]
pub mod coming_from_pika {}

use crate::*;
