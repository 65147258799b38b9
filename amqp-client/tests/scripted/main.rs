//! The client against a scripted peer in memory: no socket, no broker, no clock but the test's.

mod authentication;
mod building;
mod confirms;
mod dropping;
mod ending;
mod events;
mod handles;
mod handshake;
mod hostile;
mod limits;
mod overtaking;
mod peer;
mod pitfalls;
mod plain;
mod publishers;
mod publishing;
mod receiving;
mod requests;
mod returns;
mod secrets;
mod settling;
mod shutdown;
mod stalling;
mod tuning;
mod unsettled;
mod wire;
