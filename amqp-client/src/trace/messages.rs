//! Spans and events of messages, out and in, as the page of this module lists them. Those of connections and calls are
//! `spans`'.

use amqp_protocol::{ChannelId, DeliveryTag, ShortStr};
use tracing::{Level, Span, debug, span, warn};

use super::spans::{Begun, fail, kind, labelled, listened_to, seconds_since};
use super::{Source, destination};
use crate::error::{CallError, PublishError};
use crate::handle::Shared;
use crate::methods::basic;
use crate::sans_io::{Message, Settlement};

const MESSAGE: &str = "amqp_client::message";

/// A message on its way out.
#[derive(Debug, Default)]
pub(crate) struct Publishing(Option<Box<Begun>>);

impl Publishing {
    pub(crate) fn begin(
        &mut self,
        shared: &Shared,
        channel: ChannelId,
        method: &basic::Publish<'_>,
        properties: &basic::Properties<'_>,
        body: &[u8],
    ) {
        if listened_to() {
            self.0 = begin_publish(shared, channel, method, properties, body.len());
        }
    }

    /// Runs something in the span.
    pub(crate) fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.0 {
            Some(begun) => begun.span.in_scope(f),
            None => f(),
        }
    }

    /// The message is held back, perhaps not for the first time.
    #[inline]
    pub(crate) fn held_back(&mut self, shared: &Shared) {
        if let Some(begun) = &mut self.0
            && begun.at.is_none()
        {
            begun.at = Some(shared.with(|inner| inner.now()));
            debug!(target: MESSAGE, parent: &begun.span, "publish held back");
        }
    }

    #[inline]
    pub(crate) fn is_listened_to(&self) -> bool {
        self.0.is_some()
    }

    /// The message is queued, or never will be.
    #[cold]
    pub(crate) fn admitted(&mut self, shared: &Shared, outcome: Result<(), &PublishError>) {
        if let Some(begun) = &self.0 {
            if begun.at.is_some() {
                begun
                    .span
                    .record("amqp.held_back", seconds_since(shared, begun.at));
            }
            if let Err(error) = outcome {
                publish_failed(&begun.span, error);
                self.0 = None;
            }
        }
    }

    /// The message has a number in confirm mode.
    #[inline]
    pub(crate) fn numbered(&self, delivery_tag: DeliveryTag) {
        if let Some(begun) = &self.0 {
            let field = "messaging.rabbitmq.message.delivery_tag";
            begun.span.record(field, delivery_tag.0);
        }
    }

    /// What became of the message is known.
    #[inline]
    pub(crate) fn end(&mut self, outcome: &Result<(), PublishError>) {
        if let Some(begun) = self.0.take() {
            match outcome {
                Ok(()) => debug!(target: MESSAGE, parent: &begun.span, "publish confirmed"),
                Err(error) => publish_failed(&begun.span, error),
            }
        }
    }
}

#[cold]
fn begin_publish(
    shared: &Shared,
    channel: ChannelId,
    method: &basic::Publish<'_>,
    properties: &basic::Properties<'_>,
    body_size: usize,
) -> Option<Box<Begun>> {
    let destination = || {
        let (exchange, key) = (method.exchange.to_str_lossy(), method.routing_key.to_str_lossy());
        destination(&exchange, &key, "")
    };
    // Fields are only made when somebody listens.
    let span = labelled!(
        MESSAGE,
        "publish",
        "producer",
        shared.labels,
        channel,
        otel.name = format!("publish {}", destination()),
        otel.status_code = tracing::field::Empty,
        messaging.operation.name = "publish",
        "messaging.operation.type" = "send",
        messaging.destination.name = destination(),
        messaging.rabbitmq.destination.routing_key = unless_empty(&method.routing_key),
        messaging.rabbitmq.message.delivery_tag = tracing::field::Empty,
        messaging.message.body.size = body_size,
        messaging.message.id = text(&properties.message_id),
        messaging.message.conversation_id = text(&properties.correlation_id),
        amqp.held_back = tracing::field::Empty,
        "error.type" = tracing::field::Empty,
    );
    (!span.is_disabled()).then(|| Box::new(Begun { span, at: None }))
}

#[cold]
fn publish_failed(span: &Span, error: &PublishError) {
    fail(span, kind(error));
    warn!(target: MESSAGE, parent: span, { error = %error }, "publish failed");
}

/// The span of a delivery that is handed out.
pub(super) fn deliver(source: &Source, message: &Message, operation: &str) -> Span {
    if !listened_to() {
        return Span::none();
    }
    let destination = || {
        let (exchange, key) = (message.exchange(), message.routing_key());
        destination(&exchange.to_str_lossy(), &key.to_str_lossy(), &source.queue)
    };
    let begin = || {
        labelled!(
            MESSAGE,
            "deliver",
            "consumer",
            source.labels,
            source.channel,
            otel.name = format!("{operation} {}", destination()),
            messaging.operation.name = operation,
            "messaging.operation.type" = "process",
            messaging.destination.name = destination(),
            messaging.rabbitmq.destination.routing_key = unless_empty(&message.routing_key()),
            messaging.rabbitmq.message.delivery_tag = message.delivery_tag().0,
            messaging.message.body.size = message.body_size(),
            messaging.message.id = text(&message.properties().message_id),
            messaging.message.conversation_id = text(&message.properties().correlation_id),
            amqp.redelivered = message.redelivered(),
        )
    };
    let Some(propagator) = &source.propagator else {
        return begin();
    };
    let Some(headers) = message.properties().headers else {
        return begin();
    };
    let mut span = Span::none();
    propagator.extract(&headers, &mut || span = begin());
    span
}

/// A delivery was settled, or could not be.
#[inline]
pub(crate) fn settled(span: Option<&Span>, settlement: Settlement, outcome: &Result<(), CallError>) {
    if listened_to() {
        tell_settled(span, settlement, outcome);
    }
}

#[cold]
fn tell_settled(span: Option<&Span>, settlement: Settlement, outcome: &Result<(), CallError>) {
    let (name, delivery_tag, multiple, requeue) = match settlement {
        Settlement::Ack(ack) => ("ack", ack.delivery_tag, ack.multiple, None),
        Settlement::Nack(nack) => ("nack", nack.delivery_tag, nack.multiple, Some(nack.requeue)),
        Settlement::Reject(reject) => ("reject", reject.delivery_tag, false, Some(reject.requeue)),
    };
    match outcome {
        Ok(()) => debug!(
            target: MESSAGE,
            parent: span.unwrap_or(&Span::current()),
            {
                messaging.operation.name = name,
                "messaging.operation.type" = "settle",
                messaging.rabbitmq.message.delivery_tag = delivery_tag.0,
                amqp.multiple = multiple,
                amqp.requeue = requeue,
            },
            "settled"
        ),
        Err(error) => warn!(
            target: MESSAGE,
            parent: span.unwrap_or(&Span::current()),
            {
                messaging.operation.name = name,
                "messaging.operation.type" = "settle",
                messaging.rabbitmq.message.delivery_tag = delivery_tag.0,
                error = %error,
            },
            "settling failed"
        ),
    }
}

/// A delivery was dropped unsettled.
#[inline]
pub(super) fn dropped(span: &Span, message: &Message) {
    debug!(
        target: MESSAGE,
        parent: span,
        {
            messaging.rabbitmq.message.delivery_tag = message.delivery_tag().0,
        },
        "dropped unsettled"
    );
}

fn unless_empty(text: &ShortStr<'_>) -> Option<String> {
    (!text.is_empty()).then(|| text.to_str_lossy().into_owned())
}

fn text(property: &Option<ShortStr<'_>>) -> Option<String> {
    property.as_ref().map(|text| text.to_str_lossy().into_owned())
}
