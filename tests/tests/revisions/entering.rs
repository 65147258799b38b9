//! Who gets in on each revision, and what is said to who does not.

use amqp_client::tokio::connect;
use amqp_client::{ConnectOptions, Connection, ConnectionError, Credentials, Protocol};
use amqp_tests::broker::Broker;
use tokio::time::timeout;

use crate::common::{Failure, LIMIT, Outcome};
use crate::stage::options;

const BOTH: [Protocol; 2] = [Protocol::V0_9_1, Protocol::V0_8];

/// Connects, or says why the one attempt failed.
async fn enter(options: ConnectOptions) -> Result<Result<Connection, ConnectionError>, Failure> {
    match timeout(LIMIT, connect(options)).await? {
        Ok(connection) => Ok(Ok(connection)),
        Err(error) => match error.attempts() {
            [attempt] => Ok(Err(attempt.error.clone())),
            _ => Err(error.into()),
        },
    }
}

#[tokio::test]
async fn a_uri_chooses_the_revision_and_the_mechanism() -> Outcome {
    for protocol in BOTH {
        for mechanism in ["plain", "amqplain"] {
            let separator = if Broker::shared().url().contains('?') {
                '&'
            } else {
                '?'
            };
            let keys = format!("{separator}protocol={protocol}&auth_mechanism={mechanism}");
            let options = ConnectOptions::try_from(format!("{}{keys}", Broker::shared().url()))?;
            assert_eq!(options.config.protocol, protocol);
            let connection = enter(options).await??;
            assert_eq!(
                connection.server_properties().product.as_deref(),
                Some("RabbitMQ")
            );
            assert_eq!(connection.known_hosts(), &[] as &[String]);
            connection.open_channel().await?;
            connection.close().await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_virtual_host_are_told_apart() -> Outcome {
    for protocol in BOTH {
        let mut stranger = options(Broker::shared(), protocol)?;
        stranger.config.credentials = Credentials::plain("nobody", "guesses");
        let error = enter(stranger).await?.err().ok_or("nobody is let in")?;
        assert!(
            matches!(error, ConnectionError::AuthenticationRefused { close: Some(_) }),
            "{protocol}: {error}"
        );
        let mut lost = options(Broker::shared(), protocol)?;
        lost.config.virtual_host = "nowhere".into();
        let error = enter(lost).await?.err().ok_or("there is a nowhere")?;
        assert!(
            matches!(&error, ConnectionError::VirtualHostRefused { virtual_host, .. } if virtual_host == "nowhere"),
            "{protocol}: {error}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn with_fallback_rabbitmq_speaks_what_is_wanted() -> Outcome {
    for protocol in BOTH {
        let options = options(Broker::shared(), protocol)?
            .protocol_fallback(true)
            .redirects(3);
        let connection = enter(options).await??;
        // Only one of the two has confirms.
        let confirms = connection.open_channel().await?.confirm_select().await;
        assert_eq!(confirms.is_ok(), protocol == Protocol::V0_9_1);
        connection.close().await?;
    }
    Ok(())
}
