//! compio, by the adapter that shows how one is written: one thread for the scenario and the connections.

use std::future::Future;

use amqp_client::{ConnectError, ConnectOptions};
use compio_runtime::{ResumeUnwind, Runtime, spawn_blocking};

use crate::client::Adapter;
use crate::peer::Peer;
use crate::stage::Outcome;
use crate::styles::Awaiting;

pub(crate) struct Compio;

impl Adapter for Compio {
    type Client = Awaiting;

    async fn connect(options: ConnectOptions) -> Result<Awaiting, ConnectError> {
        amqp_compio::connect(options).await.map(Awaiting)
    }

    async fn end(peer: Peer) -> Outcome {
        let ended = spawn_blocking(|| peer.end()).await;
        ended.resume_unwind().ok_or("the runtime has ended")?
    }

    fn run(scenario: impl Future<Output = Outcome>) -> Outcome {
        Runtime::new()?.block_on(scenario)
    }
}
