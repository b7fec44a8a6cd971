"""Many shadows at once, over MQTT and HTTPS, and a server that is killed in the middle of it."""

import collections
import contextlib
import http.client
import json
import sqlite3
import ssl
import threading
import time

import paho.mqtt.client as paho

THINGS = 1000
SECONDS = 60


class Watcher:
    """Remembers the versions that were told of each shadow, in the order in which they came."""

    def __init__(self, server):
        self.accepted, self.documents = collections.defaultdict(list), collections.defaultdict(list)
        self.count, self.changed, self.subscribed = 0, threading.Condition(), threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, "watcher")
        self.client.on_message, self.client.on_subscribe = self._on_message, lambda *_: self.subscribed.set()
        self.client.connect("localhost", server.mqtt_port)
        self.client.subscribe([("$aws/things/+/shadow/update/accepted", 1), ("$aws/things/+/shadow/update/documents", 1)])
        self.client.loop_start()
        assert self.subscribed.wait(SECONDS)

    def _on_message(self, _client, _data, message):
        thing, payload = message.topic.split("/")[2], json.loads(message.payload)
        with self.changed:
            told = self.accepted if message.topic.endswith("accepted") else self.documents
            told[thing].append(payload)
            self.count += 1
            self.changed.notify_all()

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: self.count >= count, SECONDS), f"{self.count} of {count} messages"

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def over_mqtt(server, writer, failures):
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, f"writer-{writer}")
    client.max_inflight_messages_set(50)
    client.max_queued_messages_set(0)
    client.connect("localhost", server.mqtt_port)
    client.loop_start()
    sent = [client.publish(f"$aws/things/t{thing}/shadow/update", request(writer, thing), qos=1)
            for thing in range(THINGS)]
    try:
        for info in sent:
            info.wait_for_publish(SECONDS)
    except Exception as failure:  # noqa: BLE001 - shown by the test
        failures.append(failure)
    client.disconnect()
    client.loop_stop()


def over_https(server, device, writer, failures):
    context = ssl.create_default_context(cafile=str(server.ca))
    context.load_cert_chain(device.certificate, device.key)
    connection = http.client.HTTPSConnection("localhost", server.https_port, context=context, timeout=SECONDS)
    for thing in range(THINGS):
        connection.request("POST", f"/things/t{thing}/shadow", request(writer, thing))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            failures.append(body)
    connection.close()


def request(writer, thing):
    return json.dumps({"state": {"reported": {writer: thing}}})


def test_a_thousand_things_updated_over_mqtt_and_https_at_once_lose_no_update(server):
    # SHADOW-034, SHADOW-036, SHADOW-101, SHADOW-161, SHADOW-168
    device, failures, watcher = server.device("gateway"), [], Watcher(server)
    writers = [threading.Thread(target=over_mqtt, args=(server, f"mqtt-{n}", failures)) for n in range(2)]
    writers += [threading.Thread(target=over_https, args=(server, device, f"https-{n}", failures)) for n in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failures
    watcher.wait_for(2 * 4 * THINGS)
    watcher.stop()
    for thing in range(THINGS):
        name = f"t{thing}"
        assert [told["version"] for told in watcher.accepted[name]] == [1, 2, 3, 4]
        previous = None
        for told in watcher.documents[name]:
            # Each update was made on top of the one before it, whichever way it came.
            assert told["previous"] == previous
            previous = told["current"]
        assert previous["version"] == 4
        assert previous["state"]["reported"] == {w: thing for w in ["mqtt-0", "mqtt-1", "https-0", "https-1"]}


def test_no_accepted_update_is_lost_by_kill_9(own_server):
    # SHADOW-014, SHADOW-036, SHADOW-101
    server = own_server()
    watcher, things = Watcher(server), 50
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "writer")
    client.max_inflight_messages_set(100)
    client.max_queued_messages_set(0)
    client.connect("localhost", server.mqtt_port)
    client.loop_start()
    for n in range(10_000):
        client.publish(f"$aws/things/t{n % things}/shadow/update", json.dumps({"state": {"reported": {"n": n}}}), qos=1)
    watcher.wait_for(3000)
    server.kill()
    client.loop_stop()
    watcher.client.loop_stop()
    server.start()
    data = server.boto("iot-data")
    for thing in range(things):
        told = watcher.accepted[f"t{thing}"]
        assert [one["version"] for one in told] == list(range(1, len(told) + 1))
        found = json.loads(data.get_thing_shadow(thingName=f"t{thing}")["payload"].read())
        # Version v was made by the update number v, so what is stored fits together, too.
        assert found["version"] >= told[-1]["version"]
        assert found["state"]["reported"]["n"] == (found["version"] - 1) * things + thing


def test_whoever_opens_the_database_of_a_server_at_rest_finds_the_documents_in_place(own_server):
    # SHADOW-014: also when the process ends while some changes are in the table and some in its log
    server = own_server()
    data = server.boto("iot-data")

    def update(thing, n):
        payload = json.dumps({"state": {"reported": {"n": n}}})
        return json.loads(data.update_thing_shadow(thingName=thing, payload=payload)["payload"].read())["version"]

    def stored():
        with contextlib.closing(sqlite3.connect(server.data / "thingstead.sqlite")) as database:
            rows = dict(database.execute("SELECT key, document FROM shadows"))
        return {thing: json.loads(text)["state"]["reported"]["n"] for thing, text in rows.items()}

    assert [update(f"t{n}", n) for n in range(20)] == [1] * 20
    deadline = time.monotonic() + SECONDS
    while len(stored()) < 20 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stored() == {f"t{n}": n for n in range(20)}
    assert [update("t7", n) for n in (100, 101)] == [2, 3]
    server.kill()
    server.start()
    data = server.boto("iot-data")
    assert update("t7", 102) == 4 and update("t8", 103) == 2
    server.stop()
    assert stored() == {f"t{n}": {7: 102, 8: 103}.get(n, n) for n in range(20)}
    assert [log.stat().st_size for log in server.data.glob("thingstead.sqlite-log*")] == [0, 0]
