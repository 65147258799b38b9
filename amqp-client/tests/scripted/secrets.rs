//! Secrets that expire: connection.update-secret in core and handles, and what keeps secrets fresh, with sleeps that end when
//! the test says so.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{Method, connection, constants};
use amqp_client::protocol::{LongStr, ShortStr};
use amqp_client::sans_io::RequestId;
use amqp_client::{
    CallError, ChannelError, Config, Connection, ConnectionError, Credentials, IssueError, IssuedSecret,
    RefreshError, Secret, SecretProvider, State,
};

use crate::peer::{Peer, Sent};
use crate::wire::{Session, poll, ready};

/// A token and its seconds, or an error.
type Issue = Option<(&'static str, u64)>;

/// Issues what stands in a list, in order.
#[derive(Clone)]
struct List(Arc<Mutex<VecDeque<Issue>>>);

impl SecretProvider for List {
    async fn issue(&self) -> Result<IssuedSecret, IssueError> {
        match self.0.lock().unwrap().pop_front().expect("asked too often") {
            Some((token, seconds)) => Ok(IssuedSecret::new(token, Duration::from_secs(seconds))),
            None => Err("the endpoint is down".into()),
        }
    }
}

fn session(list: &[Issue]) -> Session {
    Session::open_with(config(list))
}

fn config(list: &[Issue]) -> Config {
    let list = List(Arc::new(Mutex::new(list.iter().copied().collect())));
    let mut config = Config::default();
    config.credentials = ready(Credentials::from_provider("", list).fetch()).unwrap();
    config
}

/// Sleeps until the test ends it, and notes for how long it was asked to.
#[derive(Clone, Default)]
struct Clock {
    asked: Arc<Mutex<Vec<Duration>>>,
    over: Arc<AtomicBool>,
}

impl Clock {
    fn sleep(&self, time: Duration) -> Sleep {
        self.asked.lock().unwrap().push(time);
        Sleep(Arc::clone(&self.over))
    }

    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    fn asked(&self) -> Vec<Duration> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

struct Sleep(Arc<AtomicBool>);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.swap(false, Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

type Keeping = Pin<Box<dyn Future<Output = Result<(), RefreshError>> + Send>>;

fn keep(connection: &Connection, clock: &Clock) -> Keeping {
    let clock = clock.clone();
    Box::pin(connection.keep_secret_fresh(move |time| clock.sleep(time)))
}

fn updated(sent: &[Sent]) -> String {
    match sent {
        [Sent::Method(0, Method::Connection(connection::Method::UpdateSecret(update)))] => {
            update.new_secret.to_str_lossy().into_owned()
        }
        sent => panic!("{sent:?}"),
    }
}

fn update(peer: &mut Peer, secret: &'static str) -> RequestId {
    let request = peer
        .core
        .update_secret(peer.now, &Secret::from(secret), ShortStr::from_static("renewed"))
        .unwrap();
    let expected = connection::UpdateSecret {
        new_secret: LongStr::try_from(secret).unwrap(),
        reason: ShortStr::from_static("renewed"),
    };
    assert_eq!(peer.sent(), [Sent::Method(0, expected.into())]);
    request
}

#[test]
fn update_secret_is_answered_in_order_and_tombstones_take_their_replies() {
    let mut peer = Peer::open();
    let (first, second, third) = (
        update(&mut peer, "1"),
        update(&mut peer, "2"),
        update(&mut peer, "3"),
    );
    peer.core.abandon_request(second);
    peer.send(0, &connection::UpdateSecretOk {});
    assert!(peer.outcome(first).is_ok());
    peer.send(0, &connection::UpdateSecretOk {});
    assert!(peer.events().is_empty());
    peer.send(0, &connection::UpdateSecretOk {});
    assert!(peer.outcome(third).is_ok());

    // One that timed out is owed its reply still, and the next gets its own.
    let late = update(&mut peer, "4");
    peer.advance(Config::default().call_timeout);
    let Err(error) = peer.outcome(late) else {
        panic!("in time")
    };
    assert_eq!(error.to_string(), "no reply to connection.update_secret in time");
    let next = update(&mut peer, "5");
    peer.send(0, &connection::UpdateSecretOk {});
    assert!(peer.events().is_empty());
    peer.send(0, &connection::UpdateSecretOk {});
    assert!(peer.outcome(next).is_ok());
    assert_eq!(peer.core.poll_timeout(), None);

    // One too many is a violation.
    peer.send(0, &connection::UpdateSecretOk {});
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::PeerViolation(_))
    ));
}

#[test]
fn update_secret_ends_with_the_connection_and_is_refused_when_it_cannot_be_sent() {
    let mut early = Peer::new(Config::default());
    let reason = || ShortStr::from_static("renewed");
    let refused = early.core.update_secret(early.now, &Secret::from("x"), reason());
    assert!(matches!(refused, Err(CallError::NotSendable { .. })));

    let mut peer = Peer::tuned(Config::default(), 10, 4096);
    let too_long = peer
        .core
        .update_secret(peer.now, &Secret::from(vec![0; 4096]), reason());
    assert!(matches!(too_long, Err(CallError::FrameTooLarge { .. })));
    assert_eq!(peer.sent(), []);
    let request = update(&mut peer, "expired");
    let close = connection::Close {
        reply_code: constants::NOT_ALLOWED,
        reply_text: ShortStr::from_static("NOT_ALLOWED - New secret was refused"),
        ..Default::default()
    };
    peer.send(0, &close);
    let Err(CallError::Channel(ChannelError::Connection(ConnectionError::ClosedByServer(close)))) =
        peer.outcome(request)
    else {
        panic!("not the server's close")
    };
    assert_eq!(close.reply_code, constants::NOT_ALLOWED);
    assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
    assert_eq!(peer.core.poll_timeout(), None);
    let over = peer.core.update_secret(peer.now, &Secret::from("x"), reason());
    assert!(matches!(over, Err(CallError::Channel(_))));
}

#[test]
fn update_secret_is_a_call_of_the_connection() {
    let mut session = Session::open();
    let connection = session.connection.clone();
    {
        let mut updating = Box::pin(connection.update_secret("n3w", "the old one expires"));
        assert_eq!(session.sent(), []);
        assert!(poll(&mut updating).is_pending());
        assert!(session.driver_was_woken());
        assert_eq!(updated(&session.sent()), "n3w");
        session.send(0, &connection::UpdateSecretOk {});
        assert!(matches!(poll(&mut updating), Poll::Ready(Ok(()))));
    }
    // Dropped before its first poll it sends nothing, dropped later its reply is nobody's.
    drop(connection.update_secret("never", ""));
    assert_eq!(session.sent(), []);
    let mut dropped = Box::pin(connection.update_secret("first", ""));
    assert!(poll(&mut dropped).is_pending());
    drop(dropped);
    let mut second = Box::pin(connection.update_secret("second", ""));
    assert!(poll(&mut second).is_pending());
    assert_eq!(session.sent().len(), 2);
    session.send(0, &connection::UpdateSecretOk {});
    assert!(poll(&mut second).is_pending());
    session.send(0, &connection::UpdateSecretOk {});
    assert!(matches!(poll(&mut second), Poll::Ready(Ok(()))));

    let too_long = ready(connection.update_secret("x", &"x".repeat(256)));
    assert!(matches!(
        too_long,
        Err(CallError::InvalidArgument {
            argument: "reason",
            ..
        })
    ));
    let mut waiting = Box::pin(connection.update_secret("x", ""));
    assert!(poll(&mut waiting).is_pending());
    session.drop_driver();
    assert!(matches!(
        poll(&mut waiting),
        Poll::Ready(Err(CallError::Channel(ChannelError::Connection(
            ConnectionError::DriverDropped
        ))))
    ));
}

#[test]
fn a_secret_is_replaced_before_it_expires_again_and_again() {
    let clock = Clock::default();
    let mut session = session(&[Some(("one", 3600)), Some(("two", 1000)), Some(("three", 0))]);
    let mut keeping = keep(&session.connection, &clock);
    for (token, lifetime) in [("two", 3600), ("three", 1000)] {
        assert!(poll(&mut keeping).is_pending());
        let [slept] = clock.asked()[..] else {
            panic!("not once")
        };
        let due = Duration::from_secs(lifetime) / 5 * 4;
        assert!(slept <= due && slept > due - Duration::from_secs(60), "{slept:?}");
        assert_eq!(session.sent(), []);
        clock.end();
        assert!(poll(&mut keeping).is_pending());
        assert_eq!(updated(&session.sent()), token);
        session.send(0, &connection::UpdateSecretOk {});
    }
    // Whatever lifetime a secret has, a second lies between.
    assert!(poll(&mut keeping).is_pending());
    assert_eq!(clock.asked(), [Duration::from_secs(1)]);
}

#[test]
fn a_provider_that_fails_is_asked_again_until_the_secret_has_expired() {
    let clock = Clock::default();
    let mut session = session(&[Some(("one", 1000)), None, None, Some(("two", 0)), None]);
    let mut keeping = keep(&session.connection, &clock);
    for due in [800, 500, 500] {
        assert!(poll(&mut keeping).is_pending());
        let [slept] = clock.asked()[..] else {
            panic!("not once")
        };
        let due = Duration::from_secs(due);
        assert!(slept <= due && slept > due - Duration::from_secs(60), "{slept:?}");
        clock.end();
    }
    assert!(poll(&mut keeping).is_pending());
    assert_eq!(updated(&session.sent()), "two");
    session.send(0, &connection::UpdateSecretOk {});
    assert!(poll(&mut keeping).is_pending());
    clock.end();
    let Poll::Ready(Err(RefreshError::Provider(error))) = poll(&mut keeping) else {
        panic!("it goes on")
    };
    assert!(error.to_string().contains("the endpoint is down"));
    assert_eq!(session.connection.state(), State::Open);
}

#[test]
fn keeping_a_secret_fresh_ends_with_the_connection_and_does_not_hold_it() {
    // Without a secret that expires there is nothing to do.
    let clock = Clock::default();
    let plain = Session::open();
    assert!(matches!(
        poll(&mut keep(&plain.connection, &clock)),
        Poll::Ready(Ok(()))
    ));

    let mut lost = session(&[Some(("one", 1000))]);
    let mut keeping = keep(&lost.connection, &clock);
    assert!(poll(&mut keeping).is_pending());
    lost.drop_driver();
    assert!(matches!(poll(&mut keeping), Poll::Ready(Ok(()))));

    let mut dropped = session(&[Some(("one", 1000))]);
    let mut keeping = keep(&dropped.connection, &clock);
    assert!(poll(&mut keeping).is_pending());
    let other = Session::open();
    dropped.connection = other.connection.clone();
    let sent = dropped.sent();
    assert!(
        matches!(sent.as_slice(), [sent] if sent.is::<connection::Close<'_>>()),
        "{sent:?}"
    );
    assert!(matches!(poll(&mut keeping), Poll::Ready(Ok(()))));

    // A server that refuses the new secret closes the connection.
    let mut refused = session(&[Some(("one", 1000)), Some(("two", 1000))]);
    let mut keeping = keep(&refused.connection, &clock);
    assert!(poll(&mut keeping).is_pending());
    clock.end();
    assert!(poll(&mut keeping).is_pending());
    assert_eq!(updated(&refused.sent()), "two");
    refused.send(0, &connection::Close::default());
    assert!(matches!(poll(&mut keeping), Poll::Ready(Ok(()))));
    assert!(matches!(
        ready(pin!(refused.connection.closed())),
        ConnectionError::ClosedByServer(_)
    ));
}

#[cfg(feature = "v0-8")]
#[test]
fn keeping_a_secret_fresh_ends_where_none_can_be_replaced() {
    use amqp_client::Protocol;
    use amqp_client::protocol::v0_8::connection::{OpenOk, Start, Tune};

    let clock = Clock::default();
    // The provider would panic, were it asked once more.
    let config = config(&[Some(("one", 1000)), Some(("two", 1000))]);
    let mut session = Session::greeted(config.protocol(Protocol::V0_8).access_realm(None));
    let start = Start {
        version_major: 8,
        mechanisms: LongStr::from_static("PLAIN"),
        ..Default::default()
    };
    session.send(0, &start);
    session.send(0, &Tune::default());
    session.send(0, &OpenOk::default());
    assert_eq!(session.connection.protocol(), Protocol::V0_8);
    let mut keeping = keep(&session.connection, &clock);
    assert!(poll(&mut keeping).is_pending());
    clock.end();
    assert!(matches!(
        poll(&mut keeping),
        Poll::Ready(Err(RefreshError::Call(CallError::Unsupported { .. })))
    ));
    assert_eq!(session.connection.state(), State::Open);
}

#[test]
fn keeping_a_secret_fresh_can_be_dropped_at_every_step() {
    // Before its first poll, asleep, and waiting for the reply.
    for steps in 0..3 {
        let clock = Clock::default();
        let mut session = session(&[Some(("one", 1000)), Some(("two", 1000))]);
        let mut keeping = keep(&session.connection, &clock);
        for _ in 0..steps {
            assert!(poll(&mut keeping).is_pending());
            clock.end();
        }
        drop(keeping);
        let sent = session.sent();
        if steps == 2 {
            assert_eq!(updated(&sent), "two");
            session.send(0, &connection::UpdateSecretOk {});
        } else {
            assert_eq!(sent, []);
        }
        let connection = session.connection.clone();
        let mut updating = Box::pin(connection.update_secret("three", ""));
        assert!(poll(&mut updating).is_pending());
        assert_eq!(updated(&session.sent()), "three");
        session.send(0, &connection::UpdateSecretOk {});
        assert!(matches!(poll(&mut updating), Poll::Ready(Ok(()))));
        assert_eq!(connection.state(), State::Open);
    }
}
