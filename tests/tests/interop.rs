//! Messages exchanged with clients of others, both ways, and compared to the last octet: librabbitmq, through its tools
//! and a C program of ours, and pika.
//!
//! Not everything can be shown by every client:
//! - `amqp-publish` sets four properties, and headers that are strings. `amqp-consume` and `amqp-get` show bodies alone.
//! - librabbitmq has all 14 properties and a tag for each type of RabbitMQ. It takes `L` for unsigned.
//! - pika has all 14 properties, of which some may be octets. It cannot write floats; what it reads otherwise than it
//!   was meant stands in [`pika`].
//!
//! RabbitMQ 3.10 takes frames of up to 8 octets over the negotiated size, and splits bodies anew for whoever consumes: that
//! our frames keep to the size exactly is not shown here.
//!
//! The 14th property is `reserved` in the specification and `cluster_id` in both clients.

#[path = "interop/foreign.rs"]
mod foreign;
#[path = "interop/librabbitmq.rs"]
mod librabbitmq;
#[path = "interop/ours.rs"]
mod ours;
#[path = "interop/pika.rs"]
mod pika;
#[path = "interop/tools.rs"]
mod tools;
