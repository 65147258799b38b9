//! How many octets may wait for the transport that the server makes us send: settlements of what it delivers, and the
//! answers to channel.flow, to basic.cancel and to closes. What they say stands elsewhere.

use std::time::Instant;

use amqp_protocol::ChannelId;
use amqp_protocol::method::Arguments;

use super::connection::Connection;
use crate::error::ConnectionError;

/// Answers that the transport has not taken, counted in octets. Those before the mark go all at once, when the transport
/// has reached it; so there are never more than this says.
#[derive(Debug, Default)]
pub(super) struct Answers {
    before_mark: u64,
    behind_mark: u64,
    /// A position in the outgoing stream.
    mark: u64,
    /// Most that one commit holds back on its channel.
    deferred: u64,
}

impl Answers {
    fn waiting(&self) -> u64 {
        (self.before_mark + self.behind_mark).max(self.deferred)
    }

    /// The transport has taken the stream so far, of so much that is queued.
    pub(super) fn transmitted(&mut self, transmitted: u64, queued: u64) {
        if transmitted >= self.mark {
            self.before_mark = std::mem::take(&mut self.behind_mark);
            self.mark = queued;
        }
    }
}

impl Connection {
    /// Answers something that the server sent.
    pub(super) fn put_answer<M: Arguments>(&mut self, channel: ChannelId, method: &M) {
        let before = self.position();
        // Each is smaller than the smallest frame.
        let _ = self.put_method(channel, method);
        self.count_answer(channel, before);
    }

    /// Counts what was queued for a channel since the stream was at this position.
    pub(super) fn count_answer(&mut self, channel: ChannelId, before: u64) {
        match self.position() - before {
            0 => {
                let deferred = self.deferred(channel).map_or(0, |octets| octets.len() as u64);
                self.answers.deferred = self.answers.deferred.max(deferred);
            }
            octets => self.answers.behind_mark += octets,
        }
    }

    /// Ends a connection whose server makes us answer and takes no answers. To stop reading instead would be for ever, if
    /// the server does not read before we do.
    #[inline]
    pub(super) fn limit_answers(&mut self, now: Instant) {
        let limit = self.config.receive_buffer;
        if self.answers.waiting() > limit as u64 {
            self.abandon(now, ConnectionError::AnswersNotTaken { limit });
        }
    }
}
