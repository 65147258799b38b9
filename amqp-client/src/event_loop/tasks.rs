//! The tasks of a loop: futures that are polled when they were woken, and call the application's closures. What wakes them
//! stands in `causes`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use super::causes::{Causes, TaskId, TaskWaker, Turn};

/// What the next task is named. One for all loops: what one loop gave out takes nothing away in another.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// All tasks.
#[derive(Default)]
pub(super) struct Tasks {
    by_id: RefCell<HashMap<TaskId, Task>>,
    /// The one that runs now, unless it is to be dropped behind that.
    running: Cell<Option<TaskId>>,
    /// Whether there is no loop any more.
    over: Cell<bool>,
}

/// A task that is not running.
pub(super) struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Arc<TaskWaker>,
    /// Whether it stays when a closure that it calls panics.
    lasting: bool,
}

/// A place for a task.
pub(super) struct Place {
    pub(super) id: TaskId,
    pub(super) waker: Arc<TaskWaker>,
}

impl Place {
    pub(super) fn waker(&self) -> Waker {
        self.waker.waker()
    }
}

impl Tasks {
    pub(super) fn place(&self, causes: &Arc<Causes>, turn: Turn) -> Place {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Place {
            id,
            waker: TaskWaker::new(id, causes, turn),
        }
    }

    /// Puts a task into its place. It runs when it is woken.
    pub(super) fn put(&self, place: Place, future: impl Future<Output = ()> + 'static, lasting: bool) {
        if self.over.get() {
            return;
        }
        let task = Task {
            future: Box::pin(future),
            waker: place.waker,
            lasting,
        };
        self.by_id.borrow_mut().insert(place.id, task);
    }

    /// Takes a task out, if it is not running.
    pub(super) fn take(&self, id: TaskId) -> Option<Task> {
        self.by_id.borrow_mut().remove(&id)
    }

    /// Ends a task; one that is running, as soon as it returns. False when it was over.
    pub(super) fn remove(&self, id: TaskId) -> bool {
        let runs = self.running.get() == Some(id);
        if runs {
            self.running.set(None);
        }
        runs || self.take(id).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.borrow().is_empty()
    }

    /// Runs a task, unless it is over. It is taken out meanwhile, so that the closures that it calls may do whatever they
    /// like with all others.
    pub(super) fn run(&self, id: TaskId) {
        let Some(task) = self.take(id) else { return };
        self.running.set(Some(id));
        let mut running = Running {
            tasks: self,
            id,
            stays: task.lasting,
            task: Some(task),
        };
        running.stays = running.poll().is_pending();
    }

    /// Ends the loop. Tasks may add others when they are dropped, which are dropped too.
    pub(super) fn end(&self) -> HashMap<TaskId, Task> {
        self.over.set(true);
        self.by_id.take()
    }
}

/// A task that is running. A panic leaves it where it was if it is a lasting one, and drops it otherwise.
struct Running<'a> {
    tasks: &'a Tasks,
    id: TaskId,
    stays: bool,
    task: Option<Task>,
}

impl Running<'_> {
    fn poll(&mut self) -> Poll<()> {
        let Some(task) = &mut self.task else {
            return Poll::Ready(());
        };
        task.waker.running();
        let waker = task.waker.waker();
        task.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let wanted = self.tasks.running.take().is_some();
        if self.stays
            && wanted
            && let Some(task) = self.task.take()
        {
            self.tasks.by_id.borrow_mut().insert(self.id, task);
        }
    }
}
