//! Pitfall 23: a driver needs no runtime. Here it runs on a thread that parks, over pipes in memory.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use amqp_client::driver::{Clock, Transport, connect_with};
use amqp_client::protocol::v0_9_1::{channel, connection, queue};
use amqp_client::sans_io::Outgoing;
use amqp_client::{Config, ConnectionError};
use bytes::{Buf, BytesMut};

use crate::peer::{Sent, declare_ok, method_frame, read_frames, start};

/// Octets on their way in one direction.
#[derive(Default)]
struct Pipe {
    state: Mutex<(Vec<u8>, Option<Waker>)>,
    written: Condvar,
}

impl Pipe {
    fn write(&self, octets: &[u8]) {
        let waker = {
            let mut state = self.state.lock().unwrap();
            state.0.extend_from_slice(octets);
            state.1.take()
        };
        self.written.notify_all();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits for octets, as a thread.
    fn read(&self) -> Vec<u8> {
        let state = self.state.lock().unwrap();
        let mut state = self
            .written
            .wait_while(state, |state| state.0.is_empty())
            .unwrap();
        std::mem::take(&mut state.0)
    }
}

/// The client's end. Its timer is the executor's: a thread that parks for as long.
struct End {
    from_server: Arc<Pipe>,
    to_server: Arc<Pipe>,
    deadline: Arc<Mutex<Option<Instant>>>,
}

impl Transport for End {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut state = self.from_server.state.lock().unwrap();
        let octets = std::mem::take(&mut state.0);
        if octets.is_empty() {
            state.1 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        input.extend_from_slice(&octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        let octets = batch.copy_to_bytes(batch.remaining());
        self.to_server.write(&octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        *self.deadline.lock().unwrap() = Some(deadline);
        if Instant::now() >= deadline {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn clock(&self) -> Clock {
        Clock::new(Instant::now)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls whenever the future is woken, and when the deadline that it set has passed.
fn block_on<F: Future>(future: F, deadline: &Mutex<Option<Instant>>) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let at = *deadline.lock().unwrap();
        match at {
            Some(at) => thread::park_timeout(at.saturating_duration_since(Instant::now())),
            None => thread::park(),
        }
    }
}

/// Answers like a server, until it has answered connection.close, or the method that it is told not to answer.
fn serve(from_client: &Pipe, to_client: &Pipe, is_deaf_to: fn(&Sent) -> bool) {
    let header = from_client.read();
    assert_eq!(header, b"AMQP\0\0\x09\x01");
    to_client.write(&method_frame(0, &start("PLAIN")));
    let mut input = Vec::new();
    loop {
        input.extend(from_client.read());
        let mut rest = input.as_slice();
        let frames = read_frames(&mut rest);
        input = rest.to_vec();
        for sent in frames {
            if is_deaf_to(&sent) {
                return;
            }
            let answer = match &sent {
                sent if sent.is::<connection::StartOk<'_>>() => method_frame(0, &connection::Tune::default()),
                sent if sent.is::<connection::Open<'_>>() => method_frame(0, &connection::OpenOk {}),
                sent if sent.is::<channel::Open>() => method_frame(1, &channel::OpenOk {}),
                sent if sent.is::<queue::Declare<'_>>() => method_frame(1, &declare_ok("plain")),
                sent if sent.is::<channel::Close<'_>>() => method_frame(1, &channel::CloseOk {}),
                sent if sent.is::<connection::Close<'_>>() => {
                    to_client.write(&method_frame(0, &connection::CloseOk {}));
                    return;
                }
                _ => continue,
            };
            to_client.write(&answer);
        }
    }
}

/// A driver on a thread, a server on another, and the client's calls on this one.
fn session(config: Config, is_deaf_to: fn(&Sent) -> bool, client: impl AsyncFnOnce(amqp_client::Connection)) {
    let (from_server, to_server) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
    let deadline = Arc::new(Mutex::new(None));
    let end = End {
        from_server: Arc::clone(&from_server),
        to_server: Arc::clone(&to_server),
        deadline: Arc::clone(&deadline),
    };
    let (connection, driver) = connect_with(end, config);
    thread::scope(|scope| {
        scope.spawn(|| block_on(driver, &deadline));
        scope.spawn(|| serve(&to_server, &from_server, is_deaf_to));
        block_on(client(connection), &Mutex::new(None));
    });
}

#[test]
fn pitfall_23_a_driver_runs_on_any_executor() {
    session(
        Config::default(),
        |_| false,
        async |connection| {
            let channel = connection.open_channel().await.unwrap();
            assert_eq!(channel.queue_declare("plain").await.unwrap().queue, "plain");
            channel.close().await.unwrap();
            connection.close().await.unwrap();
        },
    );
}

#[test]
fn pitfall_23_times_are_kept_by_any_executor() {
    let mut config = Config::default();
    config.close_timeout = Duration::from_millis(50);
    session(config, Sent::is::<connection::Close<'_>>, async |connection| {
        connection.opened().await.unwrap();
        let error = connection.close().await.unwrap_err();
        assert!(matches!(error, ConnectionError::CloseTimedOut), "{error:?}");
    });
}
