//! What this client does in each scenario, in the styles that several programs share.
#![forbid(unsafe_code)]

pub mod asynchronous;
pub mod blocking;
