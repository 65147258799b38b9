//! What a delivery keeps for those who follow messages, when anybody does: where it came from, and its span.

use std::sync::Arc;

use super::{Source, Span, deliver, dropped, listened_to, settled};
use crate::error::CallError;
use crate::sans_io::{Message, Settlement};

/// Kept beside a delivery.
#[derive(Debug, Default)]
pub(crate) struct Followed(Option<Box<Following>>);

#[derive(Debug)]
struct Following {
    source: Arc<Source>,
    span: Span,
}

impl Followed {
    /// Of a delivery that is handed out by the operation of this name.
    #[inline(always)]
    pub(crate) fn new(source: &Arc<Source>, message: &Message, operation: &'static str) -> Self {
        if source.propagator.is_some() || listened_to() {
            Self(Self::follow(source, message, operation))
        } else {
            Self(None)
        }
    }

    #[cold]
    fn follow(source: &Arc<Source>, message: &Message, operation: &'static str) -> Option<Box<Following>> {
        let span = deliver(source, message, operation);
        let wanted = source.propagator.is_some() || !span.is_disabled();
        wanted.then(|| {
            let source = Arc::clone(source);
            Box::new(Following { source, span })
        })
    }

    /// Where the delivery came from, if it is followed.
    pub(crate) fn source(&self) -> Option<&Source> {
        self.0.as_ref().map(|following| &*following.source)
    }

    /// The span, if there is one.
    pub(crate) fn span(&self) -> Option<&Span> {
        self.0.as_ref().map(|following| &following.span)
    }

    #[cold]
    pub(crate) fn settled(&self, settlement: Settlement, outcome: &Result<(), CallError>) {
        settled(self.span(), settlement, outcome);
    }

    #[inline]
    pub(crate) fn dropped(&self, message: &Message) {
        if let Some(span) = self.span() {
            dropped(span, message);
        }
    }
}
