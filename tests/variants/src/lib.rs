//! The published variants of AMQP 0-8, 0-9 and 0-9-1 as generated from Debian's files, for the tests of this crate alone.
#![forbid(unsafe_code)]

/// How much there must be to test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Number of methods.
    pub methods: usize,
    /// Number of classes whose messages carry content.
    pub contents: usize,
}

/// What the specifications hold, counted in the XML.
pub mod counts {
    include!(concat!(env!("OUT_DIR"), "/counts.rs"));
}

macro_rules! variants {
    ($($module:ident $name:literal),*) => {
        $(
            #[doc = concat!("AMQP ", $name, ".")]
            #[allow(
                clippy::large_enum_variant,
                reason = "0-9's message.transfer has 22 fields; boxing it would allocate"
            )]
            pub mod $module {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($module), ".rs"));
            }
        )*
    };
}

variants! {
    v0_8 "0-8",
    v0_8_qpid "0-8, as Qpid has it",
    v0_9 "0-9",
    v0_9_qpid "0-9, as Qpid has it",
    v0_9_1 "0-9-1",
    v0_9_1_qpid "0-9-1, as Qpid has it",
    v0_9_1_rabbit "0-9-1, as RabbitMQ has it"
}
