//! Keeping a secret fresh in the loop.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amqp_client::event_loop::{EventLoop, Handlers};
use amqp_client::protocol::v0_9_1::{Method, connection};
use amqp_client::{Credentials, IssueError, IssuedSecret, SecretProvider};

use crate::server::{method, serve};
use crate::{Log, run};

/// Numbers its secrets, which last a second.
#[derive(Default)]
struct Numbers(AtomicU32);

impl SecretProvider for Numbers {
    async fn issue(&self) -> Result<IssuedSecret, IssueError> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(IssuedSecret::new(number.to_string(), Duration::from_secs(1)))
    }
}

#[test]
fn a_secret_is_kept_fresh_as_long_as_its_connection_is_used() {
    let (mut options, server) = serve(|session| {
        session.open();
        for secret in ["1", "2"] {
            let (_, update) = session.expect::<connection::UpdateSecret<'_>>();
            let Method::Connection(connection::Method::UpdateSecret(update)) = update else {
                panic!("{update:?}");
            };
            assert_eq!(update.new_secret.as_bytes(), secret.as_bytes());
            session.write(&method(0, &connection::UpdateSecretOk {}));
        }
        session.write(&method(0, &connection::Unblocked {}));
        session.close();
    });
    options.config.credentials = Credentials::from_provider("", Numbers::default());
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let held = Rc::new(Cell::new(None));
    let (hold, opened, closed) = (Rc::clone(&held), log.clone(), log.clone());
    let handlers = Handlers::new()
        .on_open(move |connection| {
            let log = opened.clone();
            connection
                .keep_secret_fresh()
                .then(move |_, kept| log.add(format!("kept: {}", kept.is_ok())));
            hold.set(Some(connection.clone()));
        })
        .on_unblocked(move |_| drop(held.take()))
        .on_close(move |_, error| closed.add(error));
    event_loop.connect(options, handlers);
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(
        log.take(),
        ["kept: true", "the connection was closed by this client"]
    );
}

#[test]
fn a_secret_that_lasts_needs_nobody() {
    let (options, server) = serve(|session| {
        session.open();
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    let handlers = Handlers::new().on_open(move |connection| {
        connection
            .keep_secret_fresh()
            .then(move |_, kept| logs.add(kept.is_ok()));
    });
    event_loop.connect(options, handlers);
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(log.take(), ["true"]);
}
