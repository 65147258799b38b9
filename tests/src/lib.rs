//! What the tests of this workspace share: a private broker. No test lives here.
#![forbid(unsafe_code)]

pub mod broker;
mod process;
mod supervisor;
