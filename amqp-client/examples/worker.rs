//! A worker: handles orders, ten at a time, until SIGTERM or ctrl-c, and then finishes those it has begun. `AMQP_URL` says
//! where; by default `amqp://localhost`. The durable queue `orders` stays on the server.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{CallError, Consumer, ConsumerError, Delivery};
use tokio::task::{JoinError, JoinSet};

/// How many orders are handled at a time: the server sends no more before some of them are settled.
const AT_ONCE: u16 = 10;

/// How long handlers may take to finish. What is unsettled then is requeued.
const LIMIT: Duration = Duration::from_secs(30);

type Handlers = JoinSet<Result<(), CallError>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let stop = stop_signal()?;
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    channel.queue_declare("orders").durable().await?;
    let consumer = channel.basic_consume("orders").prefetch_count(AT_ONCE).await?;
    println!("waits for orders");

    // The shutdown ends the consumer, and with it the loop below.
    let stopping = connection.clone();
    tokio::spawn(async move {
        stop.await;
        stopping.shutdown(LIMIT).await
    });

    let mut handlers = Handlers::new();
    let consumed = consume(consumer, &mut handlers).await;
    // The same shutdown, or one for a consumer that ended by itself: waits until the handlers have settled all they hold.
    let shutdown = connection.shutdown(LIMIT).await;
    // Their last lines; tasks that are left when `main` ends are aborted.
    while let Some(handled) = handlers.join_next().await {
        report(handled);
    }
    consumed?;
    shutdown?;
    Ok(())
}

/// Begins a task for each order until the consumer ends: an error, unless this program wanted it.
async fn consume(mut consumer: Consumer, handlers: &mut Handlers) -> Result<(), ConsumerError> {
    loop {
        tokio::select! {
            Some(handled) = handlers.join_next() => report(handled),
            next = consumer.next() => match next {
                Some(Ok(delivery)) => {
                    handlers.spawn(handle(delivery));
                }
                // Over `body_max`, so that its body was thrown away: it would come again and again.
                Some(Err(ConsumerError::TooLarge(order))) => {
                    handlers.spawn(async move { order.into_delivery().reject().await });
                }
                Some(Err(ConsumerError::Ended(end))) if !end.is_wanted() => return Err(end.into()),
                Some(Err(_)) | None => return Ok(()),
            },
        }
    }
}

/// Handles an order, and settles it by what came of it. When this panics, the delivery is dropped, and so requeued.
async fn handle(delivery: Delivery) -> Result<(), CallError> {
    let order = String::from_utf8_lossy(delivery.body()).into_owned();
    println!("{order}: begun");
    match serve(&order, delivery.redelivered()).await {
        Ok(()) => {
            delivery.ack().await?;
            println!("{order}: served");
        }
        Err(Unserved::NotYet) => {
            delivery.requeue().await?;
            println!("{order}: requeued");
        }
        Err(Unserved::Never) => {
            delivery.reject().await?;
            println!("{order}: rejected");
        }
    }
    Ok(())
}

/// Why an order was not served.
enum Unserved {
    /// Another attempt may help.
    NotYet,
    /// No attempt helps. Its queue's dead-letter exchange gets it, if there is one.
    Never,
}

/// Stands for the work: coffee is ready, tea at the second attempt.
async fn serve(order: &str, again: bool) -> Result<(), Unserved> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    match order {
        "coffee" => Ok(()),
        "tea" if again => Ok(()),
        "tea" => Err(Unserved::NotYet),
        _ => Err(Unserved::Never),
    }
}

/// Tells of a handler that panicked, or could not settle because its channel was over: that order comes again.
fn report(handled: Result<Result<(), CallError>, JoinError>) {
    match handled {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("an order was not settled: {error}"),
        Err(error) => eprintln!("a handler failed: {error}"),
    }
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
