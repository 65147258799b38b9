//! Our side of an exchange: the messages, a queue of its own, publishing and receiving. It knows no foreign client.

use amqp_client::protocol::v0_9_1::basic;
use amqp_client::{Channel, ConnectOptions, Connection, Delivery, tokio::connect};
use amqp_tests::broker::Broker;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::foreign::LIMIT;

/// The properties of class basic in the order of their flags, of which the first is the highest bit of 16.
pub(crate) const PROPERTIES: [&str; 14] = [
    "content_type",
    "content_encoding",
    "headers",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
    "reserved",
];
/// The flags of all of them.
pub(crate) const ALL: u16 = 0xfffc;

/// A message of the plan: which properties, and a body.
pub(crate) struct Planned {
    pub(crate) flags: u16,
    pub(crate) body: Vec<u8>,
}

/// All properties with bodies around the edges of a frame, then none, then each alone.
pub(crate) fn plan(frame_max: usize) -> Vec<Planned> {
    let full = frame_max - 8;
    let sizes = [0, 1, full - 1, full, full + 1, 2 * full, 300 << 10];
    let edges = sizes.map(|size| (ALL, size));
    let alone = (0..PROPERTIES.len()).map(|index| (0x8000 >> index, index));
    let messages = edges.into_iter().chain([(0, 300)]).chain(alone);
    messages
        .map(|(flags, size)| Planned {
            flags,
            body: body(size),
        })
        .collect()
}

/// Octets of every value, in an order that shows lost and swapped pieces.
pub(crate) fn body(size: usize) -> Vec<u8> {
    (0..size)
        .map(|index| (index ^ (index >> 8) ^ (index >> 16)) as u8)
        .collect()
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Those of the properties whose flags are set.
pub(crate) fn select(properties: &Value, flags: u16) -> Value {
    let chosen = PROPERTIES
        .iter()
        .enumerate()
        .filter(|(index, _)| flags & (0x8000 >> index) != 0);
    let chosen = chosen.map(|(_, name)| ((*name).to_owned(), properties[*name].clone()));
    Value::Object(chosen.collect::<Map<_, _>>())
}

/// Properties from the JSON of `amqp_protocol`, in which each value of a table stands under its tag.
pub(crate) fn properties(json: Value) -> basic::Properties<'static> {
    serde_json::from_value(json).expect("these are properties")
}

/// The user that the broker knows us by, which is the only user-id that it lets pass.
pub(crate) fn user() -> String {
    let options: ConnectOptions = Broker::shared().url().parse().expect("it is a URI");
    let user = options.config.credentials.user();
    user.expect("it has a user").to_owned()
}

/// What has been compared, for the record.
#[derive(Default)]
pub(crate) struct Count {
    messages: usize,
    properties: usize,
    headers: usize,
    octets: usize,
}

impl Count {
    pub(crate) fn add(&mut self, properties: &basic::Properties<'_>, body: &[u8]) {
        let present = serde_json::to_value(properties).expect("they become JSON");
        self.messages += 1;
        self.properties += present.as_object().map_or(0, Map::len);
        self.headers += properties
            .headers
            .as_ref()
            .map_or(0, |headers| headers.iter().count());
        self.octets += body.len();
    }

    pub(crate) fn report(&self, way: &str) {
        let Self {
            messages,
            properties,
            headers,
            octets,
        } = self;
        println!(
            "{way}: {messages} messages, {properties} properties, {headers} headers, {octets} octets of body compared"
        );
    }
}

/// A queue, and a channel to it.
pub(crate) struct Ours {
    connection: Connection,
    pub(crate) channel: Channel,
    pub(crate) queue: String,
}

impl Ours {
    /// Names a queue that no other test knows, and does not declare it.
    pub(crate) async fn new(name: &str) -> Self {
        let connection = connect(Broker::shared().url()).await.unwrap();
        let channel = connection.open_channel().await.unwrap();
        let queue = format!("interop-{name}-{}", std::process::id());
        Self {
            connection,
            channel,
            queue,
        }
    }

    pub(crate) async fn with_queue(name: &str) -> Self {
        let ours = Self::new(name).await;
        ours.channel.queue_declare(&ours.queue).await.unwrap();
        ours
    }

    pub(crate) async fn publish(&self, properties: &basic::Properties<'_>, body: &[u8]) {
        self.channel
            .basic_publish("", &self.queue, body)
            .properties(properties.clone())
            .await
            .unwrap();
    }

    /// Consumes as many messages as are expected, compares each, and acks it.
    pub(crate) async fn expect(&self, way: &str, messages: &[(basic::Properties<'static>, Vec<u8>)]) {
        let mut count = Count::default();
        let mut consumer = self.channel.basic_consume(&self.queue).await.unwrap();
        for (number, (properties, body)) in messages.iter().enumerate() {
            let delivery = timeout(LIMIT, consumer.next())
                .await
                .unwrap_or_else(|_| panic!("{way}: message {number} did not come"));
            let delivery = delivery.expect("the consumer goes on").unwrap();
            self.compare(&delivery, properties, body, &format!("{way}: message {number}"));
            count.add(&delivery.properties(), delivery.body());
            delivery.ack().await.unwrap();
        }
        assert!(consumer.cancel().await.unwrap().is_empty(), "{way}: more came");
        count.report(way);
    }

    fn compare(&self, delivery: &Delivery, properties: &basic::Properties<'_>, body: &[u8], what: &str) {
        assert_eq!(delivery.properties(), *properties, "{what}");
        assert_eq!(delivery.body_size(), body.len() as u64, "{what}");
        assert!(delivery.body() == body, "{what}: its body");
        assert_eq!(delivery.exchange(), "", "{what}");
        assert_eq!(delivery.routing_key(), self.queue.as_str(), "{what}");
        assert!(!delivery.redelivered(), "{what}");
    }

    /// Deletes the queue, in which nothing may be left: what was acked is gone, and nothing came back.
    pub(crate) async fn finish(self) {
        let deleted = self.channel.queue_delete(&self.queue).await.unwrap();
        assert_eq!(deleted.message_count, 0);
        self.connection.close().await.unwrap();
    }
}
