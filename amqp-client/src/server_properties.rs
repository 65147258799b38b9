//! What a server says of itself in connection.start, as fields with types.

use amqp_protocol::{FieldTable, FieldValue};

/// A server's description of itself. Texts that are not UTF-8 have replacement characters in them; what has no field here
/// is in the [`table`](Self::table).
///
/// ```no_run
/// # async fn example(connection: amqp_client::Connection) {
/// let server = connection.server_properties();
/// if server.product.as_deref() == Some("RabbitMQ") && !server.capabilities.publisher_confirms {
///     println!("RabbitMQ {:?} does not confirm", server.version);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ServerProperties {
    /// The server's name, such as `RabbitMQ`.
    pub product: Option<String>,
    /// The server's version, such as `3.10.8`.
    pub version: Option<String>,
    /// What it runs on, such as `Erlang/OTP 25.2.3`.
    pub platform: Option<String>,
    /// Who has the rights to it.
    pub copyright: Option<String>,
    /// Whatever it wants to say, such as where to find its licence.
    pub information: Option<String>,
    /// The name of the cluster that it is part of.
    pub cluster_name: Option<String>,
    /// What it can do beyond the standard.
    pub capabilities: Capabilities,
    /// All entries as they came.
    pub table: FieldTable<'static>,
}

/// What RabbitMQ's extensions a server announces, named as in its table `capabilities`. One that it does not mention is
/// false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// connection.close says that credentials are refused.
    pub authentication_failure_close: bool,
    /// The method basic.nack.
    pub basic_nack: bool,
    /// The methods connection.blocked and unblocked.
    pub connection_blocked: bool,
    /// basic.cancel from the server when a consumer's queue is gone.
    pub consumer_cancel_notify: bool,
    /// The argument `x-priority` of basic.consume.
    pub consumer_priorities: bool,
    /// Replies without a queue, by `amq.rabbitmq.reply-to`.
    pub direct_reply_to: bool,
    /// The methods exchange.bind and unbind.
    pub exchange_exchange_bindings: bool,
    /// A prefetch of basic.qos is each consumer's, not the channel's.
    pub per_consumer_qos: bool,
    /// The method confirm.select.
    pub publisher_confirms: bool,
}

impl ServerProperties {
    pub(crate) fn new(table: FieldTable<'static>) -> Self {
        let text = |name: &str| match table.get(name)? {
            FieldValue::LongString(text) => Some(text.to_str_lossy().into_owned()),
            _ => None,
        };
        let capabilities = match table.get("capabilities") {
            Some(FieldValue::Table(capabilities)) => Capabilities::new(&capabilities),
            _ => Capabilities::default(),
        };
        Self {
            product: text("product"),
            version: text("version"),
            platform: text("platform"),
            copyright: text("copyright"),
            information: text("information"),
            cluster_name: text("cluster_name"),
            capabilities,
            table,
        }
    }
}

impl Capabilities {
    fn new(table: &FieldTable<'_>) -> Self {
        let has = |name: &str| table.get(name) == Some(FieldValue::Boolean(true));
        Self {
            authentication_failure_close: has("authentication_failure_close"),
            basic_nack: has("basic.nack"),
            connection_blocked: has("connection.blocked"),
            consumer_cancel_notify: has("consumer_cancel_notify"),
            consumer_priorities: has("consumer_priorities"),
            direct_reply_to: has("direct_reply_to"),
            exchange_exchange_bindings: has("exchange_exchange_bindings"),
            per_consumer_qos: has("per_consumer_qos"),
            publisher_confirms: has("publisher_confirms"),
        }
    }
}
