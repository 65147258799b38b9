//! Who connects: every mechanism, the rounds of connection.secure, and what must never be seen of a secret.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use amqp_client::protocol::v0_9_1::{Method, connection};
use amqp_client::protocol::{FieldTable, FieldValue, LongStr};
use amqp_client::{
    Config, ConnectionError, Credentials, IssueError, IssuedSecret, Mechanism, MechanismError, Secret,
    SecretProvider, State,
};

use crate::peer::{Peer, Sent, method_frame, start};
use crate::wire::{Session, poll, ready};

const TUNE: connection::Tune = connection::Tune {
    channel_max: 0,
    frame_max: 0,
    heartbeat: 0,
};

fn peer(credentials: Credentials) -> Peer {
    let mut config = Config::default();
    config.credentials = credentials;
    Peer::new(config)
}

fn secure(challenge: &'static str) -> connection::Secure<'static> {
    connection::Secure {
        challenge: LongStr::from_static(challenge),
    }
}

/// The mechanism and the response that a server of these mechanisms gets.
fn start_ok(peer: &mut Peer, mechanisms: &'static str) -> (String, Vec<u8>) {
    peer.send(0, &start(mechanisms));
    match peer.sent().as_slice() {
        [Sent::Method(0, Method::Connection(connection::Method::StartOk(start_ok)))] => (
            start_ok.mechanism.to_string(),
            start_ok.response.as_bytes().to_vec(),
        ),
        sent => panic!("{sent:?} {:?}", peer.core.error()),
    }
}

fn secure_ok(peer: &mut Peer, challenge: &'static str) -> Vec<u8> {
    peer.send(0, &secure(challenge));
    match peer.sent().as_slice() {
        [Sent::Method(0, Method::Connection(connection::Method::SecureOk(secure_ok)))] => {
            secure_ok.response.as_bytes().to_vec()
        }
        sent => panic!("{sent:?} {:?}", peer.core.error()),
    }
}

fn open(peer: &mut Peer) {
    peer.send(0, &TUNE);
    peer.send(0, &connection::OpenOk {});
    assert_eq!(peer.core.state(), State::Open);
    peer.sent();
    peer.events();
}

#[test]
fn each_mechanism_and_its_response() {
    let amqplain = b"\x05LOGINS\0\0\0\x02me\x08PASSWORDS\0\0\0\x06s3cret";
    for (credentials, name, response) in [
        (Credentials::plain("me", "s3cret"), "PLAIN", &b"\0me\0s3cret"[..]),
        (Credentials::amqplain("me", "s3cret"), "AMQPLAIN", amqplain),
        (Credentials::external(), "EXTERNAL", b""),
        (Credentials::anonymous(), "ANONYMOUS", b""),
        (
            Credentials::rabbit_cr_demo("me", "s3cret"),
            "RABBIT-CR-DEMO",
            b"me",
        ),
    ] {
        for step in [usize::MAX, 1] {
            let mut peer = peer(credentials.clone()).by(step);
            let said = start_ok(&mut peer, "AMQPLAIN ANONYMOUS EXTERNAL PLAIN RABBIT-CR-DEMO");
            assert_eq!(said, (name.to_owned(), response.to_vec()));
            if name == "RABBIT-CR-DEMO" {
                assert_eq!(
                    secure_ok(&mut peer, "Please tell me your password"),
                    b"My password is s3cret"
                );
            }
            open(&mut peer);
        }
    }
    // The response of AMQPLAIN is a field table without the length before it.
    let table = FieldTable::new()
        .with("LOGIN", "me")
        .unwrap()
        .with("PASSWORD", "s3cret")
        .unwrap();
    assert_eq!(table.as_octets(), amqplain);
    assert_eq!(
        table.get("LOGIN").unwrap().tag(),
        FieldValue::LongString(LongStr::default()).tag()
    );
}

#[test]
fn the_first_mechanism_that_is_offered_is_used() {
    let all = Credentials::external()
        .or(Credentials::amqplain("me", "a"))
        .or(Credentials::plain("me", "p"));
    for (offered, used) in [
        ("PLAIN AMQPLAIN EXTERNAL", "EXTERNAL"),
        ("PLAIN AMQPLAIN", "AMQPLAIN"),
        ("PLAIN", "PLAIN"),
    ] {
        assert_eq!(start_ok(&mut peer(all.clone()), offered).0, used);
    }
    for offered in ["PLAINER XPLAIN", "plain", ""] {
        let mut peer = peer(all.clone());
        peer.send(0, &start(offered));
        let Some(ConnectionError::MechanismNotOffered {
            wanted,
            offered: list,
        }) = peer.core.error()
        else {
            panic!("{:?}", peer.core.error());
        };
        assert_eq!(
            (wanted.as_str(), list.as_str()),
            ("EXTERNAL AMQPLAIN PLAIN", offered)
        );
        assert_eq!((peer.sent(), peer.core.state()), (vec![], State::Closed));
    }
}

/// Counts the rounds that it has seen, and panics in the one of this number.
#[derive(Clone)]
struct Counting {
    rounds: u32,
    panics_at: u32,
}

impl Mechanism for Counting {
    fn name(&self) -> &str {
        "COUNTING"
    }

    fn initial_response(&mut self) -> Result<Secret, MechanismError> {
        assert_ne!(self.panics_at, 0, "as told");
        Ok(Secret::from("0"))
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError> {
        self.rounds += 1;
        assert_ne!(self.panics_at, self.rounds, "as told");
        if challenge == b"stop" {
            return Err("it was told to stop".into());
        }
        Ok(Secret::from(self.rounds.to_string()))
    }
}

fn counting(panics_at: u32) -> Credentials {
    Credentials::mechanism(Counting { rounds: 0, panics_at })
}

#[test]
fn a_mechanism_of_ones_own_begins_anew_with_each_connection() {
    let credentials = counting(u32::MAX);
    for _ in 0..2 {
        let mut peer = peer(credentials.clone());
        assert_eq!(
            start_ok(&mut peer, "PLAIN COUNTING"),
            ("COUNTING".to_owned(), b"0".to_vec())
        );
        assert_eq!(secure_ok(&mut peer, "?"), b"1");
        assert_eq!(secure_ok(&mut peer, "?"), b"2");
        open(&mut peer);
    }
}

#[test]
fn challenges_end_after_sixteen_rounds_and_when_the_mechanism_says_so() {
    let mut endless = peer(counting(u32::MAX));
    start_ok(&mut endless, "COUNTING");
    for round in 1..=16 {
        assert_eq!(secure_ok(&mut endless, "?"), round.to_string().as_bytes());
    }
    endless.send(0, &secure("?"));
    assert!(matches!(
        endless.core.error(),
        Some(ConnectionError::TooManyChallenges { limit: 16 })
    ));
    assert_eq!(endless.core.state(), State::Closed);

    let mut told = peer(counting(u32::MAX));
    start_ok(&mut told, "COUNTING");
    told.send(0, &secure("stop"));
    assert_eq!(
        told.core.error().unwrap().to_string(),
        "SASL mechanism COUNTING: it was told to stop"
    );
    let mut plain = peer(Credentials::plain("me", "s3cret"));
    start_ok(&mut plain, "PLAIN");
    plain.send(0, &secure("?"));
    assert!(
        matches!(plain.core.error(), Some(ConnectionError::MechanismFailed { mechanism, .. }) if mechanism == "PLAIN")
    );
    assert_eq!((plain.sent(), plain.core.state()), (vec![], State::Closed));
}

#[test]
fn challenges_do_not_hold_the_handshakes_time() {
    let mut peer = peer(counting(u32::MAX));
    start_ok(&mut peer, "COUNTING");
    let half = Config::default().handshake_timeout / 2;
    for _ in 0..2 {
        secure_ok(&mut peer, "?");
        peer.advance(half);
    }
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::HandshakeTimedOut {
            state: State::AwaitingTune
        })
    ));
}

#[test]
fn a_mechanism_that_panics_ends_the_connection_and_nothing_else() {
    let mut at_once = peer(counting(0));
    let caught = catch_unwind(AssertUnwindSafe(|| at_once.send(0, &start("COUNTING"))));
    assert!(caught.is_err());
    assert_eq!(at_once.sent(), []);
    at_once.core.abandon(at_once.now, ConnectionError::DriverDropped);
    assert_eq!(at_once.core.state(), State::Closed);

    let mut later = peer(counting(1));
    start_ok(&mut later, "COUNTING");
    let caught = catch_unwind(AssertUnwindSafe(|| later.send(0, &secure("?"))));
    assert!(caught.is_err());
    // Whoever goes on all the same gets an error, and the server nothing.
    later.send(0, &secure("?"));
    assert_eq!(
        later.core.error().unwrap().to_string(),
        "SASL mechanism COUNTING: it panicked"
    );
    assert_eq!((later.sent(), later.core.state()), (vec![], State::Closed));
}

#[test]
fn a_mechanism_that_panics_in_a_driver_leaves_handles_that_work() {
    let mut config = Config::default();
    config.credentials = counting(0);
    let mut session = Session::new(config);
    session.drive();
    let opened = session.connection.clone();
    let mut opened = Box::pin(opened.opened());
    assert!(poll(&mut opened).is_pending());
    let start = method_frame(0, &start("COUNTING"));
    assert!(catch_unwind(AssertUnwindSafe(|| session.feed(&start))).is_err());
    // A task that panics drops its future.
    session.drop_driver();
    assert!(matches!(
        poll(&mut opened),
        Poll::Ready(Err(ConnectionError::DriverDropped))
    ));
    assert_eq!(session.connection.state(), State::Closed);
}

#[test]
fn a_response_over_the_first_frames_limit_says_so_and_is_not_sent() {
    let longest = {
        let mut peer = peer(Credentials::plain("", "x".repeat(4096)));
        peer.send(0, &start("PLAIN"));
        let Some(ConnectionError::ResponseTooLong {
            mechanism,
            octets,
            room,
        }) = peer.core.error()
        else {
            panic!("{:?}", peer.core.error());
        };
        assert_eq!((mechanism.as_str(), *octets), ("PLAIN", 4098));
        let room = *room;
        assert_eq!(peer.sent(), []);
        room
    };
    for (len, fits) in [(longest, true), (longest + 1, false)] {
        let mut peer = peer(Credentials::plain("", "x".repeat(len - 2)));
        peer.send(0, &start("PLAIN"));
        assert_eq!(peer.core.error().is_none(), fits);
        assert_eq!(peer.octets().len(), if fits { 4096 } else { 0 });
    }

    #[derive(Clone)]
    struct Long;
    impl Mechanism for Long {
        fn name(&self) -> &str {
            "LONG"
        }
        fn initial_response(&mut self) -> Result<Secret, MechanismError> {
            Ok(Secret::default())
        }
        fn respond(&mut self, _: &[u8]) -> Result<Secret, MechanismError> {
            Ok(Secret::from(vec![0; 4096]))
        }
    }
    let mut peer = peer(Credentials::mechanism(Long));
    start_ok(&mut peer, "LONG");
    peer.send(0, &secure("?"));
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::ResponseTooLong {
            octets: 4096,
            room: 4080,
            ..
        })
    ));
    assert_eq!(peer.sent(), []);
}

struct Fixed(&'static str);

impl SecretProvider for Fixed {
    async fn issue(&self) -> Result<IssuedSecret, IssueError> {
        match self.0 {
            "" => Err("the endpoint is down".into()),
            token => Ok(IssuedSecret::new(token, None)),
        }
    }
}

#[test]
fn a_providers_secret_is_fetched_before_the_connection_begins() {
    let credentials = Credentials::from_provider("me", Fixed("t0ken"));
    let mut unfetched = peer(credentials.clone());
    unfetched.send(0, &start("PLAIN"));
    let error = unfetched.core.error().unwrap().to_string();
    assert!(error.contains("Credentials::fetch"), "{error}");

    let fetched = ready(credentials.fetch()).unwrap();
    assert!(!format!("{fetched:?}").contains("t0ken"));
    assert_eq!(
        start_ok(&mut peer(fetched), "PLAIN"),
        ("PLAIN".to_owned(), b"\0me\0t0ken".to_vec())
    );
    let error = ready(Credentials::from_provider("me", Fixed("")).fetch()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the provider of the credentials has no secret: the endpoint is down"
    );
}

#[test]
fn a_secret_is_in_no_text() {
    let all = Credentials::plain("me", "s3cret")
        .or(Credentials::amqplain("me", "s3cret"))
        .or(Credentials::rabbit_cr_demo("me", "s3cret"))
        .or(Credentials::mechanism(Counting {
            rounds: 0,
            panics_at: 9,
        }));
    let mut texts = vec![format!("{all:?}"), format!("{:#?}", Secret::from("s3cret"))];
    for offered in ["PLAIN", "AMQPLAIN", "RABBIT-CR-DEMO", "NONE"] {
        let mut peer = peer(all.clone());
        // What waits to be sent is part of the core's text as well.
        peer.send(0, &start(offered));
        texts.push(format!("{:?} {:#?}", peer.core, peer.core));
        peer.send(0, &secure("?"));
        texts.push(format!("{:?}", peer.core));
        peer.core.receive_eof(peer.now);
        let error = peer.core.error().unwrap();
        texts.push(format!("{error} {error:?}"));
        texts.extend(peer.events().iter().map(|event| format!("{event:?}")));
    }
    let mut long = peer(Credentials::plain("me", "s3cret".repeat(1000)));
    long.send(0, &start("PLAIN"));
    let error = long.core.error().unwrap();
    texts.push(format!("{error} {error:?}"));
    let octets = "s3cret"
        .bytes()
        .map(|octet| octet.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    for text in texts {
        assert!(!text.contains("s3cret") && !text.contains(&octets), "{text}");
    }
}
