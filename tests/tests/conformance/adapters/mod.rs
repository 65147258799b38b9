//! The adapters, a file each: how they connect, and what runs a scenario.

mod compio;
mod event_loop;
mod single_threaded;
mod smol;
mod threaded;
mod tokio;

pub(crate) use self::compio::Compio;
pub(crate) use self::smol::Smol;
pub(crate) use self::tokio::Tokio;
pub(crate) use event_loop::Callbacks;
pub(crate) use single_threaded::SingleThreaded;
pub(crate) use threaded::Threaded;
