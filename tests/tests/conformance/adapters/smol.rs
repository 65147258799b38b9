//! smol.

use std::future::Future;

use amqp_client::{ConnectError, ConnectOptions};

use crate::client::Adapter;
use crate::stage::Outcome;
use crate::styles::Awaiting;

pub(crate) struct Smol;

impl Adapter for Smol {
    type Client = Awaiting;

    async fn connect(options: ConnectOptions) -> Result<Awaiting, ConnectError> {
        let (connection, driver) = amqp_client::smol::connect(options).await?;
        ::smol::spawn(driver).detach();
        Ok(Awaiting(connection))
    }

    fn run(scenario: impl Future<Output = Outcome>) -> Outcome {
        ::smol::block_on(scenario)
    }
}
