//! Connections one after the other: a server that dies as often as a test says, and pauses that are noted and not waited for.

use std::cell::{Cell, RefCell};
use std::future::{poll_fn, ready};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use amqp_client::protocol::ShortStr;
use amqp_client::protocol::v0_9_1::{connection, constants};
use amqp_client::tokio::connect;
use amqp_client::{
    ConnectError, ConnectOptions, ConnectionError, ExponentialBackoff, NoReconnection, Reconnecting,
    ReconnectionStrategy, State,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{dead, host, listen, method, open, refuse, shake_hands};

/// How a server ends a connection.
#[derive(Clone, Copy)]
enum Death {
    /// Before it says anything.
    AtOnce,
    /// Without a word, when the client opens a channel.
    Torn,
    /// With connection.close, likewise.
    Forced,
}

/// A server that takes as many connections as there are deaths, and then as many as come, of which it ends none.
async fn dies(deaths: &'static [Death]) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let mut alive = Vec::new();
        let mut deaths = deaths.iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let death = deaths.next();
            if matches!(death, Some(Death::AtOnce)) {
                continue;
            }
            shake_hands(&mut stream).await;
            match death {
                None => alive.push(tokio::spawn(end(stream, None))),
                death => end(stream, death.copied()).await,
            }
        }
    });
    address
}

/// Ends an open connection when the client opens a channel, or in order when the client closes it.
async fn end(mut stream: TcpStream, death: Option<Death>) {
    let mut received = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut received).await {
        let has = |id: [u8; 4]| received.windows(4).any(|octets| octets == id);
        if has([0, 10, 0, 50]) {
            let _ = stream.write_all(&method(&connection::CloseOk {})).await;
        } else if has([0, 20, 0, 10]) {
            match death {
                Some(Death::Forced) => {
                    let close = connection::Close {
                        reply_code: constants::CONNECTION_FORCED,
                        reply_text: ShortStr::from_static("going away"),
                        ..Default::default()
                    };
                    stream.write_all(&method(&close)).await.unwrap();
                }
                _ => return,
            }
            received.clear();
        }
    }
}

type Notes = Rc<RefCell<Vec<String>>>;

/// Pauses without jitter, and a note of everything that it is told.
struct Noting(Notes);

impl Noting {
    fn note(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }
}

impl ReconnectionStrategy for Noting {
    fn on_attempt(&mut self, retries: u32) {
        self.note(format!("attempt {retries}"));
    }

    fn on_failure(&mut self, error: &ConnectError, retries: u32, random: f64) -> Option<Duration> {
        self.note(format!("failure {retries}"));
        ExponentialBackoff::default()
            .jitter(0.0)
            .on_failure(error, retries, random)
    }

    fn on_open(&mut self) {
        self.note("open");
    }

    fn on_close(&mut self, error: &ConnectionError, random: f64) -> Option<Duration> {
        self.note(match error {
            error if error.is_connection_forced() => "forced".to_owned(),
            ConnectionError::EndOfStream { .. } | ConnectionError::Transport(_) => "torn".to_owned(),
            error => error.to_string(),
        });
        ExponentialBackoff::default().jitter(0.0).on_close(error, random)
    }
}

fn options(address: SocketAddr) -> ConnectOptions {
    ConnectOptions::default().hosts([host(address)])
}

#[tokio::test]
async fn a_server_that_dies_is_connected_to_again_after_growing_pauses() {
    use Death::{AtOnce, Forced, Torn};
    let address = dies(&[AtOnce, AtOnce, Torn, Forced, AtOnce]).await;
    let notes = Notes::default();
    let pause = |time: Duration| {
        notes.borrow_mut().push(format!("{time:?}"));
        ready(())
    };
    let mut connections = Reconnecting::new(Noting(Rc::clone(&notes)), || connect(options(address)), pause);
    for _ in 0..2 {
        let connection = connections.next().await.unwrap().unwrap();
        assert_eq!(connection.state(), State::Open);
        assert!(connection.open_channel().await.is_err());
    }
    let last = connections.next().await.unwrap().unwrap();
    last.close().await.unwrap();
    assert!(connections.next().await.is_none());
    assert!(connections.next().await.is_none());
    let expected = [
        "attempt 0",
        "failure 0",
        "1s",
        "attempt 1",
        "failure 1",
        "2s",
        "attempt 2",
        "open",
        "torn",
        "1s",
        "attempt 1",
        "open",
        "forced",
        "1s",
        "attempt 1",
        "failure 1",
        "2s",
        "attempt 2",
        "open",
        "the connection was closed by this client",
    ];
    assert_eq!(*notes.borrow(), expected);
}

#[tokio::test]
async fn a_refused_password_ends_it_behind_its_error_without_a_pause() {
    let address = refuse().await;
    let never = |_| -> std::future::Ready<()> { panic!("it pauses") };
    let mut connections =
        Reconnecting::new(ExponentialBackoff::default(), || connect(options(address)), never);
    let error = connections.next().await.unwrap().unwrap_err();
    assert!(error.is_permanent(), "{error}");
    assert!(connections.next().await.is_none());
}

#[tokio::test]
async fn without_reconnection_there_is_one_attempt_and_one_connection() {
    let never = |_| -> std::future::Ready<()> { panic!("it pauses") };
    let (_socket, nobody) = dead();
    let mut connections = Reconnecting::new(NoReconnection, || connect(options(nobody)), never);
    assert!(matches!(
        connections.next().await,
        Some(Err(ConnectError::Failed(attempts))) if attempts.len() == 1
    ));
    assert!(connections.next().await.is_none());

    let address = dies(&[Death::Torn]).await;
    let mut connections = Reconnecting::new(NoReconnection, || connect(options(address)), never);
    let connection = connections.next().await.unwrap().unwrap();
    assert!(connection.open_channel().await.is_err());
    assert!(connections.next().await.is_none());
}

#[tokio::test]
async fn a_connection_that_is_dropped_is_not_replaced() {
    let address = open().await;
    let never = |_| -> std::future::Ready<()> { panic!("it pauses") };
    let mut connections =
        Reconnecting::new(ExponentialBackoff::default(), || connect(options(address)), never);
    drop(connections.next().await.unwrap().unwrap());
    assert!(connections.next().await.is_none());
}

#[tokio::test]
async fn dropping_the_future_of_the_next_connection_loses_nothing() {
    let address = dies(&[Death::AtOnce]).await;
    let (attempts, pauses) = (Cell::new(0), Cell::new(0));
    let attempt = || {
        attempts.set(attempts.get() + 1);
        connect(options(address))
    };
    let pause = |_| {
        pauses.set(pauses.get() + 1);
        tokio::task::yield_now()
    };
    let mut connections = Reconnecting::new(ExponentialBackoff::default(), attempt, pause);
    let mut dropped = 0;
    let connection = loop {
        let mut next = pin!(connections.next());
        let polled = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await;
        if let Poll::Ready(connection) = polled {
            break connection.unwrap().unwrap();
        }
        dropped += 1;
        tokio::task::yield_now().await;
    };
    assert_eq!((attempts.get(), pauses.get()), (2, 1));
    assert!(dropped > 1);
    assert_eq!(connection.state(), State::Open);
}

#[cfg(feature = "blocking")]
#[tokio::test(flavor = "multi_thread")]
async fn the_blocking_iterator_does_the_same() {
    use amqp_client::blocking::{Connection, Reconnecting};

    let address = dies(&[Death::AtOnce, Death::Torn, Death::Forced]).await;
    let refusing = refuse().await;
    let blocking = tokio::task::spawn_blocking(move || {
        let strategy = ExponentialBackoff::default().initial_delay(Duration::from_millis(1));
        let mut connections = Reconnecting::new(strategy, || Connection::connect(options(address)));
        for _ in 0..2 {
            assert!(connections.next().unwrap().unwrap().open_channel().is_err());
        }
        let last = connections.next().unwrap().unwrap();
        last.close().unwrap();
        assert!(connections.next().is_none());

        let mut connections = Reconnecting::new(strategy, || Connection::connect(options(refusing)));
        assert!(connections.next().unwrap().unwrap_err().is_permanent());
        assert!(connections.next().is_none());
    });
    blocking.await.unwrap();
}
