"""Synchronous, with concurrency: what `docs/coming-from-pika.md` has beside the example `seed_threads`."""

import functools
import os
import threading

import pika

NAMES = ["Ada", "Grace"]


def greet(name):
    # No other thread may use this connection.
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("test_x", "", f"hello from {name}")
    connection.close()


def handle(connection, channel, tag, body):
    handled.append(body.decode())
    # Nor this one: it is asked to acknowledge.
    connection.add_callback_threadsafe(functools.partial(channel.basic_ack, tag))


parameters = pika.URLParameters(os.environ.get("AMQP_URL", "amqp://localhost"))
connection = pika.BlockingConnection(parameters)
channel = connection.channel()
channel.exchange_declare("test_x", exchange_type="fanout")
channel.queue_declare("test_q", durable=True)
channel.queue_bind("test_q", "test_x")

handled = []
threads = [threading.Thread(target=greet, args=(name,)) for name in NAMES]
for thread in threads:
    thread.start()
for method, properties, body in channel.consume("test_q"):
    arguments = (connection, channel, method.delivery_tag, body)
    threads.append(threading.Thread(target=handle, args=arguments))
    threads[-1].start()
    if len(threads) == 2 * len(NAMES):
        break
for thread in threads:
    thread.join()
for greeting in sorted(handled):
    print(greeting)
# The acknowledgements are sent here.
connection.process_data_events()
channel.cancel()
connection.close()
