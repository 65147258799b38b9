//! What the driver and `connect` tell of connections in a build without metrics: nothing.

use std::time::Instant;

use crate::handle::Shared;

#[derive(Debug, Default)]
pub(crate) struct Reporter {}

impl Reporter {
    pub(crate) fn report(&mut self, _: &Shared) {}

    pub(crate) fn due(&self) -> Option<Instant> {
        None
    }
}

pub(crate) fn attempted(_: &crate::config::Config, _: Option<crate::error::ConnectPhase>) {}
