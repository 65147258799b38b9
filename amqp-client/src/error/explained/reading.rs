//! Reads what RabbitMQ's reply texts say: a template for each. A peer wrote them, and users the names in them: any octets,
//! cut off at 255.

use std::time::Duration;

use amqp_protocol::ReplyCode;

use super::{ArgumentValue, Entity, EntityKind, Explanation, Permission};
use crate::methods::constants;

type Found<'a> = Option<Explanation<'a>>;

pub(super) fn explain(reply_code: ReplyCode, text: &str) -> Explanation<'_> {
    match reply_code {
        constants::PRECONDITION_FAILED => declaration(text)
            .or_else(|| precondition(text))
            .or_else(|| exchange_type(text)),
        constants::ACCESS_REFUSED => access(text).or_else(|| reserved(text)),
        constants::NOT_FOUND => not_found(text),
        constants::RESOURCE_LOCKED => locked(text),
        constants::NOT_ALLOWED => not_allowed(text),
        constants::NOT_IMPLEMENTED => Some(not_implemented(text)),
        constants::CONNECTION_FORCED => Some(forced(text)),
        constants::INTERNAL_ERROR => virtual_host_down(text),
        constants::COMMAND_INVALID
        | constants::SYNTAX_ERROR
        | constants::FRAME_ERROR
        | constants::CHANNEL_ERROR
        | constants::UNEXPECTED_FRAME => Some(protocol_error(text)),
        _ => None,
    }
    .unwrap_or(Explanation::Other)
}

/// 406 of declarations and consumers.
fn declaration(text: &str) -> Found<'_> {
    if let Some([argument, named, values]) = read(text, "inequivalent arg '{}' for {}: received {}") {
        let values = read(values, "{} but current is {}").map(|sides| sides.map(value));
        let [received, current] = values.unwrap_or([ArgumentValue::Unknown; 2]);
        let entity = entity(named)?;
        return Some(Explanation::InequivalentArgument {
            argument,
            entity,
            received,
            current,
        });
    }
    if let Some([argument, named, queue_type]) = read(text, "invalid arg '{}' for {} of queue type {}") {
        let entity = entity(named)?;
        return Some(Explanation::UnsupportedArgument {
            argument,
            entity,
            queue_type,
        });
    }
    if let Some([argument, named, reason]) = read(text, "invalid arg '{}' for {}: {}") {
        let entity = entity(named)?;
        return Some(Explanation::InvalidArgument {
            argument,
            entity,
            reason,
        });
    }
    // The argument is one of two, and its type a word: only what follows them can hold the words between.
    if let Some((reason, rest)) = text.split_once(" for arg '")
        && reason.starts_with("invalid type ")
        && let Some((argument, named)) = rest.split_once("' in ")
    {
        let entity = entity(named)?;
        return Some(Explanation::InvalidArgument {
            argument,
            entity,
            reason,
        });
    }
    if let Some([property, named]) = read(text, "invalid property '{}' for {}") {
        let entity = entity(named)?;
        return Some(Explanation::UnsupportedProperty { property, entity });
    }
    if let Some([queue_type]) = read(text, "Cannot declare a server-named queue for type {}") {
        return Some(Explanation::ServerNamedQueue { queue_type });
    }
    if let Some([queue, virtual_host, limit]) = read(
        text,
        "cannot declare queue '{}': queue limit in vhost '{}' ({}) is reached",
    ) {
        let limit = limit.parse().ok()?;
        return Some(Explanation::QueueLimit {
            queue,
            virtual_host,
            limit,
        });
    }
    let [named] = read(text, "consumer prefetch count is not set for '{}'")?;
    entity(named).map(|entity| Explanation::PrefetchNotSet { entity })
}

/// 406 of everything else.
fn precondition(text: &str) -> Found<'_> {
    match text {
        "channel is not transactional" => return Some(Explanation::NotTransactional),
        "cannot switch from confirm to tx mode" | "cannot switch from tx to confirm mode" => {
            return Some(Explanation::ConfirmsAndTransactions);
        }
        "fast reply consumer does not exist" => return Some(Explanation::NoReplyConsumer),
        "reply consumer cannot acknowledge" => return Some(Explanation::ReplyConsumerAcknowledges),
        "reply consumer already set" => return Some(Explanation::ReplyConsumerExists),
        _ => {}
    }
    // Newer servers say more between the two, and longer names cut the rest off.
    if text.starts_with("delivery acknowledgement") && text.contains("timed out") {
        let timeout = read(text, "{}Timeout value used: {} ms{}").and_then(|[_, ms, _]| ms.parse().ok());
        return Some(Explanation::AcknowledgementTimedOut {
            timeout: timeout.map(Duration::from_millis),
        });
    }
    if let Some([tag]) = read(text, "unknown delivery tag {}") {
        let delivery_tag = tag.parse().ok()?;
        return Some(Explanation::UnknownDeliveryTag { delivery_tag });
    }
    if let Some([size, max_size]) = read(text, "message size {} is larger than configured max size {}")
        .or_else(|| read(text, "message size {} is larger than max size {}"))
    {
        let (size, max_size) = (size.parse().ok()?, max_size.parse().ok()?);
        return Some(Explanation::MessageTooLarge { size, max_size });
    }
    if let Some([claimed, user]) = read(
        text,
        "user_id property set to '{}' but authenticated user was '{}'",
    ) {
        return Some(Explanation::WrongUserId { claimed, user });
    }
    if let Some([expiration, _]) = read(text, "invalid expiration '{}': {}") {
        return Some(Explanation::InvalidExpiration { expiration });
    }
    if let Some([named]) = read(text, "{} in use") {
        return entity(named).map(|entity| Explanation::InUse { entity });
    }
    let [named] = read(text, "{} not empty")?;
    entity(named).map(|entity| Explanation::NotEmpty { entity })
}

/// 403 for lack of a permission. That a backend failed to tell, which RabbitMQ adds with its error, is no refusal.
fn access(text: &str) -> Found<'_> {
    // 3.10 says nothing of the permission; newer servers begin with it.
    let (permission, text) = [
        ("configure ", Permission::Configure),
        ("write ", Permission::Write),
        ("read ", Permission::Read),
    ]
    .into_iter()
    .find_map(|(word, permission)| Some((Some(permission), text.strip_prefix(word)?)))
    .unwrap_or((None, text));
    if let Some([topic, exchange, virtual_host, user]) = read(
        text,
        "access to topic '{}' in exchange '{}' in vhost '{}' refused for user '{}'",
    ) {
        return Some(Explanation::TopicRefused {
            permission,
            topic,
            exchange,
            virtual_host,
            user,
        });
    }
    let [named, user] = read(text, "access to {} refused for user '{}'")?;
    entity(named).map(|entity| Explanation::AccessRefused {
        permission,
        entity,
        user,
    })
}

/// 403 for what nobody may.
fn reserved(text: &str) -> Found<'_> {
    if text == "operation not permitted on the default exchange" {
        return Some(Explanation::DefaultExchange);
    }
    if let Some([mechanism, _]) = read(text, "Login was refused using authentication mechanism {}. {}") {
        return Some(Explanation::LoginRefused { mechanism });
    }
    for kind in EntityKind::ALL {
        let name = text
            .strip_prefix(kind.word())
            .and_then(|rest| read(rest, " name '{}' contains reserved prefix 'amq.*'"));
        if let Some([name]) = name {
            return Some(Explanation::ReservedName { kind, name });
        }
    }
    if let Some([named]) = read(text, "deletion of system {} not allowed") {
        return entity(named).map(|entity| Explanation::SystemExchange { entity });
    }
    if let Some([named]) = read(text, "cannot publish to internal {}") {
        return entity(named).map(|entity| Explanation::InternalExchange { entity });
    }
    let [named] = read(text, "{} in exclusive use")?;
    entity(named).map(|entity| Explanation::ExclusiveConsumer { entity })
}

fn not_found(text: &str) -> Found<'_> {
    if text == "no previously declared queue" {
        return Some(Explanation::NoLastQueue);
    }
    if let Some(entity) = read(text, "no {}").and_then(|[named]| entity(named)) {
        return Some(Explanation::NotFound { entity });
    }
    let [named] = read(text, "{} process is stopped by supervisor")
        .or_else(|| read(text, "{} has crashed and failed to restart"))
        .or_else(|| read(text, "failed to perform operation on {} due to timeout"))
        .or_else(|| {
            let moving = "failed to perform operation on {}: its master replica {}";
            read(text, moving).map(|[named, _]| [named])
        })
        .or_else(|| {
            let down = "home node '{}' of durable {} is down or inaccessible";
            read(text, down).map(|[_, named]| [named])
        })?;
    entity(named).map(|entity| Explanation::QueueUnavailable { entity })
}

fn locked(text: &str) -> Found<'_> {
    // What follows the dot is cut off by a longer name.
    if let Some([named, _]) = read(text, "cannot obtain exclusive access to locked {}. It could{}") {
        return entity(named).map(|entity| Explanation::Locked { entity });
    }
    let [named, operation, _] = read(text, "cannot obtain access to locked {}. {} operations are not{}")?;
    entity(named).map(|entity| Explanation::UnsupportedByQueue { operation, entity })
}

fn not_allowed(text: &str) -> Found<'_> {
    if let Some([consumer_tag]) = read(text, "attempt to reuse consumer tag '{}'") {
        return Some(Explanation::ConsumerTagInUse { consumer_tag });
    }
    if let Some([virtual_host]) = read(text, "vhost {} not found") {
        return Some(Explanation::VirtualHostNotFound { virtual_host });
    }
    if let Some([virtual_host, _, limit]) = read(
        text,
        "access to vhost '{}' refused for user '{}': connection limit ({}) is reached",
    ) {
        let limit = limit.parse().ok()?;
        return Some(Explanation::VirtualHostLimit { virtual_host, limit });
    }
    if let Some([user, limit]) = read(
        text,
        "connection refused for user '{}': user connection limit ({}) is reached",
    ) {
        let limit = limit.parse().ok()?;
        return Some(Explanation::UserConnectionLimit { user, limit });
    }
    if let Some([user, limit]) = read(
        text,
        "number of channels opened for user '{}' has reached the maximum allowed user limit of ({})",
    ) {
        let limit = limit.parse().ok()?;
        return Some(Explanation::UserChannelLimit { user, limit });
    }
    let [virtual_host, user] = read(text, "access to vhost '{}' refused for user '{}'")?;
    Some(Explanation::VirtualHostRefused { virtual_host, user })
}

fn not_implemented(text: &str) -> Explanation<'_> {
    by_queue(text).unwrap_or(Explanation::Unsupported { what: text })
}

/// 540 of quorum queues and streams.
fn by_queue(text: &str) -> Found<'_> {
    let [operation, named] = read(text, "{} not supported by stream queues {}")
        .or_else(|| {
            let delete = "cannot delete {}. queue.delete operations with {} flag set are not{}";
            read(text, delete).map(|[named, flag, _]| [flag, named])
        })
        .or_else(|| read(text, "{} does not support {}").map(|[named, operation]| [operation, named]))?;
    entity(named).map(|entity| Explanation::UnsupportedByQueue { operation, entity })
}

fn forced(text: &str) -> Explanation<'_> {
    if text == "broker forced connection closure with reason 'shutdown'" {
        Explanation::ServerShutdown
    } else if let Some([virtual_host]) = read(text, "vhost '{}' is deleted") {
        Explanation::VirtualHostDeleted { virtual_host }
    } else if let Some([virtual_host]) = read(text, "vhost '{}' is down") {
        Explanation::VirtualHostDown { virtual_host }
    } else if let Some([user]) = read(text, "user '{}' is deleted") {
        Explanation::UserDeleted { user }
    } else {
        Explanation::ClosedByOperator { reason: text }
    }
}

fn virtual_host_down(text: &str) -> Found<'_> {
    let down = "access to vhost '{}' refused for user '{}': vhost '{}' is down";
    let [virtual_host, _, again] = read(text, down)?;
    (virtual_host == again).then_some(Explanation::VirtualHostDown { virtual_host })
}

fn exchange_type(text: &str) -> Found<'_> {
    let [exchange_type] =
        read(text, "unknown exchange type '{}'").or_else(|| read(text, "invalid exchange type '{}'"))?;
    Some(Explanation::UnknownExchangeType { exchange_type })
}

fn protocol_error(text: &str) -> Explanation<'_> {
    match text {
        "Malformed UTF-8 in shortstr" => Explanation::NotUtf8,
        _ => exchange_type(text).unwrap_or(Explanation::ProtocolError { reason: text }),
    }
}

/// What RabbitMQ calls a resource.
fn entity(text: &str) -> Option<Entity<'_>> {
    EntityKind::ALL.into_iter().find_map(|kind| {
        let [name, virtual_host] = read(text.strip_prefix(kind.word())?, " '{}' in vhost '{}'")?;
        Some(Entity {
            kind,
            name,
            virtual_host,
        })
    })
}

fn value(text: &str) -> ArgumentValue<'_> {
    if text == "none" {
        ArgumentValue::None
    } else if let Some([value, type_name]) = read(text, "the value '{}' of type '{}'") {
        ArgumentValue::Set {
            value,
            type_name: Some(type_name),
        }
    } else if let Some([value]) = read(text, "'{}'") {
        ArgumentValue::Set {
            value,
            type_name: None,
        }
    } else {
        ArgumentValue::Unknown
    }
}

/// What stands in the holes `{}` of a template, when the text is one of it, and in one way only: names may hold what the
/// server puts around them.
fn read<'a, const N: usize>(text: &'a str, template: &str) -> Option<[&'a str; N]> {
    let leftmost = leftmost(text, template)?;
    (leftmost == rightmost(text, template)?).then_some(leftmost)
}

/// Every hole but the last as short as it can be.
fn leftmost<'a, const N: usize>(text: &'a str, template: &str) -> Option<[&'a str; N]> {
    let mut literals = template.split("{}");
    let mut rest = text.strip_prefix(literals.next()?)?;
    let mut holes = [""; N];
    for (index, (hole, literal)) in holes.iter_mut().zip(literals).enumerate() {
        (*hole, rest) = if index + 1 == N {
            (rest.strip_suffix(literal)?, "")
        } else {
            rest.split_once(literal)?
        };
    }
    Some(holes)
}

/// Every hole but the first as short as it can be.
fn rightmost<'a, const N: usize>(text: &'a str, template: &str) -> Option<[&'a str; N]> {
    let mut literals = template.rsplit("{}");
    let mut rest = text.strip_suffix(literals.next()?)?;
    let mut holes = [""; N];
    for (index, (hole, literal)) in holes.iter_mut().rev().zip(literals).enumerate() {
        (rest, *hole) = if index + 1 == N {
            ("", rest.strip_prefix(literal)?)
        } else {
            rest.rsplit_once(literal)?
        };
    }
    Some(holes)
}
