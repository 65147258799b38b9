//! Programs of callbacks: a closure keeps what it is called with, and the loop is turned until one has been called.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use amqp_client::event_loop::{
    Channel, Connection, EventLoop, Handle, Handlers, Publisher, Receipt, Receipts,
};
use amqp_client::protocol::method;
use amqp_client::request::{ConfirmSelect, Consume, Get, NoWait, Publish};
use amqp_client::{
    CallError, ConnectError, ConnectOptions, ConnectionError, ConnectionEvent, ConsumerEnd, ConsumerError,
    Delivery, PublishError, ReceiptsError, Request, Returned, ShutdownError,
};

use crate::client::Client;
use crate::stage::LIMIT;

/// A connection and its loop, which comes to its end behind it.
pub(crate) struct Calling {
    connection: Connection,
    /// What its handlers were called with since somebody asked for it.
    events: Inbox<ConnectionEvent>,
    over: Inbox<ConnectionError>,
    event_loop: Loop,
}

impl Calling {
    pub(crate) fn connect(options: ConnectOptions) -> Result<Self, ConnectError> {
        let event_loop = Loop(RefCell::new(EventLoop::new().expect("a loop")));
        let (events, over) = (Inbox::default(), Inbox::default());
        let connection = event_loop.wait(|connected| {
            let (opened, failed, over) = (connected.clone(), connected, over.clone());
            let [blocked, unblocked, closed] = [(); 3].map(|()| events.clone());
            let handlers = Handlers::new()
                .on_open(move |connection| opened.put(Ok(connection.clone())))
                .on_open_error(move |_, error| failed.put(Err(error)))
                .on_blocked(move |_, reason| {
                    let reason = reason.into();
                    blocked.put(ConnectionEvent::Blocked { reason });
                })
                .on_unblocked(move |_| unblocked.put(ConnectionEvent::Unblocked))
                .on_close(move |_, error| {
                    closed.put(ConnectionEvent::Closed(error.clone()));
                    closed.end();
                    over.put(error);
                });
            event_loop.0.borrow().connect(options, handlers);
        })?;
        Ok(Self {
            connection,
            events,
            over,
            event_loop,
        })
    }
}

struct Loop(RefCell<EventLoop>);

impl Loop {
    /// Has something begun, and waits until it has put its outcome into the inbox.
    fn wait<T>(&self, begin: impl FnOnce(Inbox<T>)) -> T {
        let inbox = Inbox::default();
        begin(inbox.clone());
        self.next(&inbox).expect("an outcome")
    }

    /// What the inbox has next, unless nothing follows.
    fn next<T>(&self, inbox: &Inbox<T>) -> Option<T> {
        loop {
            match inbox.take() {
                Some(next) => return next,
                None => self.turn(Duration::MAX),
            }
        }
    }

    fn turn(&self, limit: Duration) {
        self.0.borrow_mut().run_once(limit).expect("a turn");
    }
}

impl Drop for Loop {
    /// As a program would run it, unless the scenario fails, which leaves connections open.
    fn drop(&mut self) {
        let limit = Instant::now() + LIMIT / 2;
        while !self.0.borrow().handle().is_idle() && Instant::now() < limit {
            self.turn(limit - Instant::now());
        }
    }
}

/// What closures were called with, in its order.
pub(crate) struct Inbox<T>(Rc<RefCell<VecDeque<Option<T>>>>);

impl<T> Inbox<T> {
    fn put(&self, item: T) {
        self.0.borrow_mut().push_back(Some(item));
    }

    /// Nothing follows.
    fn end(&self) {
        self.0.borrow_mut().push_back(None);
    }

    fn take(&self) -> Option<Option<T>> {
        let mut items = self.0.borrow_mut();
        match items.front() {
            Some(None) => Some(None),
            _ => items.pop_front(),
        }
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// A consumer, and what it was called with.
pub(crate) struct Consumer {
    channel: Channel,
    tag: String,
    inbox: Inbox<Result<Delivery, ConsumerError>>,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // Where it has ended this does nothing.
        self.channel.basic_cancel(&self.tag).then(|_, _| {});
        // Deliveries are requeued.
        self.inbox.0.borrow_mut().clear();
    }
}

impl Client for Calling {
    type Style = Handle;
    type Consumer = Consumer;
    type Events = Inbox<ConnectionEvent>;
    type Returns = Inbox<Returned>;

    fn connection(&self) -> &Connection {
        &self.connection
    }

    async fn close(&self) -> Result<(), ConnectionError> {
        let close = self.connection.close();
        self.event_loop
            .wait(|inbox| close.then(move |_, closed| inbox.put(closed)))
    }

    async fn shutdown(&self, limit: Duration) -> Result<(), ShutdownError> {
        let shutdown = self.connection.shutdown(limit);
        self.event_loop
            .wait(|inbox| shutdown.then(move |_, ended| inbox.put(ended)))
    }

    async fn closed(&self) -> ConnectionError {
        self.event_loop.next(&self.over).expect("the end")
    }

    async fn open_channel(&self) -> Result<Channel, CallError> {
        let open = self.connection.open_channel();
        self.event_loop
            .wait(|inbox| open.then(move |_, channel| inbox.put(channel)))
    }

    async fn close_channel(&self, channel: &Channel) -> Result<(), CallError> {
        self.event_loop
            .wait(|inbox| channel.close().then(move |_, closed| inbox.put(closed)))
    }

    async fn call<M: method::Request>(
        &self,
        request: Request<'_, Channel, M>,
    ) -> Result<M::Reply, CallError> {
        self.event_loop
            .wait(|inbox| request.then(move |_, reply| inbox.put(reply)))
    }

    async fn no_wait<M: method::Request>(&self, request: NoWait<'_, Channel, M>) -> Result<(), CallError> {
        request.send()
    }

    async fn publish(&self, request: Request<'_, Channel, Publish<'_>>) -> Result<(), PublishError> {
        self.event_loop
            .wait(|inbox| request.then(move |_, published| inbox.put(published)))
    }

    async fn confirm_select(
        &self,
        request: Request<'_, Channel, ConfirmSelect>,
    ) -> Result<Publisher, CallError> {
        self.event_loop
            .wait(|inbox| request.then(move |_, publisher| inbox.put(publisher)))
    }

    async fn publish_confirmed(
        &self,
        request: Request<'_, Publisher, Publish<'_>>,
    ) -> Result<Receipt, PublishError> {
        self.event_loop
            .wait(|inbox| request.then(move |_, receipt| inbox.put(receipt)))
    }

    async fn outcome(&self, receipt: Receipt) -> Result<(), PublishError> {
        self.event_loop
            .wait(|inbox| receipt.then(move |_, outcome| inbox.put(outcome)))
    }

    async fn outcomes(&self, receipts: Receipts) -> Result<(), ReceiptsError> {
        let handle = self.connection.event_loop();
        self.event_loop
            .wait(|inbox| receipts.then(handle, move |_, outcomes| inbox.put(outcomes)))
    }

    async fn wait_for_all(&self, publisher: &Publisher) -> Result<(), PublishError> {
        let all = publisher.wait_for_all();
        self.event_loop
            .wait(|inbox| all.then(move |_, settled| inbox.put(settled)))
    }

    async fn get(&self, request: Request<'_, Channel, Get<'_>>) -> Result<Option<Delivery>, CallError> {
        self.event_loop
            .wait(|inbox| request.then(move |_, fetched| inbox.put(fetched)))
    }

    async fn consume(&self, request: Request<'_, Channel, Consume<'_>>) -> Result<Consumer, CallError> {
        self.event_loop.wait(|started| {
            request.then(move |channel, consumer| {
                started.put(consumer.map(|consumer| {
                    let inbox = Inbox::default();
                    let kept = Consumer {
                        channel: channel.clone(),
                        tag: consumer.consumer_tag().to_string(),
                        inbox: inbox.clone(),
                    };
                    consumer.for_each(move |_, next| {
                        let ended = matches!(next, Err(ConsumerError::Ended(_)));
                        inbox.put(next);
                        if ended {
                            inbox.end();
                        }
                    });
                    kept
                }));
            });
        })
    }

    async fn next(&self, consumer: &mut Consumer) -> Option<Result<Delivery, ConsumerError>> {
        self.event_loop.next(&consumer.inbox)
    }

    async fn cancel(&self, consumer: Consumer) -> Result<Vec<Result<Delivery, ConsumerError>>, CallError> {
        let cancel = consumer.channel.basic_cancel(&consumer.tag);
        self.event_loop
            .wait(|inbox| cancel.then(move |_, cancelled| inbox.put(cancelled)))?;
        let rest = std::iter::from_fn(|| self.event_loop.next(&consumer.inbox));
        let wanted = |next: &_| matches!(next, Err(ConsumerError::Ended(ConsumerEnd::Cancelled)));
        Ok(rest.filter(|next| !wanted(next)).collect())
    }

    /// Those that closures are called for.
    fn events(&self, channel: &Channel) -> Inbox<ConnectionEvent> {
        self.events.0.borrow_mut().clear();
        let kept = self.events.clone();
        channel.on_flow(move |channel, active| {
            let channel = channel.id();
            kept.put(ConnectionEvent::Flow { channel, active });
        });
        self.events.clone()
    }

    async fn event(&self, events: &mut Inbox<ConnectionEvent>) -> Option<ConnectionEvent> {
        self.event_loop.next(events)
    }

    fn returns(&self, channel: &Channel) -> Inbox<Returned> {
        let inbox = Inbox::default();
        let (kept, ended) = (inbox.clone(), inbox.clone());
        channel.on_return(move |_, returned| kept.put(returned));
        channel.on_close(move |_, _| ended.end());
        inbox
    }

    async fn returned(&self, returns: &mut Inbox<Returned>) -> Option<Returned> {
        self.event_loop.next(returns)
    }
}
