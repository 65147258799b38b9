//! The adapter against a real broker, on each of compio's drivers, and its example as a program.

use std::io::ErrorKind;
use std::process::{self, Command};
use std::thread;
use std::time::Duration;

use amqp_client::{
    ConnectError, ConnectOptions, ConnectPhase, Connection, ConnectionError, Credentials, ExponentialBackoff,
    IssueError, IssuedSecret, Reconnecting, SecretProvider,
};
use amqp_compio::connect;
use amqp_tests::broker::Broker;
use amqp_tests::examples::example;
use compio_driver::{DriverType, ProactorBuilder};
use compio_net::TcpSocket;
use compio_runtime::{Runtime, RuntimeBuilder};

/// What the runtime chooses, and what it is left with where the kernel refuses io_uring.
fn runtimes() -> [Runtime; 2] {
    let mut polling = ProactorBuilder::new();
    polling.driver_type(DriverType::Poll);
    [
        Runtime::new().unwrap(),
        RuntimeBuilder::new().with_proactor(polling).build().unwrap(),
    ]
}

async fn open(heartbeat: u16) -> Connection {
    let options: ConnectOptions = Broker::shared().url().parse().unwrap();
    let config = options.config.clone().heartbeat(heartbeat);
    connect(options.config(config)).await.unwrap()
}

#[test]
fn messages_of_every_size_go_through() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let connection = open(60).await;
            let channel = connection.open_channel().await.unwrap();
            let queue = channel.queue_declare("").exclusive().await.unwrap().queue;
            let publisher = channel.confirm_select().await.unwrap();
            let sizes = [0, 1, 4096, 131_064, 131_065, 3 << 20];
            let bodies = sizes.map(|size| (0..size).map(|at| (at % 251) as u8).collect::<Vec<_>>());
            for body in &bodies {
                let receipt = publisher.publish("", &queue, body).await.unwrap();
                receipt.await.unwrap();
            }
            let mut consumer = channel.basic_consume(&queue).await.unwrap();
            for body in &bodies {
                let delivery = consumer.next().await.unwrap().unwrap();
                assert!(delivery.body() == body, "{} octets", body.len());
                delivery.ack().await.unwrap();
            }
            connection.close().await.unwrap();
        });
    }
}

#[test]
fn heartbeats_are_sent_while_nothing_is_said_and_handles_work_on_other_threads() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let connection = open(2).await;
            // Longer than the server waits for one who is silent.
            compio_runtime::time::sleep(Duration::from_secs(7)).await;
            let elsewhere = connection.clone();
            let used = thread::spawn(move || {
                Runtime::new().unwrap().block_on(async {
                    let channel = elsewhere.open_channel().await.unwrap();
                    channel.basic_publish("", "nowhere", "x").await.unwrap();
                    channel.close().await.unwrap();
                    elsewhere.close().await.unwrap();
                });
            });
            assert!(matches!(connection.closed().await, ConnectionError::Closed));
            used.join().unwrap();
        });
    }
}

#[test]
fn a_port_where_nobody_listens_is_an_error_of_the_transport() {
    for runtime in runtimes() {
        let error = runtime.block_on(async {
            // Taken, and never listened on.
            let socket = TcpSocket::new_v4().await.unwrap();
            socket.bind(([127, 0, 0, 1], 0).into()).await.unwrap();
            let address = socket.local_addr().unwrap();
            let uri = format!("amqp://{address}?connection_timeout=infinity");
            connect(uri).await.unwrap_err()
        });
        let [attempt] = error.attempts() else {
            panic!("{error}")
        };
        assert_eq!(attempt.phase, ConnectPhase::Tcp);
        let ConnectionError::Transport(error) = &attempt.error else {
            panic!("{error}")
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn the_provider_of_the_credentials_is_asked_first() {
    struct Empty;

    impl SecretProvider for Empty {
        async fn issue(&self) -> Result<IssuedSecret, IssueError> {
            Err("no secret today".into())
        }
    }

    for runtime in runtimes() {
        let mut options = ConnectOptions::default();
        options.config.credentials = Credentials::from_provider("", Empty);
        let error = runtime.block_on(connect(options)).unwrap_err();
        assert!(matches!(error, ConnectError::Provider(_)), "{error}");
    }
}

#[test]
fn it_connects_again_when_an_operator_closed_the_connection() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let name = format!("compio-again-{}", process::id());
            let url = Broker::shared().url();
            let separator = if url.contains('?') { '&' } else { '?' };
            let url = format!("{url}{separator}name={name}");
            let attempt = || connect(url.as_str());
            let strategy = ExponentialBackoff::default().initial_delay(Duration::from_millis(1));
            let mut connections = Reconnecting::new(strategy, attempt, compio_runtime::time::sleep);
            let first = connections.next().await.unwrap().unwrap();
            let closed = thread::spawn(move || Broker::shared().close_connections(&name, "go").unwrap());
            assert!(first.closed().await.is_connection_forced());
            assert_eq!(closed.join().unwrap(), 1);
            let second = connections.next().await.unwrap().unwrap();
            second.close().await.unwrap();
            assert!(connections.next().await.is_none());
        });
    }
}

#[test]
fn hello_compio_publishes_and_consumes() {
    let output = Command::new(example("hello_compio"))
        .env("AMQP_URL", Broker::shared().url())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "consumed Hello, compio!\n"
    );
}
