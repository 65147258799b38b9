//! What a wire tap sees: every frame once, however it is cut, without secrets.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use amqp_client::methods::{basic, connection};
use amqp_client::protocol::frame::{self, FrameType, HEARTBEAT};
use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::{ChannelId, DecodeErrorKind, LongStr, ProtocolHeader, ShortStr};
use amqp_client::sans_io::State;
use amqp_client::wire::{self, Sender};
use amqp_client::{Config, Credentials, Secret};
use bytes::Bytes;

use crate::peer::{Peer, delivery, method_frame, publish, start};
use crate::wire::Session;

/// A frame, kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) sender: Sender,
    at: Instant,
    pub(crate) octets: Vec<u8>,
    /// Where the payload lay.
    place: Range<usize>,
    pub(crate) redacted: bool,
    /// The line without the number of the connection.
    pub(crate) line: String,
}

#[derive(Default)]
pub(crate) struct Log {
    frames: Mutex<Vec<Seen>>,
}

impl wire::Tap for Log {
    fn frame(&self, frame: &wire::Frame<'_>) {
        let place = frame.octets()[1].as_ptr_range();
        let line = frame.to_string();
        let seen = Seen {
            sender: frame.sender,
            at: frame.at,
            octets: frame.octets().concat(),
            place: place.start as usize..place.end as usize,
            redacted: frame.is_redacted(),
            line: line.replacen(&format!("#{} ", frame.connection), "", 1),
        };
        self.frames.lock().unwrap().push(seen);
    }
}

impl Log {
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.frames.lock().unwrap())
    }

    fn lines(&self) -> Vec<String> {
        self.take().into_iter().map(|seen| seen.line).collect()
    }
}

pub(crate) fn tapped(config: Config) -> (Config, Arc<Log>) {
    let log = Arc::new(Log::default());
    (config.wire_tap(log.clone()), log)
}

/// An open connection, its handshake forgotten.
pub(crate) fn open() -> (Peer, Arc<Log>) {
    let (config, log) = tapped(Config::default());
    let peer = Peer::tuned(config, 2047, 4096);
    log.take();
    (peer, log)
}

pub(crate) fn octets_of(seen: &[Seen], sender: Sender) -> Vec<u8> {
    let frames = seen.iter().filter(|seen| seen.sender == sender);
    frames.flat_map(|seen| seen.octets.clone()).collect()
}

pub(crate) fn consumer_with_three_frames(peer: &mut Peer) -> Vec<u8> {
    let key = peer.open_channel();
    peer.consume(key, "tag");
    let mut octets = delivery(1, "tag", 1, b"coffee", 4);
    octets.extend(HEARTBEAT);
    octets.extend(delivery(1, "tag", 2, b"", 1));
    octets
}

#[test]
fn a_session_is_a_line_for_each_frame() {
    let (config, log) = tapped(Config::default().connection_name("orders\n"));
    let mut peer = Peer::tuned(config, 2047, 4096);
    let greeting = log.lines();
    assert_eq!(
        greeting[0],
        "orders\\n client: protocol header AMQP 0 0 9 1 (0-9-1)"
    );
    assert!(
        greeting[1].starts_with("orders\\n server channel 0: connection.start { version_major: 0, "),
        "{greeting:?}"
    );
    assert!(
        greeting[2].contains(": connection.start_ok { client_properties: {\"product\": "),
        "{greeting:?}"
    );
    assert!(greeting[2].ends_with("mechanism: \"PLAIN\", response: \"(hidden)\", locale: \"en_US\" }"));
    assert_eq!(
        greeting[3..],
        [
            "orders\\n server channel 0: connection.tune { channel_max: 2047, frame_max: 4096, heartbeat: 0 }",
            "orders\\n client channel 0: connection.tune_ok { channel_max: 2047, frame_max: 4096, heartbeat: 0 }",
            "orders\\n client channel 0: connection.open { virtual_host: \"/\" }",
            "orders\\n server channel 0: connection.open_ok",
        ]
    );
    let key = peer.open_channel();
    log.take();
    publish(&mut peer, key, &b"a \"b\"\n"[..]).unwrap();
    publish(&mut peer, key, vec![0xff; 65]).unwrap();
    peer.sent();
    peer.feed(&HEARTBEAT);
    let properties = basic::Properties {
        content_type: Some(ShortStr::from_static("text/plain")),
        r#type: Some(ShortStr::from_static("order")),
        ..Default::default()
    };
    peer.feed(&crate::peer::header_frame_with(1, 6, &properties));
    let method = "basic.publish { exchange: \"\", routing_key: \"key\", mandatory: false, immediate: false }";
    let published = format!("orders\\n client channel 1: {method}");
    assert_eq!(
        log.lines(),
        [
            published.as_str(),
            "orders\\n client channel 1: header, body of 6 octets",
            "orders\\n client channel 1: body of 6 octets \"a \\\"b\\\"\\n\"",
            &published,
            "orders\\n client channel 1: header, body of 65 octets",
            &format!(
                "orders\\n client channel 1: body of 65 octets b\"{}\"...",
                "\\xff".repeat(64)
            ),
            "orders\\n server channel 0: heartbeat",
            "orders\\n server channel 1: header, body of 6 octets { content_type: \"text/plain\", type: \"order\" }",
        ]
    );
}

#[test]
fn received_frames_are_seen_once_however_they_come() {
    let mut whole = None;
    for step in [usize::MAX, 1, 2, 7, 20] {
        let (mut peer, log) = open();
        let octets = consumer_with_three_frames(&mut peer);
        log.take();
        peer = peer.by(step);
        peer.feed(&octets);
        let seen = log.take();
        assert_eq!(octets_of(&seen, Sender::Server), octets, "by {step}");
        let lines: Vec<String> = seen.into_iter().map(|seen| seen.line).collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(whole.get_or_insert_with(|| lines.clone()), &lines, "by {step}");
    }
}

#[test]
fn time_is_that_of_the_connection() {
    let (mut peer, log) = open();
    let began = peer.now;
    peer.advance(Duration::from_secs(3));
    peer.feed(&HEARTBEAT);
    peer.core.open_channel(peer.now).unwrap();
    peer.advance(Duration::from_secs(2));
    peer.sent();
    let times: Vec<Duration> = log.take().iter().map(|seen| seen.at - began).collect();
    assert_eq!(times, [3, 5].map(Duration::from_secs));
}

#[test]
fn large_bodies_are_seen_where_they_lie() {
    let (mut peer, log) = open();
    let key = peer.open_channel();
    log.take();
    let body = Bytes::from(vec![7; 1 << 18]);
    let all = body.as_ptr_range();
    let all = all.start as usize..all.end as usize;
    publish(&mut peer, key, body.clone()).unwrap();
    // Behind it, octets that are not shared.
    publish(&mut peer, key, &b"small"[..]).unwrap();
    let sent = peer.octets();
    let seen = log.take();
    assert_eq!(octets_of(&seen, Sender::Client), sent);
    // A frame of 4,096 octets has room for 4,088.
    let parts = (1_usize << 18).div_ceil(4088);
    assert_eq!(seen.len(), 2 + parts + 3);
    let mut end = all.start;
    for part in &seen[2..2 + parts] {
        assert_eq!(part.place.start, end, "copied");
        end = part.place.end;
    }
    assert_eq!(end, all.end);
}

pub(crate) const PASSWORD: &str = "pass-word-s3cret";

fn holds(octets: &[u8], secret: &str) -> bool {
    octets
        .windows(secret.len())
        .any(|window| window == secret.as_bytes())
}

#[test]
fn no_method_shows_its_secret() {
    let (config, log) = tapped(Config::default().credentials(Credentials::rabbit_cr_demo("me", PASSWORD)));
    let mut peer = Peer::new(config);
    peer.send(0, &start("RABBIT-CR-DEMO"));
    peer.octets();
    let secure = connection::Secure {
        challenge: LongStr::from_static("challenge-s3cret"),
    };
    peer.send(0, &secure);
    assert!(holds(&peer.octets(), PASSWORD));
    peer.send(
        0,
        &connection::Tune {
            channel_max: 1,
            frame_max: 4096,
            heartbeat: 0,
        },
    );
    peer.octets();
    peer.send(0, &connection::OpenOk {});
    let reason = ShortStr::from_static("renewed");
    peer.core
        .update_secret(peer.now, &Secret::from("token-s3cret"), reason.clone())
        .unwrap();
    assert!(holds(&peer.octets(), "token-s3cret"));

    let seen = log.take();
    let redacted: Vec<&Seen> = seen.iter().filter(|seen| seen.redacted).collect();
    for seen in &seen {
        assert!(!holds(&seen.octets, "s3cret"), "{}", seen.line);
        assert!(!seen.line.contains("s3cret"), "{}", seen.line);
    }
    let hidden = LongStr::from_static("(hidden)");
    let [start_ok, challenge, secure_ok, update] = redacted.as_slice() else {
        panic!("{redacted:?}")
    };
    assert!(
        start_ok
            .line
            .contains("mechanism: \"RABBIT-CR-DEMO\", response: \"(hidden)\"")
    );
    // Whole frames again, of the right size.
    assert_eq!(
        challenge.octets,
        method_frame(
            0,
            &connection::Secure {
                challenge: hidden.clone()
            }
        )
    );
    assert_eq!(
        secure_ok.octets,
        method_frame(
            0,
            &connection::SecureOk {
                response: hidden.clone()
            }
        )
    );
    let expected = connection::UpdateSecret {
        new_secret: hidden,
        reason,
    };
    assert_eq!(update.octets, method_frame(0, &expected));
}

#[test]
fn a_secret_that_cannot_be_decoded_is_not_shown_either() {
    for (id, name) in [
        (connection::StartOk::ID, "start-ok"),
        (connection::Secure::ID, "secure"),
        (connection::SecureOk::ID, "secure-ok"),
        (connection::UpdateSecret::ID, "update-secret"),
    ] {
        let (config, log) = tapped(Config::default());
        let mut peer = Peer::new(config);
        log.take();
        // From the server, on any channel, with a length that is too great or octets behind it.
        let payload = [&[0, 10, 0, id.method as u8, 0, 0, 1, 0][..], b"s3cret"].concat();
        let mut octets = frame::start(FrameType::Method, ChannelId(3), payload.len() as u32).to_vec();
        octets.extend(payload);
        octets.push(frame::END);
        peer.feed(&octets);
        let seen = log.take();
        assert_eq!(
            seen[0].octets,
            [1, 0, 3, 0, 0, 0, 4, 0, 10, 0, id.method as u8, frame::END],
            "{name}"
        );
        assert!(seen[0].redacted);
        assert!(
            seen[0].line.starts_with("server channel 3: undecodable method: "),
            "{}",
            seen[0].line
        );
    }
}

#[test]
fn what_is_no_frame_is_seen_with_all_behind_it() {
    let too_large = frame::start(FrameType::Body, ChannelId(1), 1 << 20);
    for (broken, error) in [
        (
            &b"\x01\0\x01\0\0\0\x01xyz"[..],
            DecodeErrorKind::BadFrameEnd(b'y'),
        ),
        (b"\x15\x03\x03", DecodeErrorKind::UnknownFrameType(0x15)),
        (
            &too_large,
            DecodeErrorKind::FrameTooLarge {
                payload: 1 << 20,
                frame_max: 131_072,
            },
        ),
    ] {
        let last = Arc::new(OnceLock::new());
        let told = Arc::clone(&last);
        let tap = move |frame: &wire::Frame<'_>| {
            if let Err(error) = frame.content() {
                assert!(frame.to_string().contains(" server: no frame: "), "{frame}");
                told.set((error.kind, frame.octets().concat())).unwrap();
            }
        };
        let mut peer = Peer::tuned(Config::default().wire_tap(Arc::new(tap)), 1, 4096);
        peer.feed(&[&HEARTBEAT[..], broken].concat());
        assert!(peer.core.error().is_some());
        assert_eq!(last.get(), Some(&(error, broken.to_vec())));
    }
}

#[test]
fn a_refusal_is_seen() {
    let (config, log) = tapped(Config::default());
    let mut peer = Peer::new(config).by(3);
    peer.feed(&ProtocolHeader::V0_8.octets());
    assert_eq!(peer.core.state(), State::Closed);
    assert_eq!(
        log.lines(),
        [
            "client: protocol header AMQP 0 0 9 1 (0-9-1)",
            "server: protocol header AMQP 1 1 8 0 (0-8)"
        ]
    );
}

#[test]
fn a_connection_outlives_a_tap_that_panics() {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let tap = move |_: &wire::Frame<'_>| {
        assert!(counted.fetch_add(1, Ordering::Relaxed) < 2, "the tap panics");
    };
    let mut session = Session::open_with(Config::default().wire_tap(Arc::new(tap)));
    session.open_channel();
    assert_eq!(count.load(Ordering::Relaxed), 3);
    assert_eq!(session.connection.state(), State::Open);
}

#[test]
fn a_tap_may_ask_the_connection_and_is_told_of_its_end() {
    /// Looks at the connection from within.
    #[derive(Default)]
    struct Curious {
        connection: OnceLock<amqp_client::Connection>,
        states: Mutex<Vec<State>>,
        ended: Mutex<Vec<u64>>,
    }
    impl wire::Tap for Curious {
        fn frame(&self, _: &wire::Frame<'_>) {
            let state = self.connection.get().map(amqp_client::Connection::state);
            self.states.lock().unwrap().extend(state);
        }
        fn ended(&self, connection: u64) {
            self.ended.lock().unwrap().push(connection);
        }
    }
    let tap = Arc::new(Curious::default());
    let mut session = Session::open_with(Config::default().wire_tap(tap.clone()));
    tap.connection.set(session.connection.clone()).unwrap();
    session.open_channel();
    assert_eq!(*tap.states.lock().unwrap(), [State::Open; 2]);
    assert!(tap.ended.lock().unwrap().is_empty());
    session.drop_driver();
    assert_eq!(tap.ended.lock().unwrap().len(), 1);
}
