//! What each request becomes on the wire, and what is refused before it gets there.

use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::protocol::table::FieldArray;
use amqp_client::protocol::v0_9_1::{Method, basic, channel, exchange, queue, tx};
use amqp_client::protocol::{DeliveryTag, FieldTable, FieldValue, ShortStr};
use amqp_client::{
    CallError, Channel, Overflow, PublishError, QueueType, Refusal, Request, StreamOffset, XMatch,
};

use crate::peer::Sent;
use crate::wire::{Session, poll, ready};

/// What awaiting this request sends.
fn sent_by<'a, M>(session: &mut Session, request: Request<'a, Channel, M>) -> Method<'static>
where
    Request<'a, Channel, M>: IntoFuture<IntoFuture: Unpin>,
{
    let mut future = request.into_future();
    let _ = poll(&mut future);
    let mut sent = session.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    let Sent::Method(1, method) = sent.remove(0) else {
        panic!("not a method on channel 1")
    };
    method
}

fn text(text: &'static str) -> ShortStr<'static> {
    ShortStr::from_static(text)
}

#[test]
fn every_request_is_the_method_it_is_named_after() {
    let mut session = Session::open();
    let c = session.open_channel();
    let s = &mut session;
    let tag = DeliveryTag(7);
    let arguments = FieldTable::new().with("x-match", "any").unwrap();
    let bind = exchange::Bind {
        destination: text("d"),
        source: text("s"),
        routing_key: text("k"),
        arguments: arguments.clone(),
        ..Default::default()
    };
    let request = c.exchange_bind("d", "s", "k").x_match(XMatch::Any);
    assert_eq!(sent_by(s, request), bind.clone().into());
    let unbind = exchange::Unbind {
        destination: text("d"),
        source: text("s"),
        routing_key: text("k"),
        arguments: arguments.clone(),
        ..Default::default()
    };
    let request = c.exchange_unbind("d", "s", "k").x_match(XMatch::Any);
    assert_eq!(sent_by(s, request), unbind.into());
    let declare = exchange::Declare {
        exchange: text("e"),
        r#type: text("topic"),
        passive: true,
        durable: true,
        auto_delete: true,
        internal: true,
        arguments: FieldTable::new().with("alternate-exchange", "a").unwrap(),
        ..Default::default()
    };
    let request = c.exchange_declare("e", "topic").passive().durable();
    let request = request.auto_delete().internal().alternate_exchange("a");
    assert_eq!(sent_by(s, request), declare.into());
    let delete = exchange::Delete {
        exchange: text("e"),
        if_unused: true,
        ..Default::default()
    };
    assert_eq!(sent_by(s, c.exchange_delete("e").if_unused()), delete.into());
    let unbind = queue::Unbind {
        queue: text("q"),
        exchange: text("e"),
        routing_key: text("k"),
        arguments,
    };
    let request = c.queue_unbind("q", "e", "k").argument("x-match", "any");
    assert_eq!(sent_by(s, request), unbind.into());
    let purge = queue::Purge {
        queue: text("q"),
        ..Default::default()
    };
    assert_eq!(sent_by(s, c.queue_purge("q")), purge.into());
    let delete = queue::Delete {
        queue: text("q"),
        if_unused: true,
        if_empty: true,
        ..Default::default()
    };
    assert_eq!(
        sent_by(s, c.queue_delete("q").if_unused().if_empty()),
        delete.into()
    );
    let qos = basic::Qos {
        prefetch_count: 5,
        global: true,
        ..Default::default()
    };
    assert_eq!(sent_by(s, c.basic_qos(5).global().prefetch_size(0)), qos.into());
    assert_eq!(
        sent_by(s, c.basic_recover_async()),
        basic::RecoverAsync { requeue: true }.into()
    );
    let ack = basic::Ack {
        delivery_tag: tag,
        multiple: true,
    };
    assert_eq!(sent_by(s, c.basic_ack(tag).multiple()), ack.into());
    let nack = basic::Nack {
        delivery_tag: tag,
        multiple: true,
        requeue: true,
    };
    assert_eq!(sent_by(s, c.basic_nack(tag).multiple().requeue()), nack.into());
    let reject = basic::Reject {
        delivery_tag: tag,
        requeue: false,
    };
    assert_eq!(sent_by(s, c.basic_reject(tag)), reject.into());
    // Behind it, and before its answer, nothing is settled.
    assert_eq!(
        sent_by(s, c.basic_recover()),
        basic::Recover { requeue: true }.into()
    );
    assert_eq!(sent_by(s, c.tx_select()), tx::Select {}.into());
    assert_eq!(sent_by(s, c.tx_rollback()), tx::Rollback {}.into());
    assert_eq!(
        sent_by(s, c.channel_flow()),
        channel::Flow { active: true }.into()
    );
    // Nothing follows a commit before it is answered.
    assert_eq!(sent_by(s, c.tx_commit()), tx::Commit {}.into());
}

#[test]
fn typed_arguments_have_the_names_and_types_that_the_server_reads() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let request = channel
        .queue_declare("q")
        .queue_type(QueueType::Quorum)
        .message_ttl(Duration::from_micros(1500))
        .overflow(Overflow::RejectPublish)
        .max_length(10)
        .dead_letter_exchange("dead")
        .single_active_consumer()
        .max_age(Duration::from_secs(60));
    let Method::Queue(queue::Method::Declare(declare)) = sent_by(&mut session, request) else {
        panic!("not declared")
    };
    let expected = FieldTable::new()
        .with("x-queue-type", "quorum")
        .unwrap()
        .with("x-message-ttl", 2_i64)
        .unwrap()
        .with("x-overflow", "reject-publish")
        .unwrap()
        .with("x-max-length", 10_i64)
        .unwrap()
        .with("x-dead-letter-exchange", "dead")
        .unwrap()
        .with("x-single-active-consumer", true)
        .unwrap()
        .with("x-max-age", "60s")
        .unwrap();
    assert_eq!(declare.arguments, expected);

    let offsets = [
        (StreamOffset::First, FieldValue::try_from("first").unwrap()),
        (StreamOffset::Last, FieldValue::try_from("last").unwrap()),
        (StreamOffset::Next, FieldValue::try_from("next").unwrap()),
        (StreamOffset::Offset(5), FieldValue::LongLong(5)),
        (StreamOffset::Timestamp(9), FieldValue::Timestamp(9)),
        (
            StreamOffset::Interval(Duration::from_millis(59_001)),
            FieldValue::try_from("60s").unwrap(),
        ),
    ];
    for (offset, value) in offsets {
        let mut starting = channel
            .basic_consume("q")
            .no_local()
            .priority(-3)
            .stream_offset(offset)
            .stream_filter(["a", "b"])
            .stream_match_unfiltered()
            .into_future();
        assert!(poll(&mut starting).is_pending());
        let sent = session.sent();
        let Some(Sent::Method(_, Method::Basic(basic::Method::Consume(consume)))) = sent.last() else {
            panic!("{sent:?}")
        };
        let filter = FieldArray::from_values(["a", "b"]).unwrap();
        let expected = FieldTable::new()
            .with("x-priority", -3_i64)
            .unwrap()
            .with("x-stream-offset", value)
            .unwrap()
            .with("x-stream-filter", filter)
            .unwrap()
            .with("x-stream-match-unfiltered", true)
            .unwrap();
        assert!(consume.no_local);
        assert_eq!(consume.arguments, expected);
    }
}

#[test]
fn what_the_server_answers_with_the_end_of_the_connection_is_refused_and_the_raw_call_is_free() {
    let mut session = Session::open();
    let c = session.open_channel();
    let refused: [(Result<(), CallError>, Refusal); 5] = [
        (
            ready(c.channel_flow().inactive().into_future()).map(drop),
            Refusal::FlowInactive,
        ),
        (
            ready(c.basic_recover().without_requeue().into_future()).map(drop),
            Refusal::RecoverWithoutRequeue,
        ),
        (
            ready(c.basic_recover_async().without_requeue().into_future()),
            Refusal::RecoverWithoutRequeue,
        ),
        (
            ready(c.basic_qos(1).prefetch_size(1).into_future()).map(drop),
            Refusal::PrefetchSize,
        ),
        (
            match ready(c.basic_publish("", "q", "x").immediate().into_future()) {
                Err(PublishError::Refused(refusal)) => Err(refusal.into()),
                other => panic!("{other:?}"),
            },
            Refusal::Immediate,
        ),
    ];
    for (outcome, refusal) in refused {
        assert!(
            matches!(outcome, Err(CallError::Refused(why)) if why == refusal),
            "{refusal}"
        );
    }
    assert_eq!(session.sent(), []);
    let mut call = c.call(channel::Flow { active: false });
    assert!(poll(&mut call).is_pending());
    ready(c.send(basic::RecoverAsync { requeue: false })).unwrap();
    assert_eq!(session.sent().len(), 2);
}

#[test]
fn typed_values_that_do_not_fit_are_reported_with_the_argument_they_are_for() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let long = "x".repeat(256);
    let faults = [
        (
            ready(channel.queue_declare("q").max_length(u64::MAX).into_future()).map(drop),
            "x-max-length",
        ),
        (
            ready(
                channel
                    .queue_declare("q")
                    .message_ttl(Duration::MAX)
                    .into_future(),
            )
            .map(drop),
            "x-message-ttl",
        ),
        (
            ready(
                channel
                    .queue_declare("q")
                    .dead_letter_exchange(&long)
                    .into_future(),
            )
            .map(drop),
            "x-dead-letter-exchange",
        ),
        (
            ready(
                channel
                    .basic_consume("q")
                    .stream_offset(StreamOffset::Offset(u64::MAX))
                    .into_future(),
            )
            .map(drop),
            "x-stream-offset",
        ),
        (
            ready(channel.exchange_bind("d", "s", &long).into_future()).map(drop),
            "routing_key",
        ),
    ];
    for (outcome, name) in faults {
        assert!(
            matches!(&outcome, Err(CallError::InvalidArgument { argument, .. }) if *argument == name),
            "{name}: {outcome:?}"
        );
    }
    assert_eq!(session.sent(), []);
}
