//! The loop inside of an application's own loop over mio.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp_client::ConnectError;
use amqp_client::event_loop::mio::{self, Interest, Token};
use amqp_client::event_loop::{Embedded, Handlers};
use amqp_client::protocol::v0_9_1::queue;

use crate::server::{declare_ok, serve};
use crate::{Log, with_channel};

const WAKE: Token = Token(0);
const OWN: Token = Token(1);

struct Host {
    poll: mio::Poll,
    events: mio::Events,
    waker: Arc<mio::Waker>,
    /// How often each token had an event that was not the loop's.
    own: Vec<Token>,
}

impl Host {
    fn new() -> Self {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKE).unwrap());
        Self {
            poll,
            events: mio::Events::with_capacity(8),
            waker,
            own: Vec::new(),
        }
    }

    fn embed(&self, tokens: std::ops::Range<usize>) -> Embedded {
        let waker = Arc::clone(&self.waker);
        Embedded::new(self.poll.registry(), tokens, move || waker.wake().unwrap()).unwrap()
    }

    /// Turns several loops until nothing is left to do in any of them.
    fn run(&mut self, loops: &mut [&mut Embedded]) {
        let limit = Instant::now() + Duration::from_secs(30);
        while loops.iter().any(|event_loop| !event_loop.handle().is_idle()) {
            assert!(Instant::now() < limit, "the loops do not come to their end");
            let deadline = loops
                .iter()
                .filter_map(|event_loop| event_loop.next_deadline())
                .min();
            let wait = deadline
                .unwrap_or(limit)
                .saturating_duration_since(Instant::now());
            self.poll.poll(&mut self.events, Some(wait)).unwrap();
            for event in &self.events {
                let taken = loops
                    .iter_mut()
                    .filter_map(|event_loop| event_loop.ready(event).then_some(()))
                    .count();
                assert!(taken <= 1);
                if taken == 0 {
                    self.own.push(event.token());
                }
            }
            loops.iter_mut().for_each(|event_loop| event_loop.turn());
        }
    }
}

#[test]
fn an_application_s_own_loop_drives_it_beside_its_own_sources() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<queue::Declare<'_>>();
        session.write(&declare_ok(1, "q"));
        session.close();
    });
    let mut host = Host::new();
    let (mut amqp, mut other) = (host.embed(1000..1001), host.embed(2000..2001));
    // A socket of the application's own.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut own = mio::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    host.poll
        .registry()
        .register(&mut own, OWN, Interest::READABLE)
        .unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"hello").unwrap();

    let log = Log::default();
    let logs = log.clone();
    with_channel(amqp.handle(), options, &log, move |_, channel| {
        channel
            .queue_declare("q")
            .then(move |_, outcome| logs.add(outcome.unwrap().queue));
    });
    let logs = log.clone();
    let remote = other.handle().remote();
    other.handle().call_later(Duration::from_millis(20), move |_| {
        logs.add("timer");
        // From another thread, while the host waits.
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            assert!(remote.send(|event_loop| {
                event_loop.call_later(Duration::ZERO, |_| {});
            }));
        });
    });
    host.run(&mut [&mut amqp, &mut other]);
    server.join().unwrap();
    let mut called = log.take();
    called.sort();
    assert_eq!(called, ["q", "the connection was closed by this client", "timer"]);
    assert!(
        host.own.contains(&OWN) && host.own.contains(&WAKE),
        "{:?}",
        host.own
    );
}

#[test]
fn a_loop_takes_no_more_sockets_than_it_has_tokens_and_gives_them_back() {
    let mut host = Host::new();
    let mut amqp = host.embed(1000..1001);
    let log = Log::default();
    for _ in 0..2 {
        let (options, server) = serve(|session| {
            session.open();
            session.close();
        });
        let (opened, failed) = (log.clone(), log.clone());
        let other = options.clone();
        let handlers = Handlers::new().on_open(move |connection| {
            // While it has the only token.
            let handlers = Handlers::new().on_open_error(move |_, error| {
                let ConnectError::Failed(attempts) = &error else {
                    panic!("{error}")
                };
                failed.add(attempts[0].error.to_string().contains("token"));
            });
            connection.event_loop().connect(other, handlers);
            opened.add("open");
            let connection = connection.clone();
            let handle = connection.event_loop().clone();
            handle.call_later(Duration::from_millis(20), move |_| drop(connection));
        });
        amqp.handle().connect(options, handlers);
        host.run(&mut [&mut amqp]);
        server.join().unwrap();
    }
    assert_eq!(log.take(), ["open", "true", "open", "true"]);
}
