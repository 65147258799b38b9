//! Connecting: several hosts, those that say nothing, giving up, and many connections in one loop.

use std::cell::Cell;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use amqp_client::event_loop::{EventLoop, Handlers};
use amqp_client::protocol::v0_9_1::{connection, queue};
use amqp_client::{ConnectError, ConnectPhase, Host};
use socket2::{Domain, Socket, Type};

use crate::server::{Session, declare_ok, method, options, serve};
use crate::{Log, run, with_channel};

/// A listener whose connections nobody takes, and the host that it is.
fn silent() -> (TcpListener, Host) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let host = Host::new("127.0.0.1", listener.local_addr().unwrap().port());
    (listener, host)
}

/// A host that refuses: nobody gets the port and nobody listens on it, as long as the socket lives.
pub(crate) fn dead() -> (Socket, Host) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, Host::new("127.0.0.1", port))
}

#[test]
fn each_host_is_tried_until_one_opens() {
    let (good, server) = serve(|session| {
        session.open();
        session.close();
    });
    // One takes the connection and hangs up.
    let (rude, host) = silent();
    let hanging_up = thread::spawn(move || drop(rude.accept().unwrap()));
    let (_socket, dead) = dead();
    let hosts = [dead, host, good.hosts[0].clone()];
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let (opened, closed) = (log.clone(), log.clone());
    let handlers = Handlers::new()
        .on_open(move |_| opened.add("open"))
        .on_open_error(|_, error| panic!("{error}"))
        .on_close(move |_, error| closed.add(error));
    event_loop.connect(good.hosts(hosts), handlers);
    run(&mut event_loop);
    hanging_up.join().unwrap();
    server.join().unwrap();
    // Nothing was kept of it, so it was closed in order.
    assert_eq!(log.take(), ["open", "the connection was closed by this client"]);
}

#[test]
fn the_error_lists_every_attempt_and_nothing_else_is_called() {
    let ((_listener, silent), (_socket, dead)) = (silent(), dead());
    let options = options(([127, 0, 0, 1], 1).into());
    let config = options
        .config
        .clone()
        .handshake_timeout(Duration::from_millis(20));
    let options = options
        .hosts([dead, silent, Host::new("no host\0", 1)])
        .config(config)
        .connection_attempts(2)
        .retry_delay(Duration::from_millis(10));
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    let handlers = Handlers::new()
        .on_open(|_| unreachable!())
        .on_close(|_, _| unreachable!())
        .on_open_error(move |_, error| {
            let ConnectError::Failed(attempts) = error else {
                panic!("{error}")
            };
            attempts.iter().for_each(|attempt| logs.add(attempt.phase));
        });
    event_loop.connect(options, handlers);
    run(&mut event_loop);
    let round = [ConnectPhase::Tcp, ConnectPhase::Amqp, ConnectPhase::Resolve].map(|phase| phase.to_string());
    assert_eq!(log.take(), [&round[..], &round[..]].concat());
}

#[test]
fn a_wrong_uri_is_told_by_the_loop() {
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    let handlers =
        Handlers::new().on_open_error(move |_, error| logs.add(matches!(error, ConnectError::Uri(_))));
    event_loop.connect("http://localhost", handlers);
    assert!(log.take().is_empty());
    run(&mut event_loop);
    assert_eq!(log.take(), ["true"]);
}

#[test]
fn an_attempt_that_is_given_up_calls_nothing() {
    let (listener, host) = silent();
    let mut event_loop = EventLoop::new().unwrap();
    let handlers = || {
        Handlers::new()
            .on_open(|_| unreachable!())
            .on_open_error(|_, _| unreachable!())
            .on_close(|_, _| unreachable!())
    };
    let options = options(listener.local_addr().unwrap()).hosts([host]);
    let attempt = event_loop.connect(options, handlers());
    let remote = event_loop.handle().remote();
    // It says nothing, has the client give up, and waits for the end.
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 8]).unwrap();
        assert!(remote.send(move |event_loop| {
            assert!(event_loop.abort(attempt));
            assert!(!event_loop.abort(attempt));
        }));
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
    });
    run(&mut event_loop);
    assert_eq!(server.join().unwrap(), 0);
}

#[test]
fn one_loop_has_many_connections() {
    const CONNECTIONS: usize = 50;
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let options = options(listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let sessions: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let mut session = Session::accept(&listener);
                thread::spawn(move || {
                    session.open_with_channel();
                    session.expect::<queue::Declare<'_>>();
                    session.write(&declare_ok(1, "q"));
                    session.close();
                })
            })
            .collect();
        sessions.into_iter().for_each(|session| session.join().unwrap());
    });
    let mut event_loop = EventLoop::new().unwrap();
    let (log, declared) = (Log::default(), Rc::new(Cell::new(0)));
    for _ in 0..CONNECTIONS {
        let declared = Rc::clone(&declared);
        with_channel(event_loop.handle(), options.clone(), &log, move |_, channel| {
            channel.queue_declare("q").then(move |_, outcome| {
                outcome.unwrap();
                declared.set(declared.get() + 1);
            });
        });
    }
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(declared.get(), CONNECTIONS);
    assert_eq!(
        log.take(),
        vec!["the connection was closed by this client"; CONNECTIONS]
    );
}

#[test]
fn what_the_server_says_with_open_ok_is_told_behind_the_opening() {
    let (options, server) = serve(|session| {
        let blocked = connection::Blocked {
            reason: "disk".try_into().unwrap(),
        };
        session.open_and(&method(0, &blocked));
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let (opened, blocked) = (log.clone(), log.clone());
    let handlers = Handlers::new()
        .on_open(move |connection| {
            opened.add("open");
            let connection = connection.clone();
            // Held until then.
            connection
                .event_loop()
                .clone()
                .call_later(Duration::from_millis(20), move |_| {
                    connection.close().then(|_, outcome| outcome.unwrap());
                });
        })
        .on_blocked(move |_, reason| blocked.add(reason));
    event_loop.connect(options, handlers);
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(log.take(), ["open", "disk"]);
}
