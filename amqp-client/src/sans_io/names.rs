//! Names of methods by their ids, for messages to people.

use amqp_protocol::MethodId;
use amqp_protocol::method::Arguments;
use amqp_protocol::v0_9_1::{basic, channel, confirm, connection, exchange, queue, tx};

/// The name of a method that a client sends, which is what a server's close can blame.
pub(crate) fn method_name(id: MethodId) -> Option<&'static str> {
    macro_rules! name {
        ($($method:ty),+ $(,)?) => { [$((<$method>::ID, <$method>::NAME)),+] };
    }
    let names = name![
        connection::StartOk<'_>,
        connection::SecureOk<'_>,
        connection::TuneOk,
        connection::Open<'_>,
        connection::Close<'_>,
        connection::UpdateSecret<'_>,
        channel::Open,
        channel::Flow,
        channel::FlowOk,
        channel::Close<'_>,
        exchange::Declare<'_>,
        exchange::Delete<'_>,
        exchange::Bind<'_>,
        exchange::Unbind<'_>,
        queue::Declare<'_>,
        queue::Bind<'_>,
        queue::Purge<'_>,
        queue::Delete<'_>,
        queue::Unbind<'_>,
        basic::Qos,
        basic::Consume<'_>,
        basic::Cancel<'_>,
        basic::Publish<'_>,
        basic::Get<'_>,
        basic::Ack,
        basic::Reject,
        basic::RecoverAsync,
        basic::Recover,
        basic::Nack,
        tx::Select,
        tx::Commit,
        tx::Rollback,
        confirm::Select,
    ];
    names
        .iter()
        .find(|(method, _)| *method == id)
        .map(|(_, name)| *name)
}
