//! What was on the wire, by the names that RabbitMQ's own framing modules give, beside ours and beside what a scenario
//! expects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use amqp_client::Protocol;
use amqp_protocol::{MethodId, v0_8, v0_9_1};
use amqp_tests::framing;
use amqp_tests::proxy::{Proxy, Recording};
use tokio::time::{Duration, Instant, sleep};

use crate::common::{LIMIT, Outcome};

/// What either side sends while a scenario runs, in its order: names, and `*N` behind one that comes N times in a row.
pub(crate) struct Expected {
    pub(crate) scenario: &'static str,
    pub(crate) client: &'static str,
    pub(crate) server: &'static str,
}

impl Expected {
    /// All that the client sends.
    fn by_client(&self, protocol: Protocol) -> Vec<String> {
        let end = if self.is_ended_by_server() {
            ""
        } else {
            "connection.close"
        };
        let start = "connection.start_ok connection.tune_ok connection.open channel.open";
        spell_out(protocol, &[start, self.client, end])
    }

    /// All that the server sends.
    fn by_server(&self, protocol: Protocol) -> Vec<String> {
        let end = if self.is_ended_by_server() {
            ""
        } else {
            "connection.close_ok"
        };
        let start = "connection.start connection.tune connection.open_ok channel.open_ok";
        spell_out(protocol, &[start, self.server, end])
    }

    fn is_ended_by_server(&self) -> bool {
        self.server.contains("connection.close")
    }
}

fn spell_out(protocol: Protocol, parts: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for word in parts.iter().flat_map(|part| part.split_whitespace()) {
        let (name, times) = word.split_once('*').unwrap_or((word, "1"));
        for _ in 0..times.parse().expect("a number of times") {
            names.push(name.to_owned());
            // 0-8 has tickets, and the client asks for one for each channel.
            let access = match name {
                "channel.open" => "access.request",
                "channel.open_ok" => "access.request_ok",
                _ => continue,
            };
            if protocol == Protocol::V0_8 {
                names.push(access.to_owned());
            }
        }
    }
    names
}

/// What is expected of the scenario of this name.
pub(crate) fn expected(scenario: &str) -> &'static Expected {
    let found = crate::EXPECTED
        .iter()
        .find(|expected| expected.scenario == scenario);
    found.expect("every scenario says what it expects")
}

/// Compares a connection through the proxy with what was expected, once all of it has come.
pub(crate) async fn compare(protocol: Protocol, expected: &Expected, proxy: &Proxy) -> Outcome {
    let (by_client, by_server) = (expected.by_client(protocol), expected.by_server(protocol));
    let deadline = Instant::now() + LIMIT;
    // An answer to the server's connection.close may be under way yet.
    let (client, server) = loop {
        let recordings = proxy.recorded();
        let [recording] = recordings.as_slice() else {
            return Err(format!("{} connections", recordings.len()).into());
        };
        let (client, server) = named(protocol, recording);
        if client.len() >= by_client.len() && server.len() >= by_server.len() || Instant::now() > deadline {
            break (client, server);
        }
        sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(client, by_client, "{}: the client", expected.scenario);
    assert_eq!(server, by_server, "{}: the server", expected.scenario);
    Ok(())
}

/// The methods of both directions by RabbitMQ's names, which must be ours.
fn named(protocol: Protocol, recording: &Recording) -> (Vec<String>, Vec<String>) {
    let header = match protocol {
        Protocol::V0_8 => b"AMQP\x01\x01\x08\x00",
        _ => b"AMQP\x00\x00\x09\x01",
    };
    let by_client = recording
        .to_server
        .strip_prefix(header)
        .expect("the protocol header comes first");
    let name = |id: MethodId| {
        let theirs = rabbitmq_names(protocol).get(&id.to_string());
        let theirs = theirs.unwrap_or_else(|| panic!("RabbitMQ knows no {id}"));
        assert_eq!(our_name(protocol, id), Some(theirs.as_str()), "{id}");
        theirs.clone()
    };
    let name_all = |octets| methods(octets).into_iter().map(name).collect();
    (name_all(by_client), name_all(&recording.to_client))
}

fn our_name(protocol: Protocol, id: MethodId) -> Option<&'static str> {
    match protocol {
        Protocol::V0_8 => v0_8::Method::name_of(id),
        _ => v0_9_1::Method::name_of(id),
    }
}

/// RabbitMQ's names by id, as in `50.10`.
fn rabbitmq_names(protocol: Protocol) -> &'static BTreeMap<String, String> {
    fn ask(module: &str) -> BTreeMap<String, String> {
        let known = framing::ask(module, &["methods".to_owned()]).remove(0);
        let pairs = known.split(',').filter_map(|method| method.split_once(' '));
        pairs.map(|(id, name)| (id.to_owned(), name.to_owned())).collect()
    }
    static OF_0_8: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| ask("rabbit_framing_amqp_0_8"));
    static OF_0_9_1: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| ask("rabbit_framing_amqp_0_9_1"));
    match protocol {
        Protocol::V0_8 => &OF_0_8,
        _ => &OF_0_9_1,
    }
}

/// The ids of the methods among whole frames, taken apart without the library: type, channel, size, payload, end.
fn methods(mut octets: &[u8]) -> Vec<MethodId> {
    let mut ids = Vec::new();
    while let Some((start, rest)) = octets.split_first_chunk::<7>() {
        let [kind, _, _, size @ ..] = *start;
        let size = u32::from_be_bytes(size) as usize;
        let Some((payload, [0xCE, rest @ ..])) = rest.split_at_checked(size) else {
            break;
        };
        if kind == 1 {
            let (id, _) = payload.split_first_chunk::<4>().expect("a method has its id");
            let [class, method] = [[id[0], id[1]], [id[2], id[3]]].map(u16::from_be_bytes);
            ids.push(MethodId { class, method });
        }
        octets = rest;
    }
    ids
}

/// Methods of the classes that RabbitMQ has on 0-8 that no scenario shows, and where else they are.
const ELSEWHERE: &[(&str, &str)] = &[
    ("channel.alert", "RabbitMQ sends none"),
    (
        "connection.redirect",
        "RabbitMQ sends none: the client's own tests, by a scripted server",
    ),
    (
        "connection.secure",
        "its mechanisms need one round: the client's own tests",
    ),
    ("connection.secure_ok", "likewise"),
];

#[test]
fn the_scenarios_show_every_method_that_the_client_has_on_0_8() {
    let shown: BTreeSet<String> = crate::EXPECTED
        .iter()
        .flat_map(|expected| {
            [
                expected.by_client(Protocol::V0_8),
                expected.by_server(Protocol::V0_8),
            ]
        })
        .flatten()
        .collect();
    let classes = [
        "connection",
        "channel",
        "access",
        "exchange",
        "queue",
        "basic",
        "tx",
    ];
    let all = v0_8::Method::IDS
        .iter()
        .filter_map(|id| v0_8::Method::name_of(*id));
    let all = all.filter(|name| {
        name.split_once('.')
            .is_some_and(|(class, _)| classes.contains(&class))
    });
    let mut missing: Vec<&str> = all.filter(|name| !shown.contains(*name)).collect();
    missing.sort_unstable();
    assert_eq!(missing, Vec::from_iter(ELSEWHERE.iter().map(|(name, _)| *name)));
}
