//! The publishes of one channel in confirm mode: their numbers, which of them the server has settled, and what became of
//! those whose owner wants to know. Who is told, and when to look at the clock, stands in `outcomes`.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use amqp_protocol::DeliveryTag;

use super::durations::Durations;
use super::event::{ChannelKey, Event};
use super::returns::Returned;
use super::stats::Stats;
use super::timers::deadline;
use crate::error::{ChannelError, PublishError, UnknownReason};

/// How a channel publishes in confirm mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfirmOptions {
    /// How many publishes may be unsettled before the next one waits; at least one may. Default: 10,000.
    pub max_unconfirmed: usize,
    /// How many octets unsettled publishes may have, their frames included, before the next one waits. The publish that
    /// reaches the limit may exceed it. Default: 67,108,864.
    pub max_unconfirmed_octets: u64,
    /// How long the server may take to settle a publish before its fate counts as unknown; [`Duration::MAX`] is for ever.
    /// The time begins with the first of those that leave in one write. Default: 60 seconds.
    pub confirm_timeout: Duration,
    /// Whether mandatory publishes carry their number in the header [`RETURN_HEADER`](super::RETURN_HEADER), which makes
    /// it certain which of several equal messages was returned. Default: false.
    pub return_header: bool,
}

impl Default for ConfirmOptions {
    fn default() -> Self {
        Self {
            max_unconfirmed: 10_000,
            max_unconfirmed_octets: 64 << 20,
            confirm_timeout: Duration::from_secs(60),
            return_header: false,
        }
    }
}

/// What settling tells the rest of the connection.
pub(super) struct Outside<'a> {
    pub(super) key: ChannelKey,
    pub(super) events: &'a mut VecDeque<Event>,
    pub(super) stats: &'a mut Stats,
    pub(super) durations: &'a mut Durations,
}

/// How a publish ended that was not just confirmed.
#[derive(Debug, Clone)]
enum Failure {
    Nacked,
    Returned(Box<Returned>),
    NotSent,
    /// The channel ended.
    Lost,
    TimedOut,
}

/// A publish that the server has not settled, or that waits for an earlier one to be settled.
#[derive(Debug)]
struct Publish {
    /// Where its last octet ends in the outgoing stream.
    end: u64,
    octets: u64,
    queued: Instant,
    /// Of a mandatory publish.
    fingerprint: Option<u64>,
    receipt: Receipt,
    settled: bool,
    returned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receipt {
    /// Nobody wants to know.
    None,
    Kept,
    /// Its owner was told to wait for an event.
    Awaited,
}

/// Below the first unsettled publish everything is settled, and was confirmed unless it is an exception: so a publish needs
/// nothing but its place in a queue, and that is free when the server settles it.
#[derive(Debug)]
pub(super) struct Confirms {
    pub(super) options: ConfirmOptions,
    /// The number of the next publish.
    next: u64,
    /// The first unsettled publish and all later ones, by ascending number, with ascending times and positions.
    publishes: VecDeque<Publish>,
    /// How many of them are not settled, and their octets.
    unsettled: usize,
    unsettled_octets: u64,
    /// Failures that a living receipt will be told. A returned message stands here before its publish is settled.
    exceptions: BTreeMap<u64, Failure>,
    receipts: usize,
    /// The first failure that no receipt is told, since it was asked for last.
    untold: Option<Failure>,
    /// Why the channel ended.
    ended: Option<ChannelError>,
    /// Whether somebody will look at the clock for it.
    pub(super) watched: bool,
}

/// A number that no publish had.
pub(super) struct NeverPublished;

impl Confirms {
    pub(super) fn new(options: ConfirmOptions) -> Self {
        Self {
            options,
            next: 1,
            publishes: VecDeque::new(),
            unsettled: 0,
            unsettled_octets: 0,
            exceptions: BTreeMap::new(),
            receipts: 0,
            untold: None,
            ended: None,
            watched: false,
        }
    }

    /// The number that the next publish will have.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The lowest number that is not settled: all below are.
    pub(super) fn first(&self) -> u64 {
        self.next - self.publishes.len() as u64
    }

    /// Numbers a publish that was just queued, and [keeps](Self::keep) its outcome or not.
    pub(super) fn publish(
        &mut self,
        now: Instant,
        start: u64,
        end: u64,
        fingerprint: Option<u64>,
        keeps: bool,
    ) -> DeliveryTag {
        let octets = end - start;
        self.publishes.push_back(Publish {
            end,
            octets,
            queued: now,
            fingerprint,
            receipt: if keeps { Receipt::Kept } else { Receipt::None },
            settled: false,
            returned: false,
        });
        self.receipts += usize::from(keeps);
        self.unsettled += 1;
        self.unsettled_octets += octets;
        self.next += 1;
        DeliveryTag(self.next - 1)
    }

    /// Whether one more publish may be unsettled.
    pub(super) fn has_room(&self) -> bool {
        let ConfirmOptions {
            max_unconfirmed,
            max_unconfirmed_octets,
            ..
        } = self.options;
        self.unsettled == 0
            || (self.unsettled < max_unconfirmed && self.unsettled_octets < max_unconfirmed_octets)
    }

    pub(super) fn unsettled(&self) -> usize {
        self.unsettled
    }

    pub(super) fn has_receipts(&self) -> bool {
        self.receipts > 0
    }

    /// When the first unsettled publish has waited too long.
    pub(super) fn deadline(&self) -> Option<Instant> {
        deadline(self.publishes.front()?.queued, self.options.confirm_timeout)
    }

    /// Keeps the outcome of a publish that is not settled for its owner.
    pub(super) fn keep(&mut self, delivery_tag: DeliveryTag) {
        if let Some(publish) = self.publish_mut(delivery_tag.0)
            && publish.receipt == Receipt::None
        {
            publish.receipt = Receipt::Kept;
            self.receipts += 1;
        }
    }

    /// Takes the outcome of a publish that is kept; `None` before there is one, and then there will be an event.
    #[inline]
    pub(super) fn take_outcome(&mut self, delivery_tag: DeliveryTag) -> Option<Result<(), PublishError>> {
        if let Some(publish) = self.publish_mut(delivery_tag.0) {
            if !publish.settled {
                publish.receipt = Receipt::Awaited;
                return None;
            }
            publish.receipt = Receipt::None;
        }
        self.receipts = self.receipts.saturating_sub(1);
        let failure = self.exceptions.remove(&delivery_tag.0);
        Some(failure.map_or(Ok(()), |failure| Err(self.error(failure))))
    }

    /// Takes note that nobody will ask for the outcome of a publish that is kept.
    pub(super) fn release(&mut self, delivery_tag: DeliveryTag, outside: &mut Outside<'_>) {
        self.receipts = self.receipts.saturating_sub(1);
        if let Some(publish) = self.publish_mut(delivery_tag.0) {
            publish.receipt = Receipt::None;
        }
        let failure = self.exceptions.remove(&delivery_tag.0);
        if let Some(failure) = failure {
            if let Failure::Returned(returned) = &failure {
                outside.events.push_back(Event::Returned {
                    channel: outside.key,
                    returned: Returned::clone(returned),
                });
            }
            self.untold.get_or_insert(failure);
        }
    }

    /// The first failure since the last time that was told to no receipt.
    pub(super) fn take_untold(&mut self) -> Option<PublishError> {
        let failure = self.untold.take()?;
        Some(self.error(failure))
    }

    /// Settles a publish, or all up to it, as basic.ack and basic.nack say. What was settled before stays as it is.
    pub(super) fn settle(
        &mut self,
        now: Instant,
        delivery_tag: DeliveryTag,
        multiple: bool,
        acknowledged: bool,
        outside: &mut Outside<'_>,
    ) -> Result<(), NeverPublished> {
        let last = match (delivery_tag.0, multiple) {
            (0, true) => self.next - 1,
            (0, false) => return Err(NeverPublished),
            (number, _) => number,
        };
        if last >= self.next {
            return Err(NeverPublished);
        }
        let failure = (!acknowledged).then_some(Failure::Nacked);
        let from = if multiple { self.first() } else { last };
        for number in from..=last {
            if let Some(queued) = self.settle_one(number, failure.clone(), outside) {
                outside.durations.note(queued, now, 1);
            }
        }
        self.forget_settled();
        Ok(())
    }

    /// Gives up waiting for those that were queued too long ago.
    pub(super) fn time_out(&mut self, now: Instant, outside: &mut Outside<'_>) {
        while self.deadline().is_some_and(|at| at <= now) {
            let number = self.first();
            self.settle_one(number, Some(Failure::TimedOut), outside);
            self.forget_settled();
        }
    }

    /// The channel is over: settles what is left, by how far the transport has taken the outgoing stream.
    pub(super) fn end(&mut self, transmitted: u64, reason: &ChannelError, outside: &mut Outside<'_>) {
        for number in self.first()..self.next {
            // A server that lacks the last octet of a message has not taken it.
            let failure = match self.publish_mut(number) {
                Some(publish) if publish.end > transmitted => Failure::NotSent,
                _ => Failure::Lost,
            };
            self.settle_one(number, Some(failure), outside);
        }
        self.publishes.clear();
        self.ended = Some(reason.clone());
    }

    /// Finds the publish that came back: that of the number in its header, or else the first like it that is mandatory and
    /// did not come back before. Gives the message back where no receipt takes it.
    pub(super) fn returned(&mut self, returned: Returned, fingerprint: u64) -> Option<Returned> {
        let first = self.first();
        let is_it = |publish: &Publish| {
            publish.fingerprint == Some(fingerprint) && !publish.settled && !publish.returned
        };
        let numbered = returned
            .number()
            .and_then(|number| usize::try_from(number.checked_sub(first)?).ok())
            .filter(|index| self.publishes.get(*index).is_some_and(is_it));
        let Some(index) = numbered.or_else(|| self.publishes.iter().position(is_it)) else {
            return Some(returned);
        };
        let publish = self.publishes.get_mut(index)?;
        publish.returned = true;
        if publish.receipt == Receipt::None {
            self.untold
                .get_or_insert_with(|| Failure::Returned(Box::new(returned.clone())));
            return Some(returned);
        }
        let number = first + index as u64;
        self.exceptions
            .insert(number, Failure::Returned(Box::new(returned)));
        None
    }

    #[inline]
    fn publish_mut(&mut self, number: u64) -> Option<&mut Publish> {
        let index = number.checked_sub(self.first())?;
        self.publishes.get_mut(usize::try_from(index).ok()?)
    }

    /// Notes how a publish ended, unless it did before, and tells when it was queued. What came back has come back,
    /// whatever is said of it later.
    fn settle_one(
        &mut self,
        number: u64,
        failure: Option<Failure>,
        outside: &mut Outside<'_>,
    ) -> Option<Instant> {
        let publish = self.publish_mut(number).filter(|publish| !publish.settled)?;
        publish.settled = true;
        let queued = publish.queued;
        let (receipt, octets, returned) = (publish.receipt, publish.octets, publish.returned);
        self.unsettled -= 1;
        self.unsettled_octets -= octets;
        outside.stats.publishes_unconfirmed -= 1;
        match &failure {
            _ if returned => {}
            None => outside.stats.messages_confirmed += 1,
            Some(Failure::Nacked) => outside.stats.messages_nacked += 1,
            Some(failure) => {
                outside.stats.messages_given_up += 1;
                outside.stats.messages_not_sent += u64::from(matches!(failure, Failure::NotSent));
            }
        }
        if let Some(failure) = failure.filter(|_| !returned) {
            if receipt == Receipt::None {
                self.untold.get_or_insert(failure);
            } else {
                self.exceptions.insert(number, failure);
            }
        }
        if receipt == Receipt::Awaited {
            outside.events.push_back(Event::OutcomeKnown {
                channel: outside.key,
                delivery_tag: DeliveryTag(number),
            });
        }
        Some(queued)
    }

    fn forget_settled(&mut self) {
        while self.publishes.front().is_some_and(|publish| publish.settled) {
            self.publishes.pop_front();
        }
    }

    fn error(&self, failure: Failure) -> PublishError {
        let ended = || self.ended.clone().unwrap_or(ChannelError::Closed);
        match failure {
            Failure::Nacked => PublishError::Nacked,
            Failure::Returned(returned) => PublishError::Returned(returned),
            Failure::NotSent => PublishError::NotSent(ended()),
            Failure::Lost => PublishError::Unknown(UnknownReason::Channel(ended())),
            Failure::TimedOut => PublishError::Unknown(UnknownReason::TimedOut),
        }
    }
}
