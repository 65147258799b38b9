//! Which addresses are tried, for how long, and what is said when none of them will do.

use std::io;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{
    ConnectError, ConnectOptions, ConnectPhase, Connection, ConnectionError, FailedAttempt, Host, State,
};
use tokio::io::AsyncReadExt;
#[cfg(not(feature = "v0-8"))]
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::server::{dead, host, listen, open, refuse};

/// The attempts of a connect that failed, as phases.
fn phases(error: &ConnectError) -> Vec<ConnectPhase> {
    error.attempts().iter().map(|attempt| attempt.phase).collect()
}

async fn fails(options: ConnectOptions) -> ConnectError {
    match connect(options).await {
        Ok(_) => panic!("it is connected"),
        Err(error) => error,
    }
}

fn is_open(connection: &Connection) -> bool {
    connection.state() == State::Open
}

#[tokio::test]
async fn a_port_where_nobody_listens() {
    let (_socket, address) = dead();
    let error = connect(format!("amqp://{address}")).await.unwrap_err();
    let [attempt] = error.attempts() else {
        panic!("{error}")
    };
    assert_eq!(attempt.host, host(address));
    assert_eq!(attempt.address, Some(address));
    assert_eq!(attempt.phase, ConnectPhase::Tcp);
    let ConnectionError::Transport(transport) = &attempt.error else {
        panic!("{error}")
    };
    assert_eq!(transport.kind(), io::ErrorKind::ConnectionRefused);
    let message = format!("cannot connect: {address}, TCP connect: transport: ");
    assert!(error.to_string().starts_with(&message), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let (_listener, address) = listen().await;
    let hosts = ConnectOptions::default().hosts([host(address)]);
    let mut handshake = hosts.clone();
    handshake.config.handshake_timeout = Duration::from_secs(7);
    let stack = hosts.stack_timeout(Duration::from_secs(7));
    for options in [handshake, stack] {
        let begun = Instant::now();
        let error = fails(options).await;
        // A timer of tokio's is a millisecond late at most.
        let taken = begun.elapsed().as_millis();
        assert!((7000..=7002).contains(&taken), "{taken}: {error}");
        assert_eq!(phases(&error), [ConnectPhase::Amqp]);
        let timed_out = ConnectionError::HandshakeTimedOut {
            state: State::AwaitingStart,
        };
        assert_eq!(error.attempts()[0].error.to_string(), timed_out.to_string());
    }
}

#[tokio::test]
async fn the_first_hosts_are_dead() {
    let (_socket, dead) = dead();
    let options = ConnectOptions::default().hosts([host(dead), host(dead), host(open().await)]);
    let connection = connect(options).await.unwrap();
    assert!(is_open(&connection));
}

#[tokio::test]
async fn a_host_that_refuses_the_user_does_not_keep_the_next_from_being_tried() {
    let options = ConnectOptions::default().hosts([host(refuse().await), host(open().await)]);
    let connection = connect(options).await.unwrap();
    assert!(is_open(&connection));
    let error = fails(ConnectOptions::default().hosts([host(refuse().await)])).await;
    assert!(matches!(
        error.attempts(),
        [FailedAttempt {
            phase: ConnectPhase::Amqp,
            error: ConnectionError::AuthenticationRefused { .. },
            ..
        }]
    ));
}

#[tokio::test]
async fn all_addresses_of_a_name_are_tried() {
    let (_socket, address) = dead();
    let name = ("localhost", address.port());
    let addresses: Vec<_> = tokio::net::lookup_host(name).await.unwrap().map(Some).collect();
    let error = connect(format!("amqp://localhost:{}", address.port()))
        .await
        .unwrap_err();
    let tried: Vec<_> = error.attempts().iter().map(|attempt| attempt.address).collect();
    assert!(tried.contains(&Some(address)), "{error}");
    assert_eq!(tried, addresses);
    let message =
        "localhost:{port} (127.0.0.1), TCP connect: ".replace("{port}", &address.port().to_string());
    assert!(error.to_string().contains(&message), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_is_given_up_in_time() {
    let (socket, _) = dead();
    // Once nobody takes them, the system answers no further connection than it has room for.
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    let options = ConnectOptions::default().hosts([host(address)]);
    for options in [
        options.clone().connection_timeout(Duration::from_secs(7)),
        options.stack_timeout(Duration::from_secs(7)),
    ] {
        let begun = Instant::now();
        let error = fails(options).await;
        let taken = begun.elapsed().as_millis();
        assert!((7000..=7002).contains(&taken), "{taken}: {error}");
        assert_eq!(
            error.to_string(),
            format!("cannot connect: {address}, TCP connect: transport: no answer in time")
        );
    }
}

#[tokio::test]
async fn dropping_the_future_gives_up_the_attempt() {
    let (listener, address) = listen().await;
    let connecting = connect(ConnectOptions::default().hosts([host(address)]));
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut header = [0; 8];
        stream.read_exact(&mut header).await.unwrap();
        stream
    };
    let mut stream = tokio::select! {
        _ = connecting => panic!("it is connected"),
        stream = server => stream,
    };
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_are_dead_and_each_is_listed() {
    let (_socket, dead) = dead();
    let (_listener, silent) = listen().await;
    // No name: it is not looked up anywhere.
    let nameless = Host::new("", 1);
    let options = ConnectOptions::default().hosts([host(dead), nameless.clone(), host(silent)]);
    let error = fails(options).await;
    use ConnectPhase::{Amqp, Resolve, Tcp};
    assert_eq!(phases(&error), [Tcp, Resolve, Amqp]);
    let addresses: Vec<_> = error.attempts().iter().map(|attempt| attempt.address).collect();
    assert_eq!(addresses, [Some(dead), None, Some(silent)]);
    assert_eq!(error.attempts()[1].host, nameless);
    let lines: Vec<_> = error.attempts().iter().map(ToString::to_string).collect();
    assert_eq!(error.to_string(), format!("cannot connect: {}", lines.join("; ")));
    assert_eq!(
        lines[2],
        format!("{silent}, AMQP handshake: the server was too slow while awaiting start")
    );
    assert_eq!(error.clone().attempts().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn rounds_with_a_pause_between_them() {
    let (_socket, dead) = dead();
    let options = ConnectOptions::default()
        .hosts([host(dead), host(dead)])
        .connection_attempts(4)
        .retry_delay(Duration::from_secs(10));
    let begun = Instant::now();
    let error = fails(options.clone()).await;
    assert_eq!(error.attempts().len(), 8);
    assert!(error.to_string().ends_with(" (8 times)"), "{error}");
    // Three pauses, each between half of the delay and all of it.
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_secs(15), "{taken:?}");
    assert!(taken <= Duration::from_millis(30_010), "{taken:?}");
    // None at all is one.
    assert_eq!(fails(options.connection_attempts(0)).await.attempts().len(), 2);
}

#[tokio::test]
async fn shuffled_hosts_are_each_tried_once_a_round() {
    let sockets: Vec<_> = (0..8).map(|_| dead()).collect();
    let hosts: Vec<_> = sockets.iter().map(|(_, address)| host(*address)).collect();
    let options = ConnectOptions::default()
        .hosts(hosts.clone())
        .shuffle(true)
        .connection_attempts(4)
        .retry_delay(Duration::ZERO);
    let error = fails(options).await;
    let tried: Vec<_> = error.attempts().iter().map(|attempt| attempt.host.port).collect();
    let mut ports: Vec<_> = hosts.iter().map(|host| host.port).collect();
    let rounds: Vec<_> = tried.chunks(8).collect();
    assert_eq!(rounds.len(), 4);
    // That all four are in the given order happens once in 40320^4 runs.
    assert!(rounds.iter().any(|round| *round != ports));
    ports.sort();
    for round in rounds {
        let mut round = round.to_vec();
        round.sort();
        assert_eq!(round, ports);
    }
}

#[tokio::test]
async fn what_does_not_fit_the_protocol_is_not_tried_again() {
    let server = host(open().await);
    let mut options = ConnectOptions::default()
        .hosts([server.clone(), server])
        .connection_attempts(3);
    options.config.locale = "x".repeat(256);
    let error = fails(options).await;
    assert_eq!(error.to_string().matches("locale").count(), 1, "{error}");
    assert_eq!(phases(&error), [ConnectPhase::Amqp]);
}

#[tokio::test]
async fn nothing_is_tried_without_a_host() {
    let error = fails(ConnectOptions::default().hosts([])).await;
    assert!(matches!(error, ConnectError::NoHost), "{error}");
}

#[cfg(not(feature = "v0-8"))]
#[tokio::test]
async fn a_revision_that_this_build_does_not_speak_is_refused_with_the_feature_that_adds_it() {
    let error = connect("amqp://localhost?protocol=0-8").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid AMQP URI: query key \"protocol\": this build does not speak it: it lacks the feature `v0-8`"
    );
}

#[cfg(not(feature = "v0-8"))]
#[tokio::test]
async fn there_is_no_fallback_to_a_revision_that_this_build_does_not_speak() {
    let offered = amqp_client::protocol::ProtocolHeader::V0_8;
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        stream.write_all(&offered.octets()).await.unwrap();
        listener
    });
    let options = ConnectOptions::default().hosts([host(address)]);
    let error = fails(options.protocol_fallback(true)).await;
    let [attempt] = error.attempts() else {
        panic!("{error}")
    };
    assert!(
        matches!(attempt.error, ConnectionError::VersionRefused { offered: it, .. } if it == offered),
        "{error}"
    );
    let nobody_else_came = server.await.unwrap().into_std().unwrap().accept().unwrap_err();
    assert_eq!(nobody_else_came.kind(), io::ErrorKind::WouldBlock);
}

#[cfg(not(feature = "tls-no-provider"))]
#[tokio::test]
async fn nothing_is_tried_without_the_tls_that_was_asked_for() {
    let (listener, address) = listen().await;
    let options = ConnectOptions::default()
        .hosts([host(address)])
        .tls(amqp_client::TlsOptions::default());
    let error = fails(options).await;
    assert!(matches!(error, ConnectError::TlsNotEnabled), "{error}");
    assert!(error.to_string().contains("feature `tls`"));
    let nobody_came = listener.into_std().unwrap().accept().unwrap_err();
    assert_eq!(nobody_came.kind(), io::ErrorKind::WouldBlock);
}

#[cfg(feature = "tls")]
#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_in_the_handshake_of_tls_is_given_up_in_time() {
    let (_listener, address) = listen().await;
    let options = ConnectOptions::default()
        .hosts([host(address)])
        .tls(amqp_client::TlsOptions::default().dangerously_skip_verification(true))
        .config(amqp_client::Config::default().handshake_timeout(Duration::from_millis(50)));
    let error = fails(options).await;
    assert_eq!(phases(&error), [ConnectPhase::Tls]);
    assert!(
        error
            .to_string()
            .ends_with("TLS handshake: TLS: the server was too slow with the TLS handshake"),
        "{error}"
    );
}
