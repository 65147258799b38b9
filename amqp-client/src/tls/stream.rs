//! TLS over a tokio stream: the handshake, and a stream whose errors say what TLS has to do with them.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::task::spawn_blocking;
use rustls::{CertificateError, ClientConnection, Error};
use tokio_rustls::TlsConnector;

use super::config::{client_config, server_name};
use super::error::{CertificateRefusal, TlsAlert, TlsError};
use crate::options::TlsOptions;

/// A tokio stream under TLS, for [`connect_with`](crate::tokio::connect_with).
///
/// Its errors are [`TlsError`]s inside of [`io::Error`]s where TLS is to blame; connections report them as
/// [`ConnectionError::Tls`](crate::ConnectionError::Tls).
#[derive(Debug)]
pub struct TlsStream<S> {
    stream: tokio_rustls::client::TlsStream<S>,
    /// Whether the server sent anything behind its handshake. With TLS 1.3 it looks at the client certificate only after
    /// the client has seen the handshake through.
    heard: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Reads the files of `options` on a thread for blocking work, and shakes hands over `stream` with the server at
    /// `host`.
    ///
    /// Dropping the future gives up the attempt.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use amqp_client::tls::TlsStream;
    /// use amqp_client::{Config, TlsOptions, tokio::connect_with};
    /// use tokio::net::TcpStream;
    ///
    /// // Through a tunnel: the name of the server is not that of the end of the tunnel.
    /// let tunnel = TcpStream::connect("localhost:15671").await?;
    /// let stream = TlsStream::connect(tunnel, "broker.example", &TlsOptions::default()).await?;
    /// let (connection, driver) = connect_with(stream, Config::default());
    /// tokio::spawn(driver);
    /// connection.opened().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`client_config`] and [`server_name`], and why the handshake failed.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn connect(stream: S, host: &str, options: &TlsOptions) -> Result<Self, TlsError> {
        let name = server_name(options, host)?;
        let options = options.clone();
        let config = match spawn_blocking(move || client_config(&options)).await {
            Ok(config) => config?,
            // The runtime ends.
            Err(error) => return Err(TlsError::Transport(Arc::new(error))),
        };
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => Ok(Self { stream, heard: false }),
            Err(error) => Err(during_handshake(error)),
        }
    }

    /// The stream below, and what rustls knows of the session: protocol version, cipher suite, the server's certificates.
    pub fn get_ref(&self) -> (&S, &ClientConnection) {
        self.stream.get_ref()
    }

    /// The error behind the handshake, as one of TLS where it is one.
    fn explain(&self, error: io::Error) -> io::Error {
        let kind = error.kind();
        let reset = matches!(
            kind,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
        );
        match error.downcast::<Error>() {
            Ok(error) => io::Error::new(kind, TlsError::from(error)),
            Err(_) if reset && !self.heard => io::Error::new(kind, TlsError::ClosedAfterHandshake),
            Err(error) => error,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let end = match ready!(Pin::new(&mut self.stream).poll_read(cx, buf)) {
            Ok(()) => buf.filled().len() == before && buf.remaining() > 0,
            // AMQP says itself where it ends, so nobody can cut it short unnoticed by leaving out the end of TLS.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => true,
            Err(error) => return Poll::Ready(Err(self.explain(error))),
        };
        if end && !self.heard {
            let error = io::Error::new(ErrorKind::UnexpectedEof, TlsError::ClosedAfterHandshake);
            return Poll::Ready(Err(error));
        }
        self.heard |= !end;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write(cx, buf));
        Poll::Ready(result.map_err(|error| self.explain(error)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
        Poll::Ready(result.map_err(|error| self.explain(error)))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(result.map_err(|error| self.explain(error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

fn during_handshake(error: io::Error) -> TlsError {
    let kind = error.kind();
    match error.downcast::<Error>() {
        // The first octets of anything else than TLS are not one of its content types, or not one of its versions.
        Ok(Error::InvalidMessage(
            rustls::InvalidMessage::InvalidContentType | rustls::InvalidMessage::UnknownProtocolVersion,
        )) => TlsError::NotTls,
        Ok(error) => error.into(),
        Err(_) if kind == ErrorKind::UnexpectedEof => TlsError::ClosedDuringHandshake,
        Err(error) => TlsError::Transport(Arc::new(error)),
    }
}

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidCertificate(reason) => Self::CertificateRefused(refusal(reason)),
            Error::AlertReceived(alert) => TlsAlert(alert.into()).into(),
            error => Self::Session(Arc::new(error)),
        }
    }
}

fn refusal(reason: CertificateError) -> CertificateRefusal {
    match reason {
        CertificateError::NotValidForNameContext { expected, presented } => {
            CertificateRefusal::NameMismatch {
                expected: expected.to_str().into_owned(),
                presented,
            }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateRefusal::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateRefusal::NotYetValid
        }
        CertificateError::UnknownIssuer => CertificateRefusal::UnknownIssuer,
        CertificateError::Revoked => CertificateRefusal::Revoked,
        reason => CertificateRefusal::Other(Arc::new(Error::from(reason))),
    }
}
