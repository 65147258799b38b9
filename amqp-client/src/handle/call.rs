//! What a request becomes: a future, sent at the first poll, ready with its reply.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::methods::basic;
use amqp_protocol::method;

use super::channel::{Channel, ChannelHandle};
use super::request::{Begin, Detached, Request};
use super::style::Style;
use super::waiting::RoundTrip;
use crate::error::{CallError, ConnectionError, PeerViolation, Violation};
use crate::sans_io::{Connection, Reply, Settlement, State};
use crate::trace;

/// A request that the server does not answer. Made by [`Request::no_wait`].
#[derive(Debug, Clone)]
#[must_use = "a request is not sent until it is awaited, or `call` or `send` is called"]
pub struct NoWait<'a, C, M> {
    pub(crate) request: Request<'a, C, M>,
}

impl<'a, C, M> NoWait<'a, C, M> {
    pub(super) fn new(request: Request<'a, C, M>) -> Self {
        Self { request }
    }
}

impl<'a, S: Style, M: method::Request> Begin for Request<'a, Channel<S>, M> {
    type Output = Result<M::Reply, CallError>;
    type Future = Call<'a, M>;

    fn begin(self) -> Call<'a, M> {
        let (channel, method) = self.finish();
        Call::new(&channel.handle, method)
    }

    fn detach(begun: Call<'a, M>) -> Detached<Self::Output> {
        let sent = begun.round_trip.into_sent();
        Box::pin(async { decode(&sent.reply().await?) })
    }
}

impl<'a, S: Style, M: method::Request> Begin for NoWait<'a, Channel<S>, M> {
    type Output = Result<(), CallError>;
    type Future = SendNoWait<'a, M>;

    fn begin(self) -> SendNoWait<'a, M> {
        let (channel, method) = self.request.finish();
        SendNoWait {
            channel: &channel.handle,
            method: Some(method),
        }
    }

    fn detach(_: SendNoWait<'a, M>) -> Detached<Self::Output> {
        // It never is.
        Box::pin(pending())
    }
}

/// A method that is never answered, to be sent through the request builder.
#[derive(Debug, Clone)]
pub struct Unanswered<M>(pub(super) M);

/// The methods that are never answered, and how the core sends each.
macro_rules! unanswered {
    ($($method:ty => $command:expr),* $(,)?) => { $(
        impl<'a, S: Style> Begin for Request<'a, Channel<S>, Unanswered<$method>> {
            type Output = Result<(), CallError>;
            type Future = SendUnanswered<'a>;

            fn begin(self) -> SendUnanswered<'a> {
                let (channel, method) = self.finish();
                SendUnanswered {
                    channel: &channel.handle,
                    command: Some(method.map(|Unanswered(method)| $command(method))),
                }
            }

            fn detach(_: SendUnanswered<'a>) -> Detached<Self::Output> {
                // It never is.
                Box::pin(pending())
            }
        }
    )* };
}

unanswered! {
    basic::Ack => |ack| Command::Settle(Settlement::Ack(ack)),
    basic::Nack => |nack| Command::Settle(Settlement::Nack(nack)),
    basic::Reject => |reject| Command::Settle(Settlement::Reject(reject)),
    basic::RecoverAsync => Command::Recover,
}

#[derive(Debug)]
enum Command {
    Settle(Settlement),
    Recover(basic::RecoverAsync),
}

/// Sends a method that is never answered: done at the first poll.
///
/// Dropping it before the first poll sends nothing.
#[derive(Debug)]
#[must_use = "a request is only sent when it is awaited"]
pub struct SendUnanswered<'a> {
    channel: &'a ChannelHandle,
    command: Option<Result<Command, CallError>>,
}

impl Future for SendUnanswered<'_> {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(command) = self.command.take() else {
            return Poll::Pending;
        };
        let send = |command| match command {
            Command::Settle(settlement) => {
                let outcome = self.channel.with(|inner, key| inner.core.settle(key, settlement));
                trace::settled(None, settlement, &outcome);
                outcome
            }
            Command::Recover(recover) => self
                .channel
                .with(|inner, key| inner.core.recover_async(key, recover)),
        };
        Poll::Ready(command.and_then(send))
    }
}

/// A call: sent at the first poll, ready with its reply.
///
/// Dropping it before the first poll sends nothing; later it does not undo the call: the server carries it out, and the
/// reply is swallowed when it comes.
#[derive(Debug)]
#[must_use = "a call is only made when it is awaited"]
pub struct Call<'a, M> {
    round_trip: RoundTrip<'a, M>,
}

impl<'a, M: method::Request> Call<'a, M> {
    pub(super) fn new(channel: &'a Arc<ChannelHandle>, method: Result<M, CallError>) -> Self {
        Self {
            round_trip: RoundTrip::new(channel, M::NAME, method),
        }
    }
}

// Nothing in it is pinned.
impl<M> Unpin for Call<'_, M> {}

impl<M: method::Request> Future for Call<'_, M> {
    type Output = Result<M::Reply, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let send = |core: &mut Connection, now, key, method| core.call(now, key, method);
        let reply = ready!(self.round_trip.poll(cx, send))?;
        Poll::Ready(decode(&reply))
    }
}

/// Decodes a reply that the core has decoded before.
pub(super) fn decode<R: method::Reply>(reply: &Reply) -> Result<R, CallError> {
    reply.decode().map_err(|error| {
        let violation = PeerViolation {
            state: State::Open,
            kind: Violation::Malformed(error),
        };
        ConnectionError::PeerViolation(violation).into()
    })
}

/// Sends a request without waiting for anything: done at the first poll.
///
/// Dropping it before the first poll sends nothing.
#[derive(Debug)]
#[must_use = "a request is only sent when it is awaited"]
pub struct SendNoWait<'a, M> {
    channel: &'a ChannelHandle,
    method: Option<Result<M, CallError>>,
}

// Nothing in it is pinned.
impl<M> Unpin for SendNoWait<'_, M> {}

impl<M: method::Request> Future for SendNoWait<'_, M> {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(method) = self.method.take() else {
            return Poll::Pending;
        };
        let send = |method| {
            self.channel
                .with(|inner, key| inner.core.send_no_wait(key, method))
        };
        Poll::Ready(method.and_then(send))
    }
}
