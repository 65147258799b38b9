//! basic.publish through the request builder: properties, body, and waiting while publishing is held back.

use std::borrow::Borrow;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::methods::basic;
use amqp_protocol::IntoOwned;
use amqp_protocol::table::{FieldValue, TableError};

use super::channel::{Channel, ChannelHandle};
use super::request::{Begin, Detached, Fault, Request, short_string};
use super::shared::Inner;
use super::style::Style;
use super::waiting::{Turn, Wait};
use crate::error::{PublishError, Refusal};
use crate::propagation::Headers;
use crate::sans_io::{Body, ChannelKey, Published, RequestId};
use crate::trace::{self, Publishing};

/// How many messages of a connection may follow each other without their publisher letting other tasks of its thread run:
/// the time of a few writes. Nothing else may stop who only publishes, and over tokio's threads that keeps the driver on
/// another one, which is woken for every few messages: publishing without a pause took a quarter longer there. A publish that
/// pauses has a place in the queue of those that wait, so that none of its task goes before it; while it is not polled again,
/// each publish behind it waits once for it.
const IN_A_ROW: u32 = 2048;

/// delivery-mode 2.
pub(super) const PERSISTENT: Option<u8> = Some(2);

/// A message to publish: method, properties and body. Made by [`Channel::basic_publish`] and
/// [`Publisher::publish`](super::Publisher::publish).
#[derive(Debug, Clone)]
pub struct Publish<'a> {
    pub(super) method: basic::Publish<'a>,
    pub(super) properties: basic::Properties<'a>,
    body: Body<'a>,
}

impl<'a> Publish<'a> {
    // Put together in its place: to move a message costs as much as to encode it.
    #[inline(always)]
    pub(super) fn request<C>(
        caller: &'a C,
        exchange: name!('a),
        routing_key: name!('a),
        body: Body<'a>,
        delivery_mode: Option<u8>,
    ) -> Request<'a, C, Self> {
        let mut fault = None;
        let exchange = short_string(&mut fault, "exchange", exchange);
        let routing_key = short_string(&mut fault, "routing_key", routing_key);
        Request {
            caller,
            method: Self {
                method: basic::Publish {
                    exchange,
                    routing_key,
                    ..Default::default()
                },
                properties: basic::Properties {
                    delivery_mode,
                    ..Default::default()
                },
                body,
            },
            fault,
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
    #[inline(always)]
    pub fn basic_publish<'a>(
        &'a self,
        exchange: name!('a),
        routing_key: name!('a),
        body: impl Into<Body<'a>>,
    ) -> Request<'a, Self, Publish<'a>> {
        Publish::request(self, exchange, routing_key, body.into(), None)
    }
}

/// Setters of short-string properties.
macro_rules! short_string_properties {
    ($($(#[$doc:meta])* $name:ident $text:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(mut self, value: name!('a)) -> Self {
            let value = self.keep($text, value);
            self.set(|publish| publish.properties.$name = Some(value))
        }
    )*};
}

/// Options of [`Channel::basic_publish`] and [`Publisher::publish`](super::Publisher::publish).
impl<'a, C> Request<'a, C, Publish<'a>> {
    /// Replaces all properties.
    #[inline]
    pub fn properties(self, properties: basic::Properties<'a>) -> Self {
        self.set(|publish| publish.properties = properties)
    }

    /// delivery-mode 2: in a durable queue the message survives a restart of the server. A [`Publisher`](super::Publisher)
    /// does so by itself.
    #[inline]
    pub fn persistent(self) -> Self {
        self.set(|publish| publish.properties.delivery_mode = PERSISTENT)
    }

    /// delivery-mode 1: the server may keep the message in memory alone.
    #[inline]
    pub fn transient(self) -> Self {
        self.set(|publish| publish.properties.delivery_mode = Some(1))
    }

    /// The server sends the message back when it can route it to no queue, instead of dropping it: a
    /// [`Receipt`](super::Receipt) then says [`PublishError::Returned`], and without one it comes to
    /// [`Channel::returns`].
    #[inline]
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
    #[inline]
    pub fn priority(self, priority: u8) -> Self {
        self.set(|publish| publish.properties.priority = Some(priority))
    }

    /// Seconds since 1970-01-01 00:00 UTC.
    #[inline]
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

    #[inline(always)]
    fn begin(self) -> PublishMessage<'a> {
        PublishMessage(Admission::new(&self.caller.handle, self.method, self.fault))
    }

    fn detach(begun: PublishMessage<'a>) -> Detached<Self::Output> {
        let mut admission = begun.0.into_owned();
        Box::pin(poll_fn(move |cx| admission.poll(cx, false).map(unboxed)))
    }
}

/// Publishes a message: queued for the transport at the first poll at which the server and the transport let it, which is
/// all it waits for; one in 2,048 lets other tasks run first. What becomes of the message is not known here.
///
/// Dropping it before it is ready publishes nothing.
#[derive(Debug)]
#[must_use = "a message is only published when it is awaited"]
pub struct PublishMessage<'a>(Admission<'a>);

impl Future for PublishMessage<'_> {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, false).map(unboxed)
    }
}

fn unboxed(outcome: Result<Published, Box<PublishError>>) -> Result<(), PublishError> {
    outcome.map(drop).map_err(|error| *error)
}

/// A message on its way into the output, perhaps held back before.
#[derive(Debug)]
pub(super) struct Admission<'a, C = &'a Arc<ChannelHandle>> {
    channel: C,
    message: Publish<'a>,
    stage: Stage,
    trace: Publishing,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was tried. What does not fit is told then.
    New(Option<Fault>),
    HeldBack(Wait<Turn>),
    /// Published, or refused.
    Over,
}

impl<'a> Admission<'a> {
    #[inline(always)]
    pub(super) fn new(channel: &'a Arc<ChannelHandle>, message: Publish<'a>, fault: Option<Fault>) -> Self {
        Self {
            channel,
            message,
            stage: Stage::New(fault),
            trace: Publishing::default(),
        }
    }

    /// The same without anything borrowed.
    pub(super) fn into_owned(self) -> Admission<'static, Arc<ChannelHandle>> {
        Admission {
            channel: Arc::clone(self.channel),
            message: Publish {
                method: self.message.method.into_owned(),
                properties: self.message.properties.into_owned(),
                body: match self.message.body {
                    Body::Borrowed(octets) => Body::from(octets.to_vec()),
                    Body::Shared(octets) => Body::Shared(octets),
                },
            },
            stage: self.stage,
            trace: self.trace,
        }
    }
}

impl<C: Borrow<Arc<ChannelHandle>>> Admission<'_, C> {
    /// The span of the publish, which goes on behind its admission.
    pub(super) fn take_trace(&mut self) -> Publishing {
        std::mem::take(&mut self.trace)
    }

    /// Publishes the message as soon as it may be; `keeps` its outcome, if there will be one.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        keeps: bool,
    ) -> Poll<Result<Published, Box<PublishError>>> {
        if let Stage::New(fault) = &mut self.stage {
            match fault.take() {
                None => self.begin(),
                Some(fault) => {
                    self.stage = Stage::Over;
                    return Poll::Ready(Err(Box::new(fault.into())));
                }
            }
        }
        let outcome = ready!(self.admit(cx, keeps));
        self.stage = Stage::Over;
        if self.trace.is_listened_to() {
            self.trace.admitted(
                self.channel.borrow().shared(),
                outcome.as_ref().map(drop).map_err(Box::as_ref),
            );
        }
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
        let Publish {
            method,
            properties,
            body,
        } = &mut self.message;
        let channel = self.channel.borrow();
        let shared = channel.shared();
        self.trace
            .begin(shared, channel.id(), method, properties, body.as_bytes());
        if let Some(propagator) = &shared.propagator {
            self.trace
                .in_scope(|| propagator.inject(&mut Headers::new(&mut properties.headers)));
        }
    }

    #[inline]
    fn admit(&mut self, cx: &mut Context<'_>, keeps: bool) -> Poll<Result<Published, Box<PublishError>>> {
        loop {
            let turn = match &mut self.stage {
                Stage::New(_) => None,
                Stage::HeldBack(wait) => {
                    ready!(Pin::new(&mut *wait).poll(cx))?;
                    Some(wait.request())
                }
                Stage::Over => return Poll::Pending,
            };
            let (channel, message) = (self.channel.borrow(), &self.message);
            // The request to wait for, if it is held back, and whether only others who waited longer go before.
            let (request, behind) = match channel.with(|inner, key| inner.admit(key, turn, message, keeps))? {
                Ok(published) => return Poll::Ready(Ok(published)),
                Err(held) => held,
            };
            self.stage = Stage::HeldBack(channel.wait(request));
            if behind {
                // They were woken before, or it is the thread that others wait for.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.trace.held_back(channel.shared());
        }
    }
}

impl Inner {
    /// Publishes a message if it may be, or says what to wait for.
    #[inline]
    fn admit(
        &mut self,
        key: ChannelKey,
        turn: Option<RequestId>,
        message: &Publish<'_>,
        keeps: bool,
    ) -> Result<Result<Published, (RequestId, bool)>, Box<PublishError>> {
        let held = match turn {
            None if self.in_a_row < IN_A_ROW && self.core.may_publish(key) => None,
            None => {
                self.in_a_row = 0;
                Some(self.core.wait_to_publish(self.now(), key)?)
            }
            Some(request) => self.core.take_turn(key, request)?,
        };
        if let Some(request) = held {
            self.register::<Turn>(request);
            return Ok(Err((request, self.core.is_way_free(key))));
        }
        let Publish {
            method,
            properties,
            body,
        } = message;
        self.in_a_row += 1;
        let clock = &self.clock;
        self.core
            .put_message(|| clock.now(), key, method, properties, body, keeps)
            .map(Ok)
    }
}
