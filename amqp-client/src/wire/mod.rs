//! What is on the wire: what a tap is, and what it sees, which is frames, decoded and without secrets. A [`Text`] prints
//! them, a [`Recorder`] records them. How octets become frames is [`Tapping`](crate::sans_io::Tapping)'s.

mod content;
mod frame;
mod recorder;
mod redaction;

use std::fmt;

pub use content::Content;
pub(crate) use frame::Octets;
pub use frame::{Frame, Sender};
pub use recorder::{Recorder, Text};
pub(crate) use redaction::redact;

/// A hook that sees every frame of a connection, in both directions: [`Config::wire_tap`](crate::Config::wire_tap).
///
/// It is for debugging and for tools. A [`Recorder`] writes the octets to files, a [`Text`] a line for each frame;
/// a closure is a tap too:
///
/// ```
/// use std::sync::Arc;
/// use amqp_client::Config;
/// use amqp_client::wire::Frame;
///
/// let config = Config::default().wire_tap(Arc::new(|frame: &Frame<'_>| eprintln!("{frame}")));
/// ```
///
/// A received frame is seen before the connection acts on it, a sent one when it is handed to the transport. The frames of
/// a connection come one at a time and, in each direction, in the order of the wire. One tap may serve many connections,
/// at the same time too.
///
/// Secrets are replaced by `(hidden)` before the tap is called: the response of connection.start-ok and
/// connection.secure-ok, the challenge of connection.secure, which is whatever the mechanism makes it, and the new secret
/// of connection.update-secret. Such a [frame](Frame::is_redacted) is as valid as it was, of another length. Client
/// properties, headers and bodies are given as they are: what is private in messages is private in what a tap writes.
///
/// No lock of the library is held while a tap runs, but the task that moves the connection's octets waits for it, and
/// with it heartbeats: hand over what takes long to a thread. If a tap panics, the connection goes on and the tap sees no
/// more of it.
pub trait Tap: Send + Sync {
    /// Sees a frame. What it borrows ends with the call.
    fn frame(&self, frame: &Frame<'_>);

    /// No frames of [this connection](Frame::connection) will follow. By default it does nothing.
    fn ended(&self, connection: u64) {
        let _ = connection;
    }
}

impl<F: Fn(&Frame<'_>) + Send + Sync> Tap for F {
    fn frame(&self, frame: &Frame<'_>) {
        self(frame);
    }
}

impl fmt::Debug for dyn Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wire::Tap")
    }
}
