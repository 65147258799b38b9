//! A server on a port of its own, on a thread of its own, that does what a test says.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use amqp_client::ConnectOptions;
use amqp_client::protocol::frame::{self, FrameType, Parsed, RawFrame};
use amqp_client::protocol::method::{Arguments, Decode, IntoOwned};
use amqp_client::protocol::v0_9_1::{Method, basic, channel, connection, constants, queue};
use amqp_client::protocol::{ChannelId, DeliveryTag, FieldTable, LongStr, Reader, ShortStr};

/// Octets of a frame beside its payload.
const ENVELOPE: usize = 8;

/// A connection as the server has it.
pub(crate) struct Session {
    stream: TcpStream,
    received: Vec<u8>,
    /// Methods that came, with their channels.
    pub(crate) log: Vec<(u16, Method<'static>)>,
}

/// Serves one connection by the script; joining gives what it gives.
pub(crate) fn serve<R: Send + 'static>(
    script: impl FnOnce(&mut Session) -> R + Send + 'static,
) -> (ConnectOptions, JoinHandle<R>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let options = options(listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut session = Session::accept(&listener);
        script(&mut session)
    });
    (options, server)
}

pub(crate) fn options(address: SocketAddr) -> ConnectOptions {
    format!("amqp://{address}").parse().unwrap()
}

impl Session {
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        // A script that the client does not follow fails instead of waiting.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self {
            stream,
            received: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Opens the connection.
    pub(crate) fn open(&mut self) {
        self.open_and(&[]);
    }

    /// Opens the connection, and says `more` with connection.open-ok.
    pub(crate) fn open_and(&mut self, more: &[u8]) {
        self.start();
        self.expect::<connection::StartOk<'_>>();
        self.write(&method(
            0,
            &connection::Tune {
                channel_max: 100,
                frame_max: 131_072,
                heartbeat: 0,
            },
        ));
        self.expect::<connection::Open<'_>>();
        self.write(&[&method(0, &connection::OpenOk {}), more].concat());
    }

    pub(crate) fn start(&mut self) {
        let mut header = [0; 8];
        self.stream.read_exact(&mut header).unwrap();
        assert_eq!(&header, b"AMQP\0\0\x09\x01");
        let start = connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: FieldTable::new(),
            mechanisms: LongStr::from_static("PLAIN"),
            locales: LongStr::from_static("en_US"),
        };
        self.write(&method(0, &start));
    }

    /// Opens the connection, and the channel that the client then wants.
    pub(crate) fn open_with_channel(&mut self) {
        self.open();
        self.open_channel();
    }

    pub(crate) fn open_channel(&mut self) -> u16 {
        let (number, _) = self.expect::<channel::Open>();
        self.write(&method(number, &channel::OpenOk {}));
        number
    }

    pub(crate) fn write(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).unwrap();
    }

    /// The same, where the client may be gone by then.
    pub(crate) fn try_write(&mut self, octets: &[u8]) -> bool {
        self.stream.write_all(octets).is_ok()
    }

    /// Reads until this method comes; what comes before is in the log, and so is it.
    pub(crate) fn expect<M: Arguments>(&mut self) -> (u16, Method<'static>) {
        loop {
            let found = self
                .next()
                .unwrap_or_else(|| panic!("no {}: {:?}", M::NAME, self.log));
            if found.1.id() == M::ID {
                return found;
            }
        }
    }

    /// The next method; `None` at the end of the stream. basic.qos and channel.close are answered here.
    pub(crate) fn next(&mut self) -> Option<(u16, Method<'static>)> {
        loop {
            if let Some(found) = self.take() {
                self.log.push(found.clone());
                match found.1.id() {
                    basic::Qos::ID => self.write(&method(found.0, &basic::QosOk {})),
                    channel::Close::ID => self.write(&method(found.0, &channel::CloseOk {})),
                    _ => {}
                }
                return Some(found);
            }
            let mut room = [0; 4096];
            match self.stream.read(&mut room) {
                Ok(0) => return None,
                Ok(octets) => self.received.extend_from_slice(&room[..octets]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}: {:?}", self.log),
            }
        }
    }

    fn take(&mut self) -> Option<(u16, Method<'static>)> {
        loop {
            let Parsed::Complete(frame) = RawFrame::parse(&self.received, 0).unwrap() else {
                return None;
            };
            let found = (frame.frame_type == FrameType::Method).then(|| {
                let method = Method::decode(&mut Reader::new(frame.payload)).unwrap();
                (frame.channel.0, method.into_owned())
            });
            let octets = ENVELOPE + frame.payload.len();
            self.received.drain(..octets);
            if found.is_some() {
                return found;
            }
        }
    }

    /// Answers connection.close, and waits for the end of the stream.
    pub(crate) fn close(&mut self) {
        self.expect::<connection::Close<'_>>();
        self.write(&method(0, &connection::CloseOk {}));
        while self.next().is_some() {}
    }

    /// The names of the methods that came on channels.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let of_channel = |(channel, method): &(u16, Method<'_>)| (*channel > 0).then(|| method.name());
        self.log.iter().filter_map(of_channel).collect()
    }
}

/// A frame on a channel.
pub(crate) fn method<M: Arguments>(channel: u16, method: &M) -> Vec<u8> {
    let mut octets = Vec::new();
    frame::write_method(&mut octets, ChannelId(channel), method, 0).unwrap();
    octets
}

pub(crate) fn close(channel: u16, text: &'static str) -> Vec<u8> {
    let close = channel::Close {
        reply_code: constants::NOT_FOUND,
        reply_text: ShortStr::from_static(text),
        ..Default::default()
    };
    method(channel, &close)
}

pub(crate) fn declare_ok(channel: u16, queue: &'static str) -> Vec<u8> {
    let ok = queue::DeclareOk {
        queue: ShortStr::from_static(queue),
        ..Default::default()
    };
    method(channel, &ok)
}

pub(crate) fn consume_ok(channel: u16, tag: &'static str) -> Vec<u8> {
    method(
        channel,
        &basic::ConsumeOk {
            consumer_tag: ShortStr::from_static(tag),
        },
    )
}

pub(crate) fn cancel_ok(channel: u16, tag: &'static str) -> Vec<u8> {
    method(
        channel,
        &basic::CancelOk {
            consumer_tag: ShortStr::from_static(tag),
        },
    )
}

/// A message for a consumer.
pub(crate) fn deliver(channel: u16, tag: &'static str, number: u64, body: &str) -> Vec<u8> {
    let deliver = basic::Deliver {
        consumer_tag: ShortStr::from_static(tag),
        delivery_tag: DeliveryTag(number),
        ..Default::default()
    };
    [method(channel, &deliver), content(channel, body)].concat()
}

/// A message that comes back.
pub(crate) fn returned(channel: u16, body: &str) -> Vec<u8> {
    let returned = basic::Return {
        reply_code: constants::NO_ROUTE,
        reply_text: ShortStr::from_static("NO_ROUTE"),
        ..Default::default()
    };
    [method(channel, &returned), content(channel, body)].concat()
}

/// Content header and body, by the layout of the standard's section 4.2.6.
pub(crate) fn content(channel: u16, body: &str) -> Vec<u8> {
    let mut header = vec![0, 60, 0, 0];
    header.extend((body.len() as u64).to_be_bytes());
    header.extend([0, 0]);
    [raw(2, channel, &header), raw(3, channel, body.as_bytes())].concat()
}

fn raw(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![kind];
    octets.extend(channel.to_be_bytes());
    octets.extend((payload.len() as u32).to_be_bytes());
    octets.extend(payload);
    octets.push(0xce);
    octets
}

/// A server with heartbeats.
impl Session {
    pub(crate) fn tune_with_heartbeat(&mut self, heartbeat: u16) {
        let tune = connection::Tune {
            channel_max: 100,
            frame_max: 131_072,
            heartbeat,
        };
        self.write(&method(0, &tune));
        self.expect::<connection::Open<'_>>();
        self.write(&method(0, &connection::OpenOk {}));
    }

    /// Sends several heartbeats a second and answers connection.close; how many heartbeats came.
    pub(crate) fn beat_until_close(&mut self) -> usize {
        let pause = Duration::from_millis(250);
        self.stream.set_read_timeout(Some(pause)).unwrap();
        let (mut beats, mut beaten) = (0, Instant::now());
        loop {
            if beaten.elapsed() >= pause {
                self.write(&raw(8, 0, &[]));
                beaten = Instant::now();
            }
            let mut room = [0; 4096];
            match self.stream.read(&mut room) {
                Ok(0) => return beats,
                Ok(octets) => self.received.extend_from_slice(&room[..octets]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            while let Parsed::Complete(frame) = RawFrame::parse(&self.received, 0).unwrap() {
                beats += usize::from(frame.frame_type == FrameType::Heartbeat);
                let close = frame.payload.starts_with(&[0, 10, 0, 50]);
                let octets = ENVELOPE + frame.payload.len();
                self.received.drain(..octets);
                if close {
                    self.write(&method(0, &connection::CloseOk {}));
                }
            }
        }
    }
}
