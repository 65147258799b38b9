//! The strategies by tables: no clock, and dice that fall as the test says.

use std::sync::Arc;

use amqp_protocol::ReplyCode;
use amqp_protocol::table::TableError;

use super::*;
use crate::error::{Close, ConnectPhase, FailedAttempt};
use crate::options::Host;
use crate::sans_io::State;

fn failed(errors: impl IntoIterator<Item = ConnectionError>) -> ConnectError {
    let attempt = |error| FailedAttempt {
        host: Host::new("localhost", 5672),
        address: None,
        phase: ConnectPhase::Amqp,
        error,
    };
    ConnectError::Failed(errors.into_iter().map(attempt).collect::<Arc<[_]>>())
}

fn close() -> Close {
    Close {
        reply_code: ReplyCode(403),
        reply_text: "ACCESS_REFUSED".to_owned(),
        method: None,
        connection_name: None,
    }
}

fn refused() -> ConnectionError {
    ConnectionError::AuthenticationRefused { close: Some(close()) }
}

fn torn() -> ConnectionError {
    let state = State::AwaitingStart;
    ConnectionError::EndOfStream { state }
}

fn invalid() -> ConnectionError {
    ConnectionError::InvalidSetting {
        setting: "client_properties",
        error: TableError::TooDeep,
    }
}

/// Milliseconds of the first pauses.
fn pauses(backoff: ExponentialBackoff, random: f64, count: u32) -> Vec<u128> {
    let pause = |retries| backoff.delay(retries, random).as_millis();
    (0..count).map(pause).collect()
}

#[test]
fn pauses_double_from_one_second_to_thirty_and_are_longer_by_up_to_half() {
    let backoff = ExponentialBackoff::default();
    let least = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
    assert_eq!(pauses(backoff, 0.0, 7), least);
    assert_eq!(pauses(backoff, 0.5, 7), least.map(|pause| pause * 5 / 4));
    assert_eq!(pauses(backoff, 1.0, 7), least.map(|pause| pause * 3 / 2));
    assert_eq!(
        backoff.delay(u32::MAX, 1.0 - f64::EPSILON).as_secs_f64().round(),
        45.0
    );
}

#[test]
fn pauses_are_what_the_settings_say_and_nonsense_does_no_harm() {
    let backoff = ExponentialBackoff::default()
        .initial_delay(Duration::from_millis(10))
        .multiplier(3.0)
        .max_delay(Duration::from_millis(200))
        .jitter(0.0);
    assert_eq!(pauses(backoff, 0.9, 5), [10, 30, 90, 200, 200]);
    for nonsense in [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0] {
        let backoff = ExponentialBackoff::default()
            .multiplier(nonsense)
            .jitter(nonsense);
        assert_eq!(pauses(backoff, 0.9, 3), [1000, 1000, 1000], "{nonsense}");
    }
    let backoff = ExponentialBackoff::default().multiplier(f64::INFINITY);
    assert_eq!(pauses(backoff, 0.0, 3), [1000, 30_000, 30_000]);
    let endless = backoff.max_delay(Duration::MAX);
    assert_eq!(endless.delay(9, 0.5), Duration::MAX);
    assert_eq!(
        ExponentialBackoff::default()
            .initial_delay(Duration::ZERO)
            .delay(u32::MAX, 0.9),
        Duration::ZERO
    );
}

#[test]
fn an_open_connection_begins_anew() {
    let mut retries = Retries::new(ExponentialBackoff::default().jitter(0.0));
    let seconds = |pause: Option<Duration>| pause.map(|pause| pause.as_secs());
    let down = failed([torn()]);
    // Without jitter chance makes no difference.
    assert_eq!(seconds(retries.failed(&down)), Some(1));
    assert_eq!(seconds(retries.failed(&down)), Some(2));
    retries.opened();
    assert_eq!(seconds(retries.closed(&torn())), Some(1));
    assert_eq!(seconds(retries.failed(&down)), Some(2));
    assert_eq!(seconds(retries.failed(&down)), Some(4));
}

#[test]
fn it_gives_up_after_as_many_retries_as_it_has() {
    let mut retries = Retries::new(ExponentialBackoff::default().max_retries(2));
    let down = failed([torn()]);
    for goes_on in [true, true, false] {
        assert_eq!(retries.failed(&down).is_some(), goes_on);
    }
    retries.opened();
    assert!(retries.closed(&torn()).is_some());
    for goes_on in [true, false] {
        assert_eq!(retries.failed(&down).is_some(), goes_on);
    }
    assert_eq!(
        ExponentialBackoff::default()
            .max_retries(0)
            .on_close(&torn(), 0.0),
        None
    );
}

#[test]
fn what_no_retry_mends_ends_it_unless_it_is_to_go_on() {
    for (error, permanent) in [
        (failed([refused()]), true),
        (failed([refused(), torn()]), false),
        (failed([torn(), invalid()]), true),
        (failed([torn()]), false),
        // The stream may have ended for another reason.
        (
            failed([ConnectionError::AuthenticationRefused { close: None }]),
            false,
        ),
        (
            failed([ConnectionError::VirtualHostRefused {
                virtual_host: "/".to_owned(),
                close: close(),
            }]),
            true,
        ),
        (ConnectError::NoHost, true),
        (ConnectError::TlsNotEnabled, true),
    ] {
        assert_eq!(error.is_permanent(), permanent, "{error}");
        let mut backoff = ExponentialBackoff::default();
        assert_eq!(backoff.on_failure(&error, 0, 0.0).is_none(), permanent, "{error}");
        let mut stubborn = backoff.retry_permanent(true);
        assert_eq!(stubborn.on_failure(&error, 0, 0.0), Some(Duration::from_secs(1)));
        assert_eq!(NoReconnection.on_failure(&error, 0, 0.0), None);
    }
}

#[test]
fn what_this_client_closed_stays_closed() {
    for (error, pause) in [
        (ConnectionError::Closed, None),
        (ConnectionError::CloseTimedOut, None),
        (ConnectionError::CloseUnanswered, None),
        (
            ConnectionError::ClosedByServer(close()),
            Some(Duration::from_secs(1)),
        ),
        (ConnectionError::HeartbeatTimedOut, Some(Duration::from_secs(1))),
        (torn(), Some(Duration::from_secs(1))),
    ] {
        assert_eq!(
            ExponentialBackoff::default().on_close(&error, 0.0),
            pause,
            "{error}"
        );
        assert_eq!(NoReconnection.on_close(&error, 0.0), None);
    }
}
