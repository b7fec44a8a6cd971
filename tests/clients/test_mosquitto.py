"""mosquitto_pub and mosquitto_sub against the TLS port: messages pass, and policies are judged on every packet."""

import json
import subprocess

import pytest

from thingstead_server import arn, mosquitto_pub, mosquitto_sub

VERSIONS = ["mqttv311", "mqttv5"]


def allow(action, *resources):
    return {"Effect": "Allow", "Action": action, "Resource": list(resources)}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1])
def test_text_passes_from_publisher_to_subscriber(server, version, qos):
    # MQTT-001, MQTT-084, MQTT-092, MQTT-199
    publisher, subscriber = server.device("publisher"), server.device("subscriber")
    with mosquitto_sub(server, "subscriber", *subscriber.tls(), "-V", version, "-q", qos, "-t", "plant/+/temp", "-v",
                       "-C", 1) as waiting:
        done = mosquitto_pub(*publisher.tls(), "-i", "publisher", "-V", version, "-q", qos, "-t", "plant/7/temp",
                             "-m", "21.5")
        assert done.returncode == 0, done.stderr
        assert waiting.communicate(timeout=10)[0] == "plant/7/temp 21.5\n"
    connected = server.wait_for(kind="connected", client="publisher")[0]
    assert connected["principal"] == publisher.certificate_id


def test_binary_payloads_pass_unchanged(server):
    # MQTT-107
    device = server.device("camera")
    payload = bytes(range(256)) * 64
    (server.files / "picture").write_bytes(payload)
    command = ["mosquitto_sub", *device.tls(), "-i", "viewer", "-V", "mqttv5", "-q", "1", "-t", "camera/picture", "-C",
               "1", "-F", "%x"]
    viewer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    server.wait_for(kind="subscribed", client="viewer")
    done = mosquitto_pub(*device.tls(), "-i", "camera", "-V", "mqttv311", "-q", 1, "-t", "camera/picture", "-f",
                         server.files / "picture")
    assert done.returncode == 0, done.stderr
    assert bytes.fromhex(viewer.communicate(timeout=10)[0].strip()) == payload


def test_an_unregistered_certificate_is_refused_in_the_handshake(server):
    # MQTT-032, MQTT-033
    device = server.device("known")
    key, certificate = server.files / "stranger.key", server.files / "stranger.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=stranger", "-keyout", key,
                    "-out", certificate], check=True, capture_output=True)
    device.key, device.certificate = key, certificate
    done = mosquitto_pub(*device.tls(), "-i", "known", "-t", "a", "-m", "x")
    assert done.returncode != 0
    refused = server.wait_for(kind="authentication_refused")[0]
    assert "not registered" in refused["why"]
    assert server.explain(certificate=refused["principal"])[0]["fix"]


def test_an_inactive_certificate_is_refused_in_the_handshake(server):
    # MQTT-033, MQTT-034
    device = server.device("sleeper", active=False)
    done = mosquitto_pub(*device.tls(), "-i", "sleeper", "-t", "a", "-m", "x")
    assert done.returncode != 0
    refused = server.wait_for(kind="authentication_refused", principal=device.certificate_id)[0]
    assert "INACTIVE" in refused["why"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("statements", [None, [allow("iot:Publish", "*")]], ids=["no policy", "no iot:Connect"])
def test_without_iot_connect_the_connection_is_closed(server, version, statements):
    # POLICY-350, POLICY-356, POLICY-401, MQTT-050, MQTT-051
    device = server.device("lamp", policy=statements)
    done = mosquitto_pub(*device.tls(), "-i", "lamp", "-V", version, "-q", 1, "-t", "a", "-m", "x")
    assert done.returncode != 0
    refused = server.wait_for(kind="connect_refused", client="lamp")[0]
    assert refused["decision"]["outcome"] == "IMPLICIT_DENY"
    explained = server.explain(client="lamp")[0]
    assert explained["asked"] == {"action": "iot:Connect", "resource": arn("client/lamp")}
    assert "iot:Connect" in explained["fix"]


@pytest.mark.parametrize("version", VERSIONS)
def test_publish_is_judged_on_every_packet(server, version):
    # POLICY-420, POLICY-423, POLICY-424, MQTT-102, MQTT-103
    device = server.device("lamp", policy=[
        allow("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}")),
        allow("iot:Publish", arn("topic/${iot:ClientId}/data")),
    ])
    allowed = mosquitto_pub(*device.tls(), "-i", "lamp", "-V", version, "-q", 1, "-t", "lamp/data", "-m", "1")
    assert allowed.returncode == 0, allowed.stderr
    mosquitto_pub(*device.tls(), "-i", "lamp", "-V", version, "-q", 1, "-t", "other/data", "-m", "1")
    refused = server.wait_for(kind="publish_refused", client="lamp", topic="other/data")[0]
    explained = next(e for e in server.explain(client="lamp") if e["outcome"] == "IMPLICIT_DENY")
    assert explained["asked"] == {"action": "iot:Publish", "resource": arn("topic/other/data")}
    assert explained["variables"]["iot:ClientId"] == "lamp"
    assert any(miss["element"] == "Resource" for miss in explained["near_misses"]), explained
    assert refused["why"]
    assert server.admin("POST", "journal/count", {"kind": "published", "topic": "other/data"})["count"] == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_thing_name_without_association_has_no_value(server, version):
    # POLICY-230, POLICY-239, POLICY-207
    device = server.device("lamp", policy=[allow("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}"))],
                           attach_thing=False)
    done = mosquitto_pub(*device.tls(), "-i", "lamp", "-V", version, "-t", "a", "-m", "x")
    assert done.returncode != 0
    server.wait_for(kind="connect_refused", client="lamp")
    explained = server.explain(client="lamp")[0]
    assert explained["variables"]["iot:Connection.Thing.ThingName"] is None
    assert explained["unresolved"]["iot:Connection.Thing.ThingName"]


@pytest.mark.parametrize("version", VERSIONS)
def test_subscribe_is_judged_filter_by_filter(server, version):
    # POLICY-440, POLICY-441, POLICY-442, MQTT-113, MQTT-115, MQTT-116
    device = server.device("lamp", policy=[
        allow("iot:Connect", "*"), allow("iot:Subscribe", arn("topicfilter/lamp/#")),
    ])
    with mosquitto_sub(server, "lamp", *device.tls(), "-V", version, "-t", "lamp/#", "-t", "secret/#"):
        refused = server.wait_for(kind="subscribe_refused", client="lamp", topic="secret/#")[0]
        assert refused["decision"]["asked"]["resource"] == arn("topicfilter/secret/#")


@pytest.mark.parametrize("version", VERSIONS)
def test_receive_is_judged_on_every_delivery(server, version):
    # POLICY-450, POLICY-451, MQTT-106
    publisher = server.device("publisher")
    device = server.device("lamp", policy=[
        allow(["iot:Connect", "iot:Subscribe"], "*"), allow("iot:Receive", arn("topic/open")),
    ])
    with mosquitto_sub(server, "lamp", *device.tls(), "-V", version, "-q", 1, "-t", "#", "-v", "-C", 1) as waiting:
        for topic in ["closed", "open"]:
            assert mosquitto_pub(*publisher.tls(), "-i", "publisher", "-q", 1, "-t", topic, "-m", "x").returncode == 0
        assert waiting.communicate(timeout=10)[0] == "open x\n"
    withheld = server.wait_for(kind="delivery_refused", client="lamp")[0]
    assert withheld["decision"]["asked"] == {"action": "iot:Receive", "resource": arn("topic/closed")}


def test_a_deny_names_the_statement_that_made_it(server):
    # POLICY-352
    device = server.device("lamp", policy=[
        allow("iot:*", "*"),
        {"Sid": "NotHere", "Effect": "Deny", "Action": "iot:Publish", "Resource": arn("topic/forbidden/*")},
    ])
    mosquitto_pub(*device.tls(), "-i", "lamp", "-q", 1, "-t", "forbidden/x", "-m", "x")
    server.wait_for(kind="publish_refused", client="lamp")
    explained = next(e for e in server.explain(client="lamp") if e["outcome"] == "EXPLICIT_DENY")
    because = explained["because"][0]
    assert (because["policy"], because["statement"], because["sid"]) == ("lamp-policy", 1, "NotHere")
    told = server.thingstead("why", "lamp").stdout
    assert "EXPLICIT_DENY" in told and "NotHere" in told and arn("topic/forbidden/x") in told


def test_presence_events_are_published_with_principal_session_and_reason(server):
    # MQTT-199, MQTT-200, MQTT-201, MQTT-206, MQTT-213
    watcher, device = server.device("watcher"), server.device("pump")
    with mosquitto_sub(server, "watcher", *watcher.tls(), "-q", 1, "-t", "$aws/events/presence/+/pump",
                       "-C", 6) as waiting:
        mosquitto_pub(*device.tls(), "-i", "pump", "-t", "a", "-m", "x")
        server.wait_for(kind="disconnected", client="pump")
        first = subprocess.Popen(["mosquitto_sub", *device.tls(), "-i", "pump", "-t", "a"], stderr=subprocess.DEVNULL)
        server.wait_for(kind="subscribed", client="pump")
        second = subprocess.Popen(["mosquitto_sub", *device.tls(), "-i", "pump", "-t", "b", "-V", "mqttv5"])
        server.wait_for(kind="subscribed", client="pump", topic="b")
        # The first reconnects by itself as soon as it is thrown out; it must not throw the second out again.
        first.kill()
        first.wait()
        second.kill()
        second.wait()
        events = [json.loads(line) for line in waiting.communicate(timeout=10)[0].splitlines()]
    told = [(e["eventType"], e.get("disconnectReason"), e.get("clientInitiatedDisconnect")) for e in events]
    assert told[:3] == [
        ("connected", None, None),
        ("disconnected", "CLIENT_INITIATED_DISCONNECT", True),
        ("connected", None, None),
    ]
    assert ("disconnected", "DUPLICATE_CLIENTID", False) in told[3:]
    assert all(event["principalIdentifier"] == device.certificate_id for event in events)
    assert events[0]["sessionIdentifier"] == events[1]["sessionIdentifier"] != events[2]["sessionIdentifier"]
    assert events[0]["ipAddress"] == "127.0.0.1"
    lost = server.wait_for(kind="disconnected", client="pump", count=3)
    assert any("CONNECTION_LOST" in json.dumps(event) for event in lost), lost
