//! The client against a scripted peer in memory: no socket, no broker, no clock but the test's.

mod authentication;
mod building;
mod by_reference;
mod confirms;
mod deliveries;
#[cfg(feature = "v0-8")]
mod dialect;
mod dropping;
mod ending;
mod events;
mod handles;
mod handshake;
mod hostile;
mod limits;
mod memory;
#[cfg(feature = "metrics")]
mod metrics;
mod overtaking;
mod peer;
mod pitfalls;
mod plain;
mod propagation;
mod publishers;
mod publishing;
mod receiving;
#[cfg(feature = "metrics")]
mod recorded;
mod recording;
mod requests;
mod returns;
mod secrets;
mod settling;
mod shutdown;
mod stalling;
mod tap;
mod tap_properties;
mod tuning;
mod unsettled;
mod wire;
