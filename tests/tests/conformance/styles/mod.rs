//! The styles of program, each with its way to wait. Where a connection of a style comes from, its adapters say.

mod awaiting;
mod blocking;
mod calling;

pub(crate) use awaiting::Awaiting;
pub(crate) use blocking::Blocking;
pub(crate) use calling::Calling;
