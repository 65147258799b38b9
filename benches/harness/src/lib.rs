//! What every program that is compared shares: the job that it is given, how it is measured, and the line that it prints.
//! What a client does is its program's; which programs run, and when, is the driver's.
#![forbid(unsafe_code)]

mod job;
mod meter;
pub mod octets;
mod runtime;

pub use job::{Job, Scenario};
pub use meter::{Meter, resident_kib};
pub use runtime::run;

/// Why a program stops.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The body of every message, but for [`Scenario::Large`].
pub const BODY: [u8; 16] = *b"sixteen octets!!";

/// Octets of a body of [`Scenario::Large`].
pub const LARGE: usize = 65_536;

/// How many publishes may wait for their confirms in [`Scenario::Confirms`].
pub const WINDOW: usize = 1000;
