//! TLS between a driver and its transport, whatever that is: octets go through rustls on their way, and errors say what TLS
//! has to do with them. What rustls is given stands in `config`.

use std::future::poll_fn;
use std::io::{self, BufRead, ErrorKind, Write};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, Error};

use super::config::{client_config, server_name};
use super::error::{CertificateRefusal, TlsAlert, TlsError};
use crate::driver::{Clock, Transport};
use crate::options::TlsOptions;
use crate::read_room::ReadRoom;
use crate::sans_io::Outgoing;

/// Slices of plaintext that are encrypted at a time.
const SLICES: usize = 16;

/// A transport under TLS: itself a [`Transport`], for [`connect_with`](crate::driver::connect_with).
///
/// Its errors are [`TlsError`]s inside of [`io::Error`]s where TLS is to blame; connections report them as
/// [`ConnectionError::Tls`](crate::ConnectionError::Tls).
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::driver::connect_with;
/// use amqp_client::tls::TlsTransport;
/// use amqp_client::{Config, TlsOptions, tokio::Stream};
/// use tokio::net::TcpStream;
///
/// // Through a tunnel: the name of the server is not that of the end of the tunnel.
/// let tunnel = Stream::new(TcpStream::connect("localhost:15671").await?);
/// let mut transport = TlsTransport::new(tunnel, "broker.example", &TlsOptions::default())?;
/// transport.handshake().await?;
/// let (connection, driver) = connect_with(transport, Config::default());
/// tokio::spawn(driver);
/// connection.opened().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TlsTransport<T> {
    transport: T,
    session: ClientConnection,
    /// Ciphertext that came and is not understood yet.
    received: BytesMut,
    room: ReadRoom,
    /// Ciphertext to be written.
    outgoing: Outgoing,
    /// Whether the server sent anything behind its handshake. With TLS 1.3 it looks at the client certificate only after
    /// the client has seen the handshake through.
    heard: bool,
    /// Whether nothing more will come.
    ended: bool,
}

impl<T: Transport> TlsTransport<T> {
    /// TLS with the server at `host`. The files of `options` are read here and now.
    ///
    /// # Errors
    ///
    /// As of [`client_config`] and [`server_name`].
    pub fn new(transport: T, host: &str, options: &TlsOptions) -> Result<Self, TlsError> {
        Self::with_config(transport, client_config(options)?, server_name(options, host)?)
    }

    /// TLS by a configuration that is there.
    ///
    /// # Errors
    ///
    /// When rustls cannot begin a session with this configuration.
    pub fn with_config(
        transport: T,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            transport,
            session: ClientConnection::new(config, name)?,
            received: BytesMut::new(),
            room: ReadRoom::default(),
            outgoing: Outgoing::new(),
            heard: false,
            ended: false,
        })
    }

    /// Shakes hands. Without it, that happens when the transport is first used.
    ///
    /// Dropping the future leaves the handshake where it is.
    ///
    /// # Errors
    ///
    /// Why the handshake failed.
    pub async fn handshake(&mut self) -> Result<(), TlsError> {
        poll_fn(|cx| self.poll_handshake(cx)).await
    }

    /// [`handshake`](Self::handshake), step by step.
    ///
    /// # Errors
    ///
    /// Why the handshake failed.
    pub fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TlsError>> {
        while self.session.is_handshaking() {
            ready!(self.poll_step(cx)).map_err(TlsError::of_handshake)?;
        }
        // What the transport has not taken of it leaves with what comes next.
        Poll::Ready(Ok(()))
    }

    /// The transport below.
    pub fn get_ref(&self) -> &T {
        &self.transport
    }

    /// What rustls knows of the session: protocol version, cipher suite, the server's certificates.
    pub fn session(&self) -> &ClientConnection {
        &self.session
    }

    /// Sends what the session has to say, and takes in what comes.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let handshaking = self.session.is_handshaking();
        // Whether or not the transport takes it: what the server said before it hung up says more.
        let _ = self.poll_ciphertext_out(cx);
        if self.received.is_empty() {
            let transport = &mut self.transport;
            let read = |input: &mut BytesMut| transport.poll_read(cx, input);
            match ready!(self.room.read(&mut self.received, read)) {
                Ok(0) if handshaking => {
                    return Poll::Ready(Err(tls_error(
                        ErrorKind::UnexpectedEof,
                        TlsError::ClosedDuringHandshake,
                    )));
                }
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(self.explain(error))),
            }
        }
        while !self.received.is_empty() {
            let read = self.session.read_tls(&mut self.received.as_ref())?;
            self.received.advance(read);
            let state = match self.session.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    // The alert that tells the server why.
                    let _ = self.poll_ciphertext_out(cx);
                    return Poll::Ready(Err(of_session(error, handshaking)));
                }
            };
            if state.plaintext_bytes_to_read() > 0 || read == 0 {
                break;
            }
        }
        let _ = self.poll_ciphertext_out(cx);
        if handshaking && !self.session.is_handshaking() {
            // What waits to be written may go now.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    /// Moves what was decrypted to `input`, and says how much that was.
    fn take_plaintext(&mut self, input: &mut BytesMut) -> usize {
        let before = input.len();
        let mut reader = self.session.reader();
        // It errs where there is nothing yet, or the server left out the end of TLS. AMQP says itself where it ends, so
        // nobody can cut it short unnoticed by that.
        while let Ok(octets) = reader.fill_buf() {
            if octets.is_empty() {
                self.ended = true;
                break;
            }
            let len = octets.len();
            input.extend_from_slice(octets);
            reader.consume(len);
        }
        input.len() - before
    }

    /// Writes ciphertext until there is none.
    fn poll_ciphertext_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.session.wants_write() {
                let session = &mut self.session;
                self.outgoing.encode(|octets| session.write_tls(octets)).0?;
            }
            if self.outgoing.is_empty() {
                self.outgoing.clear();
                return Poll::Ready(Ok(()));
            }
            match ready!(self.transport.poll_write(cx, &mut self.outgoing)) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(self.explain(error))),
            }
        }
    }

    /// A transport's error, as one of TLS where it is one.
    fn explain(&self, error: io::Error) -> io::Error {
        let reset = matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
        );
        if reset && !self.heard && !self.session.is_handshaking() {
            return tls_error(error.kind(), TlsError::ClosedAfterHandshake);
        }
        error
    }
}

impl<T: Transport> Transport for TlsTransport<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        loop {
            let octets = self.take_plaintext(input);
            if octets > 0 {
                self.heard = true;
                return Poll::Ready(Ok(octets));
            }
            if self.ended {
                return Poll::Ready(if self.heard {
                    Ok(0)
                } else {
                    Err(tls_error(
                        ErrorKind::UnexpectedEof,
                        TlsError::ClosedAfterHandshake,
                    ))
                });
            }
            ready!(self.poll_step(cx))?;
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        ready!(self.poll_ciphertext_out(cx))?;
        if self.session.is_handshaking() {
            // Reading sees it through, and wakes.
            return Poll::Pending;
        }
        let mut slices = [io::IoSlice::new(&[]); SLICES];
        let count = batch.chunks_vectored(&mut slices);
        let taken = self
            .session
            .writer()
            .write_vectored(slices.get(..count).unwrap_or_default())?;
        batch.advance(taken);
        // What the transport does not take now leaves by the next write, or by a flush.
        let _ = self.poll_ciphertext_out(cx)?;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_ciphertext_out(cx))?;
        self.transport.poll_flush(cx)
    }

    fn give_way(&mut self, cx: &mut Context<'_>) {
        self.transport.give_way(cx);
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.send_close_notify();
        ready!(self.poll_ciphertext_out(cx))?;
        self.transport.poll_shutdown(cx)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        self.transport.poll_timer(cx, deadline)
    }

    fn clock(&self) -> Clock {
        self.transport.clock()
    }
}

fn tls_error(kind: ErrorKind, error: TlsError) -> io::Error {
    io::Error::new(kind, error)
}

/// What rustls finds wrong, during the handshake or behind it.
fn of_session(error: Error, handshaking: bool) -> io::Error {
    let error = match error {
        // The first octets of anything else than TLS are not one of its content types, or not one of its versions.
        Error::InvalidMessage(
            rustls::InvalidMessage::InvalidContentType | rustls::InvalidMessage::UnknownProtocolVersion,
        ) if handshaking => TlsError::NotTls,
        error => error.into(),
    };
    tls_error(ErrorKind::InvalidData, error)
}

impl TlsError {
    /// What ended a handshake.
    fn of_handshake(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::Transport(Arc::new(error)),
        }
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
