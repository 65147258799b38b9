//! Connections over other streams than TCP: `connect_with` takes any.

use std::path::PathBuf;

use amqp_client::tokio::connect_with;
use amqp_client::{Config, Connection, ConnectionError, State};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::server::serve;

/// Opens a connection over the stream and closes it in order.
async fn opens_and_closes(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let (connection, driver) = connect_with(stream, Config::default());
    let driver = tokio::spawn(driver);
    connection.opened().await.unwrap();
    assert_eq!(connection.state(), State::Open);
    connection.close().await.unwrap();
    driver.await.unwrap();
}

#[tokio::test]
async fn a_pipe_in_memory() {
    // Smaller than what either side has to say.
    let (ours, theirs) = tokio::io::duplex(16);
    let server = tokio::spawn(serve(theirs, &[]));
    opens_and_closes(ours).await;
    server.await.unwrap();
}

#[tokio::test]
async fn a_pipe_whose_other_end_is_gone() {
    let (ours, theirs) = tokio::io::duplex(64);
    drop(theirs);
    let (connection, driver): (Connection, _) = connect_with(ours, Config::default());
    tokio::spawn(driver);
    let error = connection.opened().await.unwrap_err();
    let gone = matches!(
        error,
        ConnectionError::Transport(_) | ConnectionError::EndOfStream { .. }
    );
    assert!(gone, "{error}");
}

/// A path for a socket, of which nothing is left afterwards.
#[cfg(unix)]
struct Socket(PathBuf);

#[cfg(unix)]
impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket() {
    let name = format!("amqp-client-{}.sock", std::process::id());
    let socket = Socket(std::env::temp_dir().join(name));
    let listener = tokio::net::UnixListener::bind(&socket.0).unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, &[]).await;
    });
    let stream = tokio::net::UnixStream::connect(&socket.0).await.unwrap();
    opens_and_closes(stream).await;
    server.await.unwrap();
}
