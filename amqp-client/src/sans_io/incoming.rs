//! What received frames mean. Where frames begin and end is `amqp_protocol::frame`'s, how messages are put
//! together `content`'s.

use std::time::Instant;

use crate::methods::{Method, basic, channel, connection};
use amqp_protocol::frame::{FrameType, HEARTBEAT, Parsed, RawFrame, START_LEN};
use amqp_protocol::header::ProtocolHeader;
use amqp_protocol::method::{Arguments, Decode};
use amqp_protocol::{ChannelId, MethodId, Reader, ReplyCode, ShortStr};
use bytes::{Buf, Bytes, BytesMut};

use super::assembly::{Assembly, Lookahead, Misfit, Whole};
use super::channel::{Expectation, Purpose, Subscriber, Waiter};
use super::connection::Connection;
use super::content::{Addressee, Heading, Message};
use super::event::{ChannelKey, Event, Reply, State};
use super::outcomes::decode_ack;
use crate::dialect::{OnChannel, OnConnection};
use crate::error::{ChannelError, Close, ConnectionError, Violation};

/// How the answer of a server begins that took our protocol header for TLS: the content type of an alert, which is no
/// type of frame, and the major version (RFC 8446, section 5.1).
const TLS_ALERT: u8 = 21;
const TLS_MAJOR: u8 = 3;

impl Connection {
    /// Handles the frame at the front of the input; false when there is no whole one.
    pub(super) fn receive_frame(&mut self, now: Instant, input: &mut BytesMut) -> Result<bool, Violation> {
        if self.state == State::AwaitingStart {
            match **input {
                [b'A', ..] => return self.receive_protocol_header(now, input),
                [TLS_ALERT] => return Ok(false),
                [TLS_ALERT, TLS_MAJOR, ..] => {
                    input.clear();
                    self.end(now, ConnectionError::ServerSpeaksTls, None);
                    return Ok(false);
                }
                _ => {}
            }
        }
        let frame_max = self.receive_frame_max;
        let frame = match RawFrame::parse(input, frame_max).map_err(Violation::Malformed)? {
            Parsed::Complete(frame) => frame,
            Parsed::Incomplete { .. } => return Ok(false),
        };
        let frame_len = frame.encoded_len();
        let (frame_type, id, payload) = (frame.frame_type, frame.channel, frame.payload);
        if self.error().is_some() {
            self.receive_while_closing(frame);
            input.advance(frame_len);
            return Ok(true);
        }
        if frame_type == FrameType::Heartbeat {
            input.advance(HEARTBEAT.len());
            return Ok(true);
        }
        if id.0 == 0 {
            if frame_type != FrameType::Method {
                return Err(Violation::UnexpectedFrame { channel: id });
            }
            self.receive_connection_method(now, payload)?;
            input.advance(frame_len);
            return Ok(true);
        }
        if self.is_left_over(id, frame_type, payload) {
            input.advance(frame_len);
            return Ok(true);
        }
        let Some(channel) = self
            .channels
            .get_mut(usize::from(id.0) - 1)
            .and_then(Option::as_deref_mut)
        else {
            return Err(Violation::ChannelNotOpen { channel: id });
        };
        let key = channel.key;
        if let Some(assembly) = &mut channel.assembly {
            let before = assembly.footprint();
            let pushed = assembly.push(frame_type, payload, self.config.body_max);
            self.assembling = self.assembling - before + assembly.footprint();
            let complete = pushed.map_err(|misfit| match misfit {
                Misfit::Unexpected => Violation::UnexpectedFrame { channel: id },
                Misfit::TooLong => Violation::BodyTooLong { channel: id },
                Misfit::Malformed(error) => Violation::Malformed(error),
            })?;
            input.advance(frame_len);
            match channel.assembly.take_if(|_| complete) {
                Some(assembly) => {
                    self.drop_assembly(Some(&assembly));
                    if let Some(message) = assembly.finish()
                        && let Some(heading) = message.heading()
                    {
                        let target = self.target(now, key, &heading)?;
                        self.hand_over(now, key, target, message)?;
                    }
                }
                None => self.shed(),
            }
            return Ok(true);
        }
        if frame_type != FrameType::Method {
            return Err(Violation::UnexpectedFrame { channel: id });
        }
        if self.dialect.translator(id).is_none()
            && let Some(ack) = decode_ack(payload).map_err(Violation::Malformed)?
        {
            input.advance(frame_len);
            self.receive_confirm(now, key, ack.delivery_tag, ack.multiple, true)?;
            return Ok(true);
        }
        if let Some(heading) = Heading::decode(payload).map_err(Violation::Malformed)? {
            let delivery_tag = heading.delivery_tag;
            match Whole::look(input, &frame, frame_max, self.config.body_max).map_err(Violation::Malformed)? {
                Lookahead::Incomplete => return Ok(false),
                Lookahead::Whole(whole) => {
                    let target = self.target(now, key, &heading)?;
                    let message = whole.take(input, delivery_tag);
                    self.hand_over(now, key, target, message)?;
                }
                Lookahead::Scattered => {
                    let assembly = Assembly::new(payload, delivery_tag);
                    input.advance(frame_len);
                    self.assembling += assembly.footprint();
                    channel.assembly = Some(assembly);
                    self.shed();
                }
            }
            return Ok(true);
        }
        let payload = take_payload(input, frame_len);
        self.receive_channel_method(now, key, payload)?;
        Ok(true)
    }

    /// Whether the server sent this on a channel that it had closed before. RabbitMQ goes on delivering until it has our
    /// close-ok; what belongs to the number's next use begins with channel.open-ok, or with a close that refuses it.
    fn is_left_over(&mut self, id: ChannelId, frame_type: FrameType, payload: &[u8]) -> bool {
        if !self.closed_by_server.contains(&id) {
            return false;
        }
        let begins = frame_type == FrameType::Method
            && matches!(
                Reader::new(payload).method_id("method"),
                Ok(channel::OpenOk::ID | channel::Close::ID)
            );
        if begins {
            self.closed_by_server.remove(&id);
        }
        !begins
    }

    /// A server that does not speak our version answers with a header of its own and closes.
    fn receive_protocol_header(&mut self, now: Instant, input: &mut BytesMut) -> Result<bool, Violation> {
        let header = match ProtocolHeader::parse(input) {
            Ok(Parsed::Complete(header)) => header,
            Ok(Parsed::Incomplete { .. }) => return Ok(false),
            Err(error) => return Err(Violation::Malformed(error)),
        };
        input.clear();
        let refused = ConnectionError::VersionRefused {
            wanted: self.config.protocol,
            offered: header,
        };
        self.end(now, refused, None);
        Ok(false)
    }

    /// After the end only the answer to our close matters, or a close that crosses it.
    fn receive_while_closing(&mut self, frame: RawFrame<'_>) {
        if frame.channel.0 != 0 || frame.frame_type != FrameType::Method {
            return;
        }
        let Ok(OnConnection::Method(payload)) = self.dialect.receive_on_connection(frame.payload) else {
            return;
        };
        match Reader::new(&payload).method_id("method") {
            Ok(connection::CloseOk::ID) => self.awaits_close_ok = false,
            Ok(connection::Close::ID) => {
                self.put_answer(ChannelId(0), &connection::CloseOk {});
            }
            _ => {}
        }
    }

    fn receive_connection_method(&mut self, now: Instant, payload: &[u8]) -> Result<(), Violation> {
        let payload = match self.dialect.receive_on_connection(payload)? {
            OnConnection::Method(payload) => payload,
            OnConnection::Redirect { host, known_hosts } => {
                return self.handle_redirect(now, host, known_hosts);
            }
        };
        let method = decode(&payload)?;
        let unexpected = Violation::UnexpectedMethod {
            channel: ChannelId(0),
            method: method.id(),
        };
        let Method::Connection(method) = method else {
            return Err(unexpected);
        };
        match (self.state, method) {
            (State::AwaitingStart, connection::Method::Start(start)) => self.handle_start(now, start),
            (State::AwaitingTune, connection::Method::Secure(secure)) => self.handle_secure(now, &secure),
            (State::AwaitingTune, connection::Method::Tune(tune)) => self.handle_tune(now, tune),
            (State::AwaitingOpenOk, connection::Method::OpenOk(_)) => self.handle_open_ok(),
            (State::Open, connection::Method::Blocked(blocked)) => {
                self.server_blocks(now, blocked.reason.to_str_lossy().into());
            }
            (State::Open, connection::Method::Unblocked(_)) => {
                self.server_unblocks(now);
            }
            (State::Open, connection::Method::UpdateSecretOk(_)) if self.secret_updated(&payload) => {}
            (_, connection::Method::Close(close)) => {
                let close = self.reason(
                    close.reply_code,
                    &close.reply_text,
                    (close.class_id, close.method_id),
                );
                let error = self.closed_by_server(close);
                self.end(now, error, None);
                let _ = self.put_method(ChannelId(0), &connection::CloseOk {});
            }
            _ => return Err(unexpected),
        }
        Ok(())
    }

    /// What a close says. The method that it blames is none when its class is 0.
    fn reason(&self, reply_code: ReplyCode, text: &ShortStr<'_>, (class, method): (u16, u16)) -> Close {
        Close {
            reply_code,
            reply_text: text.to_str_lossy().into_owned(),
            method: (class != 0).then_some(MethodId { class, method }),
            connection_name: self.config.connection_name.as_deref().map(Into::into),
        }
    }

    fn receive_channel_method(
        &mut self,
        now: Instant,
        key: ChannelKey,
        payload: Bytes,
    ) -> Result<(), Violation> {
        let id = key.id;
        let payload = match self.dialect.receive_on_channel(id, payload)? {
            OnChannel::Method(payload) => payload,
            OnChannel::Answer(frame) => {
                // The server takes nothing more behind a close.
                if self.channel(key).is_ok() {
                    self.put(|octets| octets.extend_from_slice(&frame));
                }
                return Ok(());
            }
            OnChannel::Nothing => return Ok(()),
        };
        let method = decode(&payload)?;
        let method_id = method.id();
        let unexpected = Violation::UnexpectedMethod {
            channel: id,
            method: method_id,
        };
        match method {
            Method::Basic(basic::Method::Nack(nack)) => {
                self.receive_confirm(now, key, nack.delivery_tag, nack.multiple, false)?;
            }
            Method::Basic(basic::Method::Cancel(cancel)) => {
                self.cancelled_by_server(key, &cancel.consumer_tag);
                if !cancel.no_wait {
                    let cancel_ok = basic::CancelOk {
                        consumer_tag: cancel.consumer_tag,
                    };
                    self.put_answer(id, &cancel_ok);
                }
            }
            Method::Channel(channel::Method::Flow(flow)) => {
                self.put_answer(id, &channel::FlowOk { active: flow.active });
                self.set_flow(key, flow.active);
            }
            Method::Channel(channel::Method::CloseOk(_)) => {
                if !self.channel_close_ok(key, &payload) {
                    return Err(unexpected);
                }
            }
            Method::Channel(channel::Method::Close(close)) => {
                let close = self.reason(
                    close.reply_code,
                    &close.reply_text,
                    (close.class_id, close.method_id),
                );
                let reason = ChannelError::ClosedByServer(close);
                self.put_deferred(key);
                self.put_answer(id, &channel::CloseOk {});
                self.channel_closed_by_server(key, &reason);
            }
            reply => {
                let tag = match &reply {
                    Method::Basic(basic::Method::ConsumeOk(consume_ok)) => Some(&consume_ok.consumer_tag),
                    Method::Basic(basic::Method::CancelOk(cancel_ok)) => Some(&cancel_ok.consumer_tag),
                    _ => None,
                };
                self.receive_reply(now, key, method_id, tag, payload.clone(), None)
                    .map_err(|NotExpected| unexpected)?;
            }
        }
        Ok(())
    }

    /// Hands a reply to the request that it answers; an error when that one awaits another, or none is due. Replies to
    /// basic.consume and basic.cancel are known by their tag, all others by their order.
    fn receive_reply(
        &mut self,
        now: Instant,
        key: ChannelKey,
        id: MethodId,
        tag: Option<&ShortStr<'_>>,
        octets: Bytes,
        content: Option<Message>,
    ) -> Result<(), NotExpected> {
        let channel = self.channel_slot(key).ok_or(NotExpected)?;
        let Expectation { waiter, purpose, .. } = channel.fulfil(id, tag).ok_or(NotExpected)?;
        if waiter == Waiter::TimedOut {
            channel.timed_out -= 1;
        }
        let buried = !matches!(waiter, Waiter::Waiting(_));
        let mut unsettled = false;
        match purpose {
            Purpose::OpenChannel => self.channel_opened(key, buried),
            // Close-ok has been taken care of, and nothing else answers a close.
            Purpose::CloseChannel => return Err(NotExpected),
            Purpose::Consume { subscriber, tag } => self.consume_ok(key, subscriber, &tag, buried),
            Purpose::Cancel { tag, end } => self.cancel_ok(key, &tag, end),
            Purpose::Get { no_ack } => unsettled = !no_ack,
            Purpose::Recover => self.recovered(key),
            Purpose::Commit => self.commit_answered(key),
            Purpose::Call => {}
        }
        let reply = Reply {
            octets,
            content,
            unsettled,
        };
        if let Some(message) = reply.content.as_ref().filter(|_| reply.unsettled) {
            self.unsettled += 1;
            self.must_settle(now, key, message.delivery_tag());
        }
        match waiter {
            Waiter::Waiting(request) => {
                self.call_deadlines.remove(&request);
                self.events.push_back(Event::Resolved {
                    request,
                    outcome: Ok(reply),
                });
            }
            Waiter::Nobody | Waiter::TimedOut => self.discard_reply(key, reply),
        }
        Ok(())
    }

    /// Whom a message is for, who exists or not.
    #[inline]
    fn target(&mut self, now: Instant, key: ChannelKey, heading: &Heading<'_>) -> Result<Target, Violation> {
        let delivery_tag = heading.delivery_tag;
        Ok(match &heading.to {
            Addressee::Consumer(tag) => {
                Target::Consumer(self.delivered(now, key, tag.as_bytes(), delivery_tag)?)
            }
            Addressee::Caller => {
                if let Some(channel) = self.channel_slot(key) {
                    channel.delivered = delivery_tag.0;
                }
                Target::Caller
            }
            Addressee::Publisher => Target::Publisher,
        })
    }

    /// Hands a complete message to whom it is for.
    fn hand_over(
        &mut self,
        now: Instant,
        key: ChannelKey,
        target: Target,
        message: Message,
    ) -> Result<(), Violation> {
        match target {
            Target::Publisher => self.stats.messages_returned += 1,
            Target::Consumer(_) | Target::Caller => self.stats.messages_delivered += 1,
        }
        match target {
            Target::Consumer(subscriber) => self.deliver(key, subscriber, message),
            Target::Publisher => self.receive_return(key, message),
            Target::Caller => {
                let octets = message.method_octets();
                self.receive_reply(now, key, basic::GetOk::ID, None, octets, Some(message))
                    .map_err(|NotExpected| Violation::UnexpectedMethod {
                        channel: key.id,
                        method: basic::GetOk::ID,
                    })?;
            }
        }
        Ok(())
    }
}

/// Who gets a message.
enum Target {
    /// Nobody when its channel is closing.
    Consumer(Option<Subscriber>),
    Publisher,
    /// The caller of basic.get.
    Caller,
}

/// A reply that cannot be the one that is due.
struct NotExpected;

/// Takes the complete frame at the front and gives its payload.
fn take_payload(input: &mut BytesMut, frame_len: usize) -> Bytes {
    let mut frame = input.split_to(frame_len);
    frame.truncate(frame_len - 1);
    frame.freeze().split_off(START_LEN)
}

/// The method in a payload, to its last octet.
fn decode(payload: &[u8]) -> Result<Method<'_>, Violation> {
    let mut reader = Reader::new(payload);
    let method = Method::decode(&mut reader).map_err(Violation::Malformed)?;
    reader.finish("method").map_err(Violation::Malformed)?;
    Ok(method)
}
