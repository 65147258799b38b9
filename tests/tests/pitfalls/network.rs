//! Pitfall 17 and what else a network does: dead peers are found by time, also when nothing can be written, and a
//! connection that is cut anywhere is a typed error.

use std::time::{Duration, Instant};

use amqp_client::{Config, Connection, ConnectionError};
use amqp_tests::broker::Broker;
use amqp_tests::proxy::{Direction, Fault, Proxy};

use crate::support::{Busy, connect, in_time, own_queue};

/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(20);

fn proxy() -> (Proxy, String) {
    let broker = Broker::shared();
    let proxy = Proxy::start(broker.address()).unwrap();
    let url = broker
        .url()
        .replace(broker.address(), &proxy.address().to_string());
    (proxy, url)
}

async fn connected(set: impl FnOnce(&mut Config)) -> (Proxy, Connection) {
    let (proxy, url) = proxy();
    let connection = connect(&url, set).await.unwrap();
    (proxy, connection)
}

#[tokio::test]
async fn pitfall_17_a_black_hole_is_found_in_two_heartbeat_intervals() {
    let (proxy, connection) = connected(|config| config.heartbeat = Some(1)).await;
    proxy.black_hole();
    let start = Instant::now();
    let error = in_time(connection.closed()).await;
    let took = start.elapsed();
    assert!(matches!(error, ConnectionError::HeartbeatTimedOut), "{error:?}");
    assert!(took < Duration::from_secs(2) + SLACK, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_17_a_dead_peer_is_found_though_a_write_is_blocked() {
    let (proxy, connection) = connected(|config| config.heartbeat = Some(2)).await;
    let busy = Busy::start(&connection).await;
    proxy.set(Direction::ToServer, Fault::Stall);
    proxy.set(Direction::ToClient, Fault::Swallow);
    let start = Instant::now();
    let error = busy.ended().await;
    let took = start.elapsed();
    assert!(matches!(error, ConnectionError::HeartbeatTimedOut), "{error:?}");
    assert!(took < Duration::from_secs(4) + SLACK, "{took:?}");
}

#[tokio::test]
async fn pitfall_17_a_transport_that_takes_nothing_is_given_up_though_the_peer_lives() {
    let write_timeout = Duration::from_secs(1);
    let (proxy, connection) = connected(|config| {
        config.heartbeat = Some(0);
        config.write_timeout = write_timeout;
    })
    .await;
    let opened = connection.open_channel().await.unwrap();
    proxy.set(Direction::ToServer, Fault::Stall);
    let body = vec![0; 64 << 20];
    let start = Instant::now();
    opened.basic_publish("amq.fanout", "", &body).await.unwrap();
    let error = in_time(connection.closed()).await;
    let took = start.elapsed();
    assert!(matches!(error, ConnectionError::WriteTimedOut), "{error:?}");
    assert!((write_timeout..write_timeout + SLACK).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_network_that_stalls_for_a_while_costs_nothing_but_time() {
    let (proxy, connection) = connected(|_| {}).await;
    let channel = connection.open_channel().await.unwrap();
    proxy.set(Direction::ToServer, Fault::Stall);
    let mut declaring = std::pin::pin!(own_queue(&channel));
    let stalled = tokio::time::timeout(Duration::from_millis(200), &mut declaring).await;
    assert!(stalled.is_err(), "it got through");
    proxy.set(Direction::ToServer, Fault::None);
    in_time(declaring).await;
    connection.close().await.unwrap();
}

#[tokio::test]
async fn single_octets_and_delays_change_nothing() {
    for fault in [Fault::Trickle, Fault::Delay(Duration::from_millis(20))] {
        let (proxy, url) = proxy();
        proxy.set(Direction::ToServer, fault);
        proxy.set(Direction::ToClient, fault);
        let connection = connect(&url, |_| {}).await.unwrap();
        let channel = connection.open_channel().await.unwrap();
        let queue = own_queue(&channel).await;
        let body: Vec<u8> = (0..10_000).map(|number| number as u8).collect();
        channel.basic_publish("", &queue, &body).await.unwrap();
        let delivery = channel.basic_get(&queue).await.unwrap().unwrap();
        assert!(delivery.body() == body);
        delivery.ack().await.unwrap();
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_handshake_cut_anywhere_is_a_typed_error_at_once() {
    let (proxy, url) = proxy();
    for octets in (0..).step_by(37) {
        proxy.set(Direction::ToClient, Fault::CutAfter(octets));
        let Err(error) = connect(&url, |_| {}).await else {
            assert!(octets > 100, "open after {octets} octets");
            break;
        };
        let torn = matches!(
            error,
            ConnectionError::EndOfStream { .. }
                | ConnectionError::Transport(_)
                | ConnectionError::AuthenticationRefused { close: None }
        );
        // Waiting for more in vain would be another error.
        assert!(torn, "after {octets} octets: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_06_07_a_reset_and_an_end_of_stream_end_everything_that_waits() {
    let (proxy, connection) = connected(|_| {}).await;
    let busy = Busy::start(&connection).await;
    proxy.reset();
    let error = busy.ended().await;
    let ConnectionError::Transport(transport) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(transport.kind(), std::io::ErrorKind::ConnectionReset);

    let (proxy, connection) = connected(|_| {}).await;
    let busy = Busy::start(&connection).await;
    proxy.half_close(Direction::ToClient);
    let error = busy.ended().await;
    assert!(matches!(error, ConnectionError::EndOfStream { .. }), "{error:?}");
}
