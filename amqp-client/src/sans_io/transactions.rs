//! What leaves while tx.commit is under way: nothing on its channel. RabbitMQ closes the whole connection (504) for any
//! method but channel.close that reaches it before it has answered the commit.

use amqp_protocol::ChannelId;

use super::channel::Channel;
use super::connection::Connection;
use super::event::ChannelKey;

impl Channel {
    /// tx.commit was put: what is put from here on waits for its answer.
    pub(super) fn begin_commit(&mut self) {
        self.committed = self.settled;
        self.deferred.push_back(Vec::new());
    }
}

impl Connection {
    /// Where the frames of a channel go while it waits for an answer to tx.commit.
    pub(super) fn deferred(&mut self, id: ChannelId) -> Option<&mut Vec<u8>> {
        let slot = self.channels.get_mut(usize::from(id.0).checked_sub(1)?)?;
        slot.as_deref_mut()?.deferred.back_mut()
    }

    /// tx.commit-ok came: what waited for it leaves, up to the next commit.
    pub(super) fn commit_answered(&mut self, key: ChannelKey) {
        let run = self
            .channel_slot(key)
            .and_then(|channel| channel.deferred.pop_front());
        if let Some(frames) = run {
            self.put(|octets| octets.extend_from_slice(&frames));
        }
        self.open_gate();
    }

    /// The server has closed the channel and takes notice of nothing but a close: what waited leaves, and no longer waits.
    pub(super) fn put_deferred(&mut self, key: ChannelKey) {
        let Some(channel) = self.channel_slot(key) else {
            return;
        };
        for frames in std::mem::take(&mut channel.deferred) {
            self.put(|octets| octets.extend_from_slice(&frames));
        }
    }
}
