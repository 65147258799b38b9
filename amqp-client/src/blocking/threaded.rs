//! The blocking style with a thread for I/O: handles may be shared between threads, and heartbeats never wait for one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use crate::driver::{Driver, Transport};
use crate::handle::{Blocking, SealedStyle, Style};
use crate::reactor::Reactor;

/// The style of [`blocking::Connection`](super::Connection): a call parks its thread until it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Threaded;

impl SealedStyle for Threaded {}
impl Style for Threaded {}

impl Blocking for Threaded {
    fn wait_until<F: Future + ?Sized>(
        &self,
        deadline: Option<Instant>,
        mut future: Pin<&mut F>,
    ) -> Poll<F::Output> {
        fn unpark() -> Waker {
            Waker::from(Arc::new(Unpark(thread::current())))
        }
        thread_local! {
            static UNPARK: Waker = unpark();
        }
        // A thread that ends has dropped its own when a thread-local of the program closes a connection.
        let waker = UNPARK.try_with(Waker::clone).unwrap_or_else(|_| unpark());
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Poll::Ready(output);
            }
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Poll::Pending;
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Moves a connection's octets until it is over.
pub(super) fn drive<T: Transport>(mut driver: Driver<T>, mut reactor: Reactor) {
    let waker = reactor.waker();
    let mut cx = Context::from_waker(&waker);
    while Pin::new(&mut driver).poll(&mut cx).is_pending() {
        // A reactor that cannot wait ends the connection: the driver is dropped.
        if reactor.sleep(driver.wakes_at()).is_err() {
            return;
        }
    }
}
