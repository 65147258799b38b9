//! The floor: what the machine takes for the octets alone, encoded before, over a plain socket. It knows the broker that does
//! nothing and no other.
//!
//! Variants: `blocking`, a socket of the standard library; `current-thread`, tokio's, for what is pinned to one core. In
//! `large` the octets are writes of 64 KiB, each a frame, and no message at all.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::net::TcpStream;

use amqp_harness::octets::{START, Tagged, message, method};
use amqp_harness::{BODY, Failure, Job, LARGE, Meter, Scenario, WINDOW};
use amqp_protocol::frame::{self, FrameType};
use amqp_protocol::v0_9_1::{basic, channel, confirm, connection, queue};
use amqp_protocol::{ChannelId, LongStr, ShortStr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CHANNEL: ChannelId = ChannelId(1);
/// Octets that are written or read at once.
const BUFFER: usize = 256 * 1024;

fn main() -> Result<(), Failure> {
    let job = Job::from_args()?;
    let floor = Floor::connect(&job)?;
    match job.variant.as_str() {
        "blocking" => floor.run(&job),
        "current-thread" => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(floor.echo(&job))
        }
        _ => Err(job.unknown_variant()),
    }
}

struct Floor {
    stream: TcpStream,
    message: Vec<u8>,
    delivery: Tagged,
    /// A request without effect, and its reply.
    declare: Vec<u8>,
    declare_ok: Vec<u8>,
}

impl Floor {
    /// Says at once all that comes before the job, and waits for the last reply.
    fn connect(job: &Job) -> Result<Self, Failure> {
        let name = || ShortStr::try_from(job.queue.clone());
        let zero = ChannelId(0);
        let response = LongStr::try_from("\0guest\0guest")?;
        let start_ok = connection::StartOk {
            mechanism: ShortStr::from_static("PLAIN"),
            response,
            locale: ShortStr::from_static("en_US"),
            ..Default::default()
        };
        let mut requests = b"AMQP\0\0\x09\x01".to_vec();
        requests.extend(method(zero, &start_ok)?);
        requests.extend(method(zero, &connection::TuneOk::default())?);
        requests.extend(method(zero, &connection::Open::default())?);
        requests.extend(method(CHANNEL, &channel::Open::default())?);
        let last = match job.scenario {
            Scenario::Confirms | Scenario::Confirm => {
                requests.extend(method(CHANNEL, &confirm::Select::default())?);
                method(CHANNEL, &confirm::SelectOk {})?
            }
            Scenario::Consume | Scenario::ConsumeAck | Scenario::PingPong => {
                let consume = basic::Consume {
                    queue: name()?,
                    consumer_tag: ShortStr::from_static("consumer"),
                    ..Default::default()
                };
                requests.extend(method(CHANNEL, &consume)?);
                let consumer_tag = consume.consumer_tag;
                method(CHANNEL, &basic::ConsumeOk { consumer_tag })?
            }
            Scenario::Publish | Scenario::Large => method(CHANNEL, &channel::OpenOk {})?,
        };
        let mut stream = TcpStream::connect(job.address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&requests)?;
        read_until(&mut stream, &last)?;
        let publish = basic::Publish {
            routing_key: name()?,
            ..Default::default()
        };
        let declare = queue::Declare {
            queue: name()?,
            passive: true,
            ..Default::default()
        };
        let declare_ok = queue::DeclareOk {
            queue: name()?,
            ..Default::default()
        };
        Ok(Self {
            stream,
            message: message(CHANNEL, &publish, &BODY)?,
            delivery: Tagged::deliver(CHANNEL, ShortStr::from_static("consumer"), &BODY)?,
            declare: method(CHANNEL, &declare)?,
            declare_ok: method(CHANNEL, &declare_ok)?,
        })
    }

    fn run(mut self, job: &Job) -> Result<(), Failure> {
        let meter = job.start();
        match job.scenario {
            Scenario::Publish => self.publish(job.count, meter),
            Scenario::Large => self.large(job.count, meter),
            Scenario::Confirms => self.confirms(job.count, meter),
            Scenario::Consume | Scenario::ConsumeAck => {
                self.consume(job.count, job.scenario == Scenario::ConsumeAck, meter)
            }
            Scenario::Confirm => self.one_by_one(job.count, confirm_octets()?, meter),
            Scenario::PingPong => self.one_by_one(job.count, self.delivery.len(), meter),
        }
    }

    fn round_trip(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.declare)?;
        read_until(&mut self.stream, &self.declare_ok)
    }

    fn publish(&mut self, count: u64, meter: Meter) -> Result<(), Failure> {
        let in_block = (BUFFER / self.message.len()) as u64;
        let block = self.message.repeat(in_block as usize);
        let mut left = count;
        while left > 0 {
            let messages = left.min(in_block);
            let octets = messages as usize * self.message.len();
            self.stream.write_all(&block[..octets])?;
            left -= messages;
        }
        self.round_trip()?;
        meter.finish();
        Ok(())
    }

    fn large(&mut self, count: u64, meter: Meter) -> Result<(), Failure> {
        let payload = LARGE - START - 1;
        let mut octets = frame::start(FrameType::Body, CHANNEL, payload as u32).to_vec();
        octets.resize(LARGE - 1, 7);
        octets.push(frame::END);
        for _ in 0..count {
            self.stream.write_all(&octets)?;
        }
        self.round_trip()?;
        meter.finish();
        Ok(())
    }

    fn confirms(&mut self, count: u64, meter: Meter) -> Result<(), Failure> {
        let half = WINDOW as u64 / 2;
        let block = self.message.repeat(half as usize);
        let confirm = confirm_octets()?;
        let (mut sent, mut settled) = (0, 0);
        let mut input = vec![0; BUFFER];
        let mut filled = 0;
        while settled < count {
            while sent < count && sent - settled <= half {
                let messages = half.min(count - sent);
                self.stream
                    .write_all(&block[..messages as usize * self.message.len()])?;
                sent += messages;
            }
            filled += self.stream.read(&mut input[filled..])?;
            let whole = filled / confirm * confirm;
            if let Some(last) = input[..whole].chunks_exact(confirm).last() {
                settled = u64::from_be_bytes(last[START + 4..START + 12].try_into()?);
            }
            input.copy_within(whole..filled, 0);
            filled -= whole;
        }
        meter.finish();
        Ok(())
    }

    fn consume(&mut self, count: u64, acks: bool, meter: Meter) -> Result<(), Failure> {
        let ack = Tagged::ack(CHANNEL, false)?;
        let mut block = ack.block(BUFFER);
        let mut input = vec![0; BUFFER];
        let (mut octets, mut settled) = (0, 0);
        self.stream.write_all(&self.declare)?;
        while settled < count {
            octets += self.stream.read(&mut input)? as u64;
            let come = octets.saturating_sub(self.declare_ok.len() as u64) / self.delivery.len() as u64;
            if acks && come > settled {
                // A read has fewer deliveries than the block has acks.
                let octets = &mut block[..(come - settled) as usize * ack.len()];
                ack.renumber(octets, settled + 1);
                self.stream.write_all(octets)?;
            }
            settled = come;
        }
        if acks {
            self.round_trip()?;
        }
        meter.finish();
        Ok(())
    }

    fn one_by_one(&mut self, count: u64, reply: usize, mut meter: Meter) -> Result<(), Failure> {
        let mut input = vec![0; reply];
        for _ in 0..count {
            self.stream.write_all(&self.message)?;
            self.stream.read_exact(&mut input)?;
            meter.lap();
        }
        meter.finish();
        Ok(())
    }

    /// The same over tokio.
    async fn echo(self, job: &Job) -> Result<(), Failure> {
        let reply = match job.scenario {
            Scenario::Confirm => confirm_octets()?,
            Scenario::PingPong => self.delivery.len(),
            _ => return Err(job.unknown_variant()),
        };
        self.stream.set_nonblocking(true)?;
        let mut stream = tokio::net::TcpStream::from_std(self.stream)?;
        let mut input = vec![0; reply];
        let mut meter = job.start();
        for _ in 0..job.count {
            stream.write_all(&self.message).await?;
            stream.read_exact(&mut input).await?;
            meter.lap();
        }
        meter.finish();
        Ok(())
    }
}

/// Octets of a confirm.
fn confirm_octets() -> Result<usize, Failure> {
    Ok(Tagged::ack(CHANNEL, false)?.len())
}

/// Reads until what came last is `reply`.
fn read_until(stream: &mut TcpStream, reply: &[u8]) -> Result<(), Failure> {
    let mut input = Vec::new();
    let mut piece = [0; 4096];
    while !input.ends_with(reply) {
        match stream.read(&mut piece)? {
            0 => return Err("the broker is gone".into()),
            octets => input.extend_from_slice(&piece[..octets]),
        }
    }
    Ok(())
}
