//! A real broker: the queues that programs find there, made and filled by this client.

use std::net::SocketAddr;

use amqp_client::{Channel, Connection, Receipts};
use amqp_harness::{BODY, Scenario};
use tokio::runtime::{Builder, Runtime};

use crate::Failure;

/// The most messages that a queue keeps to which is only published.
const KEPT: u64 = 10_000;

/// A connection to it.
pub(crate) struct Server {
    runtime: Runtime,
    address: SocketAddr,
    connection: Connection,
    channel: Channel,
    version: String,
}

impl Server {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Failure> {
        // With a thread of its own, so that heartbeats leave while programs run.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let uri = format!("amqp://guest:guest@{address}/%2f");
        let (connection, channel) = runtime.block_on(async {
            let connection = amqp_client::tokio::connect(uri).await?;
            let channel = connection.open_channel().await?;
            Ok::<_, Failure>((connection, channel))
        })?;
        let server = connection.server_properties();
        let names = [server.product, server.version];
        let version = names.map(Option::unwrap_or_default).join(" ");
        Ok(Self {
            runtime,
            address,
            connection,
            channel,
            version,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it says it is.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Makes the queue of a run, with as many messages as it will be asked for.
    pub(crate) fn prepare(&self, scenario: Scenario, messages: u64) -> Result<(), Failure> {
        let queue = scenario.queue(messages);
        self.runtime.block_on(async {
            // Of a run that failed.
            self.channel.queue_delete(&queue).await?;
            let declare = self.channel.queue_declare(&queue);
            if scenario.delivered(messages) == 0 {
                declare.max_length(KEPT).await?;
                return Ok(());
            }
            declare.await?;
            let channel = self.connection.open_channel().await?;
            let publisher = channel.confirm_select().await?;
            let mut receipts = Receipts::new();
            for _ in 0..messages {
                receipts.push(publisher.publish("", &queue, &BODY).transient().await?);
            }
            receipts.await?;
            channel.close().await?;
            Ok(())
        })
    }

    /// Removes it.
    pub(crate) fn tidy_up(&self, scenario: Scenario, messages: u64) -> Result<(), Failure> {
        let queue = scenario.queue(messages);
        self.runtime.block_on(async {
            self.channel.queue_delete(&queue).await?;
            Ok(())
        })
    }
}
