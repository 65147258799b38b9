//! tokio, with a thread for its tasks beside that of the scenario.

use std::future::Future;

use amqp_client::{ConnectError, ConnectOptions};

use crate::client::Adapter;
use crate::stage::Outcome;
use crate::styles::Awaiting;

pub(crate) struct Tokio;

impl Adapter for Tokio {
    type Client = Awaiting;

    async fn connect(options: ConnectOptions) -> Result<Awaiting, ConnectError> {
        amqp_client::tokio::connect(options).await.map(Awaiting)
    }

    fn run(scenario: impl Future<Output = Outcome>) -> Outcome {
        let runtime = ::tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        runtime.block_on(scenario)
    }
}
