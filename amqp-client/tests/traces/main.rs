//! Spans and events: those that the page of `trace` lists, and no others; each told without the connection's lock, and
//! without secrets. A program of its own: each of its threads has a subscriber before it does anything that is told, because
//! `tracing` remembers of each place whether the first thread that came by had one that was interested.

#[path = "../scripted/peer.rs"]
#[allow(dead_code, reason = "most of it is for the other program")]
mod peer;
#[path = "../scripted/wire.rs"]
#[allow(dead_code, reason = "most of it is for the other program")]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::{Future, IntoFuture};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{basic, channel, confirm, connection, constants, queue};
use amqp_client::protocol::{DeliveryTag, ReplyCode, ShortStr};
use amqp_client::{Config, Connection, Credentials, Host, Peer, Publisher, Receipt};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};
use tracing::{Event, Metadata, Subscriber};

use crate::peer::{channel_close, declare_ok, delivery};
use crate::wire::{Session, next, poll, ready};

const PAGE: &str = include_str!("../../src/trace/mod.rs");
const PASSWORD: &str = "s3cret";

/// A kind of span or event: its name, target and fields.
type Kind = (String, String, BTreeSet<String>);

/// Something that was told.
#[derive(Debug, Clone, Default)]
struct Told {
    name: String,
    level: String,
    target: String,
    declared: BTreeSet<String>,
    values: BTreeMap<String, String>,
    /// The span that it is in, if it says so itself or there is a current one.
    parent: Option<u64>,
    /// How many there are of a span; none when it is closed.
    handles: usize,
}

impl Told {
    fn value(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }
}

struct Values<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Values<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

/// Keeps all that is told, and looks at a connection each time.
#[derive(Clone, Default)]
struct Recorder {
    spans: Arc<Mutex<BTreeMap<u64, Told>>>,
    events: Arc<Mutex<Vec<Told>>>,
    entered: Arc<Mutex<Vec<u64>>>,
    last: Arc<AtomicU64>,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Recorder {
    fn listen(&self) -> DefaultGuard {
        set_default(self.clone())
    }

    /// A session whose connection is looked at from here on.
    fn open(&self, config: Config) -> Session {
        let session = Session::open_with(config.credentials(Credentials::plain("guest", PASSWORD)));
        *self.connection.lock().unwrap() = Some(session.connection.clone());
        session
    }

    fn told(&self, metadata: &Metadata<'_>, parent: Option<u64>) -> Told {
        let connection = self.connection.lock().unwrap().clone();
        if let Some(connection) = connection {
            connection.stats();
        }
        Told {
            name: metadata.name().to_owned(),
            level: metadata.level().to_string(),
            target: metadata.target().to_owned(),
            declared: metadata
                .fields()
                .iter()
                .map(|field| field.name().to_owned())
                .collect(),
            parent: parent.or_else(|| self.entered.lock().unwrap().last().copied()),
            handles: 1,
            ..Default::default()
        }
    }

    fn spans(&self, name: &str) -> Vec<(u64, Told)> {
        let spans = self.spans.lock().unwrap();
        let named = spans.iter().filter(|(_, span)| span.name == name);
        named.map(|(id, span)| (*id, span.clone())).collect()
    }

    /// The only span of this name.
    fn span(&self, name: &str) -> (u64, Told) {
        let mut spans = self.spans(name);
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }

    fn events(&self, name: &str) -> Vec<Told> {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .filter(|event| event.name == name)
            .cloned()
            .collect()
    }

    /// The only event of this name.
    fn event(&self, name: &str) -> Told {
        let mut events = self.events(name);
        assert_eq!(events.len(), 1, "{name}: {events:?}");
        events.remove(0)
    }

    fn all(&self) -> Vec<Told> {
        let spans = self.spans.lock().unwrap();
        let events = self.events.lock().unwrap();
        spans.values().chain(events.iter()).cloned().collect()
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("amqp_client") || metadata.target().starts_with("test")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        let mut told = self.told(span.metadata(), span.parent().map(Id::into_u64));
        if span.is_root() {
            told.parent = None;
        }
        span.record(&mut Values(&mut told.values));
        self.spans.lock().unwrap().insert(id, told);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.spans.lock().unwrap();
        let span = spans.get_mut(&span.into_u64()).unwrap();
        values.record(&mut Values(&mut span.values));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut told = self.told(event.metadata(), event.parent().map(Id::into_u64));
        event.record(&mut Values(&mut told.values));
        told.name = told.values.remove("message").unwrap_or_default();
        told.declared.remove("message");
        self.events.lock().unwrap().push(told);
    }

    fn enter(&self, span: &Id) {
        self.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.entered.lock().unwrap().pop(), Some(span.into_u64()));
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.spans
            .lock()
            .unwrap()
            .get_mut(&span.into_u64())
            .unwrap()
            .handles += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut spans = self.spans.lock().unwrap();
        let span = spans.get_mut(&span.into_u64()).unwrap();
        span.handles -= 1;
        span.handles == 0
    }
}

fn config() -> Config {
    let address = "192.0.2.1:5673".parse().unwrap();
    Config::default()
        .connection_name("tested")
        .virtual_host("shop")
        .peer(Peer::new(Host::new("rabbit-1", 5672), address))
}

/// A call, answered by this.
fn answer<F: Future + Unpin, M: amqp_client::protocol::method::Arguments>(
    session: &mut Session,
    mut call: F,
    reply: &M,
) -> F::Output {
    assert!(poll(&mut call).is_pending());
    session.sent();
    session.send(1, reply);
    ready(call)
}

fn publisher(session: &mut Session) -> Publisher {
    let channel = session.open_channel();
    answer(
        session,
        channel.confirm_select().into_future(),
        &confirm::SelectOk {},
    )
    .unwrap()
}

fn publish(publisher: &Publisher) -> Receipt {
    let publish = publisher
        .publish("logs", "warning", "body")
        .message_id("m")
        .correlation_id("c");
    ready(publish.into_future()).unwrap()
}

fn settle(delivery_tag: u64) -> basic::Ack {
    basic::Ack {
        delivery_tag: DeliveryTag(delivery_tag),
        multiple: false,
    }
}

fn connection_close(reply_code: ReplyCode) -> connection::Close<'static> {
    connection::Close {
        reply_code,
        ..Default::default()
    }
}

/// Calls, publishes and their ends.
fn calls_and_publishes(recorder: &Recorder) {
    let mut session = recorder.open(config());
    let publisher = publisher(&mut session);
    let channel = publisher.channel().clone();
    answer(
        &mut session,
        channel.queue_declare("q").into_future(),
        &declare_ok("q"),
    )
    .unwrap();
    ready(channel.queue_declare(&"q".repeat(256)).into_future()).unwrap_err();
    let receipts = [publish(&publisher), publish(&publisher)];
    session.send(1, &settle(1));
    let nack = basic::Nack {
        delivery_tag: DeliveryTag(2),
        ..Default::default()
    };
    session.send(1, &nack);
    let outcomes = receipts.map(ready);
    assert!(outcomes[0].is_ok() && outcomes[1].is_err());
    session.send(0, &connection::Blocked::default());
    let mut held = channel.basic_publish("", "q", "held").into_future();
    assert!(poll(&mut held).is_pending());
    session.send(0, &connection::Unblocked {});
    ready(held).unwrap();
    session.send(1, &channel::Flow { active: false });
    session.sent();
    drop(session.open_channel());
    session.drive();
    session.send(1, &channel_close(constants::NOT_FOUND, "no queue"));
    // More than wait for anybody, in one piece.
    let blocked = peer::method_frame(0, &connection::Blocked::default());
    session.feed(&blocked.repeat(300));
    session.send(0, &connection_close(constants::NOT_ALLOWED));
}

/// Deliveries and their ends, and a consumer that is behind.
fn deliveries(recorder: &Recorder) {
    let mut config = config();
    config.receive_buffer = 1000;
    let mut session = recorder.open(config);
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&delivery(1, "c", 1, b"one", 100));
    session.feed(&delivery(1, "c", 2, b"two", 100));
    session.feed(&delivery(1, "c", 3, &[0; 2000], 3000));
    let [first, second, third] = [(); 3].map(|()| next(&mut consumer).unwrap());
    session.drive();
    ready(second.ack_multiple()).unwrap();
    ready(first.ack()).unwrap_err();
    drop(third);
    let cancel = basic::Cancel {
        consumer_tag: ShortStr::from_static("c"),
        no_wait: true,
    };
    session.send(1, &cancel);
    session.end_stream();
    session.drive();
}

/// A connection that is closed as it should be.
fn orderly_close(recorder: &Recorder) {
    let mut session = recorder.open(config());
    let connection = session.connection.clone();
    let mut closing = Box::pin(connection.close());
    assert!(poll(&mut closing).is_pending());
    session.sent();
    session.send(0, &connection::CloseOk {});
    ready(closing).unwrap();
}

/// The rows of a section of the page, by kind, with their levels.
fn documented(section: &str) -> BTreeMap<Kind, BTreeSet<String>> {
    let (_, rest) = PAGE.split_once(&format!("//! # {section}\n")).unwrap();
    let rows = rest
        .lines()
        .take_while(|line| !line.starts_with("//! # "))
        .filter_map(|line| line.strip_prefix("//! | `"));
    let words = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(ToOwned::to_owned)
            .collect()
    };
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        let levels = cells[1]
            .split([' ', ','])
            .filter(|word| !word.is_empty() && *word != "or");
        let target = words(cells[2]).pop_first().unwrap();
        let name = cells[0].trim().trim_end_matches('`').to_owned();
        (
            (name, target, words(cells[3])),
            levels.map(ToOwned::to_owned).collect(),
        )
    })
    .collect()
}

fn kinds<'a>(told: impl IntoIterator<Item = &'a Told>) -> BTreeMap<Kind, BTreeSet<String>> {
    let mut kinds = BTreeMap::<_, BTreeSet<_>>::new();
    for told in told {
        let kind = (told.name.clone(), told.target.clone(), told.declared.clone());
        kinds.entry(kind).or_default().insert(told.level.clone());
    }
    kinds
}

#[test]
fn the_page_lists_what_is_told_and_nothing_of_it_is_secret() {
    let recorder = Recorder::default();
    let _listens = recorder.listen();
    calls_and_publishes(&recorder);
    deliveries(&recorder);
    orderly_close(&recorder);
    // Nobody else gets the port, and nobody listens on it.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("amqp://guest:{PASSWORD}@{}", closed.local_addr().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(amqp_client::tokio::connect(url.as_str()))
        .unwrap_err();

    assert_eq!(
        kinds(recorder.spans.lock().unwrap().values()),
        documented("Spans")
    );
    assert_eq!(
        kinds(recorder.events.lock().unwrap().iter()),
        documented("Events")
    );
    let secret = |told: &Told| told.values.values().any(|value| value.contains(PASSWORD));
    assert!(!recorder.all().iter().any(secret));
}

#[test]
fn a_publish_says_what_it_publishes_where_and_what_became_of_it() {
    let recorder = Recorder::default();
    let _listens = recorder.listen();
    let mut session = recorder.open(config());
    let publisher = publisher(&mut session);
    let outer = tracing::info_span!(target: "test", "outer");
    let receipt = outer.in_scope(|| publish(&publisher));
    let (id, span) = recorder.span("publish");
    let expected = [
        ("otel.name", "publish logs:warning"),
        ("otel.kind", "producer"),
        ("messaging.system", "rabbitmq"),
        ("messaging.operation.name", "publish"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "logs:warning"),
        ("messaging.rabbitmq.destination.routing_key", "warning"),
        ("messaging.rabbitmq.message.delivery_tag", "1"),
        ("messaging.message.body.size", "4"),
        ("messaging.message.id", "m"),
        ("messaging.message.conversation_id", "c"),
        ("server.address", "rabbit-1"),
        ("server.port", "5672"),
        ("network.peer.address", "192.0.2.1"),
        ("network.peer.port", "5673"),
        ("amqp.connection.name", "tested"),
        ("amqp.virtual_host", "shop"),
        ("amqp.channel", "1"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(span.values, BTreeMap::from(expected));
    assert_eq!(
        (span.parent, span.handles),
        (outer.id().map(|id| id.into_u64()), 1)
    );
    session.send(1, &settle(1));
    ready(receipt).unwrap();
    assert_eq!(recorder.event("publish confirmed").parent, Some(id));
    assert_eq!(recorder.span("publish").1.handles, 0);
}

#[test]
fn a_publish_that_is_held_back_says_for_how_long_and_one_that_fails_why() {
    let recorder = Recorder::default();
    let _listens = recorder.listen();
    let mut session = recorder.open(config().publish_timeout(Duration::from_secs(5)));
    let channel = session.open_channel();
    session.send(0, &connection::Blocked::default());
    let mut held = channel.basic_publish("", "q", "held").into_future();
    assert!(poll(&mut held).is_pending());
    session.advance(Duration::from_secs(5));
    let Poll::Ready(Err(_)) = poll(&mut held) else {
        panic!("not too late")
    };
    let (id, span) = recorder.span("publish");
    assert_eq!(span.value("amqp.held_back"), "5.0");
    assert_eq!(span.value("error.type"), "Blocked");
    assert_eq!(span.value("otel.status_code"), "error");
    assert_eq!(span.handles, 0);
    assert_eq!(recorder.event("publish held back").parent, Some(id));
    assert_eq!(recorder.event("publish failed").parent, Some(id));
    // One that is given up is closed, and no more is told of it.
    let mut held = channel.basic_publish("", "q", "held").into_future();
    assert!(poll(&mut held).is_pending());
    drop(held);
    assert!(
        recorder
            .spans("publish")
            .iter()
            .all(|(_, span)| span.handles == 0)
    );
}

#[test]
fn a_call_says_its_method_its_reply_and_how_long_it_took() {
    let recorder = Recorder::default();
    let _listens = recorder.listen();
    let mut session = recorder.open(config());
    let channel = session.open_channel();
    let mut declaring = channel.queue_declare("q").into_future();
    assert!(poll(&mut declaring).is_pending());
    session.advance(Duration::from_millis(1500));
    session.send(1, &declare_ok("q"));
    ready(declaring).unwrap();
    let (id, span) = recorder.spans("call").pop().unwrap();
    assert_eq!(span.value("amqp.method"), "queue.declare");
    assert_eq!(span.handles, 0);
    let answered = recorder.events("call answered").pop().unwrap();
    assert_eq!(answered.value("amqp.reply"), "queue.declare_ok");
    assert_eq!(answered.value("amqp.duration"), "1.5");
    assert_eq!(answered.parent, Some(id));
    let method = queue::Purge {
        queue: ShortStr::from_static("q"),
        ..Default::default()
    };
    let mut purging = channel.call(method);
    assert!(poll(&mut purging).is_pending());
    session.send(1, &channel_close(constants::NOT_FOUND, "no queue 'q'"));
    ready(purging).unwrap_err();
    let (_, span) = recorder.spans("call").pop().unwrap();
    assert_eq!(span.value("amqp.method"), "queue.purge");
    assert_eq!(span.value("error.type"), "Channel");
    let failed = recorder.event("call failed");
    assert!(
        failed.value("error").contains("404 NOT_FOUND: no queue 'q'"),
        "{failed:?}"
    );
}

#[test]
fn a_delivery_is_in_its_span_from_being_handed_out_to_its_settlement() {
    let recorder = Recorder::default();
    let _listens = recorder.listen();
    let mut session = recorder.open(config());
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&delivery(1, "c", 7, b"body", 100));
    assert!(recorder.spans("deliver").is_empty());
    let delivery = next(&mut consumer).unwrap();
    let (id, span) = recorder.span("deliver");
    for (field, value) in [
        ("otel.name", "deliver key:q"),
        ("otel.kind", "consumer"),
        ("messaging.operation.name", "deliver"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "key:q"),
        ("messaging.rabbitmq.message.delivery_tag", "7"),
        ("messaging.message.body.size", "4"),
        ("amqp.redelivered", "false"),
        ("server.address", "rabbit-1"),
    ] {
        assert_eq!(span.value(field), value, "{field}");
    }
    assert_eq!(delivery.span().id().map(|id| id.into_u64()), Some(id));
    delivery
        .span()
        .in_scope(|| tracing::info!(target: "test", "handled"));
    assert_eq!(recorder.event("handled").parent, Some(id));
    ready(delivery.reject()).unwrap();
    let settled = recorder.event("settled");
    assert_eq!(settled.parent, Some(id));
    assert_eq!(settled.value("messaging.operation.name"), "reject");
    assert_eq!(settled.value("amqp.requeue"), "false");
    assert_eq!(recorder.span("deliver").1.handles, 0);
}

#[test]
fn the_end_of_a_connection_is_as_loud_as_what_must_be_done_about_it() {
    let recorder = Recorder::default();
    let _listens = recorder.listen();
    let last = || recorder.events("connection closed").pop().unwrap();
    orderly_close(&recorder);
    assert_eq!(last().level, "INFO");
    let mut session = recorder.open(config());
    session.end_stream();
    session.drive();
    assert_eq!(last().level, "WARN");
    let mut session = recorder.open(config());
    session.send(0, &connection_close(constants::CONNECTION_FORCED));
    session.drive();
    assert_eq!(last().level, "WARN");
    let mut session = recorder.open(config());
    session.send(0, &connection_close(constants::NOT_ALLOWED));
    session.drive();
    assert_eq!(last().level, "ERROR");
    let mut session = recorder.open(config());
    session.drop_driver();
    assert_eq!(last().level, "WARN");
    // Each in the span of its own connection, which has no parent.
    let spans = recorder.spans("connection");
    let closed = recorder.events("connection closed");
    let of_events: Vec<_> = closed.iter().map(|event| event.parent).collect();
    assert_eq!(
        of_events,
        spans.iter().map(|(id, _)| Some(*id)).collect::<Vec<_>>()
    );
    assert!(spans.iter().all(|(_, span)| span.parent.is_none()));
}

#[test]
fn whoever_listens_late_is_told_from_there_on() {
    let recorder = Recorder::default();
    let nobody = set_default(NoSubscriber::new());
    let mut session = recorder.open(config());
    let channel = session.open_channel();
    drop(nobody);
    assert!(recorder.all().is_empty());
    let _listens = recorder.listen();
    session.drive();
    session.send(0, &connection::Blocked::default());
    assert_eq!(recorder.event("publishing blocked").value("amqp.reason"), "");
    session.send(0, &connection::Unblocked {});
    ready(channel.basic_publish("", "q", "body").into_future()).unwrap();
    assert_eq!(recorder.span("publish").1.handles, 0);
}
