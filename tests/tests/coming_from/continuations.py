"""Asynchronous: what `docs/coming-from-pika.md` has beside the example `seed_continuations`."""

import functools
import os
import sys

import pika


def opened(connection):
    connection.channel(on_open_callback=channel_opened)


def channel_opened(channel):
    then = functools.partial(exchange_declared, channel)
    channel.exchange_declare("test_x", exchange_type="fanout", callback=then)


def exchange_declared(channel, declare_ok):
    then = functools.partial(queue_declared, channel)
    channel.queue_declare("test_q", durable=True, callback=then)


def queue_declared(channel, declare_ok):
    then = functools.partial(queue_bound, channel)
    channel.queue_bind("test_q", "test_x", callback=then)


def queue_bound(channel, bind_ok):
    channel.basic_publish("test_x", "", "Hello World!")
    channel.basic_consume("test_q", delivered)


def delivered(channel, method, properties, body):
    print(body.decode())
    channel.basic_ack(method.delivery_tag)
    channel.connection.close()


def not_opened(connection, error):
    print(error, file=sys.stderr)
    connection.ioloop.stop()


def closed(connection, reason):
    connection.ioloop.stop()


connection = pika.SelectConnection(
    pika.URLParameters(os.environ.get("AMQP_URL", "amqp://localhost")),
    on_open_callback=opened,
    on_open_error_callback=not_opened,
    on_close_callback=closed,
)
connection.ioloop.start()
