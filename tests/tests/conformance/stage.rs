//! What scenarios are played on: a thread with a time limit, the shared broker, and a node of their own. What is played, the
//! scenarios say.

use std::error::Error;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use amqp_client::{ConnectError, ConnectOptions, ConnectionError, Host, TlsOptions, TlsRoots};
use amqp_tests::broker::{Alarm, Broker, Options, TlsListener};

use crate::certificates::{Authority, Folder, Signed, Valid};
use crate::client::Adapter;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Outcome = Result<(), Failure>;

/// What the slowest scenario takes on a busy machine, times ten.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Plays a scenario by an adapter, on a thread of its own: what blocks cannot be told to stop.
pub(crate) fn play<A: Adapter>(scenario: impl AsyncFnOnce() -> Outcome + Send + 'static) -> Outcome {
    let (sender, ended) = channel();
    let thread = thread::spawn(move || {
        let outcome = A::run(scenario());
        // Whoever waited may have given up.
        sender.send(()).ok();
        outcome
    });
    // A thread that panics drops the sender.
    if ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
        return Err("it hangs".into());
    }
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Runs what never waits but by blocking.
pub(crate) fn run_without_waiting(scenario: impl Future<Output = Outcome>) -> Outcome {
    match pin!(scenario).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err("a call that blocks has not".into()),
    }
}

/// How to connect to the shared broker.
pub(crate) fn options() -> Result<ConnectOptions, Failure> {
    Ok(Broker::shared().url().parse()?)
}

/// Why the one attempt failed.
pub(crate) fn refused<T>(connected: Result<T, ConnectError>) -> Result<ConnectionError, Failure> {
    match connected {
        Ok(_) => Err("it is connected".into()),
        Err(error) => match error.attempts() {
            [attempt] => Ok(attempt.error.clone()),
            _ => Err(error.into()),
        },
    }
}

/// A node that speaks TLS, and that may run short of memory.
pub(crate) struct Node {
    broker: Broker,
    authority: Authority,
}

impl Node {
    /// The right to use the node, which one test has at a time.
    pub(crate) fn turn() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get() -> &'static Self {
        static NODE: LazyLock<Node> = LazyLock::new(|| {
            let authority = Authority::new("conformance");
            let Signed { pem, key } = authority.server(&["127.0.0.1"], Valid::Now);
            let files = [
                ("ca.pem", authority.pem.clone()),
                ("node.pem", pem),
                ("node.key", key),
            ];
            let listener = TlsListener {
                authorities: "ca.pem".into(),
                certificate: "node.pem".into(),
                key: "node.key".into(),
                verify_peer: false,
                fail_if_no_peer_cert: false,
            };
            let broker = Broker::private(&Options {
                files: files.map(|(name, contents)| (name.to_owned(), contents)).into(),
                tls: Some(listener),
                ..Default::default()
            });
            Node { broker, authority }
        });
        &NODE
    }

    pub(crate) fn options(&self) -> Result<ConnectOptions, Failure> {
        Ok(self.broker.url().parse()?)
    }

    /// How to connect by TLS, trusting this authority by a file in the folder.
    pub(crate) fn tls_options(
        &self,
        folder: &Folder,
        authority: &Authority,
    ) -> Result<ConnectOptions, Failure> {
        let port = self.broker.tls_port().ok_or("no TLS")?;
        let roots = TlsRoots::File(folder.write("ca.pem", &authority.pem));
        let options = ConnectOptions::default().hosts([Host::new("127.0.0.1", port)]);
        Ok(options.tls(TlsOptions::default().roots(roots)))
    }

    /// Who signed its certificate.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Lets it run short of memory until the value is dropped.
    pub(crate) fn short_of_memory(&self) -> Result<Short<'_>, Failure> {
        let short = Short(&self.broker);
        self.broker.raise(Alarm::Memory)?;
        Ok(short)
    }
}

pub(crate) struct Short<'a>(&'a Broker);

impl Drop for Short<'_> {
    fn drop(&mut self) {
        self.0.clear(Alarm::Memory).expect("the alarm clears");
    }
}
