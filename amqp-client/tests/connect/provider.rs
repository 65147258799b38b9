//! Credentials whose secret must be asked for: when, how often, and what is said when there is none.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amqp_client::tokio::{connect, keep_secret_fresh};
use amqp_client::{
    ConnectError, ConnectOptions, Credentials, IssueError, IssuedSecret, SecretProvider, State,
};
use tokio::time::Instant;

use crate::server::{host, open};

/// Fails so many times, then issues a secret; or hangs.
struct Provider {
    asked: Arc<AtomicU32>,
    failures: u32,
    hangs: bool,
}

impl SecretProvider for Provider {
    async fn issue(&self) -> Result<IssuedSecret, IssueError> {
        if self.hangs {
            pending::<()>().await;
        }
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.failures {
            return Err("the endpoint is down".into());
        }
        Ok(IssuedSecret::new("t0ken", Duration::from_secs(3600)))
    }
}

async fn options(failures: u32, hangs: bool) -> (ConnectOptions, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let provider = Provider {
        asked: Arc::clone(&asked),
        failures,
        hangs,
    };
    let mut options = ConnectOptions::default()
        .hosts([host(open().await)])
        .connection_attempts(3)
        .retry_delay(Duration::ZERO);
    options.config.credentials = Credentials::from_provider("me", provider);
    (options, asked)
}

#[tokio::test]
async fn it_is_asked_at_each_connect_and_again_in_the_next_round() {
    for failures in [0, 2] {
        let (options, asked) = options(failures, false).await;
        let connection = connect(options.clone()).await.unwrap();
        assert_eq!(connection.state(), State::Open);
        assert_eq!(asked.load(Ordering::SeqCst), failures + 1);
        connect(options).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), failures + 2);
    }
    let (options, asked) = options(3, false).await;
    let error = connect(options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Provider(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "the provider of the credentials has no secret: the endpoint is down"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_answer_is_given_up_in_time() {
    let (mut options, _) = options(0, true).await;
    options.connection_attempts = 1;
    options.config.handshake_timeout = Duration::from_secs(7);
    let begun = Instant::now();
    let error = connect(options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Provider(_)), "{error}");
    let taken = begun.elapsed().as_millis();
    assert!((7000..=7002).contains(&taken), "{taken}");
}

#[tokio::test]
async fn keeping_its_secret_fresh_can_be_spawned_and_ends_with_the_connection() {
    let (options, _) = options(0, false).await;
    let connection = connect(options).await.unwrap();
    let keeping = tokio::spawn(keep_secret_fresh(&connection));
    connection.close().await.unwrap();
    keeping.await.unwrap().unwrap();
}
