//! A web service that publishes what it is sent: POST /orders answers 202 when the message is safe in its queue, and never
//! before. On SIGTERM or ctrl-c it takes no new requests, answers those it has, and ends. It also ends, with an error, when
//! its connection or channel is lost: whoever starts it starts it again.
//!
//! `cargo run --example web_service [ADDRESS]`; by default `127.0.0.1:8080`. `AMQP_URL` says where the broker is; by default
//! `amqp://localhost`. `SHUTDOWN_LIMIT` is how many seconds requests may go on when it is told to stop; by default 25. The
//! durable queue `orders` stays on the server.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{ConnectOptions, ConnectionEvent, Events, HeldBack, PublishError, Publisher};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;

/// How long requests may take to end once it is told to stop: less than the 30 seconds after which most supervisors kill.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(25);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web_service: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (stop, stopped) = (stop_signal()?, stop_signal()?);
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let shutdown_limit = match std::env::var("SHUTDOWN_LIMIT") {
        Ok(seconds) => Duration::from_secs(seconds.parse()?),
        Err(_) => SHUTDOWN_LIMIT,
    };
    // How long a request waits for its confirm. Load balancers wait longer.
    let confirm_limit = shutdown_limit * 4 / 5;
    let mut options: ConnectOptions = url.parse()?;
    // While the server blocks publishing, requests are refused and do not pile up.
    options.config.held_back = HeldBack::Fail;
    let connection = connect(options).await?;
    let lost = tokio::spawn(report(connection.events()));
    let channel = connection.open_channel().await?;
    channel.queue_declare("orders").durable().await?;
    let publisher = channel.confirm_select().confirm_timeout(confirm_limit).await?;

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listens on {}", listener.local_addr()?);
    // Handlers share the publisher: each message keeps its own outcome.
    let service = Router::new().route("/orders", post(order)).with_state(publisher);
    let serve = axum::serve(listener, service).with_graceful_shutdown(stop);
    // A client that never sends the rest of its request must not hold up the end.
    let overdue = async {
        stopped.await;
        tokio::time::sleep(shutdown_limit).await;
    };
    tokio::select! {
        served = serve => served?,
        () = overdue => {
            connection.close().await?;
            return Err("some requests were not over in time, and have no answer".into());
        }
        why = lost => return Err(why?.into()),
    }
    // Nothing is left to wait for but the server's answer.
    connection.shutdown(shutdown_limit).await?;
    println!("all answered");
    Ok(())
}

/// Publishes one order, and answers by what became of it.
async fn order(State(publisher): State<Publisher>, body: Bytes) -> (StatusCode, String) {
    match publish(&publisher, body).await {
        Ok(()) => (StatusCode::ACCEPTED, "accepted\n".to_owned()),
        // The broker does not have it: the client may send it again without fear.
        Err(error) if error.is_unsent() => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        Err(error @ (PublishError::Nacked | PublishError::Returned(_))) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
        }
        // It may: who sends it again may order twice.
        Err(error) => (StatusCode::GATEWAY_TIMEOUT, format!("{error}\n")),
    }
}

async fn publish(publisher: &Publisher, body: Bytes) -> Result<(), PublishError> {
    publisher.publish("", "orders", body).mandatory().await?.await
}

/// Tells when the server blocks publishing, which is before its memory or disk is full, until the connection or its one
/// channel is lost, and then why.
async fn report(mut events: Events) -> String {
    while let Some(event) = events.next().await {
        match event {
            ConnectionEvent::Blocked { reason } => println!("blocked: {reason}"),
            ConnectionEvent::Unblocked => println!("unblocked"),
            ConnectionEvent::ChannelEnded { reason, .. } => return reason.to_string(),
            ConnectionEvent::Closed(error) => return error.to_string(),
            _ => {}
        }
    }
    "the events ended".to_owned()
}

/// Listens for SIGTERM and ctrl-c from here on; the future is ready when one has come.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Listens for ctrl-c; the future is ready when it has come.
#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        ctrl_c.recv().await;
    })
}
