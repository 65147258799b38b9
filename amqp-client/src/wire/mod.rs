//! What a wire tap is, and what it sees: frames, decoded and without secrets. How octets become frames is
//! `sans_io::tap`'s.

mod content;
mod frame;
mod recorder;
mod redaction;

use std::fmt;

pub use content::WireContent;
pub(crate) use frame::Octets;
pub use frame::{Sender, WireFrame};
pub use recorder::{WireRecorder, WireText};
pub(crate) use redaction::redact;

/// A hook that sees every frame of a connection, in both directions: [`Config::wire_tap`](crate::Config::wire_tap).
///
/// It is for debugging and for tools. A [`WireRecorder`] writes the octets to files, a [`WireText`] a line for each frame;
/// a closure is a tap too:
///
/// ```
/// use std::sync::Arc;
/// use amqp_client::{Config, WireFrame};
///
/// let config = Config::default().wire_tap(Arc::new(|frame: &WireFrame<'_>| eprintln!("{frame}")));
/// ```
///
/// A received frame is seen before the connection acts on it, a sent one when it is handed to the transport. The frames of
/// a connection come one at a time and, in each direction, in the order of the wire. One tap may serve many connections,
/// at the same time too.
///
/// Secrets are replaced by `(hidden)` before the tap is called: the response of connection.start-ok and
/// connection.secure-ok, the challenge of connection.secure, which is whatever the mechanism makes it, and the new secret
/// of connection.update-secret. Such a [frame](WireFrame::is_redacted) is as valid as it was, of another length. Client
/// properties, headers and bodies are given as they are: what is private in messages is private in what a tap writes.
///
/// No lock of the library is held while a tap runs, but the task that moves the connection's octets waits for it, and
/// with it heartbeats: hand over what takes long to a thread. If a tap panics, the connection goes on and the tap sees no
/// more of it.
pub trait WireTap: Send + Sync {
    /// Sees a frame. What it borrows ends with the call.
    fn frame(&self, frame: &WireFrame<'_>);

    /// No frames of [this connection](WireFrame::connection) will follow. By default it does nothing.
    fn ended(&self, connection: u64) {
        let _ = connection;
    }
}

impl<F: Fn(&WireFrame<'_>) + Send + Sync> WireTap for F {
    fn frame(&self, frame: &WireFrame<'_>) {
        self(frame);
    }
}

impl fmt::Debug for dyn WireTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireTap")
    }
}
