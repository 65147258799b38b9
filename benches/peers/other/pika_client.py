#!/usr/bin/python3
"""pika. Variants: `blocking`, its BlockingConnection, which has no more than one confirm outstanding; `callbacks`, its
SelectConnection. The arguments and the line that it prints are those of the crate `amqp-harness`."""

import json
import sys
import time

import pika

WINDOW = 1000
BODY = b"sixteen octets!!"
LARGE = bytes(65536)
PROPERTIES = pika.BasicProperties(delivery_mode=1)


def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


class Meter:
    def __init__(self, scenario, count):
        self.scenario, self.count, self.laps = scenario, count, []
        self.resident = memory("VmRSS:")
        self.processor = time.process_time()
        self.begin = self.last = time.monotonic_ns()

    def lap(self):
        now = time.monotonic_ns()
        self.laps.append(now - self.last)
        self.last = now

    def finish(self):
        line = {
            "scenario": self.scenario,
            "messages": self.count,
            "seconds": (time.monotonic_ns() - self.begin) / 1e9,
            "processor_seconds": time.process_time() - self.processor,
            "resident_kib": self.resident,
            "peak_kib": memory("VmHWM:"),
        }
        if self.laps:
            self.laps.sort()
            line["p50_ns"] = self.laps[len(self.laps) // 2]
            line["p99_ns"] = self.laps[len(self.laps) * 99 // 100]
        print(json.dumps(line))


def blocking(scenario, count, parameters, queue):
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()

    def publish(body=BODY):
        channel.basic_publish("", queue, body, PROPERTIES)

    if scenario in ("publish", "large"):
        body = BODY if scenario == "publish" else LARGE
        meter = Meter(scenario, count)
        for _ in range(count):
            publish(body)
        channel.queue_declare(queue, passive=True)
    elif scenario == "confirm":
        channel.confirm_delivery()
        meter = Meter(scenario, count)
        for _ in range(count):
            publish()
            meter.lap()
    elif scenario in ("consume", "consume-ack", "ping-pong"):
        acks = scenario == "consume-ack"
        pings = scenario == "ping-pong"
        if acks:
            channel.basic_qos(prefetch_count=WINDOW)
        done = 0

        def delivered(channel, method, properties, body):
            nonlocal done
            done += 1
            if acks:
                channel.basic_ack(method.delivery_tag)
            if pings:
                meter.lap()
            if done == count:
                channel.stop_consuming()
            elif pings:
                publish()

        meter = Meter(scenario, count)
        channel.basic_consume(queue, delivered, auto_ack=not acks)
        channel.queue_declare(queue, passive=True)
        if pings:
            publish()
        channel.start_consuming()
        if acks:
            channel.queue_declare(queue, passive=True)
    else:
        sys.exit(f"no {scenario} with a blocking connection")
    meter.finish()
    connection.close()


class Callbacks:
    def __init__(self, scenario, count, parameters, queue):
        self.scenario, self.count, self.queue = scenario, count, queue
        self.sent = self.done = 0
        self.connection = pika.SelectConnection(parameters, on_open_callback=self.opened)
        self.connection.ioloop.start()

    def opened(self, connection):
        connection.channel(on_open_callback=self.channel_opened)

    def channel_opened(self, channel):
        self.channel = channel
        if self.scenario == "publish":
            self.meter = Meter(self.scenario, self.count)
            self.publish_some()
        elif self.scenario == "confirms":
            channel.confirm_delivery(self.confirmed, callback=self.selected)
        elif self.scenario in ("consume", "consume-ack"):
            acks = self.scenario == "consume-ack"
            if acks:
                channel.basic_qos(prefetch_count=WINDOW)
            consumed = self.delivered_to_ack if acks else self.delivered
            self.meter = Meter(self.scenario, self.count)
            channel.basic_consume(self.queue, consumed, auto_ack=not acks, callback=self.consuming)
        else:
            sys.exit(f"no {self.scenario} with callbacks")

    def publish(self):
        self.sent += 1
        self.channel.basic_publish("", self.queue, BODY, PROPERTIES)

    def publish_some(self):
        # What is published is written when the loop has its turn.
        for _ in range(min(WINDOW, self.count - self.sent)):
            self.publish()
        if self.sent < self.count:
            self.connection.ioloop.add_callback_threadsafe(self.publish_some)
        else:
            self.round_trip()

    def selected(self, _):
        self.meter = Meter(self.scenario, self.count)
        for _ in range(min(WINDOW, self.count)):
            self.publish()

    def confirmed(self, frame):
        settled = frame.method.delivery_tag - self.done
        self.done = frame.method.delivery_tag
        for _ in range(min(settled, self.count - self.sent)):
            self.publish()
        if self.done == self.count:
            self.finish()

    def consuming(self, _):
        self.channel.queue_declare(self.queue, passive=True)

    def delivered(self, channel, method, properties, body):
        self.done += 1
        if self.done == self.count:
            self.finish()

    def delivered_to_ack(self, channel, method, properties, body):
        channel.basic_ack(method.delivery_tag)
        self.done += 1
        if self.done == self.count:
            self.round_trip()

    def round_trip(self):
        self.channel.queue_declare(self.queue, passive=True, callback=self.finish)

    def finish(self, _=None):
        self.meter.finish()
        self.connection.ioloop.stop()


def main():
    variant, scenario, count, address = sys.argv[1:]
    count = int(count)
    host, port = address.rsplit(":", 1)
    parameters = pika.ConnectionParameters(host, int(port))
    queue = f"bench.{count if scenario.startswith('consume') else 0}"
    {"blocking": blocking, "callbacks": Callbacks}[variant](scenario, count, parameters, queue)


main()
