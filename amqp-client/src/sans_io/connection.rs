//! The connection's state, and its two queues: octets out and events up. What frames mean, what commands do and when the
//! clock is looked at stands in the files beside this one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::methods::constants;
use amqp_protocol::ChannelId;
use amqp_protocol::frame;
use amqp_protocol::method::Arguments;
use bytes::{Bytes, BytesMut};

use super::answers::Answers;
use super::authentication::Authentication;
use super::blocks::Blocks;
use super::channel::Channel;
use super::confirms::Confirms;
use super::durations::Measured;
use super::event::{ChannelKey, Event, RequestId, State};
use super::gate::Gate;
use super::heartbeat::Heartbeat;
use super::limits::Buffered;
use super::outcomes::OutcomesWaiter;
use super::outgoing::Outgoing;
use super::shutdown::{Shutdown, Unfinished};
use super::slots::Consumers;
use super::stats::{Spells, Stats};
use super::timers::deadline;
use crate::config::Config;
use crate::dialect::Dialect;
use crate::error::{CallError, ChannelError, ConnectionError, Violation};
use crate::server_properties::ServerProperties;

/// What may be sent before connection.tune says otherwise, in octets of a whole frame.
pub(super) const FRAME_MIN: u32 = constants::FRAME_MIN_SIZE as u32;

/// One AMQP connection without a transport: octets in, events out; commands in, octets out.
///
/// Its owner moves octets and time: it gives what it reads to [`receive`](Self::receive), writes what
/// [`take_outgoing`](Self::take_outgoing) hands out and says so to [`transmitted`](Self::transmitted), calls
/// [`handle_timeout`](Self::handle_timeout) by [`poll_timeout`](Self::poll_timeout), and after each of these, and after
/// commands, takes the events from [`poll_event`](Self::poll_event). The same inputs always give the same outputs.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Config,
    /// Between the vocabulary and what is on the wire.
    pub(super) dialect: Dialect,
    pub(super) state: State,
    /// Whether it ever was open.
    pub(crate) was_open: bool,
    /// Why it ended; set once.
    pub(super) error: Option<ConnectionError>,
    /// When the handshake, or the close, has taken too long.
    pub(super) deadline: Option<Instant>,
    /// Whether something was done since [`next_timeout`](Self::next_timeout) for which the clock may have to be looked at
    /// sooner.
    pub(super) sooner: bool,
    /// Whether close waits for the server's close-ok.
    pub(super) awaits_close_ok: bool,

    outgoing: Outgoing,
    /// Octets queued, handed to the transport, and taken by it, since the connection began.
    queued: u64,
    taken: u64,
    transmitted: u64,
    /// The time of the first publish since something was handed to the transport, where it was looked at.
    pub(super) batch_began: Option<Instant>,
    pub(super) answers: Answers,
    /// While the transport takes nothing though octets wait for it, as far as it was looked at.
    pub(super) stalled: Spells,
    /// The largest frame that may be sent, its envelope included.
    pub(super) send_frame_max: u32,
    /// The largest frame that is accepted.
    pub(super) receive_frame_max: u32,
    /// Whether the setting made it smaller than the server proposed.
    pub(super) lowered_frame_max: bool,
    pub(super) authentication: Authentication,

    pub(super) channel_max: u16,
    /// Channels by number; channel 1 is at index 0.
    pub(super) channels: Vec<Option<Box<Channel>>>,
    /// Channels that the server closed, until their numbers are opened anew.
    pub(super) closed_by_server: BTreeSet<ChannelId>,
    /// Why channels ended, until their owners let them go.
    pub(super) ended_channels: BTreeMap<ChannelKey, ChannelError>,
    pub(super) consumers: Consumers,
    /// Whether each delivery is announced, not only the first of those that wait.
    pub(super) announces_each_delivery: bool,
    /// When each request with a waiter times out, if ever, and on which channel. Ids ascend and every call has the same
    /// time, so the first is always the next.
    pub(super) call_deadlines: BTreeMap<RequestId, (Option<Instant>, ChannelKey)>,
    /// What holds publishing back.
    pub(super) gate: Gate,
    /// Those who wait until publishes are settled.
    pub(super) outcomes_waiters: Vec<OutcomesWaiter>,
    /// When to look whether the publishes of a channel have waited too long.
    pub(super) confirm_deadlines: BTreeSet<(Instant, ChannelKey)>,
    /// Publishes of channels that are over, while somebody may ask what became of them.
    pub(super) ended_confirms: BTreeMap<ChannelKey, Box<Confirms>>,
    /// Where small messages are copied to.
    pub(super) blocks: Blocks,
    /// Received data that nobody took yet.
    pub(super) buffered: Buffered,
    /// Octets of memory that hold what has come of incomplete messages.
    pub(super) assembling: usize,
    /// Deliveries that were handed out, and are neither settled nor given up.
    pub(super) unsettled: usize,
    pub(super) shutdown: Option<Shutdown>,
    /// What a shutdown left behind, once the connection has ended.
    pub(super) unfinished: Option<Unfinished>,
    /// What is counted; [`stats`](Self::stats) adds what is the case.
    pub(super) stats: Stats,
    /// While the server blocks publishing, and while reading is paused.
    pub(super) blocked: Spells,
    pub(super) paused: Spells,
    pub(crate) measured: Measured,
    /// Deliveries settled since the transport took something: when they came, and how many at a time.
    pub(super) just_settled: Vec<(Instant, usize)>,
    next_id: u64,

    pub(super) heartbeat: Heartbeat,
    pub(super) events: VecDeque<Event>,
    pub(super) server_properties: ServerProperties,
}

impl Connection {
    /// Begins a connection: the protocol header is queued. Next: [`take_outgoing`](Self::take_outgoing).
    pub fn new(config: Config, now: Instant) -> Self {
        let receive_frame_max = match config.frame_max {
            0 => Config::default().frame_max,
            octets => octets.max(FRAME_MIN),
        };
        let mut connection = Self {
            dialect: Dialect::new(config.protocol),
            state: State::AwaitingStart,
            was_open: false,
            error: None,
            deadline: deadline(now, config.handshake_timeout),
            sooner: false,
            awaits_close_ok: false,
            outgoing: Outgoing::new(),
            queued: 0,
            taken: 0,
            transmitted: 0,
            batch_began: None,
            answers: Answers::default(),
            stalled: Spells::default(),
            send_frame_max: FRAME_MIN,
            receive_frame_max,
            lowered_frame_max: false,
            authentication: Authentication::default(),
            channel_max: 0,
            channels: Vec::new(),
            closed_by_server: BTreeSet::new(),
            ended_channels: BTreeMap::new(),
            consumers: Consumers::default(),
            announces_each_delivery: false,
            call_deadlines: BTreeMap::new(),
            gate: Gate::default(),
            outcomes_waiters: Vec::new(),
            confirm_deadlines: BTreeSet::new(),
            ended_confirms: BTreeMap::new(),
            blocks: Blocks::default(),
            buffered: Buffered::default(),
            assembling: 0,
            unsettled: 0,
            shutdown: None,
            unfinished: None,
            stats: Stats::default(),
            blocked: Spells::default(),
            paused: Spells::default(),
            measured: Measured::default(),
            just_settled: Vec::new(),
            next_id: 0,
            heartbeat: Heartbeat::new(now),
            events: VecDeque::new(),
            server_properties: ServerProperties::default(),
            config,
        };
        let header = connection.config.protocol.header();
        connection.put(|octets| octets.extend_from_slice(&header.octets()));
        connection
    }

    /// Takes whole frames from the front of `input` and leaves the rest, which must be there again with more behind it at
    /// the next call. Call it after each read; then take events and outgoing octets.
    ///
    /// # Errors
    ///
    /// The error that ended the connection, now or before. What must still be sent is queued.
    pub fn receive(&mut self, now: Instant, input: &mut BytesMut) -> Result<(), ConnectionError> {
        self.heartbeat.attend(now);
        self.heartbeat.received(now);
        let before = input.len();
        while self.state != State::Closed && !input.is_empty() {
            let received = match self.receive_deliveries(now, input) {
                true => Ok(true),
                false => self.receive_frame(now, input),
            };
            match received {
                Ok(true) => self.limit_answers(now),
                Ok(false) => break,
                Err(kind) => {
                    // What follows broken framing has no meaning.
                    let broken = matches!(kind, Violation::Malformed(error) if error.context.starts_with("frame."))
                        || self.state == State::AwaitingStart;
                    self.fail(now, kind);
                    if broken {
                        input.clear();
                        self.awaits_close_ok = false;
                        break;
                    }
                }
            }
        }
        self.stats.octets_received += (before - input.len()) as u64;
        self.blocks.forget();
        self.unshare_blocks();
        self.settle_state();
        self.update_pause(now);
        if self.gate.blocked.is_some() {
            self.stalled.end(now);
        }
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The next event. Call it until it has none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether [`poll_event`](Self::poll_event) has one.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Moves all queued octets into an empty batch; a batch that is not empty is left alone. Write the batch to the
    /// transport, in order.
    pub fn take_outgoing(&mut self, batch: &mut Outgoing) {
        if batch.is_empty() && self.taken < self.queued {
            batch.clear();
            std::mem::swap(batch, &mut self.outgoing);
            self.taken = self.queued;
            self.batch_began = None;
        }
    }

    /// Takes note that the transport took this many more octets.
    pub fn transmitted(&mut self, now: Instant, octets: u64) {
        self.transmitted += octets;
        self.answers.transmitted(self.transmitted, self.queued);
        self.stalled.end(now);
        self.heartbeat.attend(now);
        self.heartbeat.sent(now);
        for (received, count) in self.just_settled.drain(..) {
            self.measured.settlements.note(received, now, count as u64);
        }
        self.settle_state();
        self.note_room();
    }

    /// Whether [`take_outgoing`](Self::take_outgoing) has something.
    pub fn wants_write(&self) -> bool {
        self.taken < self.queued && self.state != State::Closed
    }

    /// What the connection is doing.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why the connection ended, once it has. It never changes, but for an orderly close that the server does not answer.
    pub fn error(&self) -> Option<&ConnectionError> {
        self.error.as_ref()
    }

    /// What the server said of itself in connection.start; empty before.
    pub fn server_properties(&self) -> &ServerProperties {
        &self.server_properties
    }

    /// Other hosts of the virtual host, each as `host` or `host:port`: what the server said in connection.open-ok, where the
    /// protocol has that (AMQP 0-8). RabbitMQ names none.
    pub fn known_hosts(&self) -> &[String] {
        self.dialect.known_hosts()
    }

    /// The settings it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Gives back what was queued and will never leave.
    pub(super) fn drop_outgoing(&mut self) {
        self.outgoing = Outgoing::new();
        self.taken = self.queued;
    }

    /// Gives back the room that a load has made. To do so as soon as nothing waits would have it made again and again while
    /// there is a load.
    pub(super) fn shrink(&mut self) {
        self.drop_outgoing();
        self.events.shrink_to_fit();
    }

    /// Octets queued and not yet taken by the transport.
    pub(super) fn backlog(&self) -> u64 {
        self.queued - self.transmitted
    }

    /// How far the transport has taken the outgoing stream.
    pub(super) fn transmitted_position(&self) -> u64 {
        self.transmitted
    }

    /// Whether the transport has taken all that was handed to it.
    pub(super) fn is_transport_idle(&self) -> bool {
        self.transmitted == self.taken
    }

    /// The position in the outgoing stream where the next octet goes.
    pub(super) fn position(&self) -> u64 {
        self.queued
    }

    /// An id for a request, a consumer or a channel's opening.
    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Appends octets to the outgoing stream.
    #[inline]
    pub(super) fn put<R>(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let (result, octets) = self.outgoing.encode(encode);
        self.queued += octets as u64;
        result
    }

    /// Appends octets to the outgoing stream without a copy.
    pub(super) fn put_shared(&mut self, octets: Bytes) {
        self.queued += octets.len() as u64;
        self.outgoing.push_shared(octets);
    }

    /// Appends a method frame, at once or [behind a commit](super::transactions). A method that is too large, or that the
    /// protocol lacks, is an error, and leaves everything as it was.
    pub(super) fn put_method<M: Arguments>(
        &mut self,
        channel: ChannelId,
        method: &M,
    ) -> Result<(), CallError> {
        if self.dialect.translator(channel).is_some() {
            let mut frame = Vec::new();
            self.write_method(&mut frame, channel, method)?;
            self.put_frame(channel, &frame);
            return Ok(());
        }
        let frame_max = self.send_frame_max;
        let encode = |octets: &mut Vec<u8>| frame::write_method(octets, channel, method, frame_max);
        let written = match self.deferred(channel) {
            Some(octets) => encode(octets),
            None => self.put(encode),
        };
        written.map_err(|error| CallError::FrameTooLarge {
            method: M::NAME,
            error,
        })
    }

    /// Writes a method frame that [`put_method`](Self::put_method) would append, with the same errors.
    pub(super) fn write_method<M: Arguments>(
        &self,
        out: &mut Vec<u8>,
        channel: ChannelId,
        method: &M,
    ) -> Result<(), CallError> {
        let frame_max = self.send_frame_max;
        match self.dialect.translator(channel) {
            None => frame::write_method(out, channel, method, frame_max).map_err(|error| {
                CallError::FrameTooLarge {
                    method: M::NAME,
                    error,
                }
            }),
            Some(translator) => translator.write_method(out, channel, method, frame_max),
        }
    }

    /// Appends a frame where [`put_method`](Self::put_method) would.
    pub(super) fn put_frame(&mut self, channel: ChannelId, frame: &[u8]) {
        match self.deferred(channel) {
            Some(octets) => octets.extend_from_slice(frame),
            None => self.put(|octets| octets.extend_from_slice(frame)),
        }
    }
}
