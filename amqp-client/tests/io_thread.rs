//! The thread of `blocking::Connection`: it ends with its connection, and nobody waits for it when it panics. One at a time, for
//! all threads of the process are counted.
#![cfg(all(feature = "blocking", target_os = "linux"))]

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use amqp_client::blocking::Connection;
use amqp_client::protocol::v0_9_1::{channel, connection, constants};

use crate::server::{Session, method, serve};

#[path = "event_loop/server.rs"]
#[allow(dead_code, reason = "the event loop needs more of it")]
mod server;

const LIMIT: Duration = Duration::from_secs(30);

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many threads for I/O there are. One that ends meanwhile is none.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim_end() == "amqp-client").count()
}

/// Nothing tells of a thread's beginning and end but that it is there or gone.
fn wait_for(count: usize) {
    let limit = Instant::now() + LIMIT;
    while threads() != count {
        assert!(Instant::now() < limit, "{} and not {count}", threads());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Connects twice to servers that do this.
fn connect(script: fn(&mut Session)) -> [Connection; 2] {
    [(); 2].map(|()| {
        let (options, _server) = serve(move |session| {
            session.open();
            script(session);
        });
        Connection::connect(options).unwrap()
    })
}

#[test]
fn it_ends_when_the_connection_is_closed() {
    let _turn = turn();
    let [one, other] = connect(Session::close);
    wait_for(2);
    for connection in [&one, &other] {
        connection.close().unwrap();
    }
    wait_for(0);
    // The handles outlive it.
    assert!(one.open_channel().is_err());
}

#[test]
fn it_ends_when_the_last_handle_is_dropped() {
    let _turn = turn();
    let [one, other] = connect(|session| {
        session.open_channel();
        session.close();
    });
    let kept = one.clone();
    let channel = other.open_channel().unwrap();
    drop([one, other]);
    // What was made from it keeps it as well as a clone does.
    kept.open_channel().unwrap();
    wait_for(2);
    drop((kept, channel));
    wait_for(0);
}

#[test]
fn it_ends_when_the_server_ends_the_connection() {
    let _turn = turn();
    let [one, other] = connect(|session| {
        session.expect::<channel::Open>();
        let forced = connection::Close {
            reply_code: constants::CONNECTION_FORCED,
            ..Default::default()
        };
        session.write(&method(0, &forced));
        session.expect::<connection::CloseOk>();
    });
    for connection in [one, other] {
        connection.open_channel().unwrap_err();
        assert!(connection.closed().is_connection_forced());
    }
    wait_for(0);
}

#[test]
fn it_ends_when_the_stream_does() {
    let _turn = turn();
    let connections = connect(|session| {
        session.expect::<channel::Open>();
    });
    for connection in &connections {
        connection.open_channel().unwrap_err();
        connection.closed();
    }
    wait_for(0);
}

/// A recorder of metrics is a program's code that runs there.
#[cfg(feature = "metrics")]
#[test]
fn its_panic_ends_the_calls_of_all_threads() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use ::metrics::{
        Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };
    use amqp_client::ConnectionError;
    use amqp_client::protocol::v0_9_1::basic;

    use crate::server::consume_ok;

    #[derive(Clone, Default)]
    struct Panics(Arc<AtomicBool>);

    impl CounterFn for Panics {
        fn increment(&self, _: u64) {
            assert!(!self.0.load(Ordering::SeqCst), "the recorder is out of order");
        }

        fn absolute(&self, _: u64) {}
    }

    impl Recorder for Panics {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::new(self.clone()))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    let _turn = turn();
    let recorder = Panics::default();
    ::metrics::set_global_recorder(recorder.clone()).unwrap();
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<basic::Consume<'_>>();
        session.write(&consume_ok(1, "c"));
        // Nothing else is answered.
        while session.next().is_some() {}
    });
    let connection = Connection::connect(options).unwrap();
    let channel = connection.open_channel().unwrap();
    let mut consumer = channel.basic_consume("q").consumer_tag("c").call().unwrap();
    wait_for(1);
    let waiting = [
        thread::spawn({
            let channel = channel.clone();
            move || channel.queue_purge("q").call().unwrap_err().to_string()
        }),
        thread::spawn(move || consumer.next().unwrap().unwrap_err().to_string()),
        thread::spawn({
            let connection = connection.clone();
            move || connection.closed().to_string()
        }),
    ];
    // It is told within a second of what those have sent.
    recorder.0.store(true, Ordering::SeqCst);
    let dropped = ConnectionError::DriverDropped.to_string();
    for thread in waiting {
        let error = thread.join().unwrap();
        assert!(error.contains(&dropped), "{error}");
    }
    wait_for(0);
    assert!(connection.open_channel().is_err());
    assert!(channel.queue_purge("q").call().is_err());
    server.join().unwrap();
    // The other tests have it too.
    recorder.0.store(false, Ordering::SeqCst);
}
