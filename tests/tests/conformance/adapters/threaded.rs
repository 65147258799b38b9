//! `blocking::Connection`.

use std::future::Future;

use amqp_client::blocking;
use amqp_client::{ConnectError, ConnectOptions};

use crate::client::Adapter;
use crate::stage::{Outcome, run_without_waiting};
use crate::styles::Blocking;

pub(crate) struct Threaded;

impl Adapter for Threaded {
    type Client = Blocking<blocking::Threaded>;

    async fn connect(options: ConnectOptions) -> Result<Self::Client, ConnectError> {
        blocking::Connection::connect(options).map(Blocking)
    }

    fn run(scenario: impl Future<Output = Outcome>) -> Outcome {
        run_without_waiting(scenario)
    }
}
