"""Synchronous, without concurrency: what `docs/coming-from-pika.md` has beside the example `seed_synchronous`."""

import os

import pika

parameters = pika.URLParameters(os.environ.get("AMQP_URL", "amqp://localhost"))
connection = pika.BlockingConnection(parameters)
channel = connection.channel()

channel.exchange_declare("test_x", exchange_type="fanout")
channel.queue_declare("test_q", durable=True)
channel.queue_bind("test_q", "test_x")
channel.basic_publish("test_x", "", "Hello World!")

for method, properties, body in channel.consume("test_q"):
    print(body.decode())
    channel.basic_ack(method.delivery_tag)
    break
channel.cancel()
connection.close()
