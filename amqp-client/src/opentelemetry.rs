//! OpenTelemetry's context in the headers of messages, and as what a delivery brings. Spans of the crate `tracing` are `trace`'s.

use std::fmt;

use ::opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use ::opentelemetry::trace::{Link, SpanKind, TraceContextExt, Tracer};
use ::opentelemetry::{Context, KeyValue, global};
use amqp_protocol::FieldTable;

use crate::handle::Delivery;
use crate::propagation::{Headers, Propagator};
use crate::trace::destination;

/// Carries OpenTelemetry's context in the headers of messages, as text: with the propagators of the SDK in `traceparent`,
/// `tracestate` and `baggage`, as the W3C says.
///
/// A message that its publisher gave a `traceparent` keeps it, and gets no `tracestate` of another trace.
///
/// ```
/// use amqp_client::{Config, OpenTelemetryPropagator};
/// use opentelemetry_sdk::propagation::TraceContextPropagator;
///
/// // The propagator that the program has installed for all of its libraries,
/// let config = Config::default().propagator(OpenTelemetryPropagator::global());
/// // or one for this connection.
/// let propagator = OpenTelemetryPropagator::new(TraceContextPropagator::new());
/// let config = config.propagator(propagator);
/// ```
pub struct OpenTelemetryPropagator(Option<Box<dyn TextMapPropagator + Send + Sync>>);

impl OpenTelemetryPropagator {
    /// The one of `opentelemetry::global::set_text_map_propagator`, looked up each time. Until one is set, nothing is
    /// carried.
    pub fn global() -> Self {
        Self(None)
    }

    /// This one.
    pub fn new(propagator: impl TextMapPropagator + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(propagator)))
    }

    fn with<R>(&self, mut f: impl FnMut(&dyn TextMapPropagator) -> R) -> R {
        match &self.0 {
            Some(propagator) => f(&**propagator),
            None => global::get_text_map_propagator(|propagator| f(propagator)),
        }
    }
}

impl Propagator for OpenTelemetryPropagator {
    fn inject(&self, headers: &mut Headers<'_, '_>) {
        let has_parent = headers.get("traceparent").is_some();
        self.with(|propagator| {
            let headers = &mut *headers;
            propagator.inject(&mut Outgoing { headers, has_parent });
        });
    }

    fn extract(&self, headers: &FieldTable<'_>, within: &mut dyn FnMut()) {
        let context = self.with(|propagator| propagator.extract(&Incoming::new(headers)));
        let _attached = context.attach();
        within();
    }
}

impl fmt::Debug for OpenTelemetryPropagator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenTelemetryPropagator").field(&self.0).finish()
    }
}

/// Where a context is written to.
struct Outgoing<'h, 'm, 'a> {
    headers: &'h mut Headers<'m, 'a>,
    /// Whether the publisher has set it.
    has_parent: bool,
}

impl Injector for Outgoing<'_, '_, '_> {
    fn set(&mut self, name: &str, value: String) {
        if name == "tracestate" && (self.has_parent || value.is_empty()) {
            return;
        }
        // What is too long for a header cannot be carried.
        let _ = self.headers.set(name, &value);
    }
}

/// The headers of a message that are text.
struct Incoming(Vec<(String, String)>);

impl Incoming {
    fn new(headers: &FieldTable<'_>) -> Self {
        let text = |(name, value): (amqp_protocol::ShortStr<'_>, amqp_protocol::FieldValue<'_>)| {
            Some((name.as_str().ok()?.to_owned(), value.as_str()?.to_owned()))
        };
        Self(headers.iter().filter_map(text).collect())
    }
}

impl Extractor for Incoming {
    fn get(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.iter();
        let (_, value) = headers.find(|(header, _)| header == name)?;
        Some(value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// With the feature `opentelemetry`.
impl Delivery {
    /// The context that the message carries, as the connection's [propagator](Propagator) finds it: the span that it was
    /// published in, and baggage. Empty when the message carries none, and without a propagator.
    ///
    /// ```no_run
    /// # fn handle(_: &[u8]) {}
    /// # async fn example(delivery: amqp_client::Delivery) -> Result<(), amqp_client::CallError> {
    /// use opentelemetry::baggage::BaggageExt;
    ///
    /// println!("on behalf of {:?}", delivery.context().baggage().get("tenant"));
    /// delivery.ack().await
    /// # }
    /// ```
    pub fn context(&self) -> Context {
        let _empty = Context::new().attach();
        let mut context = Context::new();
        self.in_context(|| context = Context::current());
        context
    }

    /// Begins the span of handling the message, named and described as OpenTelemetry's semantic conventions ask for: a
    /// child of the span that the message was published in, which it also links to. For programs that make their spans
    /// by OpenTelemetry's own API; with the feature `tracing`, `span` is the same in that crate's terms.
    ///
    /// ```no_run
    /// # fn handle(_: &[u8]) {}
    /// # async fn example(delivery: amqp_client::Delivery) -> Result<(), amqp_client::CallError> {
    /// use opentelemetry::global;
    /// use opentelemetry::trace::Span;
    ///
    /// let mut span = delivery.process_span(&global::tracer("orders"));
    /// handle(delivery.body());
    /// span.end();
    /// delivery.ack().await
    /// # }
    /// ```
    pub fn process_span<T: Tracer>(&self, tracer: &T) -> T::Span {
        let parent = self.context();
        let (exchange, routing_key) = (self.exchange(), self.routing_key());
        let routing_key = routing_key.to_str_lossy();
        let source = self.followed.source();
        let queue = source.map_or("", |source| source.queue.as_str());
        let destination = destination(&exchange.to_str_lossy(), &routing_key, queue);
        let properties = self.properties();
        let mut attributes = vec![
            KeyValue::new("messaging.system", "rabbitmq"),
            KeyValue::new("messaging.operation.name", "process"),
            KeyValue::new("messaging.operation.type", "process"),
            KeyValue::new("messaging.message.body.size", self.body_size() as i64),
            KeyValue::new(
                "messaging.rabbitmq.message.delivery_tag",
                self.delivery_tag().0 as i64,
            ),
        ];
        let mut add = |name, value: Option<String>| {
            attributes.extend(value.map(|value| KeyValue::new(name, value)));
        };
        let text = |text: Option<amqp_protocol::ShortStr<'_>>| Some(text?.to_str_lossy().into_owned());
        add("messaging.destination.name", Some(destination.clone()));
        let routing_key = (!routing_key.is_empty()).then(|| routing_key.into_owned());
        add("messaging.rabbitmq.destination.routing_key", routing_key);
        add("messaging.message.id", text(properties.message_id));
        add(
            "messaging.message.conversation_id",
            text(properties.correlation_id),
        );
        if let Some(source) = source {
            let labels = &source.labels;
            add("server.address", labels.server_address().map(str::to_owned));
            add("network.peer.address", labels.peer_address());
            let port = |name, port: Option<u16>| Some(KeyValue::new(name, i64::from(port?)));
            attributes.extend(port("server.port", labels.server_port()));
            attributes.extend(port("network.peer.port", labels.peer_port()));
        }
        let published = parent.span().span_context().clone();
        let links = published.is_valid().then(|| Link::with_context(published));
        let span = tracer
            .span_builder(format!("process {destination}"))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes)
            .with_links(links.into_iter().collect());
        tracer.build_with_context(span, &parent)
    }
}
