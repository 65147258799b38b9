//! A trace goes through a real broker, from the span that publishes to the span that handles, with OpenTelemetry's own
//! exporter in memory at its end. Each test has a subscriber of `tracing` from its beginning, be it one that is deaf: `tracing`
//! remembers of each place whether the first thread that came by had one that was interested.

use std::collections::BTreeMap;

use amqp_client::event_loop::{Channel, EventLoop, Handlers};
use amqp_client::tokio::connect;
use amqp_client::{ConnectOptions, Connection, OpenTelemetryPropagator};
use amqp_tests::broker::Broker;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::{FutureExt, Span, SpanId, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::Instrument;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::layer::SubscriberExt;

/// Where spans end up.
struct Collector {
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
}

impl Collector {
    fn new() -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        Self { exporter, provider }
    }

    /// The only span whose name begins like this.
    fn span(&self, name: &str) -> SpanData {
        let mut spans = self.exporter.get_finished_spans().unwrap();
        spans.retain(|span| span.name.starts_with(name));
        assert_eq!(spans.len(), 1, "{name}: {spans:?}");
        spans.remove(0)
    }
}

/// How to connect, so that messages carry spans and baggage.
fn options() -> ConnectOptions {
    let propagator = TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]);
    let mut options: ConnectOptions = Broker::shared().url().parse().unwrap();
    options.config = options
        .config
        .propagator(OpenTelemetryPropagator::new(propagator));
    options
}

async fn connection() -> Connection {
    connect(options()).await.unwrap()
}

fn events(span: &SpanData) -> Vec<String> {
    span.events.iter().map(|event| event.name.to_string()).collect()
}

fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    let attributes = span.attributes.iter();
    attributes
        .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
        .collect()
}

#[tokio::test]
async fn the_span_of_a_publisher_is_the_parent_of_its_consumers_and_baggage_arrives() {
    let _silent = tracing::subscriber::set_default(NoSubscriber::new());
    let collector = Collector::new();
    let tracer = collector.provider.tracer("test");
    let connection = connection().await;
    let channel = connection.open_channel().await.unwrap();
    let queue = channel.queue_declare("").exclusive().await.unwrap().queue;

    let produced = Context::current_with_span(tracer.start("order"))
        .with_baggage([KeyValue::new("tenant", "the café, on the corner")]);
    channel
        .basic_publish("", &queue, "one coffee")
        .message_id("1")
        .into_future()
        .with_context(produced.clone())
        .await
        .unwrap();
    produced.span().end();
    // In no context: there is nothing to carry.
    channel.basic_publish("", &queue, "another").await.unwrap();

    let mut consumer = channel.basic_consume(&queue).await.unwrap();
    let delivery = consumer.next().await.unwrap().unwrap();
    let context = delivery.context();
    let tenant = context.baggage().get("tenant").unwrap().as_str();
    assert_eq!(tenant, "the café, on the corner");
    assert!(context.span().span_context().is_remote());
    let mut span = delivery.process_span(&tracer);
    span.end();
    delivery.ack().await.unwrap();
    let other = consumer.next().await.unwrap().unwrap();
    assert!(other.properties().headers.is_none());
    assert!(!other.context().span().span_context().is_valid());
    other.ack().await.unwrap();

    let (order, process) = (collector.span("order"), collector.span("process"));
    assert_eq!(process.name, format!("process {queue}"));
    assert_eq!(process.span_kind, SpanKind::Consumer);
    assert_eq!(process.span_context.trace_id(), order.span_context.trace_id());
    assert_eq!(process.parent_span_id, order.span_context.span_id());
    assert!(process.parent_span_is_remote);
    let links: Vec<_> = process
        .links
        .iter()
        .map(|link| link.span_context.span_id())
        .collect();
    assert_eq!(links, [order.span_context.span_id()]);
    let (host, port) = Broker::shared().address().rsplit_once(':').unwrap();
    let attributes = attributes(&process);
    for (name, value) in [
        ("messaging.system", "rabbitmq"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", &queue.to_string()),
        ("messaging.message.id", "1"),
        ("messaging.message.body.size", "10"),
        ("server.address", host),
        ("server.port", port),
        ("network.peer.port", port),
    ] {
        assert_eq!(attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn spans_of_tracing_are_parents_and_children_across_the_broker() {
    let collector = Collector::new();
    let layer = tracing_opentelemetry::layer().with_tracer(collector.provider.tracer("test"));
    let _listens = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let connection = connection().await;
    let publisher = connection
        .open_channel()
        .await
        .unwrap()
        .confirm_select()
        .await
        .unwrap();
    let channel = publisher.channel();
    let queue = channel.queue_declare("").exclusive().await.unwrap().queue;

    let publish = async {
        let receipt = publisher.publish("", &queue, "one coffee").await.unwrap();
        receipt.await.unwrap();
    };
    publish.instrument(tracing::info_span!("order")).await;

    let mut consumer = channel.basic_consume(&queue).await.unwrap();
    let handle = async {
        let delivery = consumer.next().await.unwrap().unwrap();
        delivery
            .span()
            .in_scope(|| tracing::info_span!("brew").in_scope(|| ()));
        delivery.ack().await.unwrap();
    };
    // What the loop of a consumer is in is not what its messages are about.
    handle.instrument(tracing::info_span!("consumer loop")).await;
    connection.close().await.unwrap();

    let order = collector.span("order");
    let publish = collector.span("publish");
    let deliver = collector.span("deliver");
    let brew = collector.span("brew");
    assert_eq!(order.parent_span_id, SpanId::INVALID);
    for (parent, child) in [(&order, &publish), (&publish, &deliver), (&deliver, &brew)] {
        assert_eq!(child.parent_span_id, parent.span_context.span_id(), "{child:?}");
        assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
    }
    assert_eq!(publish.name, format!("publish {queue}"));
    assert_eq!(publish.span_kind, SpanKind::Producer);
    assert_eq!(deliver.name, format!("deliver {queue}"));
    assert_eq!(deliver.span_kind, SpanKind::Consumer);
    assert_eq!(events(&publish), ["publish confirmed"]);
    assert_eq!(events(&deliver), ["settled"]);
}

/// Declares a queue, publishes to it, one message at a time, and fetches the first.
fn call_back(channel: &Channel) {
    channel.queue_declare("").exclusive().then(|channel, declared| {
        let queue = declared.unwrap().queue.to_string();
        let select = channel.confirm_select().max_unconfirmed(1);
        select.then(move |channel, publisher| {
            let publisher = publisher.unwrap();
            let first = publisher.publish("", &queue, "first");
            first.then_confirmed(|_, outcome| outcome.unwrap());
            let (channel, filled) = (channel.clone(), queue.clone());
            let second = publisher.publish("", &queue, "second");
            second.then_confirmed(move |_, outcome| {
                outcome.unwrap();
                channel
                    .basic_get(&filled)
                    .then(|_, fetched| fetched.unwrap().unwrap().ack().call().unwrap());
            });
        });
    });
}

#[test]
fn requests_that_go_on_in_closures_have_their_spans_to_their_ends() {
    let collector = Collector::new();
    let layer = tracing_opentelemetry::layer().with_tracer(collector.provider.tracer("test"));
    let _listens = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let mut event_loop = EventLoop::new().unwrap();
    let handlers = Handlers::new()
        .on_open(|connection| {
            connection
                .open_channel()
                .then(|_, channel| call_back(&channel.unwrap()));
        })
        .on_open_error(|_, error| panic!("{error}"));
    event_loop.connect(options(), handlers);
    event_loop.run().unwrap();

    for call in ["queue.declare", "confirm.select", "basic.get"] {
        assert_eq!(events(&collector.span(call)), ["call answered"], "{call}");
    }
    let mut published = collector.exporter.get_finished_spans().unwrap();
    published.retain(|span| span.name.starts_with("publish"));
    let [first, second] = &published[..] else {
        panic!("{published:?}");
    };
    assert_eq!(events(first), ["publish confirmed"]);
    assert_eq!(events(second), ["publish held back", "publish confirmed"]);
    let get = collector.span("get");
    assert_eq!(get.parent_span_id, first.span_context.span_id());
    assert_eq!(events(&get), ["settled"]);
}
