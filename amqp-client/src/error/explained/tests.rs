//! Texts as RabbitMQ 3.10 sent them, with what they mean; and texts that nobody should send.

use amqp_protocol::ReplyCode;
use proptest::prelude::*;

use super::reading::explain;
use super::*;

const QUEUE: Entity<'_> = Entity {
    kind: EntityKind::Queue,
    name: "a 'b' c",
    virtual_host: "it's",
};
const EXCHANGE: Entity<'_> = Entity {
    kind: EntityKind::Exchange,
    ..QUEUE
};

/// Each form of text once, with names that have quotes and spaces.
fn table() -> Vec<(u16, String, Explanation<'static>)> {
    let (queue, exchange) = (
        "queue 'a 'b' c' in vhost 'it's'",
        "exchange 'a 'b' c' in vhost 'it's'",
    );
    let set = |value, type_name| ArgumentValue::Set { value, type_name };
    let inequivalent = |received, current| Explanation::InequivalentArgument {
        argument: "x-max-length",
        entity: QUEUE,
        received,
        current,
    };
    let by_queue = |operation| Explanation::UnsupportedByQueue {
        operation,
        entity: QUEUE,
    };
    let refused = |permission, entity| Explanation::AccessRefused {
        permission,
        entity,
        user: "o'brien",
    };
    vec![
        (
            406,
            format!("inequivalent arg 'x-max-length' for {queue}: received 'it's' but current is none"),
            inequivalent(set("it's", None), ArgumentValue::None),
        ),
        (
            406,
            format!(
                "inequivalent arg 'x-max-length' for {queue}: received none but current is the value '10' of type 'signedint'"
            ),
            inequivalent(ArgumentValue::None, set("10", Some("signedint"))),
        ),
        (
            406,
            format!("inequivalent arg 'x-max-length' for {queue}: received 'fal..."),
            inequivalent(ArgumentValue::Unknown, ArgumentValue::Unknown),
        ),
        (
            406,
            format!("invalid arg 'x-expires' for {queue}: {{value_negative,-1}}"),
            Explanation::InvalidArgument {
                argument: "x-expires",
                entity: QUEUE,
                reason: "{value_negative,-1}",
            },
        ),
        (
            406,
            format!("invalid type 'long' for arg 'alternate-exchange' in {exchange}"),
            Explanation::InvalidArgument {
                argument: "alternate-exchange",
                entity: EXCHANGE,
                reason: "invalid type 'long'",
            },
        ),
        (
            406,
            format!("invalid arg 'x-max-priority' for {queue} of queue type rabbit_quorum_queue"),
            Explanation::UnsupportedArgument {
                argument: "x-max-priority",
                entity: QUEUE,
                queue_type: "rabbit_quorum_queue",
            },
        ),
        (
            406,
            format!("invalid property 'non-durable' for {queue}"),
            Explanation::UnsupportedProperty {
                property: "non-durable",
                entity: QUEUE,
            },
        ),
        (
            406,
            "Cannot declare a server-named queue for type rabbit_stream_queue".into(),
            Explanation::ServerNamedQueue {
                queue_type: "rabbit_stream_queue",
            },
        ),
        (
            406,
            "cannot declare queue 'a 'b' c': queue limit in vhost 'it's' (2) is reached".into(),
            Explanation::QueueLimit {
                queue: "a 'b' c",
                virtual_host: "it's",
                limit: 2,
            },
        ),
        (
            406,
            "unknown delivery tag 7".into(),
            Explanation::UnknownDeliveryTag { delivery_tag: 7 },
        ),
        (406, format!("{queue} in use"), Explanation::InUse { entity: QUEUE }),
        (
            406,
            format!("{exchange} in use"),
            Explanation::InUse { entity: EXCHANGE },
        ),
        (
            406,
            format!("{queue} not empty"),
            Explanation::NotEmpty { entity: QUEUE },
        ),
        (
            406,
            "delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms. This timeout value can be \
             configured, see consumers doc guide to learn more"
                .into(),
            Explanation::AcknowledgementTimedOut {
                timeout: Some(Duration::from_secs(1800)),
            },
        ),
        (
            406,
            "delivery acknowledgement on channel 1 timed out".into(),
            Explanation::AcknowledgementTimedOut { timeout: None },
        ),
        (
            406,
            "message size 1001 is larger than configured max size 1000".into(),
            Explanation::MessageTooLarge {
                size: 1001,
                max_size: 1000,
            },
        ),
        (
            406,
            "message size 536870913 is larger than max size 536870912".into(),
            Explanation::MessageTooLarge {
                size: 536_870_913,
                max_size: 536_870_912,
            },
        ),
        (
            406,
            "user_id property set to 'some'body' but authenticated user was 'guest'".into(),
            Explanation::WrongUserId {
                claimed: "some'body",
                user: "guest",
            },
        ),
        (
            406,
            "invalid expiration '1'000': {leftover_string,\"'000\"}".into(),
            Explanation::InvalidExpiration { expiration: "1'000" },
        ),
        (
            406,
            format!("consumer prefetch count is not set for '{queue}'"),
            Explanation::PrefetchNotSet { entity: QUEUE },
        ),
        (
            406,
            "channel is not transactional".into(),
            Explanation::NotTransactional,
        ),
        (
            406,
            "cannot switch from tx to confirm mode".into(),
            Explanation::ConfirmsAndTransactions,
        ),
        (
            406,
            "fast reply consumer does not exist".into(),
            Explanation::NoReplyConsumer,
        ),
        (
            406,
            "reply consumer cannot acknowledge".into(),
            Explanation::ReplyConsumerAcknowledges,
        ),
        (
            406,
            "reply consumer already set".into(),
            Explanation::ReplyConsumerExists,
        ),
        (
            403,
            format!("access to {queue} refused for user 'o'brien'"),
            refused(None, QUEUE),
        ),
        // Newer servers say what was wanted.
        (
            403,
            format!("configure access to {queue} refused for user 'o'brien'"),
            refused(Some(Permission::Configure), QUEUE),
        ),
        (
            403,
            format!("write access to {exchange} refused for user 'o'brien'"),
            refused(Some(Permission::Write), EXCHANGE),
        ),
        (
            403,
            format!("read access to {queue} refused for user 'o'brien'"),
            refused(Some(Permission::Read), QUEUE),
        ),
        (
            403,
            format!(
                "access to {queue} refused for user 'o'brien', backend rabbit_auth_backend_http returned an error: {{}}"
            ),
            Explanation::Other,
        ),
        (
            403,
            "access to topic 'isn't.ok' in exchange 'amq.topic' in vhost 'it's' refused for user 'o'brien'".into(),
            Explanation::TopicRefused {
                permission: None,
                topic: "isn't.ok",
                exchange: "amq.topic",
                virtual_host: "it's",
                user: "o'brien",
            },
        ),
        (
            403,
            "Login was refused using authentication mechanism PLAIN. For details see the broker logfile.".into(),
            Explanation::LoginRefused { mechanism: "PLAIN" },
        ),
        (
            403,
            "exchange name 'amq.it's mine' contains reserved prefix 'amq.*'".into(),
            Explanation::ReservedName {
                kind: EntityKind::Exchange,
                name: "amq.it's mine",
            },
        ),
        (
            403,
            "operation not permitted on the default exchange".into(),
            Explanation::DefaultExchange,
        ),
        (
            403,
            format!("deletion of system {exchange} not allowed"),
            Explanation::SystemExchange { entity: EXCHANGE },
        ),
        (
            403,
            format!("cannot publish to internal {exchange}"),
            Explanation::InternalExchange { entity: EXCHANGE },
        ),
        (
            403,
            format!("{queue} in exclusive use"),
            Explanation::ExclusiveConsumer { entity: QUEUE },
        ),
        (404, format!("no {queue}"), Explanation::NotFound { entity: QUEUE }),
        (
            404,
            format!("no {exchange}"),
            Explanation::NotFound { entity: EXCHANGE },
        ),
        (
            404,
            "no previously declared queue".into(),
            Explanation::NoLastQueue,
        ),
        (
            404,
            format!("home node 'rabbit@one' of durable {queue} is down or inaccessible"),
            Explanation::QueueUnavailable { entity: QUEUE },
        ),
        (
            404,
            format!("{queue} process is stopped by supervisor"),
            Explanation::QueueUnavailable { entity: QUEUE },
        ),
        (
            404,
            format!("{queue} has crashed and failed to restart"),
            Explanation::QueueUnavailable { entity: QUEUE },
        ),
        (
            404,
            format!("failed to perform operation on {queue} due to timeout"),
            Explanation::QueueUnavailable { entity: QUEUE },
        ),
        (
            404,
            format!(
                "failed to perform operation on {queue}: its master replica <0.9.0> may be stopping or being demoted"
            ),
            Explanation::QueueUnavailable { entity: QUEUE },
        ),
        (
            405,
            format!("cannot obtain exclusive access to locked {queue}. It could be originally declared on an..."),
            Explanation::Locked { entity: QUEUE },
        ),
        (
            405,
            format!(
                "cannot obtain access to locked {queue}. basic.get operations are not supported by quorum queues with single \
                 active consumer"
            ),
            by_queue("basic.get"),
        ),
        (
            540,
            format!("basic.nack and basic.reject not supported by stream queues {queue}"),
            by_queue("basic.nack and basic.reject"),
        ),
        (540, format!("{queue} does not support global qos"), by_queue("global qos")),
        (
            540,
            format!(
                "cannot delete {queue}. queue.delete operations with if-empty flag set are not supported by quorum queues"
            ),
            by_queue("if-empty"),
        ),
        (
            540,
            "immediate=true".into(),
            Explanation::Unsupported {
                what: "immediate=true",
            },
        ),
        (
            503,
            "unknown exchange type 'it's'".into(),
            Explanation::UnknownExchangeType { exchange_type: "it's" },
        ),
        (501, "Malformed UTF-8 in shortstr".into(), Explanation::NotUtf8),
        (
            505,
            "expected content body, got non content body frame instead".into(),
            Explanation::ProtocolError {
                reason: "expected content body, got non content body frame instead",
            },
        ),
        (
            530,
            "attempt to reuse consumer tag 'it's'".into(),
            Explanation::ConsumerTagInUse { consumer_tag: "it's" },
        ),
        (
            530,
            "vhost it's not found".into(),
            Explanation::VirtualHostNotFound { virtual_host: "it's" },
        ),
        (
            530,
            "access to vhost 'it's' refused for user 'o'brien'".into(),
            Explanation::VirtualHostRefused {
                virtual_host: "it's",
                user: "o'brien",
            },
        ),
        (
            530,
            "access to vhost 'it's' refused for user 'o'brien': connection limit (1) is reached".into(),
            Explanation::VirtualHostLimit {
                virtual_host: "it's",
                limit: 1,
            },
        ),
        (
            530,
            "connection refused for user 'o'brien': user connection limit (1) is reached".into(),
            Explanation::UserConnectionLimit {
                user: "o'brien",
                limit: 1,
            },
        ),
        (
            530,
            "number of channels opened for user 'o'brien' has reached the maximum allowed user limit of (1)".into(),
            Explanation::UserChannelLimit {
                user: "o'brien",
                limit: 1,
            },
        ),
        (
            541,
            "access to vhost 'it's' refused for user 'o'brien': vhost 'it's' is down".into(),
            Explanation::VirtualHostDown { virtual_host: "it's" },
        ),
        (
            320,
            "vhost 'it's' is down".into(),
            Explanation::VirtualHostDown { virtual_host: "it's" },
        ),
        (
            320,
            "vhost 'it's' is deleted".into(),
            Explanation::VirtualHostDeleted { virtual_host: "it's" },
        ),
        (
            320,
            "user 'o'brien' is deleted".into(),
            Explanation::UserDeleted { user: "o'brien" },
        ),
        (
            320,
            "broker forced connection closure with reason 'shutdown'".into(),
            Explanation::ServerShutdown,
        ),
        (
            320,
            "it's late".into(),
            Explanation::ClosedByOperator { reason: "it's late" },
        ),
        (406, "something else".into(), Explanation::Other),
        // The end of a name is cut off.
        (404, "no queue 'a 'b' c' in vhost 'it...".into(), Explanation::Other),
    ]
}

/// A close as the server would send it: the code's name before the text.
fn close(reply_code: u16, text: &str) -> Close {
    let mut close = Close {
        reply_code: ReplyCode(reply_code),
        reply_text: String::new(),
        method: None,
        connection_name: None,
    };
    close.reply_text = format!("{} - {text}", close.name());
    close
}

#[test]
fn each_form_of_text_is_explained_and_says_what_to_do_in_one_line() {
    for (code, text, expected) in table() {
        let close = close(code, &text);
        assert_eq!(close.explain(), expected, "{text}");
        // Other servers do not begin with the code's name.
        assert_eq!(explain(close.reply_code, &text), expected, "{text}");
        let printed = expected.to_string();
        assert!(!printed.contains('\n') && !printed.contains("  "), "{printed}");
    }
}

#[test]
fn a_text_that_can_be_read_in_two_ways_is_not_explained() {
    for text in [
        "no queue 'a' in vhost 'b' in vhost 'c'",
        "no queue '' in vhost ' in vhost ''",
        "no queue 'a' in vhost ''' in vhost 'b'",
    ] {
        assert_eq!(explain(ReplyCode(404), text), Explanation::Other, "{text}");
    }
}

#[test]
fn what_is_printed_holds_nothing_of_the_servers_that_moves_a_cursor() {
    for (code, text, _) in table() {
        let hostile = text
            .replace("a 'b' c", "\u{1b}[2J\n")
            .replace("x-", "\u{1b}")
            .replace("rabbit_", "\r");
        let printed = explain(ReplyCode(code), &hostile).to_string();
        assert!(!printed.contains(char::is_control), "{printed:?}");
    }
}

/// What is in names: pieces of the texts around them, too.
fn name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[xyz'\" \u{e9}\u{1F430}]{0,4}",
        1 => prop::sample::select(vec![
            "' in vhost '", "': received ", " but current is ", "' refused for user '", " in use", "' for ", ": ", "...",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

#[test]
fn a_policy_is_advised_where_one_would_help() {
    for (argument, helps) in [("x-max-length", true), ("durable", false), ("type", false)] {
        let text = Explanation::InequivalentArgument {
            argument,
            entity: QUEUE,
            received: ArgumentValue::None,
            current: ArgumentValue::Unknown,
        }
        .to_string();
        assert_eq!(text.contains("policy"), helps, "{text}");
    }
}

proptest! {
    #[test]
    fn names_come_back_as_they_were(
        names in prop::array::uniform3("[xyz'\" \u{e9}\u{1F430}]{0,20}"),
        exchange: bool,
    ) {
        let [name, virtual_host, other] = &names;
        let kind = if exchange { EntityKind::Exchange } else { EntityKind::Queue };
        let entity = Entity { kind, name, virtual_host };
        let named = format!("{} '{name}' in vhost '{virtual_host}'", kind.word());
        for (code, text, expected) in [
            (404, format!("no {named}"), Explanation::NotFound { entity }),
            (406, format!("{named} in use"), Explanation::InUse { entity }),
            (
                403,
                format!("access to {named} refused for user '{other}'"),
                Explanation::AccessRefused { permission: None, entity, user: other },
            ),
            (
                406,
                format!("inequivalent arg 'durable' for {named}: received '{other}' but current is 'true'"),
                Explanation::InequivalentArgument {
                    argument: "durable",
                    entity,
                    received: ArgumentValue::Set { value: other, type_name: None },
                    current: ArgumentValue::Set { value: "true", type_name: None },
                },
            ),
        ] {
            let close = close(code, &text);
            prop_assert_eq!(close.explain(), expected);
        }
    }

    /// Names that imitate the text around them are never taken for others.
    #[test]
    fn a_name_is_right_or_missing(names in prop::array::uniform3(name())) {
        let [name, virtual_host, other] = &names;
        let entity = Entity { kind: EntityKind::Queue, name, virtual_host };
        let named = format!("queue '{name}' in vhost '{virtual_host}'");
        let inequivalent = |received, current| Explanation::InequivalentArgument {
            argument: "durable",
            entity,
            received,
            current,
        };
        let value = |value| ArgumentValue::Set { value, type_name: None };
        for (code, text, right) in [
            (404, format!("no {named}"), [Explanation::NotFound { entity }; 2]),
            (406, format!("{named} not empty"), [Explanation::NotEmpty { entity }; 2]),
            (
                403,
                format!("access to {named} refused for user '{other}'"),
                [Explanation::AccessRefused { permission: None, entity, user: other }; 2],
            ),
            (
                406,
                format!("inequivalent arg 'durable' for {named}: received '{other}' but current is 'true'"),
                [
                    inequivalent(value(other), value("true")),
                    inequivalent(ArgumentValue::Unknown, ArgumentValue::Unknown),
                ],
            ),
        ] {
            let read = explain(ReplyCode(code), &text);
            prop_assert!(right.contains(&read) || read == Explanation::Other, "{text}: {read:?}");
        }
    }

    #[test]
    fn nothing_panics(
        code in prop::sample::select(vec![320_u16, 403, 404, 405, 406, 501, 503, 530, 540, 541]),
        row in any::<prop::sample::Index>(),
        cut: prop::sample::Index,
        octets in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let table = table();
        let (_, text, _) = row.get(&table);
        let mut hostile = text.clone().into_bytes();
        let at = cut.index(hostile.len() + 1);
        hostile.splice(at.., octets);
        let hostile = String::from_utf8_lossy(&hostile);
        let _ = close(code, &hostile).explain().to_string();
        let _ = explain(ReplyCode(code), &hostile).to_string();
    }
}
