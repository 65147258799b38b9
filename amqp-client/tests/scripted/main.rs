//! The client against a scripted peer in memory: no socket, no broker, no clock but the test's.

mod handles;
mod handshake;
mod invariants;
mod peer;
mod wire;
