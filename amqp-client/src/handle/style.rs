//! The styles in which a program may use the handles: what differs is how it waits. Each style's adapter says how.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

/// How a program waits for what it asked. Handles are generic over it: `Channel` is `Channel<Async>`, and what is made from a
/// handle has its style. Who knows one style knows the others but for this:
///
/// | | [`Async`] | `blocking` | `event_loop` |
/// |---|---|---|---|
/// | a [`Request`](crate::Request) | `.await` | `.call()` | `.then(closure)` |
/// | one that is not answered | `.await` | `.call()` | `.send()` |
/// | `open_channel`, `close`, `shutdown`, `wait_for_all` | `.await` | return when it is done | `.then(closure)` |
/// | a [`Receipt`](crate::Receipt), [`Receipts`](crate::Receipts) | `.await` | `.wait()` | `.then(closure)` |
/// | a [`Consumer`](crate::Consumer), [`Events`](crate::Events), [`Returns`](crate::Returns) | a stream | an iterator | `.for_each(closure)` |
/// | settling a [`Delivery`](crate::Delivery) | `.await` or `.call()` | `.call()` | `.call()` |
pub trait Style: Clone + std::fmt::Debug + sealed::Sealed + 'static {}

/// With `async` and `.await`, on any runtime.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Async;

impl Style for Async {}

/// A style in which a call returns when it is done: those of the module `blocking`.
pub trait Blocking: Style {
    /// Waits for the future, until `deadline` if there is one: pending when that has passed.
    #[doc(hidden)]
    fn wait_until<F: Future + ?Sized>(
        &self,
        deadline: Option<Instant>,
        future: Pin<&mut F>,
    ) -> Poll<F::Output>;

    /// Waits for the future as long as it takes.
    #[doc(hidden)]
    fn wait<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = self.wait_until(None, future.as_mut()) {
                return output;
            }
        }
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Async {}
}
