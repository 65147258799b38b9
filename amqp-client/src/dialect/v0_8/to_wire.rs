//! The methods that a client sends, as AMQP 0-8 has them. `None` is what it lacks, and what no client sends.

use amqp_protocol::{MethodId, v0_8 as wire};

use super::{Encoder, blamed};
use crate::methods::{Method, basic, channel, confirm, connection, exchange, queue, tx};

impl Encoder {
    pub(super) fn translate(self, method: Method<'_>) -> Option<wire::Method<'_>> {
        match method {
            Method::Connection(method) => self.connection(method),
            Method::Channel(method) => of_channel(method),
            Method::Exchange(method) => self.exchange(method),
            Method::Queue(method) => self.queue(method),
            Method::Basic(method) => self.basic(method),
            Method::Tx(method) => of_tx(method),
            Method::Confirm(confirm::Method::Select(_) | confirm::Method::SelectOk(_)) => None,
        }
    }

    fn connection(self, method: connection::Method<'_>) -> Option<wire::Method<'_>> {
        use connection::{Close, CloseOk, Method, Open, SecureOk, StartOk, TuneOk};
        Some(match method {
            Method::StartOk(StartOk {
                client_properties,
                mechanism,
                response,
                locale,
            }) => wire::connection::StartOk {
                client_properties,
                mechanism,
                response,
                locale,
            }
            .into(),
            Method::SecureOk(SecureOk { response }) => wire::connection::SecureOk { response }.into(),
            Method::TuneOk(TuneOk {
                channel_max,
                frame_max,
                heartbeat,
            }) => wire::connection::TuneOk {
                channel_max,
                frame_max,
                heartbeat,
            }
            .into(),
            Method::Open(Open { virtual_host }) => wire::connection::Open {
                virtual_host,
                capabilities: amqp_protocol::ShortStr::default(),
                insist: self.insist,
            }
            .into(),
            Method::Close(Close {
                reply_code,
                reply_text,
                class_id,
                method_id,
            }) => {
                let blamed = blamed::to_wire(MethodId::new(class_id, method_id));
                wire::connection::Close {
                    reply_code,
                    reply_text,
                    class_id: blamed.class,
                    method_id: blamed.method,
                }
                .into()
            }
            Method::CloseOk(CloseOk {}) => wire::connection::CloseOk {}.into(),
            Method::UpdateSecret(_) => return None,
            Method::Start(_)
            | Method::Secure(_)
            | Method::Tune(_)
            | Method::OpenOk(_)
            | Method::Blocked(_)
            | Method::Unblocked(_)
            | Method::UpdateSecretOk(_) => return None,
        })
    }

    fn exchange(self, method: exchange::Method<'_>) -> Option<wire::Method<'_>> {
        use exchange::{Declare, Delete, Method};
        Some(match method {
            Method::Declare(Declare {
                exchange,
                r#type,
                passive,
                durable,
                auto_delete,
                internal,
                no_wait,
                arguments,
            }) => wire::exchange::Declare {
                ticket: self.ticket,
                exchange,
                r#type,
                passive,
                durable,
                auto_delete,
                internal,
                nowait: no_wait,
                arguments,
            }
            .into(),
            Method::Delete(Delete {
                exchange,
                if_unused,
                no_wait,
            }) => wire::exchange::Delete {
                ticket: self.ticket,
                exchange,
                if_unused,
                nowait: no_wait,
            }
            .into(),
            Method::Bind(_) | Method::Unbind(_) => return None,
            Method::DeclareOk(_) | Method::DeleteOk(_) | Method::BindOk(_) | Method::UnbindOk(_) => {
                return None;
            }
        })
    }

    fn queue(self, method: queue::Method<'_>) -> Option<wire::Method<'_>> {
        use queue::{Bind, Declare, Delete, Method, Purge, Unbind};
        let ticket = self.ticket;
        Some(match method {
            Method::Declare(Declare {
                queue,
                passive,
                durable,
                exclusive,
                auto_delete,
                no_wait,
                arguments,
            }) => wire::queue::Declare {
                ticket,
                queue,
                passive,
                durable,
                exclusive,
                auto_delete,
                nowait: no_wait,
                arguments,
            }
            .into(),
            Method::Bind(Bind {
                queue,
                exchange,
                routing_key,
                no_wait,
                arguments,
            }) => wire::queue::Bind {
                ticket,
                queue,
                exchange,
                routing_key,
                nowait: no_wait,
                arguments,
            }
            .into(),
            Method::Unbind(Unbind {
                queue,
                exchange,
                routing_key,
                arguments,
            }) => wire::queue::Unbind {
                ticket,
                queue,
                exchange,
                routing_key,
                arguments,
            }
            .into(),
            Method::Purge(Purge { queue, no_wait }) => wire::queue::Purge {
                ticket,
                queue,
                nowait: no_wait,
            }
            .into(),
            Method::Delete(Delete {
                queue,
                if_unused,
                if_empty,
                no_wait,
            }) => wire::queue::Delete {
                ticket,
                queue,
                if_unused,
                if_empty,
                nowait: no_wait,
            }
            .into(),
            Method::DeclareOk(_)
            | Method::BindOk(_)
            | Method::UnbindOk(_)
            | Method::PurgeOk(_)
            | Method::DeleteOk(_) => return None,
        })
    }

    fn basic(self, method: basic::Method<'_>) -> Option<wire::Method<'_>> {
        use basic::{Ack, Cancel, CancelOk, Consume, Get, Method, Qos, Recover, RecoverAsync, Reject};
        let ticket = self.ticket;
        Some(match method {
            Method::Qos(Qos {
                prefetch_size,
                prefetch_count,
                global,
            }) => wire::basic::Qos {
                prefetch_size,
                prefetch_count,
                global,
            }
            .into(),
            // It has no arguments.
            Method::Consume(Consume { arguments, .. }) if !arguments.is_empty() => return None,
            Method::Consume(Consume {
                queue,
                consumer_tag,
                no_local,
                no_ack,
                exclusive,
                no_wait,
                arguments: _,
            }) => wire::basic::Consume {
                ticket,
                queue,
                consumer_tag,
                no_local,
                no_ack,
                exclusive,
                nowait: no_wait,
            }
            .into(),
            Method::Cancel(Cancel {
                consumer_tag,
                no_wait,
            }) => wire::basic::Cancel {
                consumer_tag,
                nowait: no_wait,
            }
            .into(),
            Method::CancelOk(CancelOk { consumer_tag }) => wire::basic::CancelOk { consumer_tag }.into(),
            Method::Publish(method) => publish(method, ticket).into(),
            Method::Get(Get { queue, no_ack }) => wire::basic::Get {
                ticket,
                queue,
                no_ack,
            }
            .into(),
            Method::Ack(Ack {
                delivery_tag,
                multiple,
            }) => wire::basic::Ack {
                delivery_tag,
                multiple,
            }
            .into(),
            Method::Nack(_) => return None,
            Method::Reject(Reject {
                delivery_tag,
                requeue,
            }) => wire::basic::Reject {
                delivery_tag,
                requeue,
            }
            .into(),
            Method::RecoverAsync(RecoverAsync { requeue }) => wire::basic::RecoverAsync { requeue }.into(),
            Method::Recover(Recover { requeue }) => wire::basic::Recover { requeue }.into(),
            Method::QosOk(_)
            | Method::ConsumeOk(_)
            | Method::Return(_)
            | Method::Deliver(_)
            | Method::GetOk(_)
            | Method::GetEmpty(_)
            | Method::RecoverOk(_) => return None,
        })
    }
}

pub(super) fn publish(publish: basic::Publish<'_>, ticket: u16) -> wire::basic::Publish<'_> {
    let basic::Publish {
        exchange,
        routing_key,
        mandatory,
        immediate,
    } = publish;
    wire::basic::Publish {
        ticket,
        exchange,
        routing_key,
        mandatory,
        immediate,
    }
}

fn of_channel(method: channel::Method<'_>) -> Option<wire::Method<'_>> {
    use channel::{Close, CloseOk, Flow, FlowOk, Method, Open};
    Some(match method {
        Method::Open(Open {}) => wire::channel::Open::default().into(),
        Method::Flow(Flow { active }) => wire::channel::Flow { active }.into(),
        Method::FlowOk(FlowOk { active }) => wire::channel::FlowOk { active }.into(),
        Method::Close(Close {
            reply_code,
            reply_text,
            class_id,
            method_id,
        }) => {
            let blamed = blamed::to_wire(MethodId::new(class_id, method_id));
            wire::channel::Close {
                reply_code,
                reply_text,
                class_id: blamed.class,
                method_id: blamed.method,
            }
            .into()
        }
        Method::CloseOk(CloseOk {}) => wire::channel::CloseOk {}.into(),
        Method::OpenOk(_) => return None,
    })
}

fn of_tx(method: tx::Method) -> Option<wire::Method<'static>> {
    use tx::{Commit, Method, Rollback, Select};
    Some(match method {
        Method::Select(Select {}) => wire::tx::Select {}.into(),
        Method::Commit(Commit {}) => wire::tx::Commit {}.into(),
        Method::Rollback(Rollback {}) => wire::tx::Rollback {}.into(),
        Method::SelectOk(_) | Method::CommitOk(_) | Method::RollbackOk(_) => return None,
    })
}
