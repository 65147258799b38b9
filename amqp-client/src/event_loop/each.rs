//! Tasks that take one thing each time they are woken, so that closures are called in the order in which their causes came.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::causes::TaskWaker;
use super::tasks::Place;
use super::{Channel, Consumer, Handle};
use crate::error::CallError;
use crate::handle::{ConnectionEvent, ConsumerError, Delivery, Detached, Events, Feed, Returns};
use crate::sans_io::Returned;

/// Where things come from, one for each wake-up.
pub(super) trait Source {
    type Item;

    /// Leaves a waker for each thing, and says how many there are already.
    fn watch(&self, cx: &Context<'_>) -> usize;

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Self::Item>>;
}

impl<S> Source for Events<S> {
    type Item = ConnectionEvent;

    fn watch(&self, cx: &Context<'_>) -> usize {
        self.watch(cx)
    }

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<ConnectionEvent>> {
        self.poll_event(cx)
    }
}

impl Source for Feed {
    type Item = Returned;

    fn watch(&self, cx: &Context<'_>) -> usize {
        self.watch(cx)
    }

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Returned>> {
        self.poll(cx)
    }
}

impl Source for Returns<Handle> {
    type Item = Returned;

    fn watch(&self, cx: &Context<'_>) -> usize {
        self.watch(cx)
    }

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Returned>> {
        self.poll_returned(cx)
    }
}

/// Calls a closure for each thing, until one of both ends.
pub(super) struct Each<S, F> {
    source: S,
    call: F,
}

impl<S, F> Each<S, F> {
    pub(super) fn new(source: S, call: F) -> Self {
        Self { source, call }
    }
}

// Nothing in it is pinned.
impl<S, F> Unpin for Each<S, F> {}

impl<S: Source, F: FnMut(&S, S::Item) -> Poll<()>> Future for Each<S, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { source, call } = &mut *self;
        match ready!(source.poll_next(cx)) {
            Some(item) => call(source, item),
            None => Poll::Ready(()),
        }
    }
}

/// Calls a closure for each delivery of a consumer, and for its end.
pub(super) struct Consuming<F> {
    channel: Channel,
    stage: Stage,
    /// Its own, which knows what is still to come.
    waker: Arc<TaskWaker>,
    call: F,
}

pub(super) enum Stage {
    /// The first wake-up is the reply.
    Starting(Detached<Result<Consumer, CallError>>),
    Started(Consumer),
    /// It has ended, and its end has its place behind deliveries that it took away.
    Ended(Option<ConsumerError>),
}

impl<F> Consuming<F> {
    pub(super) fn new(channel: Channel, stage: Stage, place: &Place, call: F) -> Self {
        Self {
            channel,
            stage,
            waker: Arc::clone(&place.waker),
            call,
        }
    }
}

// Nothing in it is pinned.
impl<F> Unpin for Consuming<F> {}

impl<F: FnMut(&Channel, Result<Delivery, ConsumerError>)> Future for Consuming<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self {
            channel,
            stage,
            waker,
            call,
        } = &mut *self;
        let end = match stage {
            Stage::Starting(start) => match ready!(start.as_mut().poll(cx)) {
                Ok(consumer) => {
                    *stage = Stage::Started(consumer);
                    return Poll::Pending;
                }
                Err(error) => ConsumerError::NotStarted(error),
            },
            Stage::Started(consumer) => match ready!(consumer.poll_delivery(cx)) {
                Some(Err(end @ ConsumerError::Ended(_))) => end,
                Some(next) => {
                    call(channel, next);
                    return Poll::Pending;
                }
                None => return Poll::Ready(()),
            },
            Stage::Ended(end) => match end.take() {
                Some(end) => end,
                None => return Poll::Ready(()),
            },
        };
        if waker.is_woken() {
            *stage = Stage::Ended(Some(end));
            return Poll::Pending;
        }
        call(channel, Err(end));
        Poll::Ready(())
    }
}
