//! What metrics say of channels, consumers and connections that end: why, and that nothing of them is left in a gauge.

use std::future::IntoFuture;

use amqp_client::metrics::CATALOGUE;
use amqp_client::protocol::ShortStr;
use amqp_client::protocol::v0_9_1::{basic, channel, connection, constants};
use amqp_client::{Config, Connection};

use super::{SECOND, config, publish, recorded};
use crate::peer::{channel_close, delivery};
use crate::publishers::publisher_with;
use crate::wire::{Session, poll, ready};

#[test]
fn what_was_never_settled_is_not_counted_and_ends_with_its_channel() {
    recorded(config(), |session, recorded| {
        let channel = session.open_channel();
        let _consumer = session.consume(&channel, "c");
        session.feed(&delivery(1, "c", 1, b"body", 9));
        session.advance(SECOND);
        assert_eq!(recorded.sum("deliveries_unsettled"), 1);
        assert_eq!(recorded.sum("consumers"), 1);
        session.send(1, &channel_close(constants::PRECONDITION_FAILED, "late"));
        session.advance(SECOND);
        assert_eq!(recorded.sum("deliveries_unsettled"), 0);
        assert_eq!(recorded.sum("consumers"), 0);
        assert_eq!(recorded.sum("channels"), 0);
        assert_eq!(recorded.sum("deliveries_settled_total requeued"), 0);
        assert_eq!(recorded.sum("channels_closed_total server"), 1);
        assert_eq!(recorded.sum("consumers_ended_total channel"), 1);
    });
}

#[test]
fn channels_and_consumers_are_counted_by_how_they_end() {
    let mut config = config();
    config.receive_buffer_messages = 2;
    config.call_timeout = 4 * SECOND;
    recorded(config, |session, recorded| {
        let channels: [_; 4] = std::array::from_fn(|_| session.open_channel());
        let [cancelling, server, overflowing, lost] = &channels;
        drop(session.consume(cancelling, "dropped"));
        let _cancelled = session.consume(server, "server");
        let cancel = basic::Cancel {
            consumer_tag: ShortStr::from_static("server"),
            no_wait: true,
        };
        session.send(2, &cancel);
        let _overflows = session.consume(overflowing, "overflow");
        let _lost = session.consume(lost, "lost");
        session.advance(SECOND);
        assert_eq!(recorded.sum("consumers_started_total"), 4);
        assert_eq!(recorded.sum("consumers"), 2);
        assert_eq!(recorded.sum("consumers_ended_total client"), 1);
        assert_eq!(recorded.sum("consumers_ended_total server"), 1);

        // Reading goes on while a call waits, until there are four times too many.
        let mut call = cancelling.queue_declare("q").into_future();
        assert!(poll(&mut call).is_pending());
        let many: Vec<_> = (1..=9).map(|tag| delivery(3, "overflow", tag, b"x", 9)).collect();
        session.feed(&many.concat());
        session.advance(SECOND);
        assert_eq!(recorded.sum("consumers_ended_total overflow"), 1);
        assert_eq!(recorded.sum("deliveries_settled_total requeued"), 9);
        assert_eq!(recorded.sum("requests_waiting"), 1);

        // Two calls without a reply, and what they belonged to is over.
        let mut second = cancelling.queue_declare("q").into_future();
        assert!(poll(&mut second).is_pending());
        session.advance(5 * SECOND);
        session.advance(SECOND);
        assert_eq!(recorded.sum("requests_waiting"), 0);
        assert_eq!(recorded.sum("channels_closed_total given_up"), 1);
        assert_eq!(recorded.sum("channels_opened_total"), 4);
        session.send(1, &channel::CloseOk {});
        let mut closing = Box::pin(server.close());
        assert!(poll(&mut closing).is_pending());
        session.send(2, &channel::CloseOk {});
        session.advance(SECOND);
        assert_eq!(recorded.sum("channels_closed_total client"), 1);
        assert_eq!(recorded.sum("channels"), 2);
        session.end_stream();
        session.drive();
        assert_eq!(recorded.sum("channels_closed_total connection"), 2);
        assert_eq!(recorded.sum("consumers_ended_total channel"), 1);
    });
}

/// Ends a connection that has something of everything, and gives the reason that is counted.
fn reason_of(end: impl FnOnce(&mut Session, Connection)) -> String {
    let mut reason = String::new();
    let config = config()
        .heartbeat(10)
        .write_timeout(15 * SECOND)
        .blocked_connection_timeout(19 * SECOND);
    recorded(config, |session, recorded| {
        let channel = session.open_channel();
        let consumer = session.consume(&channel, "c");
        let publisher = publisher_with(session, &channel, |select| select);
        let _receipt = publish(&publisher);
        session.feed(&delivery(1, "c", 1, b"x", 9));
        session.set_room(0);
        ready(channel.basic_publish("", "q", "x").into_future()).unwrap();
        let mut call = channel.queue_declare("q").into_future();
        assert!(poll(&mut call).is_pending());
        session.advance(SECOND);
        let levels = [
            "connections",
            "channels",
            "publishes_unconfirmed",
            "deliveries_unsettled",
            "messages_buffered",
            "buffered_bytes",
            "consumers",
            "requests_waiting",
            "send_backlog_bytes",
        ];
        assert_eq!(
            recorded.levels(),
            levels.map(|name| format!("amqp_client_{name}"))
        );
        assert_eq!(recorded.sum("connections_opened_total"), 1);
        end(session, session.connection.clone());
        session.drive();
        assert_eq!(recorded.levels(), [""; 0]);
        let closed = CATALOGUE
            .iter()
            .find(|metric| metric.name == "amqp_client_connections_closed_total");
        let reasons = closed.unwrap().label_values();
        let counted =
            reasons.filter(|reason| recorded.sum(&format!("connections_closed_total {reason}")) == 1);
        let counted: Vec<_> = counted.collect();
        assert_eq!(counted.len(), 1, "{counted:?}");
        reason = counted[0].to_owned();
        drop(consumer);
    });
    reason
}

#[test]
fn a_connection_takes_its_share_of_the_gauges_with_it_and_says_why_it_ended() {
    let closed = reason_of(|session, connection| {
        session.set_room(usize::MAX);
        let mut closing = Box::pin(connection.close());
        assert!(poll(&mut closing).is_pending());
        session.send(0, &connection::CloseOk {});
    });
    assert_eq!(closed, "client");
    let by_server = reason_of(|session, _| {
        session.set_room(usize::MAX);
        session.send(
            0,
            &connection::Close {
                reply_code: constants::CONNECTION_FORCED,
                ..Default::default()
            },
        );
    });
    assert_eq!(by_server, "server");
    assert_eq!(reason_of(|session, _| session.end_stream()), "transport");
    assert_eq!(reason_of(|session, _| session.drop_driver()), "driver");
    let silent = reason_of(|session, _| {
        session.set_room(usize::MAX);
        session.advance(21 * SECOND);
    });
    assert_eq!(silent, "heartbeat");
    assert_eq!(reason_of(|session, _| session.advance(16 * SECOND)), "write");
    let blocked = reason_of(|session, _| {
        session.send(0, &connection::Blocked::default());
        session.advance(39 * SECOND / 2);
    });
    assert_eq!(blocked, "blocked");
    let violation = reason_of(|session, _| {
        session.set_room(usize::MAX);
        session.send(7, &channel::OpenOk {});
        session.send(0, &connection::CloseOk {});
    });
    assert_eq!(violation, "violation");
}

#[test]
fn connections_of_one_name_add_up() {
    recorded(config(), |first, recorded| {
        let mut second = Session::open_with(config());
        let _other = Session::open_with(Config::default().connection_name("other"));
        let _channels = (first.open_channel(), second.open_channel(), second.open_channel());
        first.advance(SECOND);
        second.advance(SECOND);
        assert_eq!(recorded.sum("connections"), 2);
        assert_eq!(recorded.sum("channels"), 3);
        second.end_stream();
        second.drive();
        assert_eq!(recorded.sum("connections"), 1);
        assert_eq!(recorded.sum("channels"), 1);
        assert_eq!(recorded.sum("channels_opened_total"), 3);
    });
}
