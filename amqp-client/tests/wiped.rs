//! A password is nowhere in the memory of a process that has connected and let go of it. The only test of its program, which
//! looks at all of it.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use amqp_client::protocol::frame;
use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::v0_9_1::connection;
use amqp_client::protocol::{ChannelId, LongStr};
use amqp_client::sans_io::{Connection, Outgoing};
use amqp_client::{Config, ConnectionError, Credentials, Protocol, Secret, State};
use bytes::{Buf, BytesMut};

/// Everything here holds the passwords under this mask, so that only the library holds them without.
const MASK: u8 = 0xa5;

/// Octets that nothing else in the process has, masked. Their number tells the passwords of several rounds apart.
fn masked(number: u8) -> [u8; 32] {
    std::array::from_fn(|index| {
        (index as u8)
            .wrapping_mul(37)
            .wrapping_add(number.wrapping_mul(11))
            & 0x3f
            | 0x80
    })
}

fn unmask(masked: &[u8; 32]) -> String {
    let octets = masked.iter().map(|octet| octet ^ MASK).collect();
    String::from_utf8(octets).expect("the mask leaves seven bits")
}

/// In how many places of this process's memory the octets stand unmasked.
fn places(masked: &[u8; 32]) -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut buffer = vec![0; 1 << 16];
    // Whoever copies the buffer into itself finds its copies.
    let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
    let mut places = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, access) = (words.next().unwrap(), words.next().unwrap());
        if !access.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let (before, behind) = if own.start >= start && own.end <= end {
            (start..own.start, own.end..end)
        } else {
            (start..end, end..end)
        };
        for part in [before, behind] {
            let mut at = part.start;
            // Each look begins where an occurrence across the end of the last one would.
            while at + masked.len() as u64 <= part.end {
                let room = buffer.len().min((part.end - at) as usize);
                // A mapping of a device may not be readable.
                let read = memory.read_at(&mut buffer[..room], at).unwrap_or(0);
                let is_here = |window: &&[u8]| {
                    window
                        .iter()
                        .zip(masked)
                        .all(|(octet, masked)| octet ^ MASK == *masked)
                };
                places += buffer[..read].windows(masked.len()).filter(is_here).count();
                buffer.fill(0);
                at += (room - masked.len() + 1) as u64;
            }
        }
    }
    places
}

fn receive<M: Arguments>(core: &mut Connection, method: &M) {
    let mut octets = Vec::new();
    frame::write_method(&mut octets, ChannelId(0), method, 0).unwrap();
    let _ = core.receive(Instant::now(), &mut BytesMut::from(octets.as_slice()));
}

/// Takes what is to be sent and lets it go without looking at it.
fn send(core: &mut Connection, batch: &mut Outgoing) {
    loop {
        core.take_outgoing(batch);
        if batch.is_empty() {
            return;
        }
        let octets = batch.remaining();
        batch.advance(octets);
        core.transmitted(Instant::now(), octets as u64);
    }
}

/// The revisions of the protocol, each with what connection.start says of it, and whether secrets can be renewed on it.
const PROTOCOLS: &[(Protocol, [u8; 2], bool)] = &[
    (Protocol::V0_9_1, [0, 9], true),
    #[cfg(feature = "v0-8")]
    (Protocol::V0_8, [8, 0], false),
];

/// Connects, and renews the secret; `sent` says whether what is queued is sent or dropped.
fn connect(
    &(protocol, [version_major, version_minor], renews): &(Protocol, [u8; 2], bool),
    credentials: Credentials,
    renewed: Secret,
    sent: bool,
) {
    let config = Config::default().protocol(protocol).credentials(credentials);
    let mut core = Connection::new(config, Instant::now());
    let mut batch = Outgoing::new();
    let start = connection::Start {
        version_major,
        version_minor,
        mechanisms: LongStr::from_static("PLAIN AMQPLAIN RABBIT-CR-DEMO"),
        locales: LongStr::from_static("en_US"),
        ..Default::default()
    };
    receive(&mut core, &start);
    if sent {
        send(&mut core, &mut batch);
    }
    if core
        .config()
        .credentials
        .mechanisms()
        .any(|name| name == "RABBIT-CR-DEMO")
    {
        receive(&mut core, &connection::Secure::default());
    }
    receive(&mut core, &connection::Tune::default());
    receive(&mut core, &connection::OpenOk {});
    assert_eq!(core.state(), State::Open);
    let outcome = core.update_secret(Instant::now(), &renewed, "".try_into().unwrap());
    assert_eq!(outcome.is_ok(), renews);
    if sent {
        send(&mut core, &mut batch);
    }
    core.abandon(Instant::now(), ConnectionError::Closed);
}

#[test]
fn no_password_is_left_in_memory() {
    let kinds: [fn(String) -> Credentials; 3] = [
        |password| Credentials::plain("me", password),
        |password| Credentials::amqplain("me", password),
        |password| Credentials::rabbit_cr_demo("me", password),
    ];
    let mut number = 0;
    let ways = |protocol| kinds.map(|kind| (protocol, kind));
    for (protocol, kind) in PROTOCOLS.iter().flat_map(ways) {
        for sent in [true, false] {
            number += 2;
            let (password, renewed) = (masked(number), masked(number + 1));
            let credentials = kind(unmask(&password));
            let secret = Secret::from(unmask(&renewed));
            // What is held is found: the search works.
            assert_eq!((places(&password), places(&renewed)), (1, 1));
            connect(protocol, credentials.clone(), secret, sent);
            drop(credentials);
            assert_eq!(
                (places(&password), places(&renewed)),
                (0, 0),
                "round {number}, {protocol:?}, sent: {sent}"
            );
        }
    }
}
