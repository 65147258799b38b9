//! Metrics: what there is of them, that each moves as it should, and by how much. Recorders are told once a second, so that
//! a second passes before each look at one.

mod ends;

use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::metrics::{CATALOGUE, Kind};
use amqp_client::protocol::DeliveryTag;
use amqp_client::protocol::v0_9_1::{basic, connection, constants};
use amqp_client::{Config, Publisher, Receipt};
use metrics::with_local_recorder;
use metrics_util::debugging::DebuggingRecorder;

use crate::peer::{body_frames, channel_close, delivery, header_frame, method_frame};
use crate::publishers::publisher_with;
use crate::recorded::{Recorded, in_catalogue};
use crate::wire::{Session, next, poll, ready};

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config::default().connection_name("orders")
}

/// Runs a test with a session whose driver tells a recorder of its own.
fn recorded(config: Config, test: impl FnOnce(&mut Session, &mut Recorded)) {
    let recorder = DebuggingRecorder::new();
    with_local_recorder(&recorder, || {
        let mut session = Session::open_with(config);
        test(&mut session, &mut Recorded::new(&recorder, "orders"));
    });
}

fn publish(publisher: &Publisher) -> Receipt {
    ready(publisher.publish("", "q", "x").into_future()).unwrap()
}

fn confirm(session: &mut Session, delivery_tag: u64, multiple: bool) {
    let ack = basic::Ack {
        delivery_tag: DeliveryTag(delivery_tag),
        multiple,
    };
    session.send(1, &ack);
}

/// Whether durations are these, as exactly as histograms have them.
#[track_caller]
fn assert_durations(mut actual: Vec<f64>, expected: &[f64]) {
    actual.sort_by(f64::total_cmp);
    let close = |(actual, expected): (&f64, &f64)| (actual - expected).abs() <= expected * 0.032;
    assert!(
        actual.len() == expected.len() && actual.iter().zip(expected).all(close),
        "{actual:?} instead of {expected:?}"
    );
}

#[test]
fn the_recorder_sees_what_the_catalogue_lists_from_the_beginning() {
    recorded(config(), |_, recorded| {
        // No socket was connected.
        let mut expected = in_catalogue();
        expected.retain(|metric| !metric.starts_with("amqp_client_connect_attempts_total"));
        assert_eq!(recorded.seen(), &expected);
    });
}

#[test]
fn names_are_those_that_prometheus_recommends() {
    for metric in CATALOGUE {
        let name = metric.name;
        let of_kind = match metric.kind {
            Kind::Counter => name.ends_with("_total"),
            Kind::Gauge | Kind::Histogram => !name.ends_with("_total"),
            _ => false,
        };
        let unit = match metric.unit {
            metrics::Unit::Count => "",
            metrics::Unit::Bytes => "_bytes",
            metrics::Unit::Milliseconds => "_milliseconds",
            metrics::Unit::Seconds => "_seconds",
            unit => panic!("{name}: {unit:?}"),
        };
        let stem = name.strip_suffix("_total").unwrap_or(name);
        assert!(of_kind && stem.ends_with(unit), "{name}");
        let letters = |character: char| character.is_ascii_lowercase() || character == '_';
        assert!(
            name.starts_with("amqp_client_") && name.chars().all(letters),
            "{name}"
        );
    }
}

#[test]
fn a_recorder_is_told_once_a_second_and_as_long_as_there_is_something_to_tell() {
    recorded(config().heartbeat(60), |session, recorded| {
        assert_eq!(recorded.sum("connections"), 0);
        session.advance(SECOND);
        assert_eq!(recorded.sum("connections"), 1);
        let told = recorded.sum("sent_bytes_total");
        let _channel = session.open_channel();
        session.advance(SECOND / 2);
        assert_eq!(recorded.sum("sent_bytes_total"), told);
        // Nothing else will wake the driver.
        assert_eq!(session.timer(), Some(SECOND / 2));
        session.advance(SECOND / 2);
        assert_eq!(
            recorded.sum("sent_bytes_total"),
            session.connection.stats().octets_sent
        );
        assert!(session.timer() > Some(SECOND), "{:?}", session.timer());
    });
}

#[test]
fn publishes_and_what_became_of_them_are_counted_and_timed() {
    recorded(config(), |session, recorded| {
        let channel = session.open_channel();
        let publisher = publisher_with(session, &channel, |select| select.confirm_timeout(100 * SECOND));
        let _receipts: Vec<_> = (0..3).map(|_| publish(&publisher)).collect();
        session.advance(SECOND);
        assert_eq!(recorded.sum("messages_published_total"), 3);
        assert_eq!(recorded.sum("publishes_unconfirmed"), 3);
        session.advance(2 * SECOND);
        confirm(session, 2, true);
        let nack = basic::Nack {
            delivery_tag: DeliveryTag(3),
            ..Default::default()
        };
        session.advance(3 * SECOND);
        session.send(1, &nack);
        session.advance(SECOND);
        assert_eq!(recorded.sum("publish_outcomes_total confirmed"), 2);
        assert_eq!(recorded.sum("publish_outcomes_total nacked"), 1);
        assert_eq!(recorded.sum("publishes_unconfirmed"), 0);
        assert_durations(recorded.values("confirm_duration_seconds"), &[3.0, 3.0, 6.0]);

        // A message that comes back.
        ready(channel.basic_publish("", "q", "x").into_future()).unwrap();
        let returned = basic::Return {
            reply_code: constants::NO_ROUTE,
            ..Default::default()
        };
        session.feed(
            &[
                method_frame(1, &returned),
                header_frame(1, 1),
                body_frames(1, b"x", 9),
            ]
            .concat(),
        );
        confirm(session, 4, false);
        session.advance(SECOND);
        assert_eq!(recorded.sum("publish_outcomes_total returned"), 1);

        // One that the server forgets, and one that the transport does not take before the channel's end.
        let _late = publish(&publisher);
        session.advance(101 * SECOND);
        session.advance(SECOND);
        assert_eq!(recorded.sum("publish_outcomes_total unknown"), 1);
        session.set_room(0);
        let _unsent = publish(&publisher);
        session.advance(SECOND);
        assert!(recorded.sum("send_backlog_bytes") > 0);
        session.send(1, &channel_close(constants::NOT_FOUND, "no"));
        session.advance(SECOND);
        assert_eq!(recorded.sum("publish_outcomes_total not_sent"), 1);
        assert_eq!(recorded.sum("publish_outcomes_total unknown"), 1);
        assert_eq!(recorded.values("confirm_duration_seconds").len(), 4);
        assert_eq!(recorded.sum("messages_published_total"), 6);
        let stats = session.connection.stats();
        assert_eq!((stats.messages_given_up, stats.messages_not_sent), (2, 1));
    });
}

#[test]
fn deliveries_and_what_became_of_them_are_counted_and_timed() {
    recorded(config().heartbeat(60), |session, recorded| {
        let channel = session.open_channel();
        let mut consumer = session.consume(&channel, "c");
        let feed = |session: &mut Session, tags: std::ops::RangeInclusive<u64>| {
            let octets: Vec<_> = tags.map(|tag| delivery(1, "c", tag, b"body", 9)).collect();
            session.feed(&octets.concat());
        };
        feed(session, 1..=4);
        session.advance(SECOND);
        assert_eq!(recorded.sum("messages_delivered_total"), 4);
        assert_eq!(recorded.sum("messages_buffered"), 4);
        assert!(recorded.sum("buffered_bytes") > 4 * 4);
        assert_eq!(recorded.sum("deliveries_unsettled"), 4);
        let [first, second, third, fourth] = std::array::from_fn(|_| next(&mut consumer).unwrap());
        // Nothing wakes the driver, but it looks again.
        assert!(session.timer() <= Some(SECOND), "{:?}", session.timer());
        session.advance(SECOND);
        assert_eq!(recorded.sum("messages_buffered"), 0);
        assert_eq!(recorded.sum("buffered_bytes"), 0);
        assert!(session.timer() > Some(SECOND), "{:?}", session.timer());

        session.advance(SECOND);
        feed(session, 5..=8);
        ready(third.reject()).unwrap();
        session.drive();
        session.advance(SECOND);
        assert_durations(recorded.values("settle_duration_seconds"), &[3.0]);
        drop(fourth);
        ready(second.ack_multiple()).unwrap();
        ready(first.ack()).unwrap_err();
        session.drive();
        session.advance(SECOND);
        assert_eq!(recorded.sum("deliveries_settled_total acked"), 2);
        assert_eq!(recorded.sum("deliveries_settled_total rejected"), 1);
        assert_eq!(recorded.sum("deliveries_settled_total requeued"), 1);
        assert_eq!(recorded.sum("deliveries_unsettled"), 4);
        assert_durations(recorded.values("settle_duration_seconds"), &[3.0, 4.0, 4.0, 4.0]);

        // A message that leaves together with others, half a second later.
        let fifth = next(&mut consumer).unwrap();
        session.set_room(0);
        ready(fifth.requeue_multiple()).unwrap();
        session.advance(SECOND);
        assert_eq!(recorded.sum("deliveries_settled_total requeued"), 2);
        session.set_room(usize::MAX);
        session.advance(SECOND / 2);
        session.advance(SECOND);
        assert_durations(
            recorded.values("settle_duration_seconds"),
            &[3.0, 3.5, 4.0, 4.0, 4.0],
        );

        // The server requeues what is left.
        ready(channel.basic_recover_async().into_future()).unwrap();
        session.advance(SECOND);
        assert_eq!(recorded.sum("deliveries_settled_total requeued"), 5);
        assert_eq!(recorded.sum("deliveries_unsettled"), 0);
    });
}

#[test]
fn time_under_connection_blocked_is_counted_while_it_lasts() {
    recorded(config(), |session, recorded| {
        let channel = session.open_channel();
        session.send(0, &connection::Blocked::default());
        let mut publish = channel.basic_publish("", "q", "x").into_future();
        assert!(poll(&mut publish).is_pending());
        for seconds in 1..=3 {
            session.advance(SECOND);
            assert_eq!(recorded.sum("blocked_total"), 1);
            assert_eq!(recorded.sum("blocked_milliseconds_total"), 1000 * seconds);
            assert_eq!(recorded.sum("publishes_waiting"), 1);
        }
        session.advance(SECOND / 2);
        session.send(0, &connection::Unblocked {});
        session.advance(9 * SECOND);
        assert!(poll(&mut publish).is_ready());
        session.advance(SECOND);
        assert_eq!(recorded.sum("blocked_milliseconds_total"), 3500);
        assert_eq!(recorded.sum("publishes_waiting"), 0);
        assert_eq!(session.connection.stats().time_blocked, 7 * SECOND / 2);
    });
}

#[test]
fn time_in_which_reading_is_paused_is_counted() {
    let mut config = config();
    config.receive_buffer_messages = 1;
    recorded(config, |session, recorded| {
        let channel = session.open_channel();
        let mut consumer = session.consume(&channel, "c");
        let two = [delivery(1, "c", 1, b"x", 9), delivery(1, "c", 2, b"x", 9)].concat();
        session.feed(&two);
        session.advance(5 * SECOND);
        assert_eq!(recorded.sum("reading_paused_total"), 1);
        assert_eq!(recorded.sum("reading_paused_milliseconds_total"), 5000);
        for _ in 0..2 {
            ready(next(&mut consumer).unwrap().ack()).unwrap();
        }
        session.drive();
        session.advance(5 * SECOND);
        assert_eq!(recorded.sum("reading_paused_milliseconds_total"), 5000);
    });
}

#[test]
fn write_stalls_are_counted_and_how_long_they_last() {
    recorded(config(), |session, recorded| {
        let channel = session.open_channel();
        for _ in 0..2 {
            session.set_room(0);
            ready(channel.basic_publish("", "q", "x").into_future()).unwrap();
            session.drive();
            session.advance(2 * SECOND);
            assert!(recorded.sum("send_backlog_bytes") > 0);
            session.set_room(usize::MAX);
            session.drive();
            session.advance(2 * SECOND);
            assert_eq!(recorded.sum("send_backlog_bytes"), 0);
        }
        assert_eq!(recorded.sum("write_stalls_total"), 2);
        assert_eq!(recorded.sum("write_stalls_milliseconds_total"), 4000);
        assert_eq!(
            recorded.sum("sent_bytes_total"),
            session.connection.stats().octets_sent
        );
        assert_eq!(
            recorded.sum("received_bytes_total"),
            session.connection.stats().octets_received
        );
    });
}

#[test]
fn a_driver_that_is_polled_late_shows_in_the_lag_of_heartbeats() {
    recorded(config().heartbeat(10), |session, recorded| {
        assert!(recorded.values("heartbeat_lag_seconds").is_empty());
        session.advance(5 * SECOND);
        session.advance(SECOND);
        assert_durations(recorded.values("heartbeat_lag_seconds"), &[0.0]);
        session.advance(7 * SECOND);
        session.advance(SECOND);
        assert_durations(recorded.values("heartbeat_lag_seconds"), &[0.0, 3.0]);
        let stats = session.connection.stats();
        assert_eq!((stats.heartbeats_sent, stats.heartbeat_lag), (2, 3 * SECOND));
    });
}
