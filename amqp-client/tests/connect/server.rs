//! Servers on ports of their own: one that opens connections, one that says nothing, and ports where nobody listens.

use std::net::SocketAddr;

use amqp_client::Host;
use amqp_client::protocol::ShortStr;
use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::v0_9_1::{connection, constants};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

#[path = "../shared/frames.rs"]
#[allow(dead_code, reason = "these tests need few of them")]
mod frames;

/// The host that an address is.
pub(crate) fn host(address: SocketAddr) -> Host {
    Host::new(address.ip().to_string(), address.port())
}

/// A port that nobody gets and nobody listens on, as long as the socket lives.
pub(crate) fn dead() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A listener whose connections nobody takes: the system accepts them, and nothing is ever said.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server that opens every connection, and then waits for its end.
pub(crate) async fn open() -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move { serve(stream, &[]).await });
        }
    });
    address
}

/// A server that refuses every user.
pub(crate) async fn refuse() -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            start(&mut stream).await;
            let close = connection::Close {
                reply_code: constants::ACCESS_REFUSED,
                reply_text: ShortStr::from_static("no"),
                ..Default::default()
            };
            stream.write_all(&method(&close)).await.unwrap();
            drain(stream).await;
        }
    });
    address
}

/// Opens a connection, says `then`, and waits for the end of the stream. It answers connection.close.
pub(crate) async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, then: &[u8]) {
    shake_hands(&mut stream).await;
    stream.write_all(then).await.unwrap();
    drain(stream).await;
}

/// The same to a client whose protocol header was read.
#[cfg(feature = "v0-8")]
pub(crate) async fn serve_from_start(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    send_start(&mut stream).await;
    send_tune(&mut stream).await;
    stream.write_all(&method(&connection::OpenOk {})).await.unwrap();
    drain(stream).await;
}

/// Opens a connection.
pub(crate) async fn shake_hands(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    start(stream).await;
    send_tune(stream).await;
    stream.write_all(&method(&connection::OpenOk {})).await.unwrap();
}

pub(crate) async fn send_tune(stream: &mut (impl AsyncWrite + Unpin)) {
    let tune = connection::Tune {
        channel_max: 10,
        frame_max: 4096,
        heartbeat: 0,
    };
    stream.write_all(&method(&tune)).await.unwrap();
}

pub(crate) async fn start(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let mut header = [0; 8];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(&header, b"AMQP\0\0\x09\x01");
    send_start(stream).await;
}

async fn send_start(stream: &mut (impl AsyncWrite + Unpin)) {
    stream.write_all(&method(&frames::start("PLAIN"))).await.unwrap();
}

/// Reads to the end of the stream, and answers connection.close.
async fn drain(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut received = Vec::new();
    // The client's end may be a reset.
    while let Ok(1..) = stream.read_buf(&mut received).await {
        // Type, channel and size of the frame, then the method's id.
        let is_close = |frame: &[u8]| frame[..3] == [1, 0, 0] && frame[7..] == [0, 10, 0, 50];
        if received.windows(11).any(is_close) {
            received.clear();
            stream.write_all(&method(&connection::CloseOk {})).await.unwrap();
        }
    }
}

/// A frame on channel 0.
pub(crate) fn method<M: Arguments>(method: &M) -> Vec<u8> {
    frames::method_frame(0, method)
}
