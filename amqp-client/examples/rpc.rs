//! RabbitMQ's tutorial 6, remote procedure calls: a client asks for Fibonacci numbers, several at a time, and a server
//! answers. Replies come by direct reply-to, without a queue, and are told apart by correlation id.
//!
//! `cargo run --example rpc [NUMBER...]`. `AMQP_URL` says where; by default `amqp://localhost`.

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{Channel, Connection, Consumer, Publisher};
use tokio::sync::oneshot;

type Failure = Box<dyn Error + Send + Sync>;

/// The server takes what is published with this as its reply_to for the place of its consumer.
const REPLIES: &str = "amq.rabbitmq.reply-to";

/// How long a caller waits.
const LIMIT: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rpc: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let mut numbers: Vec<String> = std::env::args().skip(1).collect();
    if numbers.is_empty() {
        numbers = ["10", "30", "many"].map(str::to_owned).to_vec();
    }
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;

    let channel = connection.open_channel().await?;
    let queue = channel.queue_declare("").exclusive().await?.queue;
    let consumer = channel.basic_consume(&queue).prefetch_count(1).await?;
    let server = tokio::spawn(serve(channel, consumer));

    let client = Client::new(&connection).await?;
    let calls: Vec<_> = numbers
        .iter()
        .map(|number| {
            let (client, queue, number) = (client.clone(), queue.clone(), number.clone());
            tokio::spawn(async move { client.call(&queue.to_str_lossy(), &number).await })
        })
        .collect();
    for (number, call) in numbers.iter().zip(calls) {
        match call.await? {
            Ok(reply) => println!("fib({number}) = {reply}"),
            Err(error) => println!("fib({number}): {error}"),
        }
    }
    // Mandatory requests to nobody come back.
    if let Err(error) = client.call("no such server", "1").await {
        println!("nobody: {error}");
    }

    connection.close().await?;
    server.await?;
    Ok(())
}

/// The side that calls. Clones share one consumer of replies.
#[derive(Clone)]
struct Client {
    publisher: Publisher,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<String>>>>,
    calls: Arc<AtomicU64>,
}

impl Client {
    async fn new(connection: &Connection) -> Result<Self, Failure> {
        let channel = connection.open_channel().await?;
        // Requests are published on the channel that has this consumer, and it must be one without acknowledgements.
        let mut replies = channel.basic_consume(REPLIES).no_ack().await?;
        let client = Self {
            publisher: channel.confirm_select().await?,
            waiting: Arc::default(),
            calls: Arc::default(),
        };
        let waiting = Arc::clone(&client.waiting);
        tokio::spawn(async move {
            while let Some(Ok(reply)) = replies.next().await {
                let id = reply.properties().correlation_id.unwrap_or_default();
                let caller = waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&*id.to_str_lossy());
                // Whoever gave up waiting is not there any more.
                if let Some(caller) = caller {
                    let _ = caller.send(String::from_utf8_lossy(reply.body()).into_owned());
                }
            }
            // Whoever waits learns that no replies come any more.
            waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        Ok(client)
    }

    async fn call(&self, queue: &str, request: &str) -> Result<String, Failure> {
        let id = self.calls.fetch_add(1, Ordering::Relaxed).to_string();
        let (reply, replied) = oneshot::channel();
        self.lock().insert(id.clone(), reply);
        let call = async {
            let publish = self.publisher.publish("", queue, request).mandatory().transient();
            // A request that nobody takes in time is of no use to anybody.
            let publish = publish.reply_to(REPLIES).correlation_id(&id).expiration(LIMIT);
            publish.await?.await?;
            Ok(replied.await?)
        };
        let outcome = tokio::time::timeout(LIMIT, call).await;
        self.lock().remove(&id);
        outcome.unwrap_or_else(|_| Err("no reply in time".into()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<String>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side that is called: answers until the connection is closed. What has no result it drops, and says nothing.
async fn serve(channel: Channel, mut requests: Consumer) {
    while let Some(Ok(request)) = requests.next().await {
        let properties = request.properties();
        if let Some(reply_to) = properties.reply_to
            && let Ok(number) = String::from_utf8_lossy(request.body()).parse()
            && let Some(result) = fib(number)
        {
            let id = properties.correlation_id.unwrap_or_default();
            let reply = channel.basic_publish("", reply_to, result.to_string());
            if let Err(error) = reply.correlation_id(id).await {
                eprintln!("a reply was not sent: {error}");
            }
        }
        if let Err(error) = request.ack().await {
            eprintln!("a request was not acknowledged: {error}");
        }
    }
}

/// None when it does not fit.
fn fib(number: u8) -> Option<u64> {
    let (mut this, mut next) = (0_u64, Some(1_u64));
    for _ in 0..number {
        let sum = next.and_then(|next| this.checked_add(next));
        (this, next) = (next?, sum);
    }
    Some(this)
}
