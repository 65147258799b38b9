//! Spans and events of connections and calls, as the page of this module lists them. Each function is called without the
//! connection's lock, and looks at a static number first. Those of messages are `messages`'.

use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

use amqp_protocol::ChannelId;
pub(crate) use tracing::Span;
use tracing::{Level, debug, error, info, level_enabled, span, warn};

use super::Labels;
use crate::config::Config;
use crate::error::FailedAttempt;
use crate::error::{CallError, ChannelError, ConnectionError};
use crate::handle::{Async, ConnectionEvent, Events, Shared};
use crate::methods::Method;
use crate::sans_io::{Reply, State};

const CONNECTION: &str = "amqp_client::connection";
const CALL: &str = "amqp_client::call";

/// A span that says which connection and channel it is about, and what else is given.
macro_rules! labelled {
    ($target:expr, $name:literal, $kind:literal, $labels:expr, $channel:expr, $($fields:tt)*) => {
        span!(
            target: $target,
            Level::DEBUG,
            $name,
            otel.kind = $kind,
            messaging.system = "rabbitmq",
            server.address = $labels.server_address(),
            server.port = $labels.server_port(),
            network.peer.address = $labels.peer_address(),
            network.peer.port = $labels.peer_port(),
            amqp.connection.name = $labels.connection_name.as_deref(),
            amqp.virtual_host = $labels.virtual_host,
            amqp.channel = $channel.0,
            $($fields)*
        )
    };
}

pub(super) use labelled;

/// Whether anybody listens to what is of level DEBUG.
#[inline]
pub(crate) fn listened_to() -> bool {
    level_enabled!(Level::DEBUG)
}

/// The span of a connection, and its driver's subscription.
#[derive(Debug)]
pub(crate) struct Driving {
    span: Span,
    events: Option<Events>,
}

impl Driving {
    pub(crate) fn new(config: &Config) -> Self {
        let labels = Labels::new(config);
        let span = span!(
            target: CONNECTION,
            parent: None,
            Level::INFO,
            "connection",
            messaging.system = "rabbitmq",
            server.address = labels.server_address(),
            server.port = labels.server_port(),
            network.peer.address = labels.peer_address(),
            network.peer.port = labels.peer_port(),
            amqp.connection.name = labels.connection_name.as_deref(),
            amqp.virtual_host = labels.virtual_host,
        );
        Self { span, events: None }
    }

    /// The span, to be in while the driver is polled.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Subscribes to the events of the connection, once anybody listens.
    pub(crate) fn listen(&mut self, shared: &Arc<Shared>) {
        if self.events.is_none() && level_enabled!(Level::ERROR) {
            self.events = Some(Events::new(shared, Async));
        }
    }

    /// Tells what has happened since the last time.
    pub(crate) fn tell(&mut self, cx: &Context<'_>, shared: &Shared) {
        let Some(events) = &mut self.events else { return };
        while let Some(event) = events.take(cx) {
            tell(&event, shared);
        }
    }
}

fn tell(event: &ConnectionEvent, shared: &Shared) {
    match event {
        ConnectionEvent::State(State::Open) => {
            let server = shared.with(|inner| inner.core.server_properties().clone());
            info!(
                target: CONNECTION,
                {
                    amqp.server.product = server.product.as_deref(),
                    amqp.server.version = server.version.as_deref(),
                },
                "connection opened"
            );
        }
        ConnectionEvent::State(_) => {}
        ConnectionEvent::Blocked { reason } => {
            warn!(target: CONNECTION, { amqp.reason = &**reason }, "publishing blocked");
        }
        ConnectionEvent::Unblocked => info!(target: CONNECTION, "publishing unblocked"),
        ConnectionEvent::Flow { channel, active } => {
            info!(target: CONNECTION, { amqp.channel = channel.0, amqp.active = *active }, "channel flow");
        }
        ConnectionEvent::ReadingPaused => debug!(target: CONNECTION, "reading paused"),
        ConnectionEvent::ReadingResumed => debug!(target: CONNECTION, "reading resumed"),
        ConnectionEvent::ChannelEnded {
            channel,
            reason: reason @ ChannelError::Closed,
        } => debug!(target: CONNECTION, { amqp.channel = channel.0, error = %reason }, "channel closed"),
        ConnectionEvent::ChannelEnded { channel, reason } => {
            warn!(target: CONNECTION, { amqp.channel = channel.0, error = %reason }, "channel closed");
        }
        ConnectionEvent::ConsumerEnded {
            channel,
            consumer_tag,
            reason,
        } => warn!(
            target: CONNECTION,
            {
                amqp.channel = channel.0,
                amqp.consumer_tag = %consumer_tag,
                error = %reason,
            },
            "consumer ended"
        ),
        ConnectionEvent::Missed(count) => warn!(target: CONNECTION, { amqp.count = count }, "events missed"),
        ConnectionEvent::Closed(reason) => match severity(reason) {
            Level::INFO => info!(target: CONNECTION, { error = %reason }, "connection closed"),
            Level::WARN => warn!(target: CONNECTION, { error = %reason }, "connection closed"),
            _ => error!(target: CONNECTION, { error = %reason }, "connection closed"),
        },
    }
}

/// INFO: this program ended it. WARN: it may go better the next time. ERROR: something must be mended first.
fn severity(error: &ConnectionError) -> Level {
    match error {
        ConnectionError::Closed => Level::INFO,
        ConnectionError::CloseTimedOut
        | ConnectionError::CloseUnanswered
        | ConnectionError::HandshakeTimedOut { .. }
        | ConnectionError::HeartbeatTimedOut
        | ConnectionError::HeartbeatsMissed { .. }
        | ConnectionError::WriteTimedOut
        | ConnectionError::AnswersNotTaken { .. }
        | ConnectionError::BlockedTimedOut { .. }
        | ConnectionError::EndOfStream { .. }
        | ConnectionError::Transport(_)
        | ConnectionError::Redirected { .. }
        | ConnectionError::DriverDropped => Level::WARN,
        error if error.is_connection_forced() => Level::WARN,
        _ => Level::ERROR,
    }
}

/// An attempt to connect has failed.
pub(crate) fn attempt_failed(attempt: &FailedAttempt) {
    warn!(
        target: CONNECTION,
        {
            server.address = attempt.host.host,
            server.port = attempt.host.port,
            network.peer.address = attempt.address.map(|address| address.ip().to_string()),
            network.peer.port = attempt.address.map(|address| address.port()),
            amqp.phase = %attempt.phase,
            error = %attempt.error,
        },
        "connection attempt failed"
    );
}

/// A channel is open.
pub(crate) fn channel_opened(channel: ChannelId) {
    debug!(target: CONNECTION, { amqp.channel = channel.0 }, "channel opened");
}

/// A call on its way to its reply.
#[derive(Debug)]
pub(crate) struct Call {
    method: &'static str,
    begun: Option<Box<Begun>>,
}

/// What somebody listens to, and when it began.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) span: Span,
    pub(super) at: Option<Instant>,
}

impl Call {
    pub(crate) fn new(method: &'static str) -> Self {
        Self { method, begun: None }
    }

    #[inline]
    pub(crate) fn begin(&mut self, shared: &Shared, channel: ChannelId) {
        if listened_to() {
            self.begun = begin_call(shared, channel, self.method);
        }
    }

    #[inline]
    pub(crate) fn end(&mut self, shared: &Shared, outcome: Result<&Reply, &CallError>) {
        if let Some(begun) = self.begun.take() {
            end_call(shared, *begun, outcome);
        }
    }
}

#[cold]
fn begin_call(shared: &Shared, channel: ChannelId, method: &'static str) -> Option<Box<Begun>> {
    let span = labelled!(
        CALL,
        "call",
        "client",
        shared.labels,
        channel,
        otel.name = method,
        otel.status_code = tracing::field::Empty,
        amqp.method = method,
        "error.type" = tracing::field::Empty,
    );
    let at = Some(shared.with(|inner| inner.now()));
    (!span.is_disabled()).then(|| Box::new(Begun { span, at }))
}

#[cold]
fn end_call(shared: &Shared, begun: Begun, outcome: Result<&Reply, &CallError>) {
    let Begun { span, at } = begun;
    let duration = seconds_since(shared, at);
    match outcome {
        Ok(reply) => {
            let name = reply.method().and_then(Method::name_of);
            debug!(target: CALL, parent: &span, { amqp.reply = name, amqp.duration = duration }, "call answered");
        }
        Err(error) => {
            fail(&span, kind(error));
            warn!(target: CALL, parent: &span, { error = %error, amqp.duration = duration }, "call failed");
        }
    }
}

/// The span stands for something that failed.
pub(super) fn fail(span: &Span, kind: String) {
    span.record("otel.status_code", "error");
    span.record("error.type", kind);
}

/// The variant of an error, for `error.type`: there are few.
pub(super) fn kind(error: &impl std::fmt::Debug) -> String {
    let debug = format!("{error:?}");
    let end = debug.find(|c: char| !c.is_alphanumeric()).unwrap_or(debug.len());
    debug.get(..end).unwrap_or_default().to_owned()
}

pub(super) fn seconds_since(shared: &Shared, begun: Option<Instant>) -> Option<f64> {
    let now = shared.with(|inner| inner.now());
    begun.map(|begun| now.saturating_duration_since(begun).as_secs_f64())
}
