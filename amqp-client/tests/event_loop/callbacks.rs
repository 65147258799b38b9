//! Any method from any closure, as a table: each kind of closure makes each kind of call, and what is asked for happens.

mod answering;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use amqp_client::NoReconnection;
use amqp_client::event_loop::{Channel, Connection, EventLoop, Handle, Handlers, Publisher, Registration};

use self::answering::answer;
use crate::server::serve;

/// What is over when a closure is called, or must not be over for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Nothing,
    Channel,
    Connection,
}

/// A kind of closure, what is over when it is called, and how it comes to be called: it acts then.
type Closure = (&'static str, Part, fn(Rc<Stage>, Handles));

/// A kind of call, and what it needs to succeed. How it ends is told to the stage, once.
type Call = (&'static str, Part, fn(&Rc<Stage>, Handles));

const CLOSURES: [Closure; 19] = [
    ("on_open", Part::Nothing, |stage, _| {
        let (options, server) = serve(answer);
        stage.servers.borrow_mut().push(server);
        let event_loop = stage.event_loop.clone();
        let handlers = Handlers::new().on_open(move |connection| {
            if let Some(handles) = &mut *stage.handles.borrow_mut() {
                handles.connections.insert(0, connection.clone());
            }
            stage.act();
        });
        event_loop.connect(options, handlers);
    }),
    ("on_open_error", Part::Nothing, |stage, _| {
        let event_loop = stage.event_loop.clone();
        event_loop.connect("no URI", Handlers::new().on_open_error(move |_, _| stage.act()));
    }),
    ("on_blocked", Part::Nothing, |stage, handles| {
        stage.register(|stage| handles.connection().on_blocked(move |_, _| stage.act()));
        handles.ask("blocked");
    }),
    ("on_unblocked", Part::Nothing, |stage, handles| {
        stage.register(|stage| handles.connection().on_unblocked(move |_| stage.act()));
        handles.ask("blocked");
    }),
    ("on_close", Part::Connection, |stage, handles| {
        stage.register(|stage| handles.connection().on_close(move |_, _| stage.act()));
        handles.ask("close connection");
    }),
    ("Events::for_each", Part::Nothing, |stage, handles| {
        let events = handles.connection().events();
        stage.register(|stage| events.for_each(move |_, _| stage.act()));
        handles.ask("blocked");
    }),
    ("on_flow", Part::Nothing, |stage, handles| {
        stage.register(|stage| handles.channel.on_flow(move |_, _| stage.act()));
        handles.ask("flow");
    }),
    ("on_cancel", Part::Nothing, |stage, handles| {
        stage.register(|stage| handles.channel.on_cancel(move |_, _, _| stage.act()));
        handles.consume(|_| {});
        handles.ask("cancel");
    }),
    ("on_return", Part::Nothing, |stage, handles| {
        stage.register(|stage| handles.channel.on_return(move |_, _| stage.act()));
        handles.ask("return");
    }),
    ("Returns::for_each", Part::Nothing, |stage, handles| {
        let returns = handles.channel.returns();
        stage.register(|stage| returns.for_each(move |_, _| stage.act()));
        handles.ask("return");
    }),
    ("on_close of a channel", Part::Channel, |stage, handles| {
        stage.register(|stage| handles.channel.on_close(move |_, _| stage.act()));
        handles.ask("close channel");
    }),
    ("Request::then", Part::Nothing, |stage, handles| {
        handles.channel.queue_purge("q").then(move |_, _| stage.act());
    }),
    ("Operation::then", Part::Nothing, |stage, handles| {
        handles.connection().open_channel().then(move |_, _| stage.act());
    }),
    ("a delivery", Part::Nothing, |stage, handles| {
        handles.consume(move |delivered| {
            if delivered {
                stage.act();
            }
        });
    }),
    ("the end of a consumer", Part::Nothing, |stage, handles| {
        handles.consume(move |delivered| {
            if !delivered {
                stage.act();
            }
        });
        handles.ask("cancel");
    }),
    ("then_confirmed", Part::Nothing, |stage, handles| {
        let publish = handles.publisher.publish("", "q", "x");
        publish.then_confirmed(move |_, _| stage.act());
    }),
    ("Receipt::then", Part::Nothing, |stage, handles| {
        let publish = handles.publisher.publish("", "q", "x");
        publish.then(move |_, receipt| receipt.unwrap().then(move |_, _| stage.act()));
    }),
    ("call_later", Part::Nothing, |stage, _| {
        let event_loop = stage.event_loop.clone();
        event_loop.call_later(Duration::ZERO, move |_| stage.act());
    }),
    ("Remote::send", Part::Nothing, |stage, _| {
        thread_local!(static STAGE: RefCell<Option<Rc<Stage>>> = const { RefCell::new(None) });
        let remote = stage.event_loop.remote();
        STAGE.set(Some(stage));
        assert!(remote.send(|_| STAGE.take().unwrap().act()));
    }),
];

const CALLS: [Call; 20] = [
    ("open_channel", Part::Connection, |stage, handles| {
        let stage = Rc::clone(stage);
        let open = handles.connection().open_channel();
        open.then(move |_, channel| stage.outcome(channel.is_ok()));
    }),
    ("basic_publish", Part::Channel, |stage, handles| {
        let stage = Rc::clone(stage);
        let publish = handles.channel.basic_publish("", "q", "x");
        publish.then(move |_, published| stage.outcome(published.is_ok()));
    }),
    ("publish", Part::Connection, |stage, handles| {
        let stage = Rc::clone(stage);
        let publish = handles.publisher.publish("", "q", "x");
        publish.then_confirmed(move |_, outcome| stage.outcome(outcome.is_ok()));
    }),
    ("queue_purge", Part::Channel, |stage, handles| {
        let stage = Rc::clone(stage);
        let purge = handles.channel.queue_purge("q");
        purge.then(move |_, purged| stage.outcome(purged.is_ok()));
    }),
    ("no_wait", Part::Channel, |stage, handles| {
        let purge = handles.channel.queue_purge("q").no_wait();
        stage.done(purge.send().is_ok());
    }),
    ("basic_consume", Part::Channel, |stage, handles| {
        let stage = Rc::clone(stage);
        let consume = handles.channel.basic_consume("q").consumer_tag("another");
        consume.then(move |_, consumer| stage.outcome(consumer.is_ok()));
    }),
    ("basic_cancel", Part::Nothing, |stage, handles| {
        let stage = Rc::clone(stage);
        let cancel = handles.channel.basic_cancel("c");
        cancel.then(move |_, cancelled| stage.outcome(cancelled.is_ok()));
    }),
    ("close of a channel", Part::Channel, |stage, handles| {
        let stage = Rc::clone(stage);
        let close = handles.channel.close();
        close.then(move |_, closed| stage.outcome(closed.is_ok()));
    }),
    ("close", Part::Connection, |stage, handles| {
        let stage = Rc::clone(stage);
        let close = handles.connection().close();
        close.then(move |_, closed| stage.outcome(closed.is_ok()));
    }),
    ("shutdown", Part::Connection, |stage, handles| {
        let stage = Rc::clone(stage);
        let shutdown = handles.connection().shutdown(Duration::from_secs(10));
        shutdown.then(move |_, ended| stage.outcome(ended.is_ok()));
    }),
    ("keep_secret_fresh", Part::Nothing, |stage, handles| {
        let stage = Rc::clone(stage);
        let keep = handles.connection().keep_secret_fresh();
        keep.then(move |_, kept| stage.outcome(kept.is_ok()));
    }),
    ("dropping every handle", Part::Nothing, |stage, handles| {
        // Nothing else keeps the channel open either.
        handles.channel.basic_cancel("c").then(|_, _| {});
        stage.unregister();
        stage.handles.take();
        stage.done(true);
    }),
    ("connect", Part::Nothing, |stage, _| {
        let failed = Rc::clone(stage);
        let handlers = Handlers::new().on_open_error(move |_, _| failed.outcome(true));
        stage.event_loop.connect("no URI", handlers);
    }),
    ("keep_connected", Part::Nothing, |stage, _| {
        let stage = Rc::clone(stage);
        let event_loop = stage.event_loop.clone();
        event_loop.keep_connected("no URI", NoReconnection, move || {
            let stage = Rc::clone(&stage);
            Handlers::new().on_open_error(move |_, _| stage.outcome(true))
        });
    }),
    ("abort", Part::Nothing, |stage, _| {
        let handlers = Handlers::new().on_open_error(|_, _| panic!("aborted"));
        let attempt = stage.event_loop.connect("no URI", handlers);
        stage.done(stage.event_loop.abort(attempt));
    }),
    ("registering another", Part::Nothing, |stage, handles| {
        let told = Rc::clone(stage);
        handles.channel.on_close(move |_, _| told.outcome(true));
        handles.channel.close().then(|_, _| {});
    }),
    ("unregister", Part::Nothing, |stage, _| {
        stage.unregister();
        stage.done(true);
    }),
    ("call_later", Part::Nothing, |stage, _| {
        let later = Rc::clone(stage);
        let timer = stage
            .event_loop
            .call_later(Duration::ZERO, |_| panic!("cancelled"));
        assert!(stage.event_loop.cancel_timer(timer));
        stage
            .event_loop
            .call_later(Duration::ZERO, move |_| later.outcome(true));
    }),
    ("Remote::send", Part::Nothing, |stage, _| {
        stage.done(stage.event_loop.remote().send(|_| {}));
    }),
    (STOP, Part::Nothing, |stage, _| {
        let later = Rc::clone(stage);
        stage.event_loop.stop();
        stage
            .event_loop
            .call_later(Duration::ZERO, move |_| later.outcome(true));
    }),
];

const STOP: &str = "stop";

#[test]
fn every_closure_may_make_every_call() {
    for closure in CLOSURES {
        for call in CALLS {
            play(closure, call);
        }
    }
}

fn play((closure, over, arrange): Closure, (name, needs, call): Call) {
    let what = format!("{name} in {closure}");
    let (options, server) = serve(answer);
    let mut event_loop = EventLoop::new().unwrap();
    let stage = Rc::new(Stage {
        event_loop: event_loop.handle().clone(),
        handles: RefCell::default(),
        call,
        acts: Cell::default(),
        acted: Cell::default(),
        registration: Cell::default(),
        outcomes: RefCell::default(),
        servers: RefCell::new(vec![server]),
    });
    let opened = Rc::clone(&stage);
    let handlers = Handlers::new().on_open(move |connection| {
        connection.open_channel().then(move |connection, channel| {
            let channel = channel.unwrap();
            connection.open_channel().then(move |connection, second| {
                let connections = vec![connection.clone()];
                let select = second.unwrap();
                select.confirm_select().then(move |_, publisher| {
                    let handles = Handles {
                        connections,
                        channel,
                        publisher: publisher.unwrap(),
                    };
                    opened.handles.replace(Some(handles.clone()));
                    arrange(opened, handles);
                });
            });
        });
    });
    event_loop.connect(options, handlers);
    let mut runs = 0;
    while !event_loop.handle().is_idle() {
        // A server that hears nothing for long ends the connection.
        event_loop.run().unwrap();
        runs += 1;
    }
    for server in stage.servers.take() {
        server.join().unwrap_or_else(|_| panic!("{what}"));
    }
    let expected = over == Part::Nothing || needs == Part::Nothing || needs > over;
    assert_eq!(stage.outcomes.take(), [expected], "{what}");
    assert_eq!(runs > 1, name == STOP, "{what}");
}

/// What a program holds.
#[derive(Clone)]
struct Handles {
    connections: Vec<Connection>,
    channel: Channel,
    publisher: Publisher,
}

impl Handles {
    fn connection(&self) -> &Connection {
        &self.connections[0]
    }

    /// Has the server do something.
    fn ask(&self, what: &str) {
        self.channel.queue_declare(what).then(|_, _| {});
    }

    /// Consumes, and calls with true for a delivery and false for the end.
    fn consume(&self, mut call: impl FnMut(bool) + 'static) {
        let consume = self.channel.basic_consume("q").consumer_tag("c");
        consume.then_each(move |_, next| {
            let delivered = next.is_ok();
            if let Ok(delivery) = next {
                // Where the channel is over by now it is the server's again.
                delivery.ack().call().ok();
            }
            call(delivered);
        });
    }
}

struct Stage {
    event_loop: Handle,
    handles: RefCell<Option<Handles>>,
    call: fn(&Rc<Self>, Handles),
    /// Whether the call is being made.
    acts: Cell<bool>,
    acted: Cell<bool>,
    /// The closure that acts, if it can be taken back.
    registration: Cell<Option<Registration>>,
    outcomes: RefCell<Vec<bool>>,
    servers: RefCell<Vec<JoinHandle<()>>>,
}

impl Stage {
    fn register(self: Rc<Self>, registers: impl FnOnce(Rc<Self>) -> Registration) {
        let registration = registers(Rc::clone(&self));
        self.registration.set(Some(registration));
    }

    fn unregister(&self) {
        if let Some(registration) = self.registration.take() {
            assert!(self.event_loop.unregister(registration));
        }
    }

    /// Makes the call, once. Closures are called one at a time.
    fn act(self: &Rc<Self>) {
        assert!(!self.acts.get());
        if !self.acted.replace(true) {
            self.acts.set(true);
            let handles = self.handles.borrow().clone();
            (self.call)(self, handles.unwrap());
            self.acts.set(false);
        }
    }

    /// What came of the call, in a closure, which no method calls.
    fn outcome(&self, success: bool) {
        assert!(!self.acts.get());
        self.done(success);
    }

    /// Brings everything to its end.
    fn done(&self, success: bool) {
        self.outcomes.borrow_mut().push(success);
        if let Some(handles) = self.handles.take() {
            for connection in handles.connections {
                connection.close().then(|_, _| {});
            }
        }
    }
}
