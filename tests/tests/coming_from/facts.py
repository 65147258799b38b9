"""What the tests of `docs/coming-from-pika.md` ask of Pika, each answered by a line of JSON:

    version            its version
    names              its public names: exceptions, what connections and channels have, parameters
    urls URL...        for each URL its parameters, or null when Pika refuses it
    bind URL QUEUE     binds a queue to amq.direct without saying a routing key
"""

import inspect
import json
import sys

try:
    import pika
except ImportError:
    sys.exit("no pika: install Debian's package python3-pika")
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.select_connection import IOLoop
from pika.channel import Channel

TYPES = (pika.BlockingConnection, BlockingChannel, pika.SelectConnection, Channel, IOLoop, pika.URLParameters)
PARAMETERS = (
    "host", "port", "virtual_host", "channel_max", "frame_max", "heartbeat", "locale", "connection_attempts",
    "retry_delay", "socket_timeout", "stack_timeout", "blocked_connection_timeout",
)


def public(names):
    # Constants are in capitals.
    return {name for name in names if not name.startswith("_") and not name.isupper()}


def names():
    exceptions = (name for name, _ in inspect.getmembers(pika.exceptions, inspect.isclass))
    found = public(exceptions) | {kind.__name__ for kind in TYPES if kind.__module__ != Channel.__module__}
    for kind in TYPES:
        found |= public(dir(kind))
    return sorted(found)


def parameters(url):
    try:
        read = pika.URLParameters(url)
    except (AssertionError, TypeError, ValueError):
        return None
    found = {name: getattr(read, name) for name in PARAMETERS}
    found["user"], found["password"] = read.credentials.username, read.credentials.password
    found["tls"] = read.ssl_options is not None
    return found


def bind(url, queue):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel().queue_bind(queue, "amq.direct")
    connection.close()


command, *arguments = sys.argv[1:]
if command == "version":
    answer = pika.__version__
elif command == "names":
    answer = names()
elif command == "urls":
    answer = [parameters(url) for url in arguments]
else:
    answer = bind(*arguments)
print(json.dumps(answer))
