//! basic.publish through the request builder: properties, body, and waiting while publishing is held back.

use std::borrow::Borrow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::methods::basic;
#[cfg(feature = "event-loop")]
use amqp_protocol::IntoOwned;
use amqp_protocol::table::{FieldValue, TableError};

use super::channel::{Channel, ChannelHandle};
use super::request::{Begin, Request};
use super::style::Style;
use super::waiting::{Turn, Wait};
use crate::error::{PublishError, Refusal};
use crate::propagation::Headers;
use crate::sans_io::{Body, ChannelKey, Connection, Published};
use crate::trace::{self, Publishing};

/// A message to publish: method, properties and body. Made by [`Channel::basic_publish`] and
/// [`Publisher::publish`](super::Publisher::publish).
#[derive(Debug, Clone)]
pub struct Publish<'a> {
    pub(super) method: basic::Publish<'a>,
    pub(super) properties: basic::Properties<'a>,
    body: Body<'a>,
}

impl<'a> Publish<'a> {
    pub(super) fn new(body: Body<'a>) -> Self {
        Self {
            method: basic::Publish::default(),
            properties: basic::Properties::default(),
            body,
        }
    }
}

impl<S: Style> Channel<S> {
    /// Begins basic.publish to `exchange`, the empty name being the default exchange, which routes to the queue named
    /// `routing_key`.
    ///
    /// Options: [`mandatory`](Request::mandatory), [`persistent`](Request::persistent), [`header`](Request::header),
    /// [`expiration`](Request::expiration), each other property by its name, or all
    /// [`properties`](Request::properties) at once.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::PublishError> {
    /// channel.basic_publish("", "orders", "one coffee").persistent().content_type("text/plain").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_publish<'a>(
        &'a self,
        exchange: name!('a),
        routing_key: name!('a),
        body: impl Into<Body<'a>>,
    ) -> Request<'a, Self, Publish<'a>> {
        let publish = Publish::new(body.into());
        let mut request = Request::new(self, publish);
        request.method.method.exchange = request.keep("exchange", exchange);
        request.method.method.routing_key = request.keep("routing_key", routing_key);
        request
    }
}

/// Setters of short-string properties.
macro_rules! short_string_properties {
    ($($(#[$doc:meta])* $name:ident $text:literal),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(mut self, value: name!('a)) -> Self {
            let value = self.keep($text, value);
            self.set(|publish| publish.properties.$name = Some(value))
        }
    )*};
}

/// Options of [`Channel::basic_publish`] and [`Publisher::publish`](super::Publisher::publish).
impl<'a, C> Request<'a, C, Publish<'a>> {
    /// Replaces all properties.
    pub fn properties(self, properties: basic::Properties<'a>) -> Self {
        self.set(|publish| publish.properties = properties)
    }

    /// delivery-mode 2: in a durable queue the message survives a restart of the server. A [`Publisher`](super::Publisher)
    /// does so by itself.
    pub fn persistent(self) -> Self {
        self.set(|publish| publish.properties.delivery_mode = Some(2))
    }

    /// delivery-mode 1: the server may keep the message in memory alone.
    pub fn transient(self) -> Self {
        self.set(|publish| publish.properties.delivery_mode = Some(1))
    }

    /// The server sends the message back when it can route it to no queue, instead of dropping it: a
    /// [`Receipt`](super::Receipt) then says [`PublishError::Returned`], and without one it comes to
    /// [`Channel::returns`].
    pub fn mandatory(self) -> Self {
        self.set(|publish| publish.method.mandatory = true)
    }

    /// To be delivered at once or not at all, which RabbitMQ does not do: [refused](Refusal::Immediate).
    pub fn immediate(self) -> Self {
        self.refuse(Refusal::Immediate)
    }

    /// Adds a header.
    pub fn header<'n, 'v>(
        self,
        name: name!('n),
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Self {
        self.append(
            "headers",
            |publish| publish.properties.headers.get_or_insert_default(),
            name,
            value,
        )
    }

    /// How long the message may wait in a queue, in whole milliseconds, rounded up. At most ten years.
    pub fn expiration(mut self, expiration: Duration) -> Self {
        let milliseconds = expiration.as_nanos().div_ceil(1_000_000);
        let expiration = self.keep("expiration", milliseconds.to_string());
        self.set(|publish| publish.properties.expiration = Some(expiration))
    }

    /// Header `CC`: routing keys beside the message's own.
    pub fn cc<'v>(
        self,
        routing_keys: impl IntoIterator<Item: TryInto<FieldValue<'v>, Error: Into<TableError>>>,
    ) -> Self {
        self.header_of_several("CC", routing_keys)
    }

    /// Header `BCC`: routing keys beside the message's own, which the server does not pass on.
    pub fn bcc<'v>(
        self,
        routing_keys: impl IntoIterator<Item: TryInto<FieldValue<'v>, Error: Into<TableError>>>,
    ) -> Self {
        self.header_of_several("BCC", routing_keys)
    }

    fn header_of_several<'v>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item: TryInto<FieldValue<'v>, Error: Into<TableError>>>,
    ) -> Self {
        let values = self.keep_array(name, values);
        self.header(name, values)
    }

    /// Higher ones go first, in a queue declared with `x-max-priority`.
    pub fn priority(self, priority: u8) -> Self {
        self.set(|publish| publish.properties.priority = Some(priority))
    }

    /// Seconds since 1970-01-01 00:00 UTC.
    pub fn timestamp(self, seconds: u64) -> Self {
        self.set(|publish| publish.properties.timestamp = Some(seconds))
    }

    short_string_properties! {
        /// The body's MIME type.
        content_type "content_type",
        /// The body's MIME encoding, such as `gzip`.
        content_encoding "content_encoding",
        /// Ties a reply to its request.
        correlation_id "correlation_id",
        /// The queue for replies.
        reply_to "reply_to",
        /// The message's identity.
        message_id "message_id",
        /// The message's kind.
        r#type "type",
        /// The user who publishes; the server checks it.
        user_id "user_id",
        /// The application that publishes.
        app_id "app_id",
    }
}

impl<'a, S: Style> Begin for Request<'a, Channel<S>, Publish<'a>> {
    type Output = Result<(), PublishError>;
    type Future = PublishMessage<'a>;

    fn begin(self) -> PublishMessage<'a> {
        let (channel, message) = self.finish();
        PublishMessage(Admission::new(&channel.handle, message))
    }
}

/// Publishes a message: queued for the transport at the first poll at which the server and the transport let it, which is
/// all it waits for. What becomes of the message is not known here.
///
/// Dropping it before it is ready publishes nothing.
#[derive(Debug)]
#[must_use = "a message is only published when it is awaited"]
pub struct PublishMessage<'a>(pub(super) Admission<'a>);

impl Future for PublishMessage<'_> {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, |_, _, _| ())
    }
}

/// A message on its way into the output, perhaps held back before.
#[derive(Debug)]
pub(super) struct Admission<'a, C = &'a Arc<ChannelHandle>> {
    channel: C,
    message: Option<Result<Publish<'a>, PublishError>>,
    /// While it is held back.
    wait: Option<Wait<Turn>>,
    trace: Publishing,
}

impl<'a> Admission<'a> {
    pub(super) fn new(channel: &'a Arc<ChannelHandle>, message: Result<Publish<'a>, PublishError>) -> Self {
        Self {
            channel,
            message: Some(message),
            wait: None,
            trace: Publishing::default(),
        }
    }

    /// The same without anything borrowed.
    #[cfg(feature = "event-loop")]
    pub(super) fn into_owned(self) -> Admission<'static, Arc<ChannelHandle>> {
        let owned = |message: Publish<'a>| Publish {
            method: message.method.into_owned(),
            properties: message.properties.into_owned(),
            body: match message.body {
                Body::Borrowed(octets) => Body::from(octets.to_vec()),
                Body::Shared(octets) => Body::Shared(octets),
            },
        };
        Admission {
            channel: Arc::clone(self.channel),
            message: self.message.map(|message| message.map(owned)),
            wait: self.wait,
            trace: self.trace,
        }
    }
}

impl<C: Borrow<Arc<ChannelHandle>>> Admission<'_, C> {
    /// The span of the publish, which goes on behind its admission.
    pub(super) fn take_trace(&mut self) -> Publishing {
        std::mem::take(&mut self.trace)
    }

    /// Publishes the message as soon as it may be, and lets `queued` have a look under the same lock.
    pub(super) fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        queued: impl Fn(&mut Connection, ChannelKey, Published) -> R,
    ) -> Poll<Result<R, PublishError>> {
        if self.wait.is_none() {
            self.begin();
        }
        if self.trace.is_listened_to() {
            self.admit_and_tell(cx, queued)
        } else {
            self.admit(cx, queued)
        }
    }

    // Out of the way of those whom nobody listens to, so that their outcome goes straight to the caller.
    #[cold]
    #[inline(never)]
    fn admit_and_tell<R>(
        &mut self,
        cx: &mut Context<'_>,
        queued: impl Fn(&mut Connection, ChannelKey, Published) -> R,
    ) -> Poll<Result<R, PublishError>> {
        let outcome = ready!(self.admit(cx, queued));
        self.trace
            .admitted(self.channel.borrow().shared(), outcome.as_ref().map(drop));
        Poll::Ready(outcome)
    }

    /// At the first poll: what others may add to the message, without the lock.
    #[inline]
    fn begin(&mut self) {
        if trace::listened_to() || self.channel.borrow().shared().propagator.is_some() {
            self.follow();
        }
    }

    #[cold]
    fn follow(&mut self) {
        let Some(Ok(Publish {
            method,
            properties,
            body,
        })) = &mut self.message
        else {
            return;
        };
        let channel = self.channel.borrow();
        let shared = channel.shared();
        self.trace
            .begin(shared, channel.id(), method, properties, body.as_bytes());
        if let Some(propagator) = &shared.propagator {
            self.trace
                .in_scope(|| propagator.inject(&mut Headers::new(&mut properties.headers)));
        }
    }

    fn admit<R>(
        &mut self,
        cx: &mut Context<'_>,
        queued: impl Fn(&mut Connection, ChannelKey, Published) -> R,
    ) -> Poll<Result<R, PublishError>> {
        loop {
            let turn = match &mut self.wait {
                Some(wait) => {
                    ready!(Pin::new(&mut *wait).poll(cx))?;
                    Some(wait.request())
                }
                None => None,
            };
            // Taken out, so that nothing of the caller's is dropped under the lock.
            let Some(message) = self.message.take() else {
                return Poll::Pending;
            };
            let message = message?;
            // The request to wait for, if it is held back, and whether only others who waited longer go before.
            let outcome = self.channel.borrow().with(|inner, key| {
                let now = inner.now();
                let behind = inner.core.is_way_free(key);
                let held = match turn {
                    Some(request) => inner.core.take_turn(key, request)?,
                    None if inner.core.may_publish(key) => None,
                    None => Some(inner.core.wait_to_publish(now, key)?),
                };
                if let Some(request) = held {
                    inner.register::<Turn>(request);
                    return Ok(Err((request, behind)));
                }
                let body = message.body.clone();
                let published = inner
                    .core
                    .publish(now, key, &message.method, &message.properties, body)?;
                Ok::<_, PublishError>(Ok(queued(&mut inner.core, key, published)))
            })?;
            let (request, behind) = match outcome {
                Ok(result) => return Poll::Ready(Ok(result)),
                Err(held) => held,
            };
            self.message = Some(Ok(message));
            self.trace.held_back(self.channel.borrow().shared());
            self.wait = Some(self.channel.borrow().wait(request));
            if behind {
                // They were woken before.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}
