//! This client in a loop of callbacks. Variant: `callbacks`. Where others loop, a publish is made by the continuation of an
//! earlier one, of which as many are under way as confirms may be outstanding.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use amqp_client::bytes::Bytes;
use amqp_client::event_loop::{Channel, Connection, EventLoop, Handlers, Publisher};
use amqp_harness::{BODY, Failure, Job, LARGE, Meter, Scenario, WINDOW};

fn main() -> Result<(), Failure> {
    let job = Job::from_args()?;
    if job.variant != "callbacks" {
        return Err(job.unknown_variant());
    }
    let mut event_loop = EventLoop::new()?;
    let uri = job.uri();
    let failure = Rc::new(Cell::new(None));
    let opened = {
        let run = Rc::new(Run::new(job, &failure));
        move |connection: &Connection| Run::begin(&run, connection)
    };
    let refused = {
        let failure = Rc::clone(&failure);
        move |_: &_, error| failure.set(Some(Failure::from(error)))
    };
    let handlers = Handlers::new().on_open(opened).on_open_error(refused);
    event_loop.connect(uri, handlers);
    event_loop.run()?;
    failure.take().map_or(Ok(()), Err)
}

/// The job under way.
struct Run {
    job: Job,
    /// Messages begun and done.
    begun: Cell<u64>,
    done: Cell<u64>,
    meter: RefCell<Option<Meter>>,
    body: Bytes,
    failure: Rc<Cell<Option<Failure>>>,
}

impl Run {
    fn new(job: Job, failure: &Rc<Cell<Option<Failure>>>) -> Self {
        let body = match job.scenario {
            Scenario::Large => Bytes::from_static(&[7; LARGE]),
            _ => Bytes::from_static(&BODY),
        };
        Self {
            job,
            begun: Cell::new(0),
            done: Cell::new(0),
            meter: RefCell::new(None),
            body,
            failure: Rc::clone(failure),
        }
    }

    fn begin(self: &Rc<Self>, connection: &Connection) {
        let run = Rc::clone(self);
        connection.open_channel().then(move |_, channel| {
            let Some(channel) = run.succeeded(channel) else {
                return;
            };
            match run.job.scenario {
                Scenario::Publish | Scenario::Large => {
                    run.start();
                    run.times(WINDOW, || Self::publish(&run, &channel));
                }
                Scenario::Confirms => Self::confirm_select(&run, &channel, WINDOW),
                Scenario::Confirm => Self::confirm_select(&run, &channel, 1),
                Scenario::Consume | Scenario::ConsumeAck | Scenario::PingPong => {
                    Self::consume(&run, &channel)
                }
            }
        });
    }

    fn publish(self: &Rc<Self>, channel: &Channel) {
        if self.begun.get() == self.job.count {
            return;
        }
        self.begun.set(self.begun.get() + 1);
        let run = Rc::clone(self);
        let publish = channel
            .basic_publish("", &self.job.queue, self.body.clone())
            .transient();
        publish.then(move |channel, published| {
            if run.succeeded(published).is_none() {
                return;
            }
            if run.is_last() {
                Self::round_trip(&run, channel);
            } else {
                Self::publish(&run, channel);
            }
        });
    }

    fn confirm_select(self: &Rc<Self>, channel: &Channel, window: usize) {
        let run = Rc::clone(self);
        channel.confirm_select().then(move |_, publisher| {
            let Some(publisher) = run.succeeded(publisher) else {
                return;
            };
            run.start();
            run.times(window, || Self::publish_confirmed(&run, &publisher));
        });
    }

    fn publish_confirmed(self: &Rc<Self>, publisher: &Publisher) {
        if self.begun.get() == self.job.count {
            return;
        }
        self.begun.set(self.begun.get() + 1);
        let run = Rc::clone(self);
        let publish = publisher
            .publish("", &self.job.queue, self.body.clone())
            .transient();
        publish.then_confirmed(move |publisher, outcome| {
            if run.succeeded(outcome).is_none() {
                return;
            }
            run.lap();
            if run.is_last() {
                run.finish();
            } else {
                Self::publish_confirmed(&run, publisher);
            }
        });
    }

    fn consume(self: &Rc<Self>, channel: &Channel) {
        let scenario = self.job.scenario;
        let consume = channel.basic_consume(&self.job.queue).consumer_tag("consumer");
        let consume = match scenario {
            Scenario::ConsumeAck => consume.prefetch_count(WINDOW as u16),
            _ => consume.no_ack(),
        };
        let run = Rc::clone(self);
        consume.then_each(move |channel, next| {
            // What ends the consumer is heard when nothing is expected of it any more.
            let Ok(delivery) = next else { return };
            if run.succeeded(delivery.ack().call()).is_none() {
                return;
            }
            run.lap();
            if !run.is_last() {
                if scenario == Scenario::PingPong {
                    run.ping(channel);
                }
                return;
            }
            match scenario {
                Scenario::ConsumeAck => Self::round_trip(&run, channel),
                _ => run.finish(),
            }
            channel.basic_cancel("consumer").then(|_, _| {});
        });
        // Behind the consumer's start.
        let run = Rc::clone(self);
        channel
            .queue_declare(&self.job.queue)
            .passive()
            .then(move |channel, declared| {
                if run.succeeded(declared).is_some() && scenario == Scenario::PingPong {
                    run.start();
                    run.ping(channel);
                }
            });
        if scenario != Scenario::PingPong {
            self.start();
        }
    }

    fn ping(&self, channel: &Channel) {
        let publish = channel
            .basic_publish("", &self.job.queue, self.body.clone())
            .transient();
        publish.then(|_, _| {});
    }

    fn round_trip(self: &Rc<Self>, channel: &Channel) {
        let run = Rc::clone(self);
        let declare = channel.queue_declare(&self.job.queue).passive();
        declare.then(move |_, declared| {
            if run.succeeded(declared).is_some() {
                run.finish();
            }
        });
    }

    fn times(&self, window: usize, begin: impl Fn()) {
        for _ in 0..window {
            begin();
        }
    }

    fn start(&self) {
        *self.meter.borrow_mut() = Some(self.job.start());
    }

    fn lap(&self) {
        if matches!(self.job.scenario, Scenario::Confirm | Scenario::PingPong)
            && let Some(meter) = self.meter.borrow_mut().as_mut()
        {
            meter.lap();
        }
    }

    /// Counts a message that is done.
    fn is_last(&self) -> bool {
        self.done.set(self.done.get() + 1);
        self.done.get() == self.job.count
    }

    fn finish(&self) {
        if let Some(meter) = self.meter.take() {
            meter.finish();
        }
    }

    fn succeeded<T, E: Into<Failure>>(&self, outcome: Result<T, E>) -> Option<T> {
        outcome.map_err(|error| self.failure.set(Some(error.into()))).ok()
    }
}
