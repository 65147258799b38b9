//! What spans say of a connection, and of where its messages come from and go to. Who says it stands elsewhere.

#![cfg_attr(
    not(feature = "tracing"),
    allow(dead_code, reason = "most of it is for spans")
)]

use std::sync::Arc;

use amqp_protocol::ChannelId;

use crate::config::{Config, Peer};
use crate::propagation::Propagator;

/// What is said of a connection.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) peer: Peer,
    pub(crate) connection_name: Option<String>,
    pub(crate) virtual_host: String,
}

impl Labels {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            peer: config.peer.clone(),
            connection_name: config.connection_name.clone(),
            virtual_host: config.virtual_host.clone(),
        }
    }

    pub(crate) fn server_address(&self) -> Option<&str> {
        self.peer.host.as_ref().map(|host| host.host.as_str())
    }

    pub(crate) fn server_port(&self) -> Option<u16> {
        self.peer.host.as_ref().map(|host| host.port)
    }

    pub(crate) fn peer_address(&self) -> Option<String> {
        self.peer.address.map(|address| address.ip().to_string())
    }

    pub(crate) fn peer_port(&self) -> Option<u16> {
        self.peer.address.map(|address| address.port())
    }
}

/// Where deliveries come from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) labels: Arc<Labels>,
    pub(crate) propagator: Option<Arc<dyn Propagator>>,
    pub(crate) channel: ChannelId,
    /// The name that was asked for; empty for the queue declared last.
    pub(crate) queue: String,
}

/// The name of a destination, as the conventions for RabbitMQ put it together: what is not empty of exchange, routing key
/// and, for a consumer, a queue that is not named like the key.
pub(crate) fn destination(exchange: &str, routing_key: &str, queue: &str) -> String {
    let queue = if queue == routing_key { "" } else { queue };
    let parts = [exchange, routing_key, queue].into_iter();
    let name = parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(":");
    if name.is_empty() {
        "amq.default".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn a_destination_is_named_by_what_is_not_empty() {
        assert_eq!(destination("logs", "warning", ""), "logs:warning");
        assert_eq!(destination("logs", "", ""), "logs");
        assert_eq!(destination("", "orders", ""), "orders");
        assert_eq!(destination("", "", ""), "amq.default");
        assert_eq!(destination("logs", "warning", "all"), "logs:warning:all");
        assert_eq!(destination("", "orders", "orders"), "orders");
    }
}
