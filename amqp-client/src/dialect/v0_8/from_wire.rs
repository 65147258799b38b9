//! The methods that a server sends, as the vocabulary has them. What a connection must remember of some is not done here.

use amqp_protocol::{ChannelId, MethodId, v0_8 as wire};

use super::blamed;
use crate::error::Violation;
use crate::methods::{Method, basic, channel, connection, exchange, queue, tx};

/// The version in connection.start.
const VERSION: (u8, u8) = (8, 0);

pub(super) fn method(id: ChannelId, method: wire::Method<'_>) -> Result<Method<'_>, Violation> {
    // Named before it is taken apart.
    let unexpected = unexpected(id, &method);
    let translated = match method {
        wire::Method::Connection(method) => return of_connection(method, unexpected),
        wire::Method::Channel(method) => of_channel(method),
        wire::Method::Exchange(method) => of_exchange(method),
        wire::Method::Queue(method) => of_queue(method),
        wire::Method::Basic(method) => of_basic(method),
        wire::Method::Tx(method) => of_tx(method),
        // Access is the dialect's own; nobody speaks the others.
        wire::Method::Access(_)
        | wire::Method::File(_)
        | wire::Method::Stream(_)
        | wire::Method::Dtx(_)
        | wire::Method::Tunnel(_)
        | wire::Method::Test(_) => None,
    };
    translated.ok_or(unexpected)
}

pub(super) fn unexpected(channel: ChannelId, method: &wire::Method<'_>) -> Violation {
    Violation::ForeignMethod {
        channel,
        method: method.name(),
    }
}

fn of_connection(
    method: wire::connection::Method<'_>,
    unexpected: Violation,
) -> Result<Method<'_>, Violation> {
    use wire::connection::{Close, CloseOk, Method, Secure, Start, Tune};
    Ok(match method {
        Method::Start(Start {
            version_major: major,
            version_minor: minor,
            ..
        }) if (major, minor) != VERSION => return Err(Violation::WrongVersion { major, minor }),
        Method::Start(Start {
            version_major,
            version_minor,
            server_properties,
            mechanisms,
            locales,
        }) => connection::Start {
            version_major,
            version_minor,
            server_properties,
            mechanisms,
            locales,
        }
        .into(),
        Method::Secure(Secure { challenge }) => connection::Secure { challenge }.into(),
        Method::Tune(Tune {
            channel_max,
            frame_max,
            heartbeat,
        }) => connection::Tune {
            channel_max,
            frame_max,
            heartbeat,
        }
        .into(),
        Method::Close(Close {
            reply_code,
            reply_text,
            class_id,
            method_id,
        }) => {
            let blamed = blamed::from_wire(MethodId::new(class_id, method_id));
            connection::Close {
                reply_code,
                reply_text,
                class_id: blamed.class,
                method_id: blamed.method,
            }
            .into()
        }
        Method::CloseOk(CloseOk {}) => connection::CloseOk {}.into(),
        // The dialect's own.
        Method::OpenOk(_) | Method::Redirect(_) => return Err(unexpected),
        Method::StartOk(_) | Method::SecureOk(_) | Method::TuneOk(_) | Method::Open(_) => {
            return Err(unexpected);
        }
    })
}

fn of_channel(method: wire::channel::Method<'_>) -> Option<Method<'_>> {
    use wire::channel::{Close, CloseOk, Flow, FlowOk, Method};
    Some(match method {
        Method::Flow(Flow { active }) => channel::Flow { active }.into(),
        Method::FlowOk(FlowOk { active }) => channel::FlowOk { active }.into(),
        Method::Close(Close {
            reply_code,
            reply_text,
            class_id,
            method_id,
        }) => {
            let blamed = blamed::from_wire(MethodId::new(class_id, method_id));
            channel::Close {
                reply_code,
                reply_text,
                class_id: blamed.class,
                method_id: blamed.method,
            }
            .into()
        }
        Method::CloseOk(CloseOk {}) => channel::CloseOk {}.into(),
        // The dialect's own.
        Method::OpenOk(_) | Method::Alert(_) => return None,
        Method::Open(_) => return None,
    })
}

fn of_exchange(method: wire::exchange::Method<'_>) -> Option<Method<'_>> {
    use wire::exchange::{DeclareOk, DeleteOk, Method};
    Some(match method {
        Method::DeclareOk(DeclareOk {}) => exchange::DeclareOk {}.into(),
        Method::DeleteOk(DeleteOk {}) => exchange::DeleteOk {}.into(),
        Method::Declare(_) | Method::Delete(_) => return None,
    })
}

fn of_queue(method: wire::queue::Method<'_>) -> Option<Method<'_>> {
    use wire::queue::{BindOk, DeclareOk, DeleteOk, Method, PurgeOk, UnbindOk};
    Some(match method {
        Method::DeclareOk(DeclareOk {
            queue,
            message_count,
            consumer_count,
        }) => queue::DeclareOk {
            queue,
            message_count,
            consumer_count,
        }
        .into(),
        Method::BindOk(BindOk {}) => queue::BindOk {}.into(),
        Method::UnbindOk(UnbindOk {}) => queue::UnbindOk {}.into(),
        Method::PurgeOk(PurgeOk { message_count }) => queue::PurgeOk { message_count }.into(),
        Method::DeleteOk(DeleteOk { message_count }) => queue::DeleteOk { message_count }.into(),
        Method::Declare(_) | Method::Bind(_) | Method::Purge(_) | Method::Delete(_) | Method::Unbind(_) => {
            return None;
        }
    })
}

fn of_basic(method: wire::basic::Method<'_>) -> Option<Method<'_>> {
    use wire::basic::{
        Cancel, CancelOk, ConsumeOk, Deliver, GetEmpty, GetOk, Method, QosOk, RecoverOk, Return,
    };
    Some(match method {
        Method::QosOk(QosOk {}) => basic::QosOk {}.into(),
        Method::ConsumeOk(ConsumeOk { consumer_tag }) => basic::ConsumeOk { consumer_tag }.into(),
        Method::Cancel(Cancel { consumer_tag, nowait }) => basic::Cancel {
            consumer_tag,
            no_wait: nowait,
        }
        .into(),
        Method::CancelOk(CancelOk { consumer_tag }) => basic::CancelOk { consumer_tag }.into(),
        Method::Return(Return {
            reply_code,
            reply_text,
            exchange,
            routing_key,
        }) => basic::Return {
            reply_code,
            reply_text,
            exchange,
            routing_key,
        }
        .into(),
        Method::Deliver(Deliver {
            consumer_tag,
            delivery_tag,
            redelivered,
            exchange,
            routing_key,
        }) => basic::Deliver {
            consumer_tag,
            delivery_tag,
            redelivered,
            exchange,
            routing_key,
        }
        .into(),
        Method::GetOk(GetOk {
            delivery_tag,
            redelivered,
            exchange,
            routing_key,
            message_count,
        }) => basic::GetOk {
            delivery_tag,
            redelivered,
            exchange,
            routing_key,
            message_count,
        }
        .into(),
        Method::GetEmpty(GetEmpty { cluster_id: _ }) => basic::GetEmpty {}.into(),
        Method::RecoverOk(RecoverOk {}) => basic::RecoverOk {}.into(),
        Method::Qos(_)
        | Method::Consume(_)
        | Method::Publish(_)
        | Method::Get(_)
        | Method::Ack(_)
        | Method::Reject(_)
        | Method::RecoverAsync(_)
        | Method::Recover(_) => return None,
    })
}

fn of_tx(method: wire::tx::Method) -> Option<Method<'static>> {
    use wire::tx::{CommitOk, Method, RollbackOk, SelectOk};
    Some(match method {
        Method::SelectOk(SelectOk {}) => tx::SelectOk {}.into(),
        Method::CommitOk(CommitOk {}) => tx::CommitOk {}.into(),
        Method::RollbackOk(RollbackOk {}) => tx::RollbackOk {}.into(),
        Method::Select(_) | Method::Commit(_) | Method::Rollback(_) => return None,
    })
}
