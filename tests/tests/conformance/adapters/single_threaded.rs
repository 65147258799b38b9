//! `blocking::SingleThreaded`.

use std::future::Future;

use amqp_client::blocking;
use amqp_client::{ConnectError, ConnectOptions};

use crate::client::Adapter;
use crate::stage::{Outcome, run_without_waiting};
use crate::styles::Blocking;

pub(crate) struct SingleThreaded;

impl Adapter for SingleThreaded {
    type Client = Blocking<blocking::Local>;

    async fn connect(options: ConnectOptions) -> Result<Self::Client, ConnectError> {
        blocking::SingleThreaded::connect(options).map(Blocking)
    }

    fn run(scenario: impl Future<Output = Outcome>) -> Outcome {
        run_without_waiting(scenario)
    }
}
