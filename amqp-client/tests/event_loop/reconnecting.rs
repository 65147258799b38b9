//! Connections one after the other in a loop.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use amqp_client::event_loop::{EventLoop, Handlers};
use amqp_client::protocol::ReplyCode;
use amqp_client::protocol::v0_9_1::connection;
use amqp_client::{ConnectError, ConnectOptions, ConnectionError, NoReconnection, ReconnectionStrategy};

use crate::connecting::dead;
use crate::server::{Session, method, options, serve};
use crate::{Log, run};

/// Writes down what it is told, and tries again after this pause up to so many times in a row.
struct Noting {
    log: Log,
    pause: Duration,
    retries: u32,
}

impl ReconnectionStrategy for Noting {
    fn on_attempt(&mut self, retries: u32) {
        self.log.add(format!("attempt {retries}"));
    }

    fn on_failure(&mut self, _: &ConnectError, retries: u32, _: f64) -> Option<Duration> {
        self.log.add("failure");
        (retries < self.retries).then_some(self.pause)
    }

    fn on_open(&mut self) {
        self.log.add("open");
    }

    fn on_close(&mut self, error: &ConnectionError, _: f64) -> Option<Duration> {
        self.log.add("close");
        (!error.is_wanted()).then_some(self.pause)
    }
}

fn force(session: &mut Session) {
    let forced = connection::Close {
        reply_code: ReplyCode(320),
        reply_text: "shutdown".try_into().unwrap(),
        ..Default::default()
    };
    session.write(&method(0, &forced));
    session.expect::<connection::CloseOk>();
}

#[test]
fn a_connection_that_is_lost_is_made_again_until_this_client_closes_one() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let options = options(listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        for _ in 0..2 {
            let mut session = Session::accept(&listener);
            session.open();
            force(&mut session);
        }
        let mut session = Session::accept(&listener);
        session.open();
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let strategy = Noting {
        log: log.clone(),
        pause: Duration::from_millis(20),
        retries: 0,
    };
    let (logs, mut opened) = (log.clone(), 0);
    // Each has handlers of its own.
    let held = Rc::new(RefCell::new(None));
    let begun = Instant::now();
    event_loop.handle().keep_connected(options, strategy, move || {
        opened += 1;
        let (number, hold, held) = (opened, Rc::clone(&held), Rc::clone(&held));
        let (on_open, on_close) = (logs.clone(), logs.clone());
        Handlers::new()
            .on_open(move |connection| {
                on_open.add(format!("{number} is open"));
                if number == 3 {
                    connection.close().then(|_, outcome| outcome.unwrap());
                } else {
                    *hold.borrow_mut() = Some(connection.clone());
                }
            })
            .on_close(move |_, _| {
                on_close.add(format!("{number} is over"));
                drop(held.take());
            })
            .on_open_error(|_, error| panic!("{error}"))
    });
    run(&mut event_loop);
    assert!(begun.elapsed() >= Duration::from_millis(40));
    server.join().unwrap();
    let of_each = |number: u32| {
        let attempt = u32::from(number > 1);
        [
            format!("attempt {attempt}"),
            "open".to_owned(),
            format!("{number} is open"),
            format!("{number} is over"),
            "close".to_owned(),
        ]
    };
    assert_eq!(log.take(), [1, 2, 3].map(of_each).concat());
}

#[test]
fn when_the_strategy_gives_up_the_last_failure_is_told_once() {
    let (_socket, dead) = dead();
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let strategy = Noting {
        log: log.clone(),
        pause: Duration::ZERO,
        retries: 2,
    };
    let logs = log.clone();
    event_loop
        .handle()
        .keep_connected(ConnectOptions::default().hosts([dead]), strategy, move || {
            let log = logs.clone();
            Handlers::new()
                .on_open(|_| panic!("nobody listens"))
                .on_open_error(move |_, error| log.add(error.attempts().len()))
        });
    // A URI that is wrong is a failure too.
    let logs = log.clone();
    event_loop
        .handle()
        .keep_connected("amqp://h:port", NoReconnection, move || {
            let log = logs.clone();
            Handlers::new().on_open_error(move |_, error| log.add(error))
        });
    run(&mut event_loop);
    let mut called = log.take();
    let wrong = called
        .iter()
        .position(|entry| entry.starts_with("invalid AMQP URI: port"));
    called.remove(wrong.expect("the URI is wrong"));
    assert_eq!(
        called,
        [
            "attempt 0",
            "failure",
            "attempt 1",
            "failure",
            "attempt 2",
            "failure",
            "1"
        ]
    );
}

#[test]
fn what_is_aborted_makes_no_other_connection() {
    let (options, server) = serve(|session| {
        session.open();
        force(session);
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let strategy = Noting {
        log: log.clone(),
        pause: Duration::ZERO,
        retries: 9,
    };
    let (attempt, held) = (Rc::new(Cell::new(None)), Rc::new(RefCell::new(None)));
    let (given_up, logs) = (Rc::clone(&attempt), log.clone());
    attempt.set(Some(event_loop.handle().keep_connected(
        options,
        strategy,
        move || {
            let (given_up, on_close) = (Rc::clone(&given_up), logs.clone());
            let (hold, held) = (Rc::clone(&held), Rc::clone(&held));
            Handlers::new()
                .on_open(move |connection| *hold.borrow_mut() = Some(connection.clone()))
                .on_close(move |event_loop, error| {
                    on_close.add(error.is_connection_forced());
                    drop(held.take());
                    assert!(event_loop.abort(given_up.get().unwrap()));
                    assert!(!event_loop.abort(given_up.get().unwrap()));
                })
        },
    )));
    // Nor does what waits for its next attempt.
    let strategy = Noting {
        log: Log::default(),
        pause: Duration::MAX,
        retries: 9,
    };
    let (_socket, dead) = dead();
    let options = ConnectOptions::default().hosts([dead]);
    let waiting = event_loop
        .handle()
        .keep_connected(options, strategy, || panic!("nothing is over"));
    event_loop.call_later(Duration::from_millis(50), move |event_loop| {
        assert!(event_loop.abort(waiting));
    });
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(log.take(), ["attempt 0", "open", "true"]);
}
