//! basic.get through the request builder: one message, fetched when asked for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::methods::basic;
use amqp_protocol::method::Arguments;

use super::channel::{Channel, ChannelHandle};
use super::delivery::Delivery;
use super::request::{Begin, Detached, Request};
use super::style::Style;
use super::waiting::RoundTrip;
use crate::error::CallError;
use crate::sans_io::{Connection, Reply};
use crate::trace::{Followed, Source};

/// A message to fetch. Made by [`Channel::basic_get`].
#[derive(Debug, Clone, Default)]
pub struct Get<'a>(pub(super) basic::Get<'a>);

impl<S: Style> Channel<S> {
    /// Begins basic.get, which fetches one message from a queue: it gives a [`Delivery`], or `None` when the queue is
    /// empty. A consumer is the better way to more than one, and the only one to a stream's, for which RabbitMQ closes
    /// the connection (540). The empty name is the queue declared last on the channel.
    ///
    /// Option: `no_ack`, on the page of [`Request`].
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// if let Some(delivery) = channel.basic_get("orders").await? {
    ///     println!("{} octets", delivery.body().len());
    ///     delivery.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_get<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, Get<'a>> {
        let mut request = Request::new(self, Get::default());
        request.method.0.queue = request.keep("queue", queue);
        request
    }
}

/// Options of [`Channel::basic_get`].
impl<'a, C> Request<'a, C, Get<'a>> {
    /// The message counts as settled when it is sent.
    pub fn no_ack(self) -> Self {
        self.set(|get| get.0.no_ack = true)
    }
}

impl<'a, S: Style> Begin for Request<'a, Channel<S>, Get<'a>> {
    type Output = Result<Option<Delivery>, CallError>;
    type Future = GetMessage<'a>;

    fn begin(self) -> GetMessage<'a> {
        let (channel, get) = self.finish();
        GetMessage {
            round_trip: RoundTrip::new(&channel.handle, basic::Get::<'_>::NAME, get),
            no_ack: false,
            source: None,
        }
    }

    fn detach(begun: GetMessage<'a>) -> Detached<Self::Output> {
        let unsettled = (!begun.no_ack).then(|| Arc::clone(begun.round_trip.channel()));
        let (sent, source) = (begun.round_trip.into_sent(), begun.source);
        Box::pin(async move { Ok(fetched(sent.reply().await?, unsettled, source.as_ref())) })
    }
}

/// Fetches a message: basic.get is sent at the first poll.
///
/// Dropping it before the first poll sends nothing; later it requeues what it fetched, or loses it under `no_ack`.
#[derive(Debug)]
#[must_use = "a message is only fetched when it is awaited"]
pub struct GetMessage<'a> {
    round_trip: RoundTrip<'a, Get<'a>>,
    no_ack: bool,
    source: Option<Arc<Source>>,
}

impl Future for GetMessage<'_> {
    type Output = Result<Option<Delivery>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            round_trip,
            no_ack,
            source,
        } = &mut *self;
        let channel = round_trip.channel();
        let send = |core: &mut Connection, now, key, Get(method): Get<'_>| {
            *no_ack = method.no_ack;
            *source = Some(channel.source(&method.queue));
            core.get(now, key, &method)
        };
        let reply = ready!(round_trip.poll(cx, send))?;
        let unsettled = (!self.no_ack).then(|| channel.clone());
        Poll::Ready(Ok(fetched(reply, unsettled, self.source.as_ref())))
    }
}

/// The message in a reply, to be settled on the channel if there is one.
fn fetched(
    mut reply: Reply,
    unsettled: Option<Arc<ChannelHandle>>,
    source: Option<&Arc<Source>>,
) -> Option<Delivery> {
    reply.take_content().map(|message| {
        let follow = |source| Followed::new(source, &message, "get");
        let followed = source.map(follow).unwrap_or_default();
        Delivery::new(message, unsettled, followed)
    })
}
