//! What the types promise: handles that any task may share, futures that any executor may move between threads.

use amqp_client::{Channel, Connection, Consumer, Delivery, Publisher, Receipt, Receipts, Returns};

fn shared<T: Send + Sync + 'static>() {}

fn movable(_: impl IntoFuture<IntoFuture: Send>) {}

#[test]
fn handles_can_be_shared() {
    shared::<Connection>();
    shared::<Channel>();
    shared::<Consumer>();
    shared::<Delivery>();
    shared::<Publisher>();
    shared::<Receipt>();
    shared::<Receipts>();
    shared::<Returns>();
}

/// Never called: that it compiles is the test.
#[expect(dead_code, reason = "compiled, not run")]
fn futures_can_be_moved(
    connection: &Connection,
    channel: &Channel,
    mut consumer: Consumer,
    deliveries: [Delivery; 3],
    publisher: &Publisher,
    mut returns: Returns,
) {
    movable(connection.opened());
    movable(connection.open_channel());
    movable(connection.close());
    movable(connection.closed());
    movable(channel.queue_declare("q"));
    movable(channel.queue_declare("q").no_wait());
    movable(channel.basic_publish("", "q", "body"));
    movable(channel.basic_get("q"));
    movable(channel.basic_consume("q"));
    movable(channel.close());
    movable(consumer.next());
    movable(consumer.cancel());
    let [first, second, third] = deliveries;
    movable(first.ack());
    movable(second.reject());
    movable(third.requeue());
    movable(channel.confirm_select());
    movable(publisher.publish("", "q", "body"));
    movable(publisher.wait_for_all());
    movable(returns.next());
}

#[cfg(feature = "tokio")]
#[expect(dead_code, reason = "compiled, not run")]
fn connecting_can_be_spawned() {
    fn spawn(_: impl Future<Output: Send> + Send + 'static) {}
    spawn(amqp_client::tokio::connect("amqp://localhost"));
}
