//! What a scenario plays on: a connection on one revision, through a proxy that records it. What was on the wire is
//! `wire`'s to judge.

use amqp_client::tokio::connect;
use amqp_client::{Channel, ConnectOptions, Connection, Host, Protocol, State};
use amqp_tests::broker::Broker;
use amqp_tests::proxy::Proxy;
use tokio::time::timeout;

use crate::common::{Failure, LIMIT, Outcome};
use crate::wire;

/// An open connection and its first channel.
pub(crate) struct Stage {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    /// The connection's name, which no other has.
    pub(crate) name: String,
}

/// Plays a scenario on one revision, and compares what was on the wire. The scenario may leave the connection open.
pub(crate) async fn run(
    protocol: Protocol,
    name: &str,
    scenario: impl AsyncFnOnce(&Stage) -> Outcome,
) -> Outcome {
    let expected = wire::expected(name);
    let proxy = Proxy::start_recording(Broker::shared().address())?;
    let name = format!("{name}-{protocol}-{}", std::process::id());
    let mut options = options(Broker::shared(), protocol)?;
    let address = proxy.address();
    options.hosts = vec![Host::new(address.ip().to_string(), address.port())];
    options.config.connection_name = Some(name.clone());
    let connection = timeout(LIMIT, connect(options)).await??;
    let stage = Stage {
        channel: timeout(LIMIT, connection.open_channel()).await??,
        connection,
        name,
    };
    timeout(LIMIT, scenario(&stage)).await??;
    if stage.connection.state() == State::Open {
        timeout(LIMIT, stage.connection.close()).await??;
    }
    wire::compare(protocol, expected, &proxy).await
}

/// How to connect to a broker on a revision.
pub(crate) fn options(broker: &Broker, protocol: Protocol) -> Result<ConnectOptions, Failure> {
    let mut options = ConnectOptions::try_from(broker.url())?;
    options.config.protocol = protocol;
    Ok(options)
}
