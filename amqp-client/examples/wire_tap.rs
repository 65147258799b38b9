//! Looks at its own connection. With the argument NAME it records the octets of each direction to `NAME-1.client` and
//! `NAME-1.server`, for `wire dissect`; without, it prints a line for each frame. `AMQP_URL` says where; by default
//! `amqp://localhost`.

use std::error::Error;
use std::io::stderr;
use std::process::ExitCode;
use std::sync::Arc;

use amqp_client::tokio::connect;
use amqp_client::{ConnectOptions, wire};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wire_tap: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let mut options: ConnectOptions = url.parse()?;
    let recorder = std::env::args_os()
        .nth(1)
        .map(|name| Arc::new(wire::Recorder::to_files(name)));
    options.config.wire_tap = Some(match &recorder {
        Some(recorder) => recorder.clone(),
        None => Arc::new(wire::Text::new(stderr())),
    });

    let connection = connect(options).await?;
    let channel = connection.open_channel().await?;
    let queue = channel.queue_declare("").exclusive().await?.queue;
    channel
        .basic_publish("", &queue, "one coffee")
        .content_type("text/plain")
        .await?;
    if let Some(message) = channel.basic_get(&queue).await? {
        message.ack().await?;
    }
    connection.close().await?;

    match recorder.and_then(|recorder| recorder.take_error()) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
