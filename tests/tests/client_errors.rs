//! What goes wrong against a real broker, and what it is called: each failure is its own error, within its own time.

use std::net::TcpListener;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{constants, queue};
use amqp_client::{
    CallError, Channel, ChannelError, ConnectOptions, Connection, ConnectionError, ConsumerEnd,
    ConsumerError, Credentials, State,
};
use amqp_tests::broker::Broker;
use tokio::net::TcpSocket;

fn options() -> ConnectOptions {
    Broker::shared().url().parse().unwrap()
}

/// Connects, or says why the one attempt failed.
async fn connect(options: ConnectOptions) -> Result<Connection, ConnectionError> {
    amqp_client::tokio::connect(options)
        .await
        .map_err(|error| match error.attempts() {
            [attempt] => attempt.error.clone(),
            _ => panic!("{error}"),
        })
}

/// A queue of this connection's own.
async fn own_queue(channel: &Channel) -> Result<String, CallError> {
    Ok(channel.queue_declare("").exclusive().await?.queue.to_string())
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once() {
    let mut options = options();
    options.config.credentials = Credentials::plain("guest", "wrong");
    let error = connect(options).await.unwrap_err();
    // Without the capability `authentication_failure_close` the broker would wait for 3 seconds, and send no close.
    assert!(
        matches!(&error, ConnectionError::AuthenticationRefused { close: Some(_) }),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with("authentication refused: 403 ACCESS_REFUSED: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_virtual_host_that_is_not_there() {
    for name in ["no-such-host", ""] {
        let mut options = options();
        options.config.virtual_host = name.to_owned();
        let error = connect(options).await.unwrap_err();
        let ConnectionError::VirtualHostRefused { virtual_host, close } = &error else {
            panic!("{error}")
        };
        assert_eq!(close.reply_code, constants::NOT_ALLOWED);
        assert_eq!(virtual_host, name);
        // What `amqp://host/` means is a surprise.
        assert_eq!(error.to_string().ends_with("%2f`"), name.is_empty(), "{error}");
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_and_a_server_that_says_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut silent: ConnectOptions = format!("amqp://127.0.0.1:{port}").parse().unwrap();
    silent.config.handshake_timeout = Duration::from_millis(200);
    let error = connect(silent).await.unwrap_err();
    let timed_out = matches!(
        error,
        ConnectionError::HandshakeTimedOut {
            state: State::AwaitingStart
        }
    );
    assert!(timed_out, "{error}");
    // Nobody else gets the port, and nobody listens on it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let closed: ConnectOptions = format!("amqp://{}", socket.local_addr().unwrap())
        .parse()
        .unwrap();
    let error = connect(closed).await.unwrap_err();
    let ConnectionError::Transport(error) = error else {
        panic!("{error}")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_channel_error_ends_its_channel_alone_and_names_the_method() {
    let mut options = options();
    options.config.connection_name = Some("errors".to_owned());
    let connection = connect(options).await.unwrap();
    let (channel, other) = (
        connection.open_channel().await.unwrap(),
        connection.open_channel().await.unwrap(),
    );
    let name = own_queue(&channel).await.unwrap();
    let mut consumer = channel.basic_consume(&name).await.unwrap();
    let error = channel
        .queue_bind("no-such-queue", "amq.fanout", "")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server closed the channel: 404 NOT_FOUND: no queue 'no-such-queue' in vhost '/' (queue.bind) \
         on connection \"errors\""
    );
    // Whatever is done with the channel gives the same reason.
    let again = channel.queue_declare(&name).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
    let Some(Err(ConsumerError::Ended(end))) = consumer.next().await else {
        panic!("it goes on")
    };
    assert!(
        matches!(end, ConsumerEnd::Channel(ChannelError::ClosedByServer(_))),
        "{end}"
    );
    assert!(consumer.next().await.is_none());
    // The other channel lives, and the number is used again.
    own_queue(&other).await.unwrap();
    assert_eq!(connection.open_channel().await.unwrap().id(), channel.id());
    connection.close().await.unwrap();
    connection.close().await.unwrap();
    let closed = other.queue_declare("").await.unwrap_err();
    assert!(
        matches!(
            closed,
            CallError::Channel(ChannelError::Connection(ConnectionError::Closed))
        ),
        "{closed}"
    );
}

#[tokio::test]
async fn a_deleted_queue_ends_its_consumer() {
    let connection = connect(options()).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    let name = own_queue(&channel).await.unwrap();
    let mut consumer = channel.basic_consume(&name).await.unwrap();
    channel.queue_delete(&name).await.unwrap();
    let Some(Err(ConsumerError::Ended(end))) = consumer.next().await else {
        panic!("it goes on")
    };
    assert!(matches!(end, ConsumerEnd::CancelledByServer), "{end}");
    own_queue(&channel).await.unwrap();
}

#[tokio::test]
async fn calls_that_are_dropped_at_every_turn_shift_no_reply() {
    let connection = connect(options()).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    let mut names = Vec::new();
    for number in 0..200 {
        let name = format!("dropped-{}-{number}", std::process::id());
        let declare = queue::Declare {
            queue: name.as_str().try_into().unwrap(),
            exclusive: true,
            ..Default::default()
        };
        // Polled once: sent, and dropped before its reply can have come.
        let call = channel.call(declare);
        tokio::select! {
            biased;
            reply = call => panic!("{reply:?} came before it was read"),
            () = std::future::ready(()) => {}
        }
        names.push(name);
        let own = channel
            .queue_declare(names.last().unwrap())
            .exclusive()
            .await
            .unwrap();
        assert_eq!(own.queue, names.last().unwrap().as_str());
    }
}

/// The driver has a thread of its own, for `rabbitmqctl` may take longer than heartbeats.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_connections_name_and_the_brokers_properties() {
    let mut options = options();
    let name = format!("named-{}", std::process::id());
    options.config.connection_name = Some(name.clone());
    let connection = connect(options).await.unwrap();
    let server = connection.server_properties();
    assert_eq!(server.product.as_deref(), Some("RabbitMQ"));
    let running = Broker::shared().rabbitmqctl(["-q", "version"]).unwrap();
    assert_eq!(server.version.as_deref(), Some(running.trim()));
    assert!(server.platform.is_some() && server.cluster_name.is_some() && server.information.is_some());
    let capabilities = server.capabilities;
    assert!(capabilities.publisher_confirms && capabilities.basic_nack && capabilities.connection_blocked);
    assert!(capabilities.authentication_failure_close && capabilities.consumer_priorities);
    let listed = Broker::shared()
        .rabbitmqctl(["-q", "list_connections", "client_properties"])
        .unwrap();
    let ours = listed.lines().find(|line| line.contains(&name)).expect(&listed);
    for property in [
        "\"product\",\"amqp-client\"",
        "\"platform\",\"Rust\"",
        "\"information\"",
        "\"authentication_failure_close\",true",
        "\"publisher_confirms\",true",
        concat!("\"version\",\"", env!("CARGO_PKG_VERSION"), "\""),
    ] {
        assert!(ours.contains(property), "{property} in {ours}");
    }
}

#[tokio::test]
async fn every_negotiated_limit_works() {
    for (frame_max, channel_max) in [(4096, 1), (0, 0), (131_072, 2047)] {
        let mut options = options();
        (options.config.frame_max, options.config.channel_max) = (frame_max, channel_max);
        let connection = connect(options).await.unwrap();
        let channel = connection.open_channel().await.unwrap();
        let name = own_queue(&channel).await.unwrap();
        let body = vec![7; 300_000];
        channel.basic_publish("", &name, &body).await.unwrap();
        let delivery = channel.basic_get(&name).await.unwrap().unwrap();
        assert!(delivery.body() == body);
        delivery.ack().await.unwrap();
        assert!(channel.basic_get(&name).await.unwrap().is_none());
        if channel_max == 1 {
            let error = connection.open_channel().await.unwrap_err();
            assert!(matches!(
                error,
                CallError::Channel(ChannelError::NoFreeChannel { channel_max: 1, .. })
            ));
        }
        connection.close().await.unwrap();
    }
}
