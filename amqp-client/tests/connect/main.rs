//! Connecting over sockets of this machine, to servers that a test scripts. No broker, and time is tokio's where it matters.

mod attempts;
mod clock;
mod provider;
mod reconnect;
#[cfg(feature = "v0-8")]
mod revisions;
mod server;
mod streams;
mod turns;
