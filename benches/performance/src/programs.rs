//! Which programs there are, and what each can do.

use std::path::PathBuf;

use amqp_harness::Scenario;

use crate::options::benches;

/// Whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Peer,
    Floor,
}

/// What drives it: programs of one kind are compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    CurrentThread,
    MultiThread,
    /// Anything else.
    Own,
}

/// A program with one of its variants.
#[derive(Debug)]
pub(crate) struct Program {
    /// As it is called in results and tables.
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    pub(crate) kind: Kind,
    /// Whether an async program is measured.
    pub(crate) is_async: bool,
    file: File,
    pub(crate) variant: &'static str,
    without: &'static [Scenario],
}

#[derive(Debug)]
enum File {
    /// Of this workspace.
    Ours(&'static str),
    /// Of the workspace of the peers.
    Peers(&'static str),
    Python(&'static str),
}

impl Program {
    /// What to run before its arguments.
    pub(crate) fn command(&self) -> Vec<PathBuf> {
        match self.file {
            File::Ours(name) => vec![benches().join("target/release").join(name)],
            File::Peers(name) => vec![benches().join("peers/target/release").join(name)],
            // Debian's, which has the packages of Debian.
            File::Python(name) => vec![
                "/usr/bin/python3".into(),
                benches().join("peers/other").join(name),
            ],
        }
    }

    pub(crate) fn can(&self, scenario: Scenario) -> bool {
        !self.without.contains(&scenario)
    }
}

/// The program of that name.
pub(crate) fn named(name: &str) -> Option<&'static Program> {
    ALL.iter().find(|program| program.name == name)
}

use File::{Ours, Peers, Python};
use Kind::{CurrentThread, MultiThread, Own};
use Scenario::{Confirm, Confirms, Consume, ConsumeAck, Large, PingPong, Publish};

const fn ours(
    name: &'static str,
    file: &'static str,
    variant: &'static str,
    kind: Kind,
    is_async: bool,
) -> Program {
    Program {
        name,
        side: Side::Ours,
        kind,
        is_async,
        file: Ours(file),
        variant,
        without: &[],
    }
}

const fn peer(name: &'static str, file: File, variant: &'static str, kind: Kind) -> Program {
    Program {
        name,
        side: Side::Peer,
        kind,
        is_async: !matches!(kind, Own),
        file,
        variant,
        without: &[],
    }
}

const fn floor(
    name: &'static str,
    variant: &'static str,
    kind: Kind,
    without: &'static [Scenario],
) -> Program {
    Program {
        name,
        side: Side::Floor,
        kind,
        is_async: false,
        file: Ours("floor"),
        variant,
        without,
    }
}

/// All of them, in the order of tables.
pub(crate) static ALL: &[Program] = &[
    floor("floor", "blocking", Own, &[]),
    floor(
        "floor, tokio current-thread",
        "current-thread",
        CurrentThread,
        &[Publish, Confirms, Consume, ConsumeAck, Large],
    ),
    ours(
        "ours, tokio current-thread",
        "tokio",
        "current-thread",
        CurrentThread,
        true,
    ),
    ours(
        "ours, tokio multi-thread",
        "tokio",
        "multi-thread",
        MultiThread,
        true,
    ),
    ours("ours, smol", "smol", "one-thread", Own, true),
    ours("ours, blocking with a thread", "blocking", "thread", Own, false),
    ours(
        "ours, blocking single-threaded",
        "blocking",
        "single-threaded",
        Own,
        false,
    ),
    ours("ours, event loop", "event_loop", "callbacks", Own, false),
    peer(
        "lapin, current-thread",
        Peers("lapin"),
        "current-thread",
        CurrentThread,
    ),
    peer("lapin, multi-thread", Peers("lapin"), "multi-thread", MultiThread),
    Program {
        without: &[Consume, Confirm, PingPong],
        ..peer(
            "lapin pipelined, current-thread",
            Peers("lapin"),
            "current-thread-pipelined",
            CurrentThread,
        )
    },
    Program {
        without: &[Consume, Confirm, PingPong],
        ..peer(
            "lapin pipelined, multi-thread",
            Peers("lapin"),
            "multi-thread-pipelined",
            MultiThread,
        )
    },
    peer(
        "amqprs, current-thread",
        Peers("amqprs"),
        "current-thread",
        CurrentThread,
    ),
    peer(
        "amqprs, multi-thread",
        Peers("amqprs"),
        "multi-thread",
        MultiThread,
    ),
    peer(
        "amqp-client 0.1.0, current-thread",
        Peers("amqp_client_0_1"),
        "current-thread",
        CurrentThread,
    ),
    peer(
        "amqp-client 0.1.0, multi-thread",
        Peers("amqp_client_0_1"),
        "multi-thread",
        MultiThread,
    ),
    peer("rabbitmq-c, by frames", Ours("rabbitmq_c"), "frames", Own),
    Program {
        without: &[Publish, Confirms, Confirm, Large],
        ..peer("rabbitmq-c, by messages", Ours("rabbitmq_c"), "messages", Own)
    },
    Program {
        without: &[Confirms],
        ..peer("pika, blocking", Python("pika_client.py"), "blocking", Own)
    },
    Program {
        without: &[Confirm, PingPong, Large],
        ..peer("pika, callbacks", Python("pika_client.py"), "callbacks", Own)
    },
];
