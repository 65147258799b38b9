//! The translation against the octets. The two revisions have most of them in common; where they do not, this says how.

use amqp_protocol::DecodeError;
use proptest::prelude::*;
use proptest::strategy::Union;

use super::*;

const TICKET: u16 = 0xABCD;

/// What AMQP 0-8 lacks.
const LACKING: [&str; 5] = [
    "connection.update_secret",
    "exchange.bind",
    "exchange.unbind",
    "basic.nack",
    "confirm.select",
];

/// What only servers send, of the vocabulary.
const OF_SERVERS: [&str; 28] = [
    "connection.start",
    "connection.secure",
    "connection.tune",
    "connection.open_ok",
    "connection.blocked",
    "connection.unblocked",
    "connection.update_secret_ok",
    "channel.open_ok",
    "exchange.declare_ok",
    "exchange.delete_ok",
    "exchange.bind_ok",
    "exchange.unbind_ok",
    "queue.declare_ok",
    "queue.bind_ok",
    "queue.unbind_ok",
    "queue.purge_ok",
    "queue.delete_ok",
    "basic.qos_ok",
    "basic.consume_ok",
    "basic.return",
    "basic.deliver",
    "basic.get_ok",
    "basic.get_empty",
    "basic.recover_ok",
    "tx.select_ok",
    "tx.commit_ok",
    "tx.rollback_ok",
    "confirm.select_ok",
];

/// What a client may get of AMQP 0-8, but for channel.open-ok and what belongs to the dialect alone.
const FROM_SERVERS: [&str; 28] = [
    "connection.start",
    "connection.secure",
    "connection.tune",
    "connection.close",
    "connection.close_ok",
    "channel.flow",
    "channel.flow_ok",
    "channel.close",
    "channel.close_ok",
    "exchange.declare_ok",
    "exchange.delete_ok",
    "queue.declare_ok",
    "queue.bind_ok",
    "queue.unbind_ok",
    "queue.purge_ok",
    "queue.delete_ok",
    "basic.qos_ok",
    "basic.consume_ok",
    "basic.cancel",
    "basic.cancel_ok",
    "basic.return",
    "basic.deliver",
    "basic.get_ok",
    "basic.get_empty",
    "basic.recover_ok",
    "tx.select_ok",
    "tx.commit_ok",
    "tx.rollback_ok",
];

fn octets(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(&mut Writer::new(&mut octets));
    octets
}

/// The octets, of which some are replaced.
fn with(mut octets: Vec<u8>, at: usize, new: &[u8]) -> Vec<u8> {
    octets[at..at + new.len()].copy_from_slice(new);
    octets
}

/// The arguments of a close without the ids that it blames, and the ids.
fn blamed_in(octets: &[u8]) -> (Vec<u8>, MethodId) {
    let (rest, ids) = octets.split_at(octets.len() - 4);
    (rest.to_vec(), Reader::new(ids).method_id("").unwrap())
}

fn blaming(mut octets: Vec<u8>, id: MethodId) -> Vec<u8> {
    octets.extend(id.class.to_be_bytes());
    octets.extend(id.method.to_be_bytes());
    octets
}

/// What is written of a method with these octets, if anything.
fn expected(name: &str, octets: Vec<u8>) -> Option<Vec<u8>> {
    let ticket = &TICKET.to_be_bytes();
    Some(match name {
        name if LACKING.contains(&name) || OF_SERVERS.contains(&name) => return None,
        "connection.open" => {
            let last = octets.len() - 1;
            with(octets, last, &[1])
        }
        "connection.close" => {
            let (octets, id) = blamed_in(&with(octets, 2, &[0, 60]));
            blaming(octets, blamed::to_wire(id))
        }
        "connection.close_ok" => with(octets, 2, &[0, 61]),
        "channel.close" => {
            let (octets, id) = blamed_in(&octets);
            blaming(octets, blamed::to_wire(id))
        }
        // The empty table of arguments is left out.
        "basic.consume" => {
            let octets = with(octets, 4, ticket);
            octets.strip_suffix(&[0, 0, 0, 0])?.to_vec()
        }
        name if name.starts_with("exchange.") || name.starts_with("queue.") => with(octets, 4, ticket),
        "basic.publish" | "basic.get" => with(octets, 4, ticket),
        _ => octets,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_method_of_the_vocabulary_has_a_form_or_is_unsupported(
        method in Union::new(methods::Method::strategies()),
    ) {
        let encoder = Encoder { ticket: TICKET, insist: true };
        let plain = match &method {
            // The arguments of a consumer have a test of their own.
            methods::Method::Basic(methods::basic::Method::Consume(consume)) => {
                let arguments = Default::default();
                methods::basic::Consume { arguments, ..consume.clone() }.into()
            }
            method => method.clone(),
        };
        let expected = expected(plain.name(), octets(&plain));
        let translated = encoder.translate(plain);
        if let Some(translated) = &translated {
            prop_assert_eq!(translated.name(), method.name());
        }
        prop_assert_eq!(translated.map(|method| octets(&method)), expected);
    }

    #[test]
    fn a_consumer_has_no_arguments(consume in any::<methods::basic::Consume<'static>>()) {
        let encoder = Encoder { ticket: TICKET, insist: true };
        let plain = consume.arguments.is_empty();
        prop_assert_eq!(encoder.translate(consume.into()).is_some(), plain);
    }

    #[test]
    fn a_publish_is_written_as_any_method(publish in any::<methods::basic::Publish<'static>>()) {
        let encoder = Encoder { ticket: TICKET, insist: true };
        let (mut short, mut long) = (Vec::new(), Vec::new());
        encoder.write_publish(&mut short, ChannelId(7), &publish, 0).unwrap();
        encoder.write_method(&mut long, ChannelId(7), &publish, 0).unwrap();
        prop_assert_eq!(short, long);
    }

    #[test]
    fn every_method_of_a_server_is_in_the_vocabulary_or_out_of_place(
        method in Union::new(wire::Method::strategies()),
    ) {
        let method = match method {
            // Another version has a test of its own.
            wire::Method::Connection(wire::connection::Method::Start(start)) => {
                wire::connection::Start { version_major: 8, version_minor: 0, ..start }.into()
            }
            method => method,
        };
        let (name, octets_on_wire) = (method.name(), octets(&method));
        let translated = from_wire::method(ChannelId(3), method).map(|method| {
            (method.name(), octets(&method))
        });
        if !FROM_SERVERS.contains(&name) {
            let violation = Violation::ForeignMethod { channel: ChannelId(3), method: name };
            prop_assert_eq!(translated, Err(violation));
            return Ok(());
        }
        let expected = match name {
            "connection.close" => {
                let (octets, id) = blamed_in(&with(octets_on_wire, 2, &[0, 50]));
                blaming(octets, blamed::from_wire(id))
            }
            "connection.close_ok" => with(octets_on_wire, 2, &[0, 51]),
            "channel.close" => {
                let (octets, id) = blamed_in(&octets_on_wire);
                blaming(octets, blamed::from_wire(id))
            }
            // Which cluster was asked is not told.
            "basic.get_empty" => [&octets_on_wire[..4], &[0]].concat(),
            _ => octets_on_wire,
        };
        prop_assert_eq!(translated, Ok((name, expected)));
    }

    /// Why the core reads deliveries off the wire of any revision. Their methods are among those above.
    #[test]
    fn the_properties_of_a_message_have_the_same_octets(
        ours in any::<methods::basic::Properties<'static>>(),
        theirs in any::<wire::basic::Properties<'static>>(),
    ) {
        fn through<'a, P: Decode<'a> + Encode>(octets: &'a [u8]) -> Result<Vec<u8>, DecodeError> {
            decode::<P>(octets).map(|properties| self::octets(&properties))
        }
        let (ours, theirs) = (octets(&ours), octets(&theirs));
        prop_assert_eq!(through::<wire::basic::Properties<'_>>(&ours), Ok(ours.clone()));
        prop_assert_eq!(through::<methods::basic::Properties<'_>>(&theirs), Ok(theirs.clone()));
    }

    #[test]
    fn no_octets_of_a_server_panic(
        octets in proptest::collection::vec(any::<u8>(), 0..64),
        method in Union::new(wire::Method::strategies()),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut dialect = Dialect { realm: Some(ShortStr::from_static("/data")), ..Dialect::default() };
        let encoded = self::octets(&method);
        let damaged = [&encoded[..cut.index(encoded.len() + 1)], &octets].concat();
        for octets in [octets, encoded, damaged] {
            let _ = dialect.receive_on_connection(&octets);
            let _ = dialect.receive_on_channel(ChannelId(1), &octets);
        }
    }
}

#[test]
fn messages_come_under_the_same_ids() {
    use methods::basic as ours;
    use wire::basic as theirs;
    assert_eq!(ours::Deliver::ID, theirs::Deliver::ID);
    assert_eq!(ours::GetOk::ID, theirs::GetOk::ID);
    assert_eq!(ours::Return::ID, theirs::Return::ID);
}

#[test]
fn what_a_close_blames_has_the_same_name_on_both_sides_or_none() {
    let ids = || (0..200).flat_map(|class| (0..200).map(move |method| MethodId::new(class, method)));
    for id in ids() {
        if let Some(name) = methods::Method::name_of(id) {
            let found = wire::Method::name_of(blamed::to_wire(id));
            assert!(found.is_none_or(|found| found == name), "{id}");
        }
        if let Some(name) = wire::Method::name_of(id) {
            let found = methods::Method::name_of(blamed::from_wire(id));
            assert!(found.is_none_or(|found| found == name), "{id}");
        }
    }
    // And what both sides have is not lost.
    for id in ids() {
        if let Some(name) = methods::Method::name_of(id)
            && ids().any(|id| wire::Method::name_of(id) == Some(name))
        {
            assert_eq!(wire::Method::name_of(blamed::to_wire(id)), Some(name));
            assert_eq!(blamed::from_wire(blamed::to_wire(id)), id);
        }
    }
}
