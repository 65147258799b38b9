"""The Python side of the tests of interoperation: publishes with pika, or prints what pika consumes and gets.

    URL publish QUEUE                < lines of JSON: {"properties": {NAME: VALUE}, "body": HEX}
    URL receive CONSUMED GOT COUNT   > the same lines, COUNT from each queue, with "envelope" besides

A VALUE is {TYPE: CONTENT}, TYPE being what Python calls it. What must arrive is the test's to know.
"""

import datetime
import decimal
import json
import sys

try:
    import pika
    from pika.compat import long
except ImportError:
    sys.exit("no pika: install Debian's package python3-pika")

FRAME_MAX = 131072
LIMIT_SECONDS = 30
PROPERTIES = (
    "content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id", "reply_to",
    "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id",
)
EPOCH = datetime.datetime(1970, 1, 1)


def from_json(value):
    ((kind, content),) = value.items()
    if kind == "bytes":
        return bytes.fromhex(content)
    if kind == "long":
        return long(content)
    if kind == "Decimal":
        return decimal.Decimal(content)
    if kind == "datetime":
        return EPOCH + datetime.timedelta(seconds=content)
    if kind == "list":
        return [from_json(item) for item in content]
    if kind == "dict":
        return {from_json(key): from_json(item) for key, item in content}
    assert kind in ("NoneType", "bool", "int", "str"), kind
    return content


def to_json(value):
    kind = type(value).__name__
    if kind == "bytes":
        value = value.hex()
    elif kind == "Decimal":
        value = str(value)
    elif kind == "datetime":
        value = (value - EPOCH) // datetime.timedelta(seconds=1)
    elif kind == "list":
        value = [to_json(item) for item in value]
    elif kind == "dict":
        value = [[to_json(key), to_json(item)] for key, item in value.items()]
    else:
        assert kind in ("NoneType", "bool", "int", "long", "str"), kind
    return {kind: value}


def publish(channel, queue):
    # With confirms and `mandatory`, what does not reach the queue is an exception.
    channel.confirm_delivery()
    for line in sys.stdin:
        message = json.loads(line)
        values = {name: from_json(value) for name, value in message["properties"].items()}
        properties = pika.BasicProperties(**values)
        channel.basic_publish("", queue, bytes.fromhex(message["body"]), properties, mandatory=True)


def show(method, properties, body):
    values = {name: getattr(properties, name) for name in PROPERTIES}
    message = {
        "properties": {name: to_json(value) for name, value in values.items() if value is not None},
        "body": body.hex(),
        "envelope": [method.exchange, method.routing_key, method.redelivered],
    }
    print(json.dumps(message))


def receive(channel, consumed, got, count):
    channel.basic_qos(prefetch_count=3)
    messages = channel.consume(consumed, auto_ack=False, inactivity_timeout=LIMIT_SECONDS)
    for _ in range(count):
        method, properties, body = next(messages)
        assert method is not None, "nothing came"
        show(method, properties, body)
        channel.basic_ack(method.delivery_tag)
    assert channel.cancel() == 0, "more came"

    for _ in range(count):
        method, properties, body = channel.basic_get(got)
        assert method is not None, "the queue is empty"
        show(method, properties, body)
        channel.basic_ack(method.delivery_tag)
    assert channel.basic_get(got) == (None, None, None), "more came"


def main(url, command, *arguments):
    parameters = pika.URLParameters(url)
    parameters.frame_max = FRAME_MAX
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    if command == "publish":
        publish(channel, *arguments)
    elif command == "receive":
        consumed, got, count = arguments
        receive(channel, consumed, got, int(count))
    else:
        sys.exit(__doc__)
    connection.close()


main(*sys.argv[1:])
