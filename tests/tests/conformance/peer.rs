//! A server that follows a script, on a thread and a port of its own. What it says and hears is `frames`'.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use amqp_client::methods::{Method, channel, connection};
use amqp_client::protocol::method::Arguments;
use amqp_client::{ConnectOptions, Host};

use crate::frames::{Sent, method_frame, read_frames, start};
use crate::stage::{Failure, LIMIT, Outcome};

/// The server. Its one client is whoever connects first.
pub(crate) struct Peer {
    address: SocketAddr,
    thread: JoinHandle<Outcome>,
}

impl Peer {
    /// Opens the connection, and the first channel on it, then follows the script.
    pub(crate) fn start(
        script: impl FnOnce(&mut Session) -> Outcome + Send + 'static,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept()?;
            stream.set_read_timeout(Some(LIMIT))?;
            let mut session = Session {
                stream,
                octets: Vec::new(),
                frames: VecDeque::new(),
            };
            session.open()?;
            script(&mut session)
        });
        Ok(Self { address, thread })
    }

    pub(crate) fn options(&self) -> ConnectOptions {
        let host = Host::new(self.address.ip().to_string(), self.address.port());
        ConnectOptions::default().hosts([host])
    }

    /// What has become of the script, at its end.
    pub(crate) fn end(self) -> Outcome {
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// The server's end of the connection.
pub(crate) struct Session {
    stream: TcpStream,
    /// Received, and no whole frame yet.
    octets: Vec<u8>,
    frames: VecDeque<Sent>,
}

impl Session {
    fn open(&mut self) -> Outcome {
        let mut header = [0; 8];
        self.stream.read_exact(&mut header)?;
        assert_eq!(&header, b"AMQP\0\0\x09\x01");
        self.say(0, &start("PLAIN"))?;
        self.hear::<connection::StartOk<'_>>()?;
        let tune = connection::Tune {
            channel_max: 10,
            frame_max: 4096,
            heartbeat: 0,
        };
        self.say(0, &tune)?;
        self.hear::<connection::TuneOk>()?;
        self.hear::<connection::Open<'_>>()?;
        self.say(0, &connection::OpenOk {})?;
        self.hear::<channel::Open>()?;
        self.say(1, &channel::OpenOk {})
    }

    /// Sends a method.
    pub(crate) fn say<M: Arguments>(&mut self, channel: u16, method: &M) -> Outcome {
        self.send(&method_frame(channel, method))
    }

    pub(crate) fn send(&mut self, octets: &[u8]) -> Outcome {
        Ok(self.stream.write_all(octets)?)
    }

    /// Answers a client that may have gone without waiting for it.
    pub(crate) fn answer<M: Arguments>(&mut self, channel: u16, method: &M) -> Outcome {
        match self.stream.write_all(&method_frame(channel, method)) {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                Ok(())
            }
            written => Ok(written?),
        }
    }

    /// The next frame, which must be of this method.
    pub(crate) fn hear<M: Arguments>(&mut self) -> Result<Method<'static>, Failure> {
        match self.next()?.ok_or("the client has gone")? {
            Sent::Method(_, method) if method.id() == M::ID => Ok(method),
            other => Err(format!("not {}: {other:?}", M::NAME).into()),
        }
    }

    /// The next frame but for heartbeats; none at the end of the stream.
    pub(crate) fn next(&mut self) -> Result<Option<Sent>, Failure> {
        loop {
            match self.frames.pop_front() {
                Some(Sent::Heartbeat) => continue,
                Some(frame) => return Ok(Some(frame)),
                None => {}
            }
            let mut octets = [0; 4096];
            let count = match self.stream.read(&mut octets) {
                // What was not read makes the end of a stream a reset.
                Ok(0) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                read => read?,
            };
            self.octets.extend_from_slice(&octets[..count]);
            let mut rest = self.octets.as_slice();
            self.frames.extend(read_frames(&mut rest));
            self.octets = rest.to_vec();
        }
    }

    /// Answers connection.close, which must come next, and sees the client end the stream.
    pub(crate) fn hear_close(&mut self) -> Outcome {
        self.hear::<connection::Close<'_>>()?;
        self.say(0, &connection::CloseOk {})?;
        match self.next()? {
            None => Ok(()),
            Some(frame) => Err(format!("behind the close: {frame:?}").into()),
        }
    }
}
