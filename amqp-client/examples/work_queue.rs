//! RabbitMQ's tutorial 2, work queues: tasks in a durable queue, shared out between two workers, each of which gets its next
//! task when it has acknowledged its last. The example `worker` is what becomes of it in a program that runs for long.
//!
//! `cargo run --example work_queue [TASK...]`: each `.` of a task is 50 ms of work. `AMQP_URL` says where; by default
//! `amqp://localhost`. The queue `task_queue` stays on the server.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{Consumer, ConsumerError};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("work_queue: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let mut tasks: Vec<String> = std::env::args().skip(1).collect();
    if tasks.is_empty() {
        tasks = ["first.", "second..", "third...", "fourth...."]
            .map(str::to_owned)
            .to_vec();
    }
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    // The queue survives a restart of the server, and so do the messages: a publisher's are persistent.
    channel.queue_declare("task_queue").durable().await?;

    let (done, mut results) = mpsc::channel(1);
    let mut workers = JoinSet::new();
    for number in 1..=2 {
        let channel = connection.open_channel().await?;
        // One at a time: a worker that is busy gets no more, and the other does.
        let consumer = channel.basic_consume("task_queue").prefetch_count(1).await?;
        workers.spawn(work(number, consumer, done.clone()));
    }
    drop(done);

    let publisher = channel.confirm_select().await?;
    for task in &tasks {
        publisher
            .publish("", "task_queue", task)
            .mandatory()
            .await?
            .await?;
        println!("sent {task}");
    }
    for _ in &tasks {
        let Some((number, task)) = results.recv().await else {
            break;
        };
        println!("worker {number} did {task}");
    }
    // Ends the workers' consumers.
    connection.shutdown(Duration::from_secs(10)).await?;
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(())
}

/// Does one task after the other until the connection is shut down.
async fn work(number: u32, mut consumer: Consumer, done: Sender<(u32, String)>) -> Result<(), Failure> {
    while let Some(delivery) = consumer.next().await {
        match delivery {
            Ok(delivery) => {
                let task = String::from_utf8_lossy(delivery.body()).into_owned();
                let dots = task.matches('.').count().try_into()?;
                tokio::time::sleep(Duration::from_millis(50) * dots).await;
                // Were this worker to end before, the task would go to the other.
                delivery.ack().await?;
                done.send((number, task)).await?;
            }
            Err(ConsumerError::Ended(end)) if end.is_wanted() => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
