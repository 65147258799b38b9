//! Why something has to run, in the order in which it came about; added from any thread. Running it is the tasks' and the
//! loop's.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use super::Handle;

/// How many causes there is room for while nothing waits: more than come of what a connection reads at a time.
const KEEP_CAPACITY: usize = 4096;

/// Names a task. Never used twice in a program: in another loop than its own it names nothing.
pub(super) type TaskId = u64;

/// Something to run.
pub(super) enum Cause {
    /// A task was woken.
    Woken(TaskId),
    /// The socket of this token is ready.
    Ready(usize),
    /// A [`Remote`](super::Remote) sent it.
    Sent(Box<dyn FnOnce(&Handle) + Send>),
}

/// What is to be run, first come first.
pub(super) struct Causes {
    state: Mutex<State>,
    /// Wakes the loop's thread.
    alarm: Box<dyn Fn() + Send + Sync>,
}

struct State {
    waiting: VecDeque<Cause>,
    /// Tasks that were woken and run before all that waits.
    urgent: VecDeque<TaskId>,
    /// Whether the loop may be waiting for the alarm.
    asleep: bool,
    /// Whether there is no loop any more.
    over: bool,
    /// How many [`Remote`](super::Remote)s there are.
    remotes: usize,
}

impl Causes {
    pub(super) fn new(alarm: impl Fn() + Send + Sync + 'static) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            urgent: VecDeque::new(),
            asleep: true,
            over: false,
            remotes: 0,
        };
        Self {
            state: Mutex::new(state),
            alarm: Box::new(alarm),
        }
    }

    /// Nothing under the lock panics, or is code of the application's.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a cause; false when there is no loop any more.
    pub(super) fn push(&self, cause: Cause) -> bool {
        let mut state = self.lock();
        if state.over {
            drop(state);
            // Here, behind the lock, whatever it holds is dropped.
            return false;
        }
        state.waiting.push_back(cause);
        self.ring(state);
        true
    }

    fn push_urgent(&self, task: TaskId) {
        let mut state = self.lock();
        if !state.over {
            state.urgent.push_back(task);
            self.ring(state);
        }
    }

    fn ring(&self, mut state: MutexGuard<'_, State>) {
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        if asleep {
            (self.alarm)();
        }
    }

    pub(super) fn pop(&self) -> Option<Cause> {
        self.lock().waiting.pop_front()
    }

    /// The urgent tasks that were woken by now.
    pub(super) fn take_urgent(&self) -> VecDeque<TaskId> {
        std::mem::take(&mut self.lock().urgent)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// From here on the loop looks by itself for what is added.
    pub(super) fn awake(&self) {
        self.lock().asleep = false;
    }

    /// From here on the loop wants the alarm; false when there is something to run.
    pub(super) fn sleep(&self) -> bool {
        let mut state = self.lock();
        state.asleep = state.is_empty();
        if state.asleep {
            state.waiting.shrink_to(KEEP_CAPACITY);
        }
        state.asleep
    }

    pub(super) fn has_remotes(&self) -> bool {
        self.lock().remotes > 0
    }

    pub(super) fn add_remote(&self) {
        self.lock().remotes += 1;
    }

    /// A loop that only waited for remotes has to look whether it has come to its end.
    pub(super) fn remove_remote(&self) {
        let mut state = self.lock();
        state.remotes -= 1;
        self.ring(state);
    }

    /// Ends the loop: what waits is given back to be dropped.
    pub(super) fn end(&self) -> VecDeque<Cause> {
        let mut state = self.lock();
        state.over = true;
        std::mem::take(&mut state.waiting)
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.urgent.is_empty()
    }
}

impl fmt::Debug for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Causes").finish_non_exhaustive()
    }
}

/// How a task that is woken comes to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Behind what waits, once, however often it was woken.
    Once,
    /// Behind what waits, each time.
    Each,
    /// Before what waits: it moves octets, and calls nothing of the application's.
    Urgent,
}

/// A task's waker.
#[derive(Debug)]
pub(super) struct TaskWaker {
    task: TaskId,
    causes: Arc<Causes>,
    turn: Turn,
    /// How often it was woken and has not run yet.
    woken: AtomicUsize,
}

impl TaskWaker {
    pub(super) fn new(task: TaskId, causes: &Arc<Causes>, turn: Turn) -> Arc<Self> {
        Arc::new(Self {
            task,
            causes: Arc::clone(causes),
            turn,
            woken: AtomicUsize::new(0),
        })
    }

    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// The task runs now.
    pub(super) fn running(&self) {
        match self.turn {
            Turn::Each => self.woken.fetch_sub(1, Ordering::SeqCst),
            Turn::Once | Turn::Urgent => self.woken.swap(0, Ordering::SeqCst),
        };
    }

    /// Whether it will run again for what was already.
    pub(super) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst) > 0
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.woken.fetch_add(1, Ordering::SeqCst) > 0 && self.turn != Turn::Each {
            return;
        }
        if self.turn == Turn::Urgent {
            self.causes.push_urgent(self.task);
        } else {
            self.causes.push(Cause::Woken(self.task));
        }
    }
}

/// Has the owner of a socket woken behind what waits: however much comes, others have their turn.
#[derive(Debug)]
pub(super) struct SocketWaker {
    token: usize,
    causes: Arc<Causes>,
    ready: AtomicBool,
}

impl SocketWaker {
    pub(super) fn new(token: usize, causes: &Arc<Causes>) -> Arc<Self> {
        Arc::new(Self {
            token,
            causes: Arc::clone(causes),
            ready: AtomicBool::new(false),
        })
    }

    /// The owner is woken now.
    pub(super) fn reset(&self) {
        self.ready.store(false, Ordering::SeqCst);
    }
}

impl Wake for SocketWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.ready.swap(true, Ordering::SeqCst) {
            self.causes.push(Cause::Ready(self.token));
        }
    }
}
