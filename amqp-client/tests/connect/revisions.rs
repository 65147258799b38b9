//! Servers that speak another revision of the protocol, or send the client elsewhere: what is followed, and what is said
//! when it is not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use amqp_client::protocol::frame::{Parsed, RawFrame};
use amqp_client::protocol::method::{Arguments, Decode};
use amqp_client::protocol::v0_8::{Method, connection};
use amqp_client::protocol::{FieldTable, LongStr, ProtocolHeader, Reader, ShortStr};
use amqp_client::tokio::connect;
use amqp_client::{
    ConnectError, ConnectOptions, Connection, ConnectionError, FailedAttempt, Protocol, State,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{dead, host, listen, method, send_tune, serve_from_start, start};

/// What a server does with connection.open of 0-8.
#[derive(Clone)]
enum Answer {
    Open,
    /// Redirects to a host and known hosts, unless the client insists.
    Redirect(String, String),
    /// Redirects whatever the client wants.
    RedirectAnyway(String),
}

/// A server that speaks one revision, and offers it to whoever asks for another.
struct Server {
    address: SocketAddr,
    /// What it was asked for, in the order of the connections.
    headers: Arc<Mutex<Vec<[u8; 8]>>>,
    /// Whether connection.open insisted, on 0-8.
    insisted: Arc<Mutex<Vec<bool>>>,
}

impl Server {
    async fn start(speaks: ProtocolHeader, answer: Answer) -> Self {
        let (listener, _) = listen().await;
        Self::start_on(listener, speaks, answer)
    }

    fn start_on(listener: TcpListener, speaks: ProtocolHeader, answer: Answer) -> Self {
        let server = Self {
            address: listener.local_addr().unwrap(),
            headers: Arc::default(),
            insisted: Arc::default(),
        };
        let (headers, insisted) = (Arc::clone(&server.headers), Arc::clone(&server.insisted));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut header = [0; 8];
                stream.read_exact(&mut header).await.unwrap();
                headers.lock().unwrap().push(header);
                if header != speaks.octets() {
                    stream.write_all(&speaks.octets()).await.unwrap();
                } else if speaks == ProtocolHeader::V0_8 {
                    let (answer, insisted) = (answer.clone(), Arc::clone(&insisted));
                    tokio::spawn(async move { serve_0_8(stream, answer, &insisted).await });
                } else {
                    tokio::spawn(async move { serve_from_start(stream).await });
                }
            }
        });
        server
    }

    async fn of_0_8(answer: Answer) -> Self {
        Self::start(ProtocolHeader::V0_8, answer).await
    }

    /// One that redirects whoever does not insist.
    async fn redirecting_to(address: SocketAddr) -> Self {
        Self::of_0_8(Answer::Redirect(address.to_string(), String::new())).await
    }

    fn headers(&self) -> Vec<ProtocolHeader> {
        let headers = self.headers.lock().unwrap();
        let header = |octets: &[u8; 8]| match ProtocolHeader::parse(octets) {
            Ok(Parsed::Complete(header)) => header,
            other => panic!("{other:?}"),
        };
        headers.iter().map(header).collect()
    }

    fn insisted(&self) -> Vec<bool> {
        self.insisted.lock().unwrap().clone()
    }
}

async fn serve_0_8(mut stream: TcpStream, answer: Answer, insisted: &Mutex<Vec<bool>>) {
    let start = connection::Start {
        version_major: 8,
        version_minor: 0,
        server_properties: FieldTable::new(),
        mechanisms: LongStr::from_static("PLAIN"),
        locales: LongStr::from_static("en_US"),
    };
    let tune = connection::Tune {
        channel_max: 10,
        frame_max: 4096,
        heartbeat: 0,
    };
    let mut octets = method(&start);
    octets.extend(method(&tune));
    stream.write_all(&octets).await.unwrap();
    let mut received = Vec::new();
    // The client's end may be a reset.
    while let Ok(1..) = stream.read_buf(&mut received).await {
        while let Ok(Parsed::Complete(frame)) = RawFrame::parse(&received, 4096) {
            let reply = reply(frame.payload, &answer, insisted);
            let len = frame.encoded_len();
            received.drain(..len);
            stream.write_all(&reply).await.unwrap();
        }
    }
}

fn reply(payload: &[u8], answer: &Answer, insisted: &Mutex<Vec<bool>>) -> Vec<u8> {
    match Method::decode(&mut Reader::new(payload)).unwrap() {
        Method::Connection(connection::Method::Open(open)) => {
            insisted.lock().unwrap().push(open.insist);
            match answer {
                Answer::Redirect(host, known_hosts) if !open.insist => redirect(host, known_hosts),
                Answer::RedirectAnyway(host) => redirect(host, ""),
                _ => method(&connection::OpenOk {
                    known_hosts: ShortStr::from_static("one:1,two"),
                }),
            }
        }
        Method::Connection(connection::Method::Close(_)) => method(&connection::CloseOk {}),
        _ => Vec::new(),
    }
}

fn redirect(host: &str, known_hosts: &str) -> Vec<u8> {
    method(&connection::Redirect {
        host: host.try_into().unwrap(),
        known_hosts: known_hosts.try_into().unwrap(),
    })
}

fn options(protocol: Protocol, address: SocketAddr) -> ConnectOptions {
    let mut options = ConnectOptions::default().hosts([host(address)]);
    options.config.protocol = protocol;
    options
}

/// Options for 0-8 that follow this many redirects.
fn following(redirects: u8, address: SocketAddr) -> ConnectOptions {
    options(Protocol::V0_8, address).redirects(redirects)
}

async fn opens(options: ConnectOptions) -> Connection {
    let connection = connect(options).await.unwrap();
    assert_eq!(connection.state(), State::Open);
    connection
}

async fn fails(options: ConnectOptions) -> ConnectError {
    connect(options).await.expect_err("it is connected")
}

const OTHERS: [(Protocol, ProtocolHeader); 2] = [
    (Protocol::V0_9_1, ProtocolHeader::V0_8),
    (Protocol::V0_8, ProtocolHeader::V0_9_1),
];

#[test]
fn a_uri_names_the_revision() {
    for (name, protocol) in [("0-9-1", Protocol::V0_9_1), ("0-8", Protocol::V0_8)] {
        let options: ConnectOptions = format!("amqp://h?protocol={name}").parse().unwrap();
        assert_eq!(options.config.protocol, protocol);
        let printed = options.to_string();
        assert_eq!(
            printed.ends_with("?protocol=0-8"),
            protocol == Protocol::V0_8,
            "{printed}"
        );
    }
}

#[tokio::test]
async fn a_server_of_another_revision_is_refused_with_what_it_offers() {
    for (wants, speaks) in OTHERS {
        let server = Server::start(speaks, Answer::Open).await;
        let error = fails(options(wants, server.address)).await;
        let [attempt] = error.attempts() else {
            panic!("{error}")
        };
        let ConnectionError::VersionRefused { wanted, offered } = attempt.error else {
            panic!("{error}")
        };
        assert_eq!((wanted, offered), (wants, speaks));
        let address = server.address;
        assert_eq!(
            error.to_string(),
            format!(
                "cannot connect: {address}, AMQP handshake: the server speaks {speaks}, not AMQP {wants}"
            )
        );
        assert_eq!(server.headers(), [wants.header()]);
    }
}

#[tokio::test]
async fn fallback_connects_in_the_revision_that_the_server_offers() {
    for (wants, speaks) in OTHERS {
        let server = Server::start(speaks, Answer::Open).await;
        let options = options(wants, server.address).protocol_fallback(true);
        let connection = opens(options.clone()).await;
        assert_eq!(connection.protocol().header(), speaks);
        connection.close().await.unwrap();
        assert_eq!(server.headers(), [wants.header(), speaks]);
        // The next connect begins with the wanted one again.
        opens(options).await.close().await.unwrap();
        assert_eq!(server.headers(), [wants.header(), speaks, wants.header(), speaks]);
    }
}

#[tokio::test]
async fn fallback_is_tried_once_for_each_address_and_each_attempt_is_listed() {
    // It offers what was not asked for, whatever that is.
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut header = [0; 8];
            stream.read_exact(&mut header).await.unwrap();
            let other = match header == ProtocolHeader::V0_8.octets() {
                true => ProtocolHeader::V0_9_1,
                false => ProtocolHeader::V0_8,
            };
            stream.write_all(&other.octets()).await.unwrap();
        }
    });
    for (wants, other) in OTHERS {
        let twice = options(wants, address).hosts([host(address), host(address)]);
        let error = fails(twice.protocol_fallback(true)).await;
        let refused = |attempt: &FailedAttempt| match attempt.error {
            ConnectionError::VersionRefused { wanted, offered } => (wanted.header(), offered),
            _ => panic!("{error}"),
        };
        let attempts: Vec<_> = error.attempts().iter().map(refused).collect();
        let (first, second) = ((wants.header(), other), (other, wants.header()));
        assert_eq!(attempts, [first, second, first, second]);
    }
}

#[tokio::test]
async fn there_is_no_fallback_to_a_revision_that_nobody_here_speaks() {
    for offered in [ProtocolHeader::V1_0_SASL, ProtocolHeader([9, 9, 9, 9])] {
        let server = Server::start(offered, Answer::Open).await;
        let error = fails(options(Protocol::V0_8, server.address).protocol_fallback(true)).await;
        assert_eq!(error.attempts().len(), 1, "{error}");
        assert_eq!(server.headers(), [ProtocolHeader::V0_8]);
    }
}

#[tokio::test]
async fn a_connection_knows_the_hosts_that_the_server_names() {
    let server = Server::of_0_8(Answer::Open).await;
    let connection = opens(following(0, server.address)).await;
    assert_eq!(connection.known_hosts(), ["one:1", "two"]);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn without_redirects_the_client_insists() {
    let (_socket, dead) = dead();
    let server = Server::redirecting_to(dead).await;
    opens(following(0, server.address)).await.close().await.unwrap();
    assert_eq!(server.insisted(), [true]);
    // A server that does not heed it, and a client that does not insist.
    let stubborn = Server::of_0_8(Answer::RedirectAnyway(dead.to_string())).await;
    let mut meek = following(0, server.address);
    meek.config.insist = false;
    for options in [following(0, stubborn.address), meek] {
        let error = fails(options).await;
        let [attempt] = error.attempts() else {
            panic!("{error}")
        };
        let ConnectionError::Redirected { host, known_hosts } = &attempt.error else {
            panic!("{error}")
        };
        assert_eq!(
            (host, known_hosts.as_slice()),
            (&dead.to_string(), &[] as &[String])
        );
    }
    assert_eq!(
        (server.insisted(), stubborn.insisted()),
        (vec![true, false], vec![true])
    );
}

#[tokio::test]
async fn redirects_are_followed_and_the_last_one_is_the_last() {
    let last = Server::redirecting_to(dead().1).await;
    let middle = Server::redirecting_to(last.address).await;
    let first = Server::redirecting_to(middle.address).await;
    // The third server would redirect too, but it is insisted on.
    opens(following(2, first.address)).await.close().await.unwrap();
    assert_eq!(
        (first.insisted(), middle.insisted(), last.insisted()),
        (vec![false], vec![false], vec![true])
    );
    opens(following(1, first.address)).await.close().await.unwrap();
    assert_eq!(
        (first.insisted(), middle.insisted(), last.insisted()),
        (vec![false; 2], vec![false, true], vec![true])
    );
}

#[tokio::test]
async fn known_hosts_are_tried_behind_the_named_one_and_before_the_others() {
    let (_socket, gone) = dead();
    let known = Server::of_0_8(Answer::Open).await;
    let known_hosts = format!("no/host,{gone},{}", known.address);
    let other = Server::of_0_8(Answer::Open).await;
    let server = Server::of_0_8(Answer::Redirect(gone.to_string(), known_hosts)).await;
    let options = following(1, server.address).hosts([host(server.address), host(other.address)]);
    opens(options).await.close().await.unwrap();
    assert_eq!((known.insisted(), other.insisted()), (vec![true], vec![]));
}

#[tokio::test]
async fn a_loop_ends_and_each_step_is_listed() {
    let (listener, address) = listen().await;
    let two = Server::of_0_8(Answer::RedirectAnyway(address.to_string())).await;
    let back = Answer::RedirectAnyway(two.address.to_string());
    Server::start_on(listener, ProtocolHeader::V0_8, back);
    let error = fails(following(255, address)).await;
    let step = |attempt: &FailedAttempt| match &attempt.error {
        ConnectionError::Redirected { host, .. } => (attempt.address, host.clone()),
        _ => panic!("{error}"),
    };
    let steps: Vec<_> = error.attempts().iter().map(step).collect();
    let expected = [(address, two.address), (two.address, address)];
    assert_eq!(steps, expected.map(|(from, to)| (Some(from), to.to_string())));
}

#[tokio::test]
async fn texts_that_name_no_host_lead_to_the_next_host_of_the_options() {
    for text in ["", "a b", "x:99999", "amqp://x", "[::", "\0", &"x,".repeat(127)] {
        let other = Server::of_0_8(Answer::Open).await;
        let server = Server::of_0_8(Answer::RedirectAnyway(text.to_owned())).await;
        let options = following(3, server.address).hosts([host(server.address), host(other.address)]);
        opens(options).await.close().await.unwrap();
        assert_eq!(other.insisted().len(), 1);
    }
}

#[tokio::test]
async fn a_redirect_may_lead_to_a_server_of_another_revision() {
    let newer = Server::start(ProtocolHeader::V0_9_1, Answer::Open).await;
    let server = Server::redirecting_to(newer.address).await;
    let options = following(1, server.address).protocol_fallback(true);
    opens(options).await.close().await.unwrap();
    assert_eq!(newer.headers(), [ProtocolHeader::V0_8, ProtocolHeader::V0_9_1]);
}

#[tokio::test]
async fn nothing_is_followed_on_0_9_1() {
    let (listener, address) = listen().await;
    // Its id is that of another method there.
    assert_eq!(connection::Redirect::ID.to_string(), "10.50");
    let target = Server::of_0_8(Answer::Open).await;
    let redirect = redirect(&target.address.to_string(), "");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        start(&mut stream).await;
        send_tune(&mut stream).await;
        stream.write_all(&redirect).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    });
    let error = fails(options(Protocol::V0_9_1, address).redirects(5)).await;
    let [attempt] = error.attempts() else {
        panic!("{error}")
    };
    assert!(
        !matches!(attempt.error, ConnectionError::Redirected { .. }),
        "{error}"
    );
    assert_eq!(target.headers(), []);
}
