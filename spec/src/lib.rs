//! Carries the specification files, so that they travel inside packages; it reads and interprets
//! nothing. `README.md` beside the files tells where each fact in them comes from.
#![forbid(unsafe_code)]

/// One specification file: its name, as error messages print it, and its XML text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpecFile {
    /// File name without a folder, for example `amqp0-9-1.xml`.
    pub name: &'static str,
    /// The whole XML text, UTF-8.
    pub text: &'static str,
}

/// AMQP 0-9-1 as the standard defines it.
pub const AMQP_0_9_1: SpecFile = SpecFile {
    name: "amqp0-9-1.xml",
    text: include_str!("../amqp0-9-1.xml"),
};

/// RabbitMQ's extensions to AMQP 0-9-1, an overlay for [`AMQP_0_9_1`].
pub const RABBITMQ: SpecFile = SpecFile {
    name: "rabbitmq.xml",
    text: include_str!("../rabbitmq.xml"),
};

/// AMQP 0-8 as the standard defines it.
pub const AMQP_0_8: SpecFile = SpecFile {
    name: "amqp0-8.xml",
    text: include_str!("../amqp0-8.xml"),
};

/// What RabbitMQ speaks on AMQP 0-8, an overlay for [`AMQP_0_8`].
pub const RABBITMQ_0_8: SpecFile = SpecFile {
    name: "rabbitmq-0-8.xml",
    text: include_str!("../rabbitmq-0-8.xml"),
};
