//! The loop as other threads reach it.

use std::fmt;
use std::sync::Arc;

use super::Handle;
use super::causes::{Cause, Causes};

/// Has closures called by a loop, from any thread, and wakes it for that. Made by [`Handle::remote`]. A loop does not come to
/// its end by itself as long as there is one.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use amqp_client::event_loop::EventLoop;
///
/// let mut event_loop = EventLoop::new()?;
/// let remote = event_loop.handle().remote();
/// let thread = std::thread::spawn(move || remote.send(|_| println!("called by the loop")));
/// event_loop.run()?;
/// # thread.join().ok();
/// # Ok(())
/// # }
/// ```
pub struct Remote(Arc<Causes>);

impl Remote {
    pub(super) fn new(causes: &Arc<Causes>) -> Self {
        causes.add_remote();
        Self(Arc::clone(causes))
    }

    /// Has the loop call `call`; false when there is no loop any more, and `call` is dropped. Closures of one thread are called
    /// in their order.
    pub fn send(&self, call: impl FnOnce(&Handle) + Send + 'static) -> bool {
        self.0.push(Cause::Sent(Box::new(call)))
    }
}

impl Clone for Remote {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.0.remove_remote();
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
