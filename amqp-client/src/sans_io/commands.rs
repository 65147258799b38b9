//! Calls and other methods that users send on channels, and what becomes of a request that nobody waits for any more.
//! Registering what is expected and queueing the octets is one step.

use std::time::Instant;

use crate::methods::{basic, channel, confirm, connection, constants, tx};
use amqp_protocol::method::{Arguments, Request};

use super::channel::{Expectation, Purpose, TIMED_OUT_LIMIT, Waiter};
use super::confirms::{ConfirmOptions, Confirms};
use super::connection::Connection;
use super::event::{ChannelKey, Event, Reply, RequestId};
use super::timers::deadline;
use crate::error::{CallError, ChannelError};

impl Connection {
    /// Sends a method and awaits its reply, whatever its no-wait bit said before.
    ///
    /// # Errors
    ///
    /// When the channel is over, the method does not fit into a frame, or it is not the caller's to send: methods of
    /// connection, channel.open and close, basic.consume, cancel and get have commands of their own; and when the protocol
    /// [lacks](CallError::Unsupported) it. Nothing is sent then.
    pub fn call<M: Request>(
        &mut self,
        now: Instant,
        key: ChannelKey,
        mut method: M,
    ) -> Result<RequestId, CallError> {
        method.set_no_wait(false);
        self.put_call(key, &method)?;
        let purpose = match M::ID {
            basic::Recover::ID => Purpose::Recover,
            tx::Commit::ID => Purpose::Commit,
            _ => Purpose::Call,
        };
        Ok(self.expect::<M>(now, key, purpose))
    }

    /// Sends a request with its no-wait bit set: there will be no reply. If the server refuses it, it closes the channel.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and when the method has no such bit.
    pub fn send_no_wait<M: Request>(&mut self, key: ChannelKey, mut method: M) -> Result<(), CallError> {
        if !M::NO_WAIT {
            return Err(CallError::NotSendable { method: M::NAME });
        }
        method.set_no_wait(true);
        self.put_call(key, &method)
    }

    /// Sends a method that is never answered, such as basic.ack.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and when the method is one that is answered or carries content.
    pub fn send<M: Arguments>(&mut self, key: ChannelKey, method: &M) -> Result<(), CallError> {
        if M::SYNCHRONOUS {
            return Err(CallError::NotSendable { method: M::NAME });
        }
        let before = self.position();
        self.put_call(key, method)?;
        // What is never answered is an answer itself, to deliveries.
        self.count_answer(key.id, before);
        Ok(())
    }

    /// Fetches one message. The reply is basic.get-ok with the message as its content, or basic.get-empty.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and when a [shutdown](Self::shutdown) has begun.
    pub fn get(
        &mut self,
        now: Instant,
        key: ChannelKey,
        method: &basic::Get<'_>,
    ) -> Result<RequestId, CallError> {
        self.refuse_in_shutdown()?;
        self.channel(key)?;
        self.put_method(key.id, method)?;
        Ok(self.expect::<basic::Get<'_>>(
            now,
            key,
            Purpose::Get {
                no_ack: method.no_ack,
            },
        ))
    }

    /// Gives back what a reply brought that nobody took: a fetched message is requeued.
    pub fn discard_reply(&mut self, key: ChannelKey, reply: Reply) {
        if let Some(message) = reply.content.filter(|_| reply.unsettled) {
            self.note_settled();
            self.requeue(key, &message);
        }
    }

    /// Takes note that nobody waits for a request any more. What it asked for may still happen, but leaves no trace on
    /// this side: a tombstone swallows the reply, an opened channel is closed again, a started consumer cancelled, a
    /// fetched message requeued.
    pub fn abandon_request(&mut self, request: RequestId) {
        if let Some((_, key)) = self.call_deadlines.remove(&request) {
            // Reading may pause when nobody waits.
            self.sooner = true;
            if key == ChannelKey::CONNECTION {
                self.abandon_update(request);
            } else if let Some(channel) = self.channel_slot(key) {
                channel.bury(request, Waiter::Nobody);
            }
        }
        self.leave_gate(request);
        self.leave_outcomes(request);
    }

    /// Queues a method that a user may send.
    fn put_call<M: Arguments>(&mut self, key: ChannelKey, method: &M) -> Result<(), CallError> {
        let managed = match M::ID.class {
            connection::CLASS_ID => true,
            channel::CLASS_ID => M::ID != channel::Flow::ID,
            _ => [basic::Consume::ID, basic::Cancel::ID, basic::Get::ID].contains(&M::ID) || M::CONTENT,
        };
        if managed || !M::SENDERS.client {
            return Err(CallError::NotSendable { method: M::NAME });
        }
        let channel = self.channel(key)?;
        channel.qos_sent |= M::ID == basic::Qos::ID;
        self.put_method(key.id, method)?;
        if let Some(channel) = self.channel_slot(key) {
            match M::ID {
                // The server counts publishes from here on; a second select changes nothing.
                confirm::Select::ID => {
                    let fresh = || Box::new(Confirms::new(ConfirmOptions::default()));
                    channel.confirms.get_or_insert_with(fresh);
                }
                tx::Commit::ID => channel.begin_commit(),
                tx::Rollback::ID => channel.settled = channel.committed,
                _ => {}
            }
        }
        Ok(())
    }

    /// Registers the reply of a method just queued, with somebody who waits for it.
    pub(super) fn expect<M: Request>(
        &mut self,
        now: Instant,
        key: ChannelKey,
        purpose: Purpose,
    ) -> RequestId {
        let request = RequestId(self.next_id());
        self.sooner = true;
        self.call_deadlines
            .insert(request, (deadline(now, self.config.call_timeout), key));
        self.expect_for::<M>(key, Waiter::Waiting(request), purpose);
        request
    }

    /// Registers the reply of a method just queued.
    pub(super) fn expect_for<M: Request>(&mut self, key: ChannelKey, waiter: Waiter, purpose: Purpose) {
        if let Some(channel) = self.channel_slot(key) {
            channel
                .expectations
                .push_back(Expectation::of::<M>(waiter, purpose));
        }
    }

    /// Tells callers that waited too long; the second on one channel poisons it.
    pub(super) fn time_out_calls(&mut self, now: Instant) {
        while let Some(entry) = self
            .call_deadlines
            .first_entry()
            .filter(|entry| entry.get().0.is_some_and(|at| at <= now))
        {
            let (request, (_, key)) = entry.remove_entry();
            if key == ChannelKey::CONNECTION {
                self.time_out_update(request);
                continue;
            }
            let Some(channel) = self.channel_slot(key) else {
                continue;
            };
            let Some(method) = channel
                .bury(request, Waiter::TimedOut)
                .map(|expectation| expectation.method)
            else {
                continue;
            };
            channel.timed_out += 1;
            let timed_out = channel.timed_out;
            let poisoned = timed_out >= TIMED_OUT_LIMIT && !channel.is_closing();
            self.events.push_back(Event::Resolved {
                request,
                outcome: Err(CallError::TimedOut { method }),
            });
            if poisoned {
                self.poison(key, timed_out);
            }
        }
    }

    /// Closes a channel on which it is in doubt what a reply belongs to.
    fn poison(&mut self, key: ChannelKey, timed_out: u32) {
        let reason = ChannelError::Poisoned { timed_out };
        let Some(channel) = self.channel_slot(key) else {
            return;
        };
        let mut waiting = Vec::new();
        for expectation in &mut channel.expectations {
            if let Waiter::Waiting(request) = expectation.waiter {
                expectation.waiter = Waiter::Nobody;
                waiting.push(request);
            }
        }
        // A close may leave while a commit is under way; what waits behind the commit never does.
        channel.deferred.clear();
        for request in waiting {
            self.call_deadlines.remove(&request);
            self.events.push_back(Event::Resolved {
                request,
                outcome: Err(reason.clone().into()),
            });
        }
        self.shut_channel(key, constants::REPLY_SUCCESS, "calls timed out", reason);
    }
}
