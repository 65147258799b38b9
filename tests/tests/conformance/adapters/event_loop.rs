//! `event_loop`.

use std::future::Future;

use amqp_client::{ConnectError, ConnectOptions};

use crate::client::Adapter;
use crate::stage::{Outcome, run_without_waiting};
use crate::styles::Calling;

pub(crate) struct Callbacks;

impl Adapter for Callbacks {
    type Client = Calling;

    async fn connect(options: ConnectOptions) -> Result<Calling, ConnectError> {
        Calling::connect(options)
    }

    fn run(scenario: impl Future<Output = Outcome>) -> Outcome {
        run_without_waiting(scenario)
    }
}
