//! Time by tokio's clock, which a test may pause: what handles wait for is late by the same clock as the driver.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::v0_9_1::{channel, confirm};
use amqp_client::protocol::{ChannelId, frame};
use amqp_client::tokio::connect_with;
use amqp_client::{CallError, Config, Connection, PublishError, ShutdownError};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::server::shake_hands;

const SECOND: Duration = Duration::from_secs(1);
/// All different, and too long to be waited for.
const CALL: Duration = Duration::from_secs(3600);
const PUBLISH: Duration = Duration::from_secs(7200);
const CONFIRM: Duration = Duration::from_secs(10_800);

/// An open connection to a server that says nothing by itself, a day after the clock was paused.
async fn open() -> (Connection, DuplexStream) {
    tokio::time::pause();
    let config = Config::default()
        .heartbeat(0)
        .call_timeout(CALL)
        .publish_timeout(PUBLISH);
    let (ours, mut theirs) = tokio::io::duplex(4096);
    let (connection, driver) = connect_with(ours, config);
    tokio::spawn(driver);
    shake_hands(&mut theirs).await;
    connection.opened().await.unwrap();
    // From here on the computer's clock is far behind.
    tokio::time::advance(Duration::from_secs(86_400)).await;
    (connection, theirs)
}

/// Asks something of the server, which answers.
async fn answered<T>(
    question: impl Future<Output = T>,
    server: &mut DuplexStream,
    answer: &impl Arguments,
) -> T {
    let mut octets = Vec::new();
    frame::write_method(&mut octets, ChannelId(1), answer, 0).unwrap();
    tokio::join!(question, async { server.write_all(&octets).await.unwrap() }).0
}

#[tokio::test]
async fn a_call_is_late_by_the_clock_of_the_driver() {
    let (connection, mut server) = open().await;
    let channel = answered(connection.open_channel(), &mut server, &channel::OpenOk {})
        .await
        .unwrap();
    let begun = Instant::now();
    let error = channel.queue_declare("q").await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }), "{error}");
    assert_eq!(begun.elapsed().as_secs(), CALL.as_secs());
}

#[tokio::test]
async fn a_publish_is_late_by_the_clock_of_the_driver() {
    let (connection, mut server) = open().await;
    let channel = answered(connection.open_channel(), &mut server, &channel::OpenOk {})
        .await
        .unwrap();
    let flow = channel::Flow { active: false };
    let begun = Instant::now();
    let publish = async {
        // Behind channel.flow.
        tokio::time::sleep(SECOND).await;
        channel.basic_publish("", "q", "x").await
    };
    let error = answered(publish, &mut server, &flow).await.unwrap_err();
    assert!(matches!(error, PublishError::Flow), "{error}");
    assert_eq!(begun.elapsed().as_secs(), (SECOND + PUBLISH).as_secs());
}

#[tokio::test]
async fn a_confirm_is_late_by_the_clock_of_the_driver() {
    let (connection, mut server) = open().await;
    let channel = answered(connection.open_channel(), &mut server, &channel::OpenOk {})
        .await
        .unwrap();
    let select = channel.confirm_select().confirm_timeout(CONFIRM).into_future();
    let publisher = answered(select, &mut server, &confirm::SelectOk {})
        .await
        .unwrap();
    let begun = Instant::now();
    let receipt = publisher.publish("", "q", "x").await.unwrap();
    let error = receipt.await.unwrap_err();
    assert!(matches!(error, PublishError::Unknown { .. }), "{error}");
    assert_eq!(begun.elapsed().as_secs(), CONFIRM.as_secs());
}

#[tokio::test]
async fn a_shutdown_and_its_close_are_late_by_the_clock_of_the_driver() {
    let (connection, mut server) = open().await;
    let channel = answered(connection.open_channel(), &mut server, &channel::OpenOk {})
        .await
        .unwrap();
    let select = channel.confirm_select().confirm_timeout(CONFIRM).into_future();
    let publisher = answered(select, &mut server, &confirm::SelectOk {})
        .await
        .unwrap();
    let _receipt = publisher.publish("", "q", "x").await.unwrap();
    let begun = Instant::now();
    let error = connection.shutdown(PUBLISH).await.unwrap_err();
    assert!(matches!(error, ShutdownError::Unfinished(_)), "{error}");
    let close = Config::default().close_timeout;
    assert_eq!(begun.elapsed().as_secs(), (PUBLISH + close).as_secs());
}
