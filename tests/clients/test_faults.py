"""Fault injection, seen by mosquitto clients: lost, late, repeated and refused messages, broken connections."""

import json
import urllib.error

import pytest

from thingstead_server import mosquitto_pub, mosquitto_sub


def plan(server, *faults, seed=1):
    return server.admin("PUT", "faults", {"seed": seed, "faults": list(faults)})


def publish(device, topic, payload, *arguments, version="mqttv5"):
    return mosquitto_pub(*device.tls(), "-i", device.name, "-V", version, "-q", 1, "-t", topic, "-m", payload, *arguments)


def test_a_subscriber_sees_lost_repeated_and_late_messages(server):
    sensor, viewer = server.device("sensor"), server.device("viewer")
    asked = [
        {"action": "refuse", "direction": "in", "client": "sensor", "topic": "room/secret", "probability": 1.0},
        {"action": "drop", "direction": "out", "client": "viewer", "topic": "room/lost", "probability": 1.0},
        {"action": "duplicate", "direction": "in", "topic": "room/twice", "probability": 1.0, "times": 1},
        {"action": "delay", "direction": "out", "client": "viewer", "topic": "room/late", "probability": 1.0, "delay_ms": 30_000},
    ]
    assert plan(server, *asked) == {"seed": 1, "faults": asked}
    assert server.admin("GET", "faults") == {"seed": 1, "faults": asked}
    with mosquitto_sub(server, "viewer", *viewer.tls(), "-q", 0, "-t", "room/#", "-v", "-C", 4) as waiting:
        for topic in ["late", "lost", "twice", "kept"]:
            done = publish(sensor, f"room/{topic}", topic)
            assert done.returncode == 0, done.stderr
        refused = publish(sensor, "room/secret", "x")
        assert "Not authorized" in refused.stderr, refused
        # What is held back comes when the server's time has come.
        server.wait_for(kind="delivered", client="viewer", topic="room/kept")
        server.admin("POST", "clock", {"advance_seconds": 30})
        text = waiting.communicate(timeout=10)[0]
    assert text.splitlines() == ["room/twice twice", "room/twice twice", "room/kept kept", "room/late late"]
    made = [(event["action"], event["direction"], event["client"], event["topic"])
            for event in server.wait_for(kind="fault_injected", count=4)]
    assert sorted(made) == [
        ("delay", "out", "viewer", "room/late"), ("drop", "out", "viewer", "room/lost"),
        ("duplicate", "in", "sensor", "room/twice"), ("refuse", "in", "sensor", "room/secret")]
    told = server.thingstead("why", "viewer").stdout
    assert "fault injection, number 2 (`drop`): the PUBLISH was lost on its way out" in told, told


def test_a_publisher_survives_a_broken_connection(server):
    device = server.device("sensor")
    plan(server, {"action": "disconnect", "direction": "in", "client": "sensor", "times": 1})
    # mosquitto_pub reconnects and publishes again.
    done = publish(device, "t", "stubborn")
    assert done.returncode == 0 or "lost" in done.stderr, done.stderr
    ended = server.wait_for(kind="disconnected", client="sensor")[0]
    assert ended["disconnect_reason"] == "CONNECTION_LOST" and "fault injection" in ended["why"], ended


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_a_connect_is_refused(server, version):
    device = server.device("sensor")
    plan(server, {"action": "refuse", "direction": "connect", "client": "sensor", "times": 1})
    assert publish(device, "t", "x", version=version).returncode != 0
    refused = server.wait_for(kind="connect_refused", client="sensor")[0]
    assert "fault injection" in refused["why"], refused
    assert publish(device, "t", "x", version=version).returncode == 0


def test_reset_ends_faults_and_mistakes_are_named(server):
    plan(server, {"action": "drop"})
    for body, says in [
        ({"faults": [{"action": "explode"}]}, "`faults[0].action` is `\"explode\"`; expected one of `drop`, `delay`"),
        ({"faults": [{"action": "drop", "probability": 2}]}, "`faults[0].probability` is `2`; expected a number above 0"),
    ]:
        with pytest.raises(urllib.error.HTTPError) as refused:
            server.admin("PUT", "faults", body)
        assert refused.value.code == 400
        assert says in json.load(refused.value)["error"]
    assert len(server.admin("GET", "faults")["faults"]) == 1, "a refused plan changes nothing"
    server.reset()
    assert server.admin("GET", "faults") == {"seed": 0, "faults": []}
