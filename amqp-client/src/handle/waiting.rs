//! Requests under way: who waits for which, and outcomes that were not taken yet. What is asked for is its callers'.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::channel::ChannelHandle;
use super::shared::Inner;
use crate::error::{CallError, PublishError};
use crate::sans_io::{ChannelKey, Connection, Reply, RequestId};
use crate::trace;

/// How a call ends.
pub(super) type Replied = Result<Reply, CallError>;

/// How waiting for a turn to publish ends.
pub(super) type Turn = Result<(), PublishError>;

/// Requests that end in a `T`.
#[derive(Debug)]
pub(super) struct Waiting<T>(BTreeMap<RequestId, Entry<T>>);

#[derive(Debug)]
enum Entry<T> {
    Waiting(Option<Waker>),
    Done(T),
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Waiting<T> {
    /// Keeps the outcome of a request that somebody waits for, whose waker this gives back.
    pub(super) fn finish(&mut self, request: RequestId, outcome: T) -> Option<Waker> {
        let entry = self.0.get_mut(&request)?;
        match std::mem::replace(entry, Entry::Done(outcome)) {
            Entry::Waiting(waker) => waker,
            Entry::Done(_) => None,
        }
    }
}

/// A kind of outcome.
pub(super) trait Outcome: Sized {
    fn waiting(inner: &mut Inner) -> &mut Waiting<Self>;

    /// Gives back what an outcome brought that nobody took.
    fn undo(self, inner: &mut Inner, channel: ChannelKey);
}

impl Outcome for Replied {
    fn waiting(inner: &mut Inner) -> &mut Waiting<Self> {
        &mut inner.replies
    }

    fn undo(self, inner: &mut Inner, channel: ChannelKey) {
        if let Ok(reply) = self {
            inner.core.discard_reply(channel, reply);
        }
    }
}

impl Outcome for Turn {
    fn waiting(inner: &mut Inner) -> &mut Waiting<Self> {
        &mut inner.turns
    }

    fn undo(self, _: &mut Inner, _: ChannelKey) {}
}

/// Waits for a request to end in a `T`. Dropped before, it leaves a tombstone.
#[derive(Debug)]
pub(super) struct Wait<T: Outcome> {
    channel: Arc<ChannelHandle>,
    request: RequestId,
    done: bool,
    outcome: PhantomData<fn() -> T>,
}

impl<T: Outcome> Wait<T> {
    /// Waits for a request that was [registered](Inner::register) when it was made.
    pub(super) fn new(channel: Arc<ChannelHandle>, request: RequestId) -> Self {
        Self {
            channel,
            request,
            done: false,
            outcome: PhantomData,
        }
    }

    pub(super) fn request(&self) -> RequestId {
        self.request
    }
}

impl<T: Outcome> Future for Wait<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let outcome = self.channel.with(|inner, _| inner.poll_request(cx, self.request));
        self.done = outcome.is_ready();
        outcome
    }
}

impl<T: Outcome> Drop for Wait<T> {
    fn drop(&mut self) {
        if !self.done {
            self.channel
                .with(|inner, key| inner.abandon::<T>(key, self.request));
        }
    }
}

/// A request and its reply: sent at the first poll, then waited for.
#[derive(Debug)]
pub(super) struct RoundTrip<'a, M> {
    channel: &'a Arc<ChannelHandle>,
    /// Until it is sent.
    method: Option<Result<M, CallError>>,
    /// Once it is.
    wait: Option<Wait<Replied>>,
    trace: trace::Call,
}

impl<'a, M> RoundTrip<'a, M> {
    /// One of the method of this name.
    pub(super) fn new(
        channel: &'a Arc<ChannelHandle>,
        name: &'static str,
        method: Result<M, CallError>,
    ) -> Self {
        Self {
            channel,
            method: Some(method),
            wait: None,
            trace: trace::Call::new(name),
        }
    }

    pub(super) fn channel(&self) -> &'a Arc<ChannelHandle> {
        self.channel
    }

    /// What is left of it once it is sent.
    pub(super) fn into_sent(self) -> Sent {
        Sent {
            wait: self.wait,
            trace: self.trace,
        }
    }

    /// The reply. Its request is made by `send`, unless it was before.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        send: impl FnOnce(&mut Connection, Instant, ChannelKey, M) -> Result<RequestId, CallError>,
    ) -> Poll<Replied> {
        if let Some(method) = self.method.take() {
            self.trace.begin(self.channel.shared(), self.channel.id());
            let request = method.and_then(|method| {
                self.channel.with(|inner, key| {
                    let now = inner.now();
                    let request = send(&mut inner.core, now, key, method)?;
                    inner.register::<Replied>(request);
                    Ok(request)
                })
            });
            match request {
                Ok(request) => self.wait = Some(self.channel.wait(request)),
                Err(error) => return Poll::Ready(self.end(Err(error))),
            }
        }
        match &mut self.wait {
            Some(wait) => Pin::new(wait).poll(cx).map(|replied| self.end(replied)),
            None => Poll::Pending,
        }
    }

    fn end(&mut self, replied: Replied) -> Replied {
        self.trace.end(self.channel.shared(), replied.as_ref());
        replied
    }
}

/// A request that was sent, and its reply.
pub(super) struct Sent {
    /// None where it was not, which is never answered.
    wait: Option<Wait<Replied>>,
    trace: trace::Call,
}

impl Sent {
    pub(super) async fn reply(mut self) -> Replied {
        let Some(mut wait) = self.wait else {
            return pending().await;
        };
        let replied = (&mut wait).await;
        self.trace.end(wait.channel.shared(), replied.as_ref());
        replied
    }
}

impl Inner {
    /// Keeps the outcome of a request from here on. To be called under the same lock as the request is made.
    pub(super) fn register<T: Outcome>(&mut self, request: RequestId) {
        T::waiting(self).0.insert(request, Entry::Waiting(None));
    }

    fn poll_request<T: Outcome>(&mut self, cx: &Context<'_>, request: RequestId) -> Poll<T> {
        let entries = &mut T::waiting(self).0;
        match entries.remove(&request) {
            Some(Entry::Done(outcome)) => Poll::Ready(outcome),
            Some(Entry::Waiting(mut waker)) => {
                let old = set_waker(&mut waker, cx);
                entries.insert(request, Entry::Waiting(waker));
                self.woken.extend(old);
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }

    fn abandon<T: Outcome>(&mut self, channel: ChannelKey, request: RequestId) {
        self.core.abandon_request(request);
        match T::waiting(self).0.remove(&request) {
            Some(Entry::Done(outcome)) => outcome.undo(self, channel),
            Some(Entry::Waiting(waker)) => self.woken.extend(waker),
            None => {}
        }
    }
}

/// Keeps the task's waker, and gives back the one it replaces, which must not be dropped under the lock.
pub(super) fn set_waker(slot: &mut Option<Waker>, cx: &Context<'_>) -> Option<Waker> {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        slot => slot.replace(cx.waker().clone()),
    }
}
