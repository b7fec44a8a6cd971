"""A paho client that remembers what it received."""

import contextlib
import json
import ssl
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

SECONDS = 10


class RecordingClient:
    """Connected when made; over mutual TLS for a device, else over the plain port, where everything is allowed."""

    def __init__(self, server, client_id, device=None, v5=False, will=None, clean=True):
        self.messages, self.disconnected, self._changed = [], None, threading.Condition()
        self._acknowledged = set()
        protocol = mqtt.MQTTv5 if v5 else mqtt.MQTTv311
        options = {} if v5 else {"clean_session": clean}
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, **options)
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda _c, _u, mid, codes, _p: self._on_subscribed(mid, codes)
        self.client.on_publish = lambda _c, _u, mid, _r, _p: self._on_acknowledged(mid)
        self.client.on_connect = lambda _c, _u, _f, reason, _p: self._on_connected(reason)
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self._on_disconnected(reason)
        self.connected, self.granted = None, {}
        if will:
            self.client.will_set(*will)
        port = server.mqtt_port
        if device is not None:
            port = server.mqtts_port
            self.client.tls_set(str(server.ca), str(device.certificate), str(device.key),
                                tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.connect("localhost", port, keepalive=60)
        self.client.loop_start()
        self._wait(lambda: self.connected is not None, "no CONNACK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self):
        """Closes the connection without DISCONNECT, so that the server sends the Will."""
        connection = self.client.socket()
        self.client.loop_stop()
        with contextlib.suppress(OSError):
            connection.shutdown(2)
            connection.close()

    def subscribe(self, *filters, qos=1):
        for topic_filter in filters:
            _, mid = self.client.subscribe(topic_filter, qos)
            self._wait(lambda: mid in self.granted, f"no SUBACK for {topic_filter}")
            assert all(code.value <= 1 for code in self.granted[mid]), f"{topic_filter} refused: {self.granted[mid]}"
        return self

    def publish(self, topic, payload=b"", qos=1, retain=False):
        """Publishes, at QoS 1 until it is acknowledged or the connection ends; whether it was."""
        if not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        info = self.client.publish(topic, payload, qos, retain)
        if qos:
            self._wait(lambda: info.mid in self._acknowledged or self.disconnected is not None, "no PUBACK")
        return info.mid in self._acknowledged

    def wait_for(self, count, topic=None):
        """The first `count` messages, on `topic` if it is given, as (topic, JSON)."""
        def found():
            return [m for m in self.messages if topic is None or m[0] == topic]
        self._wait(lambda: len(found()) >= count, lambda: f"only {self.messages}")
        return found()[:count]

    def wait_until_disconnected(self):
        self._wait(lambda: self.disconnected is not None, "still connected")

    def topics(self):
        return [topic for topic, _ in self.messages]

    def _wait(self, condition, complaint):
        deadline = time.monotonic() + SECONDS
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, complaint() if callable(complaint) else complaint
                self._changed.wait(left)

    def _on_connected(self, reason):
        with self._changed:
            self.connected = reason
            self._changed.notify_all()

    def _on_disconnected(self, reason):
        with self._changed:
            self.disconnected = reason
            self._changed.notify_all()

    def _on_subscribed(self, mid, codes):
        with self._changed:
            self.granted[mid] = codes
            self._changed.notify_all()

    def _on_acknowledged(self, mid):
        with self._changed:
            self._acknowledged.add(mid)
            self._changed.notify_all()

    def _on_message(self, _client, _userdata, message):
        try:
            payload = json.loads(message.payload)
        except ValueError:
            payload = message.payload
        with self._changed:
            self.messages.append((message.topic, payload))
            self._changed.notify_all()
