//! What a reactor's thread knows of a socket's readiness to be read, which saves system calls that would say "nothing yet":
//! one in three or four where each message waits for the one before. Who reads is `socket`.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a read of fewer octets than there is room for, too, means that nothing is left. It does where a further event
/// comes for what arrives later, as tokio relies on; other systems, and mio over poll(2), tell of that only behind a read that
/// would have blocked.
const SHORT_READS_TELL: bool = cfg!(all(
    any(target_os = "linux", target_os = "android"),
    not(mio_unsupported_force_poll_poll)
));

/// What the events of one socket have told.
#[derive(Debug)]
pub(crate) struct Readiness {
    /// Whether an event came since the socket was last read.
    told: AtomicBool,
    /// Whether the end of the stream was told of, which no later event is about.
    ended: AtomicBool,
}

impl Readiness {
    /// Of a socket whose events nobody notes: it has to be asked each time.
    pub(super) fn unknown() -> Self {
        Self {
            told: AtomicBool::new(true),
            ended: AtomicBool::new(true),
        }
    }

    /// Of another socket from here on, to be called before it can have events.
    #[cfg(feature = "blocking")]
    pub(super) fn begin(&self) {
        self.told.store(true, Ordering::Relaxed);
        self.ended.store(false, Ordering::Relaxed);
    }

    #[cfg(feature = "blocking")]
    pub(super) fn note_event(&self, event: &mio::event::Event) {
        self.told.store(true, Ordering::Relaxed);
        if event.is_read_closed() || event.is_error() {
            self.ended.store(true, Ordering::Relaxed);
        }
    }

    /// Whether there may be something to read.
    pub(super) fn may_be(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// The socket was read, into so much room. Tells whether it is known to be empty now.
    pub(super) fn note_read(&self, read: &io::Result<usize>, room: usize) -> bool {
        let is_empty = match read {
            Ok(octets) => SHORT_READS_TELL && (1..room).contains(octets),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        } && !self.ended.load(Ordering::Relaxed);
        self.told.store(!is_empty, Ordering::Relaxed);
        is_empty
    }
}
