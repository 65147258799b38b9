//! The client on each revision that it speaks: the same scenarios on a real broker, held to what was on the wire as RabbitMQ
//! names it. What a revision alone has stands in modules of their own.

#[path = "../common/mod.rs"]
mod common;
mod entering;
mod messages;
mod only_0_8;
mod private_node;
mod scenarios;
mod stage;
mod wire;

use wire::Expected;

/// A test of each scenario on either revision. Beside it stands what the client sends while it runs, then what the server
/// does, from behind the opening of the first channel to connection.close. It is the same on both revisions, but for the
/// access.request that 0-8 has behind every channel.open.
macro_rules! on_each_revision {
    ($($scenario:ident: $client:literal, $server:literal;)*) => {
        const EXPECTED: &[Expected] = &[
            $(Expected { scenario: stringify!($scenario), client: $client, server: $server },)*
        ];

        on_each_revision!(@tests v0_9_1, V0_9_1: $($scenario)*);
        on_each_revision!(@tests v0_8, V0_8: $($scenario)*);
    };
    (@tests $module:ident, $protocol:ident: $($scenario:ident)*) => {
        mod $module {
            use amqp_client::Protocol;

            use crate::common::Outcome;
            use crate::{scenarios, stage};

            $(
                #[tokio::test]
                async fn $scenario() -> Outcome {
                    stage::run(Protocol::$protocol, stringify!($scenario), scenarios::$scenario).await
                }
            )*
        }
    };
}

on_each_revision! {
    messages_are_consumed_and_acked:
        "queue.declare basic.publish*4 basic.qos basic.consume basic.ack*3 queue.declare basic.cancel",
        "queue.declare_ok basic.qos_ok basic.consume_ok basic.deliver*4 queue.declare_ok basic.cancel_ok";
    messages_are_rejected:
        "queue.declare*2 basic.publish basic.get basic.reject basic.get basic.reject basic.get basic.reject \
         basic.consume basic.cancel",
        "queue.declare_ok*2 basic.get_ok*3 basic.consume_ok basic.deliver basic.cancel_ok";
    messages_are_recovered:
        "queue.declare basic.publish basic.qos basic.consume basic.recover basic.recover_async basic.ack basic.cancel",
        "queue.declare_ok basic.qos_ok basic.consume_ok basic.deliver basic.recover_ok basic.deliver*2 basic.cancel_ok";
    messages_are_fetched:
        "queue.declare basic.get basic.publish*2 basic.get basic.ack basic.get",
        "queue.declare_ok basic.get_empty basic.get_ok*2";
    transactions_commit_and_roll_back:
        "queue.declare tx.select basic.publish*2 queue.declare tx.commit queue.declare basic.publish tx.rollback \
         queue.declare basic.get basic.ack tx.commit basic.get basic.ack tx.rollback basic.recover basic.get basic.ack \
         tx.commit",
        "queue.declare_ok tx.select_ok queue.declare_ok tx.commit_ok queue.declare_ok tx.rollback_ok queue.declare_ok \
         basic.get_ok tx.commit_ok basic.get_ok tx.rollback_ok basic.recover_ok basic.get_ok tx.commit_ok";
    what_no_queue_takes_comes_back:
        "basic.publish*2",
        "basic.return*2";
    a_channel_error_ends_one_channel:
        "queue.declare channel.open queue.bind channel.close_ok channel.open queue.declare channel.close_ok channel.open \
         basic.ack queue.declare channel.close_ok channel.open queue.declare channel.close queue.declare",
        "queue.declare_ok channel.open_ok channel.close channel.open_ok channel.close channel.open_ok channel.close \
         channel.open_ok queue.declare_ok channel.close_ok queue.declare_ok";
    the_server_closes_the_connection:
        "queue.declare basic.qos basic.consume connection.close_ok",
        "queue.declare_ok basic.qos_ok basic.consume_ok connection.close";
    the_client_closes_the_connection:
        "queue.declare basic.publish*3",
        "queue.declare_ok";
    exchanges_and_queues:
        "queue.declare exchange.declare*2 queue.bind basic.publish basic.get basic.reject queue.purge queue.unbind \
         basic.publish basic.get exchange.delete queue.declare basic.publish*2 queue.delete",
        "queue.declare_ok exchange.declare_ok*2 queue.bind_ok basic.get_ok queue.purge_ok queue.unbind_ok \
         basic.get_empty exchange.delete_ok queue.declare_ok queue.delete_ok";
    requests_without_an_answer:
        "queue.declare exchange.declare queue.declare queue.bind basic.publish queue.purge basic.publish basic.get \
         basic.reject queue.delete exchange.delete channel.flow",
        "queue.declare_ok basic.get_ok channel.flow_ok";
    a_prefetch_count_holds_back_deliveries:
        "queue.declare basic.publish*2 basic.qos basic.consume queue.declare basic.ack queue.declare basic.ack \
         basic.cancel",
        "queue.declare_ok basic.qos_ok basic.consume_ok basic.deliver queue.declare_ok basic.deliver queue.declare_ok \
         basic.cancel_ok";
    the_server_cancels_a_consumer:
        "basic.qos basic.consume queue.declare basic.consume basic.cancel",
        "basic.qos_ok basic.consume_ok basic.cancel queue.declare_ok basic.consume_ok basic.cancel_ok";
    bodies_of_many_frames:
        "queue.declare basic.publish*6 basic.consume basic.cancel",
        "queue.declare_ok basic.consume_ok basic.deliver*6 basic.cancel_ok";
    properties_and_tables:
        "queue.declare basic.publish basic.get basic.reject",
        "queue.declare_ok basic.get_ok";
    a_call_that_is_given_up_takes_no_other_reply:
        "queue.declare*7",
        "queue.declare_ok*7";
}
