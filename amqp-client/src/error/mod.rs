//! What can go wrong, sorted by what it ends, and within that by whose fault it is: the server's, the caller's, the
//! transport's. Nothing is retried here. What is wrong with a URI stands in `options`, with TLS in `tls`.

mod call;
mod channel;
mod connect;
mod connection;
pub mod explained;
mod peer;
mod permanent;
mod publish;

pub use call::{CallError, Refusal};
pub use channel::ChannelError;
pub use connect::{ConnectError, ConnectPhase, FailedAttempt};
pub use connection::{ConnectionError, ProviderError, RefreshError, ShutdownError, TransportError};
pub use peer::{Close, PeerViolation, Violation};
pub use publish::{PublishError, UnknownReason};
