//! Serves the metrics of a connection to Prometheus over HTTP while it publishes an order a second and serves it, until it
//! is told to stop by SIGTERM or ctrl-c. `AMQP_URL` says where the server is, by default `amqp://localhost`; `LISTEN` where to serve
//! metrics, by default `127.0.0.1:9000`.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{ConnectOptions, Connection};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, timeout};

/// Upper bounds of durations, in seconds. Without them the exporter makes summaries, which cannot be added up.
const BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];
/// How long a scrape may take: Prometheus waits no longer by default.
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prometheus: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let stop = stop_signal()?;
    // Before the first connection: what a connection counts is told to the recorder that is there when it begins.
    let metrics = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)?
        .install_recorder()?;
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:9000".to_owned());
    let listener = TcpListener::bind(address).await?;

    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let mut options: ConnectOptions = url.parse()?;
    options.config = options.config.connection_name("orders");
    let connection = connect(options).await?;
    println!("serves http://{}/metrics", listener.local_addr()?);

    tokio::select! {
        result = serve_orders(&connection) => result?,
        result = serve_metrics(&listener, &metrics) => result?,
        () = stop => {}
    }
    connection.shutdown(Duration::from_secs(10)).await?;
    Ok(())
}

async fn serve_orders(connection: &Connection) -> Result<(), Box<dyn Error>> {
    let channel = connection.open_channel().await?;
    let queue = channel.queue_declare("").exclusive().await?.queue;
    let mut consumer = channel.basic_consume(&queue).await?;
    let publisher = connection.open_channel().await?.confirm_select().await?;
    let mut second = interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        publisher.publish("", &queue, "coffee").await?.await?;
        match consumer.next().await {
            Some(delivery) => delivery?.ack().await?,
            None => return Ok(()),
        }
    }
}

/// As little of HTTP as Prometheus needs.
async fn serve_metrics(listener: &TcpListener, metrics: &PrometheusHandle) -> Result<(), Box<dyn Error>> {
    loop {
        // Durations are kept one by one until then.
        metrics.run_upkeep();
        let (stream, _) = listener.accept().await?;
        // Who asks wrongly, or too slowly, gets nothing, and holds nobody up.
        tokio::spawn(timeout(LIMIT, answer(stream, metrics.clone())));
    }
}

async fn answer(mut stream: TcpStream, metrics: PrometheusHandle) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < 8192 {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = if request.starts_with(b"GET /metrics ") {
        ("200 OK", metrics.render())
    } else {
        ("404 Not Found", "metrics are at /metrics\n".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
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
