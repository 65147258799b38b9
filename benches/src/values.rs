//! What a user has before encoding and wants after decoding: the values of each scenario, in Rust's own types.
//! How a library wants them built is the business of its [`Codec`](crate::Codec).

use crate::Sum;

/// The channel of every frame.
pub const CHANNEL: u16 = 7;
/// The `frame-max` that RabbitMQ proposes.
pub const FRAME_MAX: u32 = 131_072;

/// A value of a table.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// Tag `t`.
    Bool(bool),
    /// Tag `I`.
    Int(i32),
    /// Tag `l`.
    Long(i64),
    /// Tag `d`.
    Double(f64),
    /// Tag `T`.
    Timestamp(u64),
    /// Tag `S`.
    Text(&'a str),
    /// Tag `F`.
    Table(Table<'a>),
}

/// The entries of a table; no name comes twice, because the peers keep them in maps.
pub type Table<'a> = &'a [(&'a str, Value<'a>)];

/// basic.publish, its content header with three properties, and its body.
#[derive(Debug, Clone, Copy)]
pub struct Publish<'a> {
    /// Where to.
    pub exchange: &'a str,
    /// By which key.
    pub routing_key: &'a str,
    /// Whether it comes back when no queue takes it.
    pub mandatory: bool,
    /// The MIME type of the body.
    pub content_type: &'a str,
    /// 2 is persistent.
    pub delivery_mode: u8,
    /// The application's own name of the message.
    pub message_id: &'a str,
    /// All of the body, in one frame.
    pub body: &'a [u8],
}

/// queue.declare.
#[derive(Debug, Clone, Copy)]
pub struct Declare<'a> {
    /// The name of the queue.
    pub queue: &'a str,
    /// Whether it outlives a restart.
    pub durable: bool,
    /// Its arguments.
    pub arguments: Table<'a>,
}

/// basic.deliver.
#[derive(Debug, Clone, Copy)]
pub struct Deliver<'a> {
    /// Whom for.
    pub consumer_tag: &'a str,
    /// What to acknowledge it by.
    pub delivery_tag: u64,
    /// Whether it was delivered before.
    pub redelivered: bool,
    /// Where it was published to.
    pub exchange: &'a str,
    /// By which key.
    pub routing_key: &'a str,
}

/// The scenario `publish`.
pub const PUBLISH: Publish<'static> = Publish {
    exchange: "orders",
    routing_key: "eu.orders.created",
    mandatory: true,
    content_type: "application/json",
    delivery_mode: 2,
    message_id: "5d1c2f4e-0b7a-4c39",
    body: b"{\"order\": 40961}",
};

/// The scenario `declare`.
pub const DECLARE: Declare<'static> = Declare {
    queue: "orders.created",
    durable: true,
    arguments: &[
        ("x-queue-type", Value::Text("quorum")),
        ("x-max-length", Value::Int(100_000)),
        ("x-max-length-bytes", Value::Long(8_589_934_592)),
        ("x-dead-letter-exchange", Value::Text("orders.dead")),
        ("x-single-active-consumer", Value::Bool(true)),
    ],
};

/// The scenario `deliver`.
pub const DELIVER: Deliver<'static> = Deliver {
    consumer_tag: "amq.ctag-Xw3gT9qPz5",
    delivery_tag: 1_048_577,
    redelivered: false,
    exchange: "orders",
    routing_key: "eu.orders.created",
};

/// The scenario `table`: 30 entries, those of the four tables within included.
pub const TABLE: Table<'static> = &[
    ("tenant", Value::Text("north")),
    ("priority", Value::Int(5)),
    ("created", Value::Timestamp(1_767_225_600)),
    ("amount", Value::Double(1299.95)),
    ("sequence", Value::Long(77_309_411_328)),
    ("replayed", Value::Bool(false)),
    ("trace-id", Value::Text("4bf92f3577b34da6a3ce929d0e0e4736")),
    ("sampled", Value::Bool(true)),
    ("attempt", Value::Int(3)),
    ("deadline", Value::Timestamp(1_767_229_200)),
    ("schema", Value::Text("order/3")),
    ("origin", Value::Table(ORIGIN)),
    ("customer", Value::Table(CUSTOMER)),
    ("ratio", Value::Double(0.125)),
    ("checksum", Value::Long(-6_148_914_691_236_517_206)),
];

const ORIGIN: Table<'static> = &[
    ("host", Value::Text("shop-7.eu.example")),
    ("pid", Value::Int(4181)),
    ("started", Value::Timestamp(1_767_139_200)),
    ("build", Value::Table(BUILD)),
    ("canary", Value::Bool(false)),
];

const BUILD: Table<'static> = &[
    ("version", Value::Text("2.14.0")),
    ("commit", Value::Text("9f3ac1e")),
    ("debug", Value::Bool(false)),
];

const CUSTOMER: Table<'static> = &[
    ("id", Value::Long(90_071_992_547)),
    ("country", Value::Text("PT")),
    ("vip", Value::Bool(true)),
    ("balance", Value::Double(-20.5)),
    ("address", Value::Table(ADDRESS)),
];

const ADDRESS: Table<'static> = &[("city", Value::Text("Lisboa")), ("floor", Value::Int(4))];

impl Publish<'_> {
    /// What decoding must come to.
    pub fn sum(&self, sum: &mut impl Sum) {
        sum.number(u64::from(CHANNEL));
        sum.octets(self.exchange.as_bytes());
        sum.octets(self.routing_key.as_bytes());
        sum.number(u64::from(self.mandatory));
        sum.number(0);
        sum.number(u64::from(CHANNEL));
        sum.number(self.body.len() as u64);
        sum.octets(self.content_type.as_bytes());
        sum.number(u64::from(self.delivery_mode));
        sum.octets(self.message_id.as_bytes());
        sum.number(u64::from(CHANNEL));
        sum.octets(self.body);
    }
}

impl Declare<'_> {
    /// What decoding must come to.
    pub fn sum(&self, sum: &mut impl Sum) {
        sum.number(u64::from(CHANNEL));
        sum.octets(self.queue.as_bytes());
        for bit in [false, self.durable, false, false, false] {
            sum.number(u64::from(bit));
        }
        table_sum(self.arguments, sum);
    }
}

impl Deliver<'_> {
    /// What decoding must come to.
    pub fn sum(&self, sum: &mut impl Sum) {
        sum.number(u64::from(CHANNEL));
        sum.octets(self.consumer_tag.as_bytes());
        sum.number(self.delivery_tag);
        sum.number(u64::from(self.redelivered));
        sum.octets(self.exchange.as_bytes());
        sum.octets(self.routing_key.as_bytes());
    }
}

/// What decoding a table must come to.
pub fn table_sum(table: Table<'_>, sum: &mut impl Sum) {
    for (name, value) in table {
        sum.entry(name.as_bytes(), |sum| match *value {
            Value::Bool(value) => sum.number(u64::from(value)),
            Value::Int(value) => sum.number(value as u64),
            Value::Long(value) => sum.number(value as u64),
            Value::Double(value) => sum.number(value.to_bits()),
            Value::Timestamp(value) => sum.number(value),
            Value::Text(value) => sum.octets(value.as_bytes()),
            Value::Table(value) => table_sum(value, sum),
        });
    }
}
