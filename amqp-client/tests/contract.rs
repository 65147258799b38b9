//! What the types promise: handles that any task may share, futures that any executor may move between threads.

use std::time::Duration;

use amqp_client::protocol::DeliveryTag;
use amqp_client::protocol::v0_9_1::{basic, queue};
use amqp_client::{
    Channel, ConnectError, Connection, ConnectionError, Consumer, Delivery, Events, PublishError, Publisher,
    Receipt, Receipts, Returns,
};

fn shared<T: Send + Sync + 'static>() {}

fn cloned<T: Clone>() {}

fn movable(_: impl IntoFuture<IntoFuture: Send>) {}

#[test]
fn handles_and_errors_can_be_shared() {
    shared::<Connection>();
    shared::<Channel>();
    shared::<Consumer>();
    shared::<Delivery>();
    shared::<Publisher>();
    shared::<Receipt>();
    shared::<Receipts>();
    shared::<Returns>();
    shared::<Events>();
    shared::<ConnectError>();
    shared::<ConnectionError>();
    shared::<PublishError>();
}

#[cfg(feature = "blocking")]
#[test]
fn handles_of_a_connection_with_a_thread_can_be_shared() {
    use amqp_client::blocking::Threaded;

    shared::<Connection<Threaded>>();
    shared::<Channel<Threaded>>();
    shared::<Consumer<Threaded>>();
    shared::<Publisher<Threaded>>();
    shared::<Receipt<Threaded>>();
    shared::<Receipts<Threaded>>();
    shared::<Returns<Threaded>>();
    shared::<Events<Threaded>>();
    cloned::<Connection<Threaded>>();
    cloned::<Channel<Threaded>>();
    cloned::<Publisher<Threaded>>();
}

/// A type that may go to another thread, or be used by several, has more than one of these functions: then which is meant is
/// not known, and the test does not compile.
#[cfg(feature = "blocking")]
trait Stays<Reason> {
    fn stays() {}
}
#[cfg(feature = "blocking")]
impl<T> Stays<()> for T {}
#[cfg(feature = "blocking")]
impl<T: Send> Stays<((), ())> for T {}
#[cfg(feature = "blocking")]
impl<T: Sync> Stays<[(); 0]> for T {}

/// But for its deliveries, and what is made to reach it from elsewhere.
#[cfg(feature = "blocking")]
#[test]
fn handles_of_a_connection_without_a_thread_stay_where_they_are() {
    use amqp_client::blocking::{Local, Remote, SingleThreaded, Timer};

    <SingleThreaded as Stays<_>>::stays();
    <Channel<Local> as Stays<_>>::stays();
    <Consumer<Local> as Stays<_>>::stays();
    <Publisher<Local> as Stays<_>>::stays();
    <Receipt<Local> as Stays<_>>::stays();
    <Receipts<Local> as Stays<_>>::stays();
    <Returns<Local> as Stays<_>>::stays();
    <Events<Local> as Stays<_>>::stays();
    shared::<Delivery>();
    shared::<Remote>();
    shared::<Timer>();
}

#[test]
fn what_several_tasks_use_can_be_cloned() {
    cloned::<Connection>();
    cloned::<Channel>();
    cloned::<Publisher>();
}

/// Never called: that it compiles is the test, as for those below.
#[expect(dead_code, reason = "compiled, not run")]
fn futures_of_connections_can_be_moved(connection: &Connection, mut events: Events) {
    movable(connection.opened());
    movable(connection.open_channel());
    movable(connection.close());
    movable(connection.closed());
    movable(connection.shutdown(Duration::ZERO));
    movable(connection.update_secret("secret", "reason"));
    movable(connection.keep_secret_fresh(|_| std::future::ready(())));
    movable(events.next());
}

#[expect(dead_code, reason = "compiled, not run")]
fn requests_can_be_moved(channel: &Channel) {
    movable(channel.exchange_declare("e", "fanout"));
    movable(channel.exchange_delete("e"));
    movable(channel.exchange_bind("e", "source", "k"));
    movable(channel.exchange_unbind("e", "source", "k"));
    movable(channel.queue_declare("q"));
    movable(channel.queue_declare("q").no_wait());
    movable(channel.queue_bind("q", "e", "k"));
    movable(channel.queue_unbind("q", "e", "k"));
    movable(channel.queue_purge("q"));
    movable(channel.queue_delete("q"));
    movable(channel.basic_qos(1));
    movable(channel.basic_consume("q"));
    movable(channel.basic_get("q"));
    movable(channel.basic_publish("", "q", "body"));
    movable(channel.basic_ack(DeliveryTag(1)));
    movable(channel.basic_nack(DeliveryTag(1)));
    movable(channel.basic_reject(DeliveryTag(1)));
    movable(channel.basic_recover());
    movable(channel.basic_recover_async());
    movable(channel.tx_select());
    movable(channel.tx_commit());
    movable(channel.tx_rollback());
    movable(channel.confirm_select());
    movable(channel.channel_flow());
    movable(channel.call(queue::Declare::default()));
    movable(channel.send(basic::RecoverAsync::default()));
    movable(channel.close());
}

#[expect(dead_code, reason = "compiled, not run")]
fn futures_of_consumers_can_be_moved(mut consumer: Consumer, deliveries: [Delivery; 6]) {
    movable(consumer.next());
    movable(consumer.drain());
    movable(consumer.cancel());
    let [first, second, third, fourth, fifth, sixth] = deliveries;
    movable(first.ack());
    movable(second.reject());
    movable(third.requeue());
    movable(fourth.ack_multiple());
    movable(fifth.reject_multiple());
    movable(sixth.requeue_multiple());
}

#[expect(dead_code, reason = "compiled, not run")]
fn futures_of_publishers_can_be_moved(
    publisher: &Publisher,
    receipt: Receipt,
    receipts: Receipts,
    mut returns: Returns,
) {
    movable(publisher.publish("", "q", "body"));
    movable(publisher.wait_for_all());
    movable(receipt);
    movable(receipts);
    movable(returns.next());
}

#[cfg(feature = "tokio")]
#[expect(dead_code, reason = "compiled, not run")]
fn connections_one_after_the_other_can_be_moved() {
    use amqp_client::tokio::connect;
    use amqp_client::{ExponentialBackoff, Reconnecting};

    let strategy = ExponentialBackoff::default();
    let mut connections = Reconnecting::new(strategy, || connect("amqp://localhost"), tokio::time::sleep);
    movable(connections.next());
    movable(async move { connections.next().await.is_some() });
}

#[cfg(feature = "tokio")]
#[expect(dead_code, reason = "compiled, not run")]
fn what_tokio_runs_can_be_spawned(connection: &Connection, stream: tokio::net::TcpStream) {
    use amqp_client::tokio::{connect, connect_with, keep_secret_fresh};
    use amqp_client::{Config, ConnectOptions};

    fn spawn(_: impl Future<Output: Send> + Send + 'static) {}
    spawn(connect("amqp://localhost"));
    spawn(connect(ConnectOptions::default()));
    spawn(keep_secret_fresh(connection));
    spawn(connect_with(stream, Config::default()).1);
}

#[cfg(feature = "smol")]
#[expect(dead_code, reason = "compiled, not run")]
fn what_smol_runs_can_be_spawned(stream: smol::net::TcpStream) {
    use amqp_client::smol::{BoxDriver, connect, connect_with};
    use amqp_client::{Config, ConnectOptions};

    fn spawn(_: impl Future<Output: Send> + Send + 'static) {}
    spawn(connect("amqp://localhost"));
    spawn(connect(ConnectOptions::default()));
    spawn(connect_with(stream, Config::default()).1);
    fn driven(driver: BoxDriver) {
        spawn(driver);
    }
    let _ = driven;
}
