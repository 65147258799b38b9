//! Who may connect, against real brokers: each mechanism, secrets that are renewed, and refusals.

use std::time::{Duration, Instant};

use amqp_client::protocol::FieldTable;
use amqp_client::{ConnectOptions, Connection, ConnectionError, Credentials, State};
use amqp_tests::broker::Broker;

fn options() -> ConnectOptions {
    Broker::shared().url().parse().unwrap()
}

/// Connects, or says why the one attempt failed.
async fn connect_by(options: ConnectOptions) -> Result<Connection, ConnectionError> {
    amqp_client::tokio::connect(options)
        .await
        .map_err(|error| match error.attempts() {
            [attempt] => attempt.error.clone(),
            _ => panic!("{error}"),
        })
}

async fn connect_as(credentials: Credentials) -> Result<Connection, ConnectionError> {
    let mut options = options();
    options.config.credentials = credentials;
    connect_by(options).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn user_and_password_by_plain_and_amqplain() {
    for credentials in [
        Credentials::plain("guest", "guest"),
        Credentials::amqplain("guest", "guest"),
        // What the server does not offer is passed over.
        Credentials::external().or(Credentials::amqplain("guest", "guest")),
    ] {
        let name = credentials.mechanisms().last().unwrap().to_owned();
        let connection = connect_as(credentials).await.unwrap();
        connection.open_channel().await.unwrap();
        let listed = Broker::shared()
            .rabbitmqctl(["-q", "list_connections", "auth_mechanism", "state"])
            .unwrap();
        let line = format!("{name}\trunning");
        assert!(listed.lines().any(|listed| listed == line), "{listed}");
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_password_is_its_own_error_by_every_mechanism_and_without_the_capability() {
    for credentials in [
        Credentials::plain("guest", "wr0ng"),
        Credentials::amqplain("guest", "wr0ng"),
        Credentials::plain("nobody", "wr0ng"),
    ] {
        let error = connect_as(credentials).await.unwrap_err();
        assert!(
            matches!(&error, ConnectionError::AuthenticationRefused { close: Some(_) }),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("wr0ng"));
    }
    // A client that does not announce that it understands the close gets none: the stream ends after 3 seconds.
    let mut options = options();
    options.config.credentials = Credentials::plain("guest", "wr0ng");
    options.config.client_properties = FieldTable::new().with("capabilities", FieldTable::new()).unwrap();
    let error = connect_by(options).await.unwrap_err();
    assert!(
        matches!(&error, ConnectionError::AuthenticationRefused { close: None }),
        "{error}"
    );
}

#[tokio::test]
async fn mechanisms_that_the_broker_does_not_offer_are_named_with_those_that_it_does() {
    let error = connect_as(Credentials::anonymous().or(Credentials::rabbit_cr_demo("guest", "guest")))
        .await
        .unwrap_err();
    let ConnectionError::MechanismNotOffered { wanted, offered } = error else {
        panic!("{error}")
    };
    assert_eq!(wanted, "ANONYMOUS RABBIT-CR-DEMO");
    let mut offered: Vec<_> = offered.split(' ').collect();
    offered.sort_unstable();
    assert_eq!(offered, ["AMQPLAIN", "PLAIN"]);
}

#[tokio::test]
async fn a_token_over_the_first_frames_limit_is_refused_here_and_at_once() {
    let mut options = options();
    options.config.credentials = Credentials::plain("", "x".repeat(5000));
    let start = Instant::now();
    let error = connect_by(options).await.unwrap_err();
    assert!(
        matches!(error, ConnectionError::ResponseTooLong { octets: 5002, .. }),
        "{error}"
    );
    // The broker would be silent for 3 seconds, and hang up.
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn update_secret_is_answered() {
    let connection = connect_as(Credentials::plain("guest", "guest")).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    for secret in ["first", "second"] {
        connection.update_secret(secret, "a test").await.unwrap();
    }
    channel.queue_declare("").exclusive().await.unwrap();
    assert_eq!(connection.state(), State::Open);
    connection.close().await.unwrap();
}

mod private_node {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::SystemTime;

    use amqp_client::{IssueError, IssuedSecret, SecretProvider};
    use amqp_tests::broker::Options;
    use hmac::{Hmac, Mac};
    use sha2::Sha256;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_round_of_connection_secure() {
        let options = Options {
            config: "auth_mechanisms.1 = RABBIT-CR-DEMO\nauth_mechanisms.2 = PLAIN\n".into(),
            ..Options::default()
        };
        let broker = Broker::start(&options).unwrap();
        let connect = async |password| {
            let mut options: ConnectOptions = broker.url().parse().unwrap();
            options.config.credentials = Credentials::rabbit_cr_demo("guest", password);
            connect_by(options).await
        };
        let connection = connect("guest").await.unwrap();
        connection.open_channel().await.unwrap();
        let listed = broker
            .rabbitmqctl(["-q", "list_connections", "auth_mechanism"])
            .unwrap();
        assert!(listed.contains("RABBIT-CR-DEMO"), "{listed}");
        connection.close().await.unwrap();
        let error = connect("wrong").await.unwrap_err();
        assert!(
            matches!(&error, ConnectionError::AuthenticationRefused { .. }),
            "{error}"
        );
    }

    const KEY: &[u8] = b"a key that only this test and its broker know";

    /// Octets in the alphabet of JSON Web Tokens.
    fn base64url(octets: &[u8]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::new();
        for group in octets.chunks(3) {
            let bits =
                group.iter().fold(0, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
            for index in 0..=group.len() {
                text.push(char::from(ALPHABET[(bits >> (18 - 6 * index) & 63) as usize]));
            }
        }
        text
    }

    /// A token with every permission, for so many seconds.
    fn token(seconds: u64) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let claims = serde_json::json!({
            "aud": ["rabbitmq"],
            "sub": "orders",
            "exp": now.as_secs() + seconds,
            "scope": ["rabbitmq.read:*/*", "rabbitmq.write:*/*", "rabbitmq.configure:*/*"],
        });
        let header = base64url(br#"{"alg":"HS256","typ":"JWT","kid":"test"}"#);
        let signed = format!("{header}.{}", base64url(claims.to_string().as_bytes()));
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", base64url(&mac.finalize().into_bytes()))
    }

    /// Issues tokens that are good for so many seconds, and counts them.
    #[derive(Clone)]
    struct Tokens {
        seconds: u64,
        issued: Arc<AtomicU32>,
    }

    impl SecretProvider for Tokens {
        async fn issue(&self) -> Result<IssuedSecret, IssueError> {
            self.issued.fetch_add(1, Ordering::SeqCst);
            let lifetime = Duration::from_secs(self.seconds);
            Ok(IssuedSecret::new(token(self.seconds), lifetime))
        }
    }

    #[tokio::test]
    async fn an_oauth_2_token_is_renewed_before_it_expires() {
        let key = base64url(KEY);
        let options = Options {
            config: "auth_backends.1 = rabbit_auth_backend_oauth2\n".into(),
            advanced: format!(
                "[{{rabbitmq_auth_backend_oauth2, [{{resource_server_id, <<\"rabbitmq\">>}}, {{key_config, \
                 [{{default_key, <<\"test\">>}}, {{signing_keys, #{{<<\"test\">> => \
                 {{map, #{{<<\"kty\">> => <<\"oct\">>, <<\"k\">> => <<\"{key}\">>}}}}}}}}]}}]}}].\n"
            ),
            plugins: vec!["rabbitmq_auth_backend_oauth2".into()],
            ..Options::default()
        };
        let broker = Broker::start(&options).unwrap();
        let connect = async |tokens: Tokens| {
            let mut options: ConnectOptions = broker.url().parse().unwrap();
            options.config.credentials = Credentials::from_provider("", tokens);
            connect_by(options).await.unwrap()
        };
        let issued = Arc::new(AtomicU32::new(0));
        let tokens = Tokens {
            seconds: 10,
            issued: Arc::clone(&issued),
        };
        let start = Instant::now();
        let (fresh, stale) = (connect(tokens.clone()).await, connect(tokens.clone()).await);
        assert_eq!(issued.load(Ordering::SeqCst), 2);
        let keeping = tokio::spawn(amqp_client::tokio::keep_secret_fresh(&fresh));
        // Beyond the lifetime of two tokens the one works on, and the other has long been refused.
        while start.elapsed() < Duration::from_secs(21) {
            let channel = fresh.open_channel().await.unwrap();
            channel.queue_declare("").exclusive().await.unwrap();
            channel.close().await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let renewed = issued.load(Ordering::SeqCst);
        assert!(renewed >= 4, "{renewed} tokens in 21 seconds");
        let refused = async {
            let channel = stale.open_channel().await?;
            channel.queue_declare("").exclusive().await
        };
        assert!(refused.await.is_err());
        fresh.close().await.unwrap();
        keeping.await.unwrap().unwrap();

        // A token that has expired is refused as a wrong password is.
        let mut options: ConnectOptions = broker.url().parse().unwrap();
        options.config.credentials = Credentials::plain("", token(0));
        let error = connect_by(options).await.unwrap_err();
        assert!(
            matches!(&error, ConnectionError::AuthenticationRefused { close: Some(_) }),
            "{error}"
        );
    }
}
