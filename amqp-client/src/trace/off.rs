//! What stands in the place of spans and events without the feature `tracing`: nothing that is done or kept.

use std::sync::Arc;
use std::task::Context;

use amqp_protocol::{ChannelId, DeliveryTag};

use crate::config::Config;
use crate::error::FailedAttempt;
use crate::error::{CallError, PublishError};
use crate::handle::Shared;
use crate::methods::basic;
use crate::sans_io::{Message, Reply, Settlement};
use crate::trace::Source;

/// Whether anybody listens.
#[inline]
pub(crate) fn listened_to() -> bool {
    false
}

#[derive(Debug)]
pub(crate) struct Span;

impl Span {
    #[inline]
    pub(crate) fn is_disabled(&self) -> bool {
        true
    }

    #[inline]
    pub(crate) fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

#[derive(Debug)]
pub(crate) struct Driving;

impl Driving {
    pub(crate) fn new(_: &Config) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn span(&self) -> Span {
        Span
    }

    #[inline]
    pub(crate) fn listen(&mut self, _: &Arc<Shared>) {}

    #[inline]
    pub(crate) fn tell(&mut self, _: &Context<'_>, _: &Shared) {}
}

#[inline]
pub(crate) fn attempt_failed(_: &FailedAttempt) {}

#[inline]
pub(crate) fn channel_opened(_: ChannelId) {}

#[derive(Debug)]
pub(crate) struct Call;

impl Call {
    #[inline]
    pub(crate) fn new(_: &'static str) -> Self {
        Self
    }

    #[inline]
    pub(crate) fn begin(&mut self, _: &Shared, _: ChannelId) {}

    #[inline]
    pub(crate) fn end(&mut self, _: &Shared, _: Result<&Reply, &CallError>) {}
}

#[derive(Debug, Default)]
pub(crate) struct Publishing {}

impl Publishing {
    #[inline]
    pub(crate) fn begin(
        &mut self,
        _: &Shared,
        _: ChannelId,
        _: &basic::Publish<'_>,
        _: &basic::Properties<'_>,
        _: &[u8],
    ) {
    }

    #[inline]
    pub(crate) fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline]
    pub(crate) fn held_back(&mut self, _: &Shared) {}

    #[inline]
    pub(crate) fn is_listened_to(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) fn admitted(&mut self, _: &Shared, _: Result<(), &PublishError>) {}

    #[inline]
    pub(crate) fn numbered(&self, _: DeliveryTag) {}

    #[inline]
    pub(crate) fn end(&mut self, _: &Result<(), PublishError>) {}
}

#[inline]
pub(super) fn deliver(_: &Source, _: &Message, _: &str) -> Span {
    Span
}

#[inline]
pub(crate) fn settled(_: Option<&Span>, _: Settlement, _: &Result<(), CallError>) {}

#[inline]
pub(super) fn dropped(_: &Span, _: &Message) {}
