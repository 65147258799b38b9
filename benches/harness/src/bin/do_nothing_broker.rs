//! A broker that does nothing, so that what is measured is the client: it keeps no message, looks at no more of a publish than
//! its frames' headers, and delivers octets that it has encoded before.
//!
//! It prints its port and serves until its input ends. Each connection has a thread, and each consumer another. A channel in
//! confirm mode gets one basic.ack for what each read brought. A consumer gets as many deliveries as the name of its queue
//! ends with, from the next request of its channel on, so that no client can miss the first ones; after those, each publish
//! comes back on its channel as a delivery.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use amqp_harness::octets::{FRAME_MAX, START, Tagged, method};
use amqp_harness::{BODY, Failure};
use amqp_protocol::method::{Arguments, Decode};
use amqp_protocol::v0_9_1::{Method, basic, channel, confirm, connection, exchange, queue};
use amqp_protocol::{ChannelId, FieldTable, LongStr, Reader};

/// Octets read at once, and octets of deliveries written at once.
const BUFFER: usize = 256 * 1024;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY_FRAME: u8 = 3;
const HEARTBEAT: u8 = 8;
const PUBLISH: [u8; 4] = [0, 60, 0, 40];
const ACK: [u8; 4] = [0, 60, 0, 80];

fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || Session::serve(stream));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// One connection.
struct Session {
    /// Whoever writes holds it: replies and deliveries are never mixed.
    output: Arc<Mutex<TcpStream>>,
    replies: Vec<u8>,
    channels: Vec<Channel>,
}

#[derive(Default)]
struct Channel {
    confirms: bool,
    published: u64,
    confirmed: u64,
    /// Octets of a body that have not come.
    missing: u64,
    consumer: Option<Consumer>,
}

struct Consumer {
    delivery: Tagged,
    delivered: u64,
    /// Deliveries that the next request sets off.
    waiting: u64,
}

impl Session {
    /// Until the stream ends; the reason is nobody's business.
    fn serve(mut stream: TcpStream) -> Result<(), Failure> {
        stream.set_nodelay(true)?;
        let mut header = [0; 8];
        stream.read_exact(&mut header)?;
        let mut session = Self {
            output: Arc::new(Mutex::new(stream.try_clone()?)),
            replies: Vec::new(),
            channels: Vec::new(),
        };
        // Some clients ask for them before they use confirms.
        let capabilities = FieldTable::new()
            .with("publisher_confirms", true)?
            .with("basic.nack", true)?;
        let start = connection::Start {
            version_minor: 9,
            server_properties: FieldTable::new().with("capabilities", capabilities)?,
            mechanisms: LongStr::from_static("PLAIN"),
            locales: LongStr::from_static("en_US"),
            ..Default::default()
        };
        session.reply(0, &start)?;
        let mut input = vec![0; BUFFER + FRAME_MAX as usize];
        let mut filled = 0;
        loop {
            session.flush()?;
            match stream.read(&mut input[filled..])? {
                0 => return Ok(()),
                octets => filled += octets,
            }
            let used = session.receive(&input[..filled])?;
            input.copy_within(used..filled, 0);
            filled -= used;
            session.confirm()?;
        }
    }

    /// Looks at whole frames; how many octets they are.
    fn receive(&mut self, input: &[u8]) -> Result<usize, Failure> {
        let mut rest = input;
        while let Some((&[kind, channel_1, channel_2, a, b, c, d], behind)) =
            rest.split_first_chunk::<START>()
        {
            let size = u32::from_be_bytes([a, b, c, d]) as usize;
            let Some((payload, [_, behind @ ..])) = behind.split_at_checked(size) else {
                break;
            };
            rest = behind;
            let id = u16::from_be_bytes([channel_1, channel_2]);
            match kind {
                METHOD if payload.starts_with(&ACK) || payload.starts_with(&PUBLISH) => {}
                METHOD => self.method(id, payload)?,
                HEADER => {
                    let body_size = payload.get(4..12).ok_or("a short header")?;
                    self.channel(id).missing = u64::from_be_bytes(body_size.try_into()?);
                    self.received(id, 0);
                }
                BODY_FRAME => self.received(id, size as u64),
                HEARTBEAT => self
                    .replies
                    .extend_from_slice(&[HEARTBEAT, 0, 0, 0, 0, 0, 0, 0xCE]),
                _ => return Err("an unknown frame".into()),
            }
        }
        Ok(input.len() - rest.len())
    }

    fn channel(&mut self, id: u16) -> &mut Channel {
        let index = usize::from(id);
        if self.channels.len() <= index {
            self.channels.resize_with(index + 1, Channel::default);
        }
        &mut self.channels[index]
    }

    /// So many octets of a body have come.
    fn received(&mut self, id: u16, octets: u64) {
        let channel = self.channel(id);
        channel.missing = channel.missing.saturating_sub(octets);
        if channel.missing > 0 {
            return;
        }
        channel.published += 1;
        if let Some(consumer) = &mut channel.consumer {
            consumer.delivered += 1;
            let (delivery, delivery_tag) = (consumer.delivery.clone(), consumer.delivered);
            delivery.append(delivery_tag, &mut self.replies);
        }
    }

    /// Confirms what has come.
    fn confirm(&mut self) -> Result<(), Failure> {
        for (id, channel) in (0..).zip(&mut self.channels) {
            let new = channel.published - channel.confirmed;
            if channel.confirms && new > 0 {
                channel.confirmed = channel.published;
                Tagged::ack(ChannelId(id), new > 1)?.append(channel.published, &mut self.replies);
            }
        }
        Ok(())
    }

    fn method(&mut self, id: u16, payload: &[u8]) -> Result<(), Failure> {
        let method = Method::decode(&mut Reader::new(payload))?;
        match method {
            Method::Connection(method) => match method {
                connection::Method::StartOk(_) => {
                    let tune = connection::Tune {
                        channel_max: 2047,
                        frame_max: FRAME_MAX,
                        heartbeat: 60,
                    };
                    self.reply(0, &tune)
                }
                connection::Method::Open(_) => self.reply(0, &connection::OpenOk {}),
                connection::Method::Close(_) => self.reply(0, &connection::CloseOk {}),
                _ => Ok(()),
            },
            Method::Channel(channel::Method::Open(_)) => self.reply(id, &channel::OpenOk {}),
            Method::Channel(channel::Method::Close(_)) => self.reply(id, &channel::CloseOk {}),
            Method::Confirm(confirm::Method::Select(_)) => {
                self.channel(id).confirms = true;
                self.reply(id, &confirm::SelectOk {})
            }
            Method::Exchange(exchange::Method::Declare(_)) => self.reply(id, &exchange::DeclareOk {}),
            Method::Queue(queue::Method::Declare(declare)) => {
                if !declare.no_wait {
                    let declare_ok = queue::DeclareOk {
                        queue: declare.queue,
                        ..Default::default()
                    };
                    self.reply(id, &declare_ok)?;
                }
                self.flood(id)
            }
            Method::Basic(basic::Method::Qos(_)) => self.reply(id, &basic::QosOk {}),
            Method::Basic(basic::Method::Consume(consume)) => {
                let consumer_tag = match consume.consumer_tag.as_bytes() {
                    b"" => "consumer".try_into()?,
                    _ => consume.consumer_tag,
                };
                let queue = consume.queue.to_str_lossy();
                let count = queue.rsplit('.').next().unwrap_or_default();
                self.channel(id).consumer = Some(Consumer {
                    delivery: Tagged::deliver(ChannelId(id), consumer_tag.clone(), &BODY)?,
                    delivered: 0,
                    waiting: count.parse()?,
                });
                self.reply(id, &basic::ConsumeOk { consumer_tag })
            }
            Method::Basic(basic::Method::Cancel(cancel)) => {
                let consumer_tag = cancel.consumer_tag;
                self.reply(id, &basic::CancelOk { consumer_tag })
            }
            _ => Err("a method that nobody is measured with".into()),
        }
    }

    /// Begins to deliver what waits for the channel's consumer.
    fn flood(&mut self, id: u16) -> Result<(), Failure> {
        let Some(consumer) = &mut self.channel(id).consumer else {
            return Ok(());
        };
        let count = std::mem::take(&mut consumer.waiting);
        let first = consumer.delivered + 1;
        consumer.delivered += count;
        if count > 0 {
            let delivery = consumer.delivery.clone();
            self.flush()?;
            let output = Arc::clone(&self.output);
            thread::spawn(move || deliver(&output, &delivery, first, count));
        }
        Ok(())
    }

    fn reply<M: Arguments>(&mut self, id: u16, arguments: &M) -> Result<(), Failure> {
        self.replies.extend(method(ChannelId(id), arguments)?);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.replies.is_empty() {
            write(&self.output, &self.replies)?;
            self.replies.clear();
        }
        Ok(())
    }
}

/// Writes `count` deliveries as fast as the client takes them.
fn deliver(output: &Mutex<TcpStream>, delivery: &Tagged, first: u64, count: u64) -> io::Result<()> {
    let mut block = delivery.block(BUFFER);
    let in_block = block.len() / delivery.len();
    let end = first + count;
    let mut next = first;
    while next < end {
        let messages = usize::try_from(end - next).map_or(in_block, |left| left.min(in_block));
        let octets = &mut block[..messages * delivery.len()];
        delivery.renumber(octets, next);
        write(output, octets)?;
        next += messages as u64;
    }
    Ok(())
}

fn write(output: &Mutex<TcpStream>, octets: &[u8]) -> io::Result<()> {
    let mut stream = output.lock().unwrap_or_else(PoisonError::into_inner);
    stream.write_all(octets)
}
