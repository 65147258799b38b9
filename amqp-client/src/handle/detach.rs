//! What is left of a request's future once it was polled and is pending: it borrows nothing any more. For styles that keep it
//! until it is ready, behind the call that began it.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use amqp_protocol::method;

use super::call::{Call, SendNoWait, SendUnanswered, decode};
use super::consume::StartConsumer;
use super::get::{GetMessage, fetched};
use super::publish::PublishMessage;
use super::publisher::{PublishConfirmed, Publisher, SelectConfirms};
use super::receipt::Receipt;
use super::style::Style;
use super::waiting::{Replied, Wait};
use crate::trace;

/// A future that may outlive what it borrows.
pub trait Detach: Future + Unpin {
    /// What is left of it. To be called when it was polled and is pending.
    fn detach(self) -> Detached<Self::Output>;
}

/// What is left of a future.
pub(crate) type Detached<T> = Pin<Box<dyn Future<Output = T>>>;

/// The reply to a request that is sent. One that is not is never answered.
async fn reply((wait, mut trace): (Option<Wait<Replied>>, trace::Call)) -> Replied {
    let Some(mut wait) = wait else {
        return pending().await;
    };
    let replied = (&mut wait).await;
    trace.end(wait.channel().shared(), replied.as_ref());
    replied
}

impl<M: method::Request> Detach for Call<'_, M> {
    fn detach(self) -> Detached<Self::Output> {
        let wait = self.round_trip.into_wait();
        Box::pin(async { decode(&reply(wait).await?) })
    }
}

// These two are never pending.

impl<M: method::Request> Detach for SendNoWait<'_, M> {
    fn detach(self) -> Detached<Self::Output> {
        Box::pin(pending())
    }
}

impl Detach for SendUnanswered<'_> {
    fn detach(self) -> Detached<Self::Output> {
        Box::pin(pending())
    }
}

impl Detach for GetMessage<'_> {
    fn detach(self) -> Detached<Self::Output> {
        let unsettled = (!self.no_ack).then(|| Arc::clone(self.round_trip.channel()));
        let wait = self.round_trip.into_wait();
        let source = self.source;
        Box::pin(async move { Ok(fetched(reply(wait).await?, unsettled, source.as_ref())) })
    }
}

impl<S: Style + 'static> Detach for StartConsumer<'_, S> {
    fn detach(self) -> Detached<Self::Output> {
        let (wait, consumer) = (self.round_trip.into_wait(), self.consumer);
        Box::pin(async {
            // Of a request that is sent there is one. Dropped with its request, it leaves nothing behind.
            let Some(mut consumer) = consumer else {
                return pending().await;
            };
            consumer.started(&reply(wait).await?)?;
            Ok(consumer)
        })
    }
}

impl<S: Style + 'static> Detach for SelectConfirms<'_, S> {
    fn detach(self) -> Detached<Self::Output> {
        let channel = self.channel.clone();
        let wait = self.round_trip.into_wait();
        Box::pin(async {
            reply(wait).await?;
            Ok(Publisher { channel })
        })
    }
}

impl Detach for PublishMessage<'_> {
    fn detach(self) -> Detached<Self::Output> {
        let mut admission = self.0.into_owned();
        Box::pin(poll_fn(move |cx| admission.poll(cx, false).map_ok(drop)))
    }
}

impl<S: Style + 'static> Detach for PublishConfirmed<'_, S> {
    fn detach(self) -> Detached<Self::Output> {
        let channel = self.channel.clone();
        let mut admission = self.admission.into_owned();
        Box::pin(async move {
            let (delivery_tag, trace) = poll_fn(|cx| admission.poll_confirmed(cx)).await?;
            Ok(Receipt::new(channel, delivery_tag, trace))
        })
    }
}
