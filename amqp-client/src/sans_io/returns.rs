//! Messages that the server sent back, and by what a publish knows its own. What a publish then ends in stands elsewhere.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::methods::basic;
use amqp_protocol::table::FieldValue;
use amqp_protocol::{FieldTable, ReplyCode, ShortStr};

use super::content::Message;

/// The header that carries the number of a publish when [`ConfirmOptions::return_header`](super::ConfirmOptions) is set.
pub const RETURN_HEADER: &str = "x-publish-number";

/// A mandatory message that the server could not route, as it came back with basic.return.
///
/// The octets are the server's: newer servers sort the headers. Cloning it shares them.
#[derive(Clone)]
pub struct Returned(Message);

impl Returned {
    pub(super) fn new(message: Message) -> Self {
        Self(message)
    }

    /// Why, as a number: 312 (`constants::NO_ROUTE`) when no queue is bound for it.
    pub fn reply_code(&self) -> ReplyCode {
        self.method().reply_code
    }

    /// Why, in the server's words.
    pub fn reply_text(&self) -> ShortStr<'_> {
        self.method().reply_text
    }

    /// The exchange that it was published to.
    pub fn exchange(&self) -> ShortStr<'_> {
        self.method().exchange
    }

    /// The routing key that it was published with.
    pub fn routing_key(&self) -> ShortStr<'_> {
        self.method().routing_key
    }

    /// The properties, decoded anew at each call.
    pub fn properties(&self) -> basic::Properties<'_> {
        self.0.properties()
    }

    /// The body. Empty when it is larger than the configured `body_max`.
    pub fn body(&self) -> &[u8] {
        self.0.body()
    }

    /// All of it, as it was received.
    pub fn message(&self) -> &Message {
        &self.0
    }

    fn method(&self) -> basic::Return<'_> {
        // It was decoded before, when it was received.
        self.0.method().unwrap_or_default()
    }

    /// What a publish of this message has for its [`fingerprint`].
    pub(super) fn fingerprint(&self, body_max: u64) -> u64 {
        let body = Some(self.body()).filter(|_| self.0.body_size() <= body_max);
        digest(
            &self.method().exchange,
            &self.method().routing_key,
            &self.properties(),
            self.0.body_size(),
            body,
        )
    }

    /// The number that the header of a publish carried.
    pub(super) fn number(&self) -> Option<u64> {
        let headers = self.properties().headers?;
        // A message that is passed on may carry an older one in front.
        let own = headers
            .iter()
            .filter(|(name, _)| name.as_bytes() == RETURN_HEADER.as_bytes());
        match own.last()?.1 {
            FieldValue::LongLong(number) => number.try_into().ok(),
            _ => None,
        }
    }
}

impl fmt::Debug for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Returned")
            .field("reply_code", &self.reply_code())
            .field("reply_text", &self.reply_text())
            .field("message", &self.0)
            .finish()
    }
}

/// Prints as `312 NO_ROUTE (exchange 'events', routing key 'order.new')`.
impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} (exchange '{}', routing key '{}')",
            self.reply_code(),
            self.reply_text().to_str_lossy(),
            self.exchange().to_str_lossy(),
            self.routing_key().to_str_lossy()
        )
    }
}

/// By what a mandatory publish is found when it comes back: exchange, routing key, message-id, correlation-id and body.
/// Never the headers, which servers change.
///
/// Two messages that differ have the same one in 2^64, and then the return of one may be taken for the other's. A body
/// over `body_max` would come back without its octets, so only its size counts.
pub(super) fn fingerprint(
    method: &basic::Publish<'_>,
    properties: &basic::Properties<'_>,
    body: &[u8],
    body_max: u64,
) -> u64 {
    let size = body.len() as u64;
    let body = Some(body).filter(|_| size <= body_max);
    digest(&method.exchange, &method.routing_key, properties, size, body)
}

fn digest(
    exchange: &ShortStr<'_>,
    routing_key: &ShortStr<'_>,
    properties: &basic::Properties<'_>,
    body_size: u64,
    body: Option<&[u8]>,
) -> u64 {
    // Without random keys: the core is deterministic.
    let mut hasher = DefaultHasher::new();
    exchange.as_bytes().hash(&mut hasher);
    routing_key.as_bytes().hash(&mut hasher);
    for id in [&properties.message_id, &properties.correlation_id] {
        id.as_ref().map(ShortStr::as_bytes).hash(&mut hasher);
    }
    body_size.hash(&mut hasher);
    body.hash(&mut hasher);
    hasher.finish()
}

/// The headers of a publish, with its number.
pub(super) fn numbered(headers: Option<&FieldTable<'_>>, number: u64) -> FieldTable<'static> {
    let mut headers = headers.cloned().unwrap_or_default().into_owned();
    // A table that has no room for 26 octets more does not fit into a frame either, and is refused with it.
    let _ = headers.append(RETURN_HEADER, FieldValue::LongLong(number as i64));
    headers
}
