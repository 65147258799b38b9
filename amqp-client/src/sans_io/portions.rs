//! The deliveries that wait for one consumer, in portions that are taken whole, and what they hold together. Whose they are,
//! and what becomes of them, is `consumers`' matter.
//!
//! In one buffer, which grows and shrinks with each burst, its pages would be faulted in each time. Without acknowledgements
//! that took 6 % of the processor's time over tokio, and 25 % where more is read at a time; a delivery that is taken on its
//! own costs 70 instructions of 1,500 more.

use std::collections::VecDeque;

use super::content::Message;
use super::limits::Buffered;

/// Octets of memory at which a portion is full.
const OCTETS: usize = 16 * 1024;

/// Messages in a portion at most.
const MESSAGES: usize = 64;

/// Portions for which there is room when all are taken.
const KEEP_CAPACITY: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Portions {
    /// In their order, none of them empty.
    portions: VecDeque<Portion>,
    /// What all of them hold.
    held: Buffered,
    /// The buffer of one that was taken.
    spare: VecDeque<Message>,
}

#[derive(Debug)]
struct Portion {
    messages: VecDeque<Message>,
    held: Buffered,
}

impl Portions {
    pub(super) fn held(&self) -> Buffered {
        self.held
    }

    pub(super) fn len(&self) -> usize {
        self.held.messages
    }

    #[inline]
    pub(super) fn push(&mut self, message: Message) {
        let room = |last: &&mut Portion| last.held.octets < OCTETS && last.messages.len() < MESSAGES;
        self.held.add(&message);
        if let Some(last) = self.portions.back_mut().filter(room) {
            last.held.add(&message);
            last.messages.push_back(message);
        } else {
            self.begin(message);
        }
    }

    /// Begins a portion.
    fn begin(&mut self, message: Message) {
        let mut messages = std::mem::take(&mut self.spare);
        if !self.portions.is_empty() {
            // There are many, and will be.
            messages.reserve(MESSAGES);
        }
        let mut held = Buffered::default();
        held.add(&message);
        messages.push_back(message);
        self.portions.push_back(Portion { messages, held });
    }

    /// The first message.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Message> {
        let first = self.portions.front_mut()?;
        let message = first.messages.pop_front()?;
        first.held.remove(&message);
        self.held.remove(&message);
        if first.messages.is_empty() {
            self.pop_portion();
        }
        Some(message)
    }

    /// Moves the first portion into `taken`, which is empty, and tells what it held: nothing when there is none.
    pub(super) fn take(&mut self, taken: &mut VecDeque<Message>) -> Buffered {
        let Some(first) = self.portions.front_mut() else {
            return Buffered::default();
        };
        let held = first.held;
        std::mem::swap(&mut first.messages, taken);
        self.held.remove_all(held);
        self.pop_portion();
        held
    }

    /// Drops the first portion, which is empty, but for its buffer.
    fn pop_portion(&mut self) {
        if let Some(first) = self.portions.pop_front() {
            self.spare = first.messages;
        }
        if self.portions.is_empty() {
            self.portions.shrink_to(KEEP_CAPACITY);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.portions.iter().flat_map(|portion| &portion.messages)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Message> {
        self.portions.iter_mut().flat_map(|portion| &mut portion.messages)
    }

    /// Drops the messages that `kept` does not name, and tells what they held.
    pub(super) fn retain(&mut self, kept: impl Fn(&Message) -> bool) -> Buffered {
        let mut dropped = Buffered::default();
        self.portions.retain_mut(|portion| {
            portion.messages.retain(|message| {
                let kept = kept(message);
                if !kept {
                    portion.held.remove(message);
                    dropped.add(message);
                }
                kept
            });
            !portion.messages.is_empty()
        });
        self.held.remove_all(dropped);
        dropped
    }
}

#[cfg(test)]
mod tests {
    use amqp_protocol::DeliveryTag;
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    /// A message with this tag that keeps so many octets.
    fn message(tag: u64, buffer: usize) -> Message {
        Message {
            octets: Bytes::new(),
            method: 0,
            properties: 0..0,
            body: 0,
            body_size: 0,
            delivery_tag: DeliveryTag(tag),
            buffer,
        }
    }

    fn held<'a>(messages: impl Iterator<Item = &'a Message>) -> Buffered {
        let mut held = Buffered::default();
        messages.for_each(|message| held.add(message));
        held
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(usize),
        Pop,
        Take,
        Retain(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..2 * OCTETS).prop_map(Step::Push),
            6 => Just(Step::Push(0)),
            3 => Just(Step::Pop),
            1 => Just(Step::Take),
            1 => (2..5_u64).prop_map(Step::Retain),
        ]
    }

    proptest! {
        #[test]
        fn portions_are_a_queue(steps in prop::collection::vec(step(), 0..500)) {
            let (mut portions, mut queue) = (Portions::default(), VecDeque::new());
            let mut tag = 0;
            for step in steps {
                match step {
                    Step::Push(buffer) => {
                        tag += 1;
                        portions.push(message(tag, buffer));
                        queue.push_back(message(tag, buffer));
                    }
                    Step::Pop => {
                        let tags = [portions.pop(), queue.pop_front()].map(|message| message.map(|message| message.delivery_tag));
                        prop_assert_eq!(tags[0], tags[1]);
                    }
                    Step::Take => {
                        let mut taken = VecDeque::new();
                        let left = portions.take(&mut taken);
                        prop_assert_eq!(taken.is_empty(), queue.is_empty());
                        prop_assert!(taken.len() <= MESSAGES);
                        let but_last = taken.iter().rev().skip(1);
                        prop_assert!(held(but_last).octets < OCTETS);
                        prop_assert_eq!(left, held(taken.iter()));
                        let first: Vec<_> = queue.drain(..taken.len()).map(|message| message.delivery_tag).collect();
                        prop_assert!(taken.iter().map(|message| message.delivery_tag).eq(first));
                    }
                    Step::Retain(divisor) => {
                        let kept = |message: &Message| !message.delivery_tag.0.is_multiple_of(divisor);
                        let before = held(queue.iter()).messages;
                        queue.retain(kept);
                        prop_assert_eq!(portions.retain(kept).messages, before - queue.len());
                    }
                }
                prop_assert_eq!(portions.held(), held(queue.iter()));
                let tags = |message: &Message| message.delivery_tag;
                prop_assert!(portions.iter().map(tags).eq(queue.iter().map(tags)));
            }
        }
    }
}
