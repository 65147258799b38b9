//! Pitfall 24 over real sockets: whatever a server does with the handshake, connecting ends in time with a typed error. What
//! it can do beyond is shown without sockets, by the client's `scripted`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use amqp_client::protocol::frame;
use amqp_client::protocol::v0_9_1::connection;
use amqp_client::protocol::{ChannelId, FieldTable, LongStr};
use amqp_client::{ConnectionError, State};

use crate::support::{LIMIT, connect};

/// For servers that let it pass: what they do say is there long before, also on a busy machine.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(20);

/// Connects to a server that does this with its first client, and gives the error.
async fn meet(
    handshake_timeout: Duration,
    server: impl FnOnce(TcpStream) + Send + 'static,
) -> ConnectionError {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("amqp://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || server(listener.accept().unwrap().0));
    let error = connect(&url, |config| {
        config.handshake_timeout = handshake_timeout;
        config.close_timeout = handshake_timeout;
    })
    .await
    .unwrap_err();
    tokio::task::spawn_blocking(|| serving.join().unwrap())
        .await
        .unwrap();
    error
}

/// The first frames of an honest server.
fn honest() -> Vec<Vec<u8>> {
    let mut frames = vec![Vec::new(); 2];
    let start = connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties: FieldTable::new(),
        mechanisms: LongStr::from_static("PLAIN"),
        locales: LongStr::from_static("en_US"),
    };
    frame::write_method(&mut frames[0], ChannelId(0), &start, 0).unwrap();
    frame::write_method(&mut frames[1], ChannelId(0), &connection::Tune::default(), 0).unwrap();
    frames
}

/// Reads until the client has gone.
fn drain(mut stream: TcpStream) {
    // A reset is the client's going too.
    std::io::copy(&mut stream, &mut std::io::sink()).ok();
}

#[tokio::test]
async fn pitfall_24_silence_at_any_step_of_the_handshake_ends_in_time() {
    let silent = async |steps: usize, expected| {
        let start = Instant::now();
        let error = meet(HANDSHAKE_TIMEOUT, move |mut stream| {
            stream.write_all(&honest()[..steps].concat()).unwrap();
            drain(stream);
        });
        let ConnectionError::HandshakeTimedOut { state } = error.await else {
            panic!("it is not silent")
        };
        assert_eq!(state, expected);
        let took = start.elapsed();
        assert!(
            (HANDSHAKE_TIMEOUT..HANDSHAKE_TIMEOUT + SLACK).contains(&took),
            "{took:?}"
        );
    };
    tokio::join!(
        silent(0, State::AwaitingStart),
        silent(1, State::AwaitingTune),
        silent(2, State::AwaitingOpenOk),
    );
}

#[tokio::test]
async fn pitfall_24_a_server_that_hangs_up_at_any_step_is_a_typed_error() {
    for steps in 0..=2 {
        let error = meet(LIMIT, move |mut stream| {
            stream.write_all(&honest()[..steps].concat()).unwrap();
            // Read, so that the end is no reset.
            let expected = if steps == 0 { 8 } else { 9 };
            stream.read_exact(&mut vec![0; expected]).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            drain(stream);
        });
        let error = error.await;
        let typed = match error {
            // Some servers refuse credentials like this.
            ConnectionError::AuthenticationRefused { close: None } => steps == 1,
            ConnectionError::EndOfStream { .. } => steps != 1,
            _ => false,
        };
        assert!(typed, "{steps}: {error:?}");
    }
}

#[tokio::test]
async fn pitfall_24_a_server_that_talks_for_ever_is_given_up_all_the_same() {
    let talkative = async |endless: Vec<u8>| {
        let start = Instant::now();
        let error = meet(HANDSHAKE_TIMEOUT, move |mut stream| {
            if endless == [0] {
                stream.write_all(&[1, 0, 0, 0, 1, 0, 0]).unwrap();
            }
            stream.set_nodelay(true).unwrap();
            while stream.write_all(&endless).is_ok() {
                thread::sleep(Duration::from_millis(10));
            }
        });
        let error = error.await;
        assert!(
            matches!(
                error,
                ConnectionError::HandshakeTimedOut { .. } | ConnectionError::PeerViolation(_)
            ),
            "{error:?}"
        );
        let took = start.elapsed();
        assert!(took < HANDSHAKE_TIMEOUT + SLACK, "{took:?}");
    };
    // Heartbeats are no progress; a frame that never ends is none either.
    tokio::join!(talkative(frame::HEARTBEAT.to_vec()), talkative(vec![0]));
}

#[tokio::test]
async fn pitfall_24_what_is_no_amqp_is_told_from_a_server_that_is_down() {
    for greeting in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.0 400 Bad Request\r\n\r\n",
        "\0\0\0\0\0\0\0\0",
    ] {
        let error = meet(LIMIT, move |mut stream| {
            stream.write_all(greeting.as_bytes()).unwrap();
            drain(stream);
        });
        let error = error.await;
        assert!(
            matches!(error, ConnectionError::PeerViolation(_)),
            "{greeting:?}: {error:?}"
        );
    }
}
