"""The data plane through boto3 and curl: publishing, shadows, retained messages, connections, the HTTPS door."""

import json
import socket
import subprocess

import botocore.exceptions
import pytest

from thingstead_server import mosquitto_sub


@pytest.fixture
def data(server):
    return server.boto("iot-data")


def curl(device, method, path, body=None):
    """A device's HTTPS request with its certificate: status and body."""
    server = device.server
    command = ["curl", "-s", "-o", "answer", "-w", "%{http_code}", "--cacert", server.ca, "--cert", device.certificate, "--key",
               device.key, "-X", method, f"https://localhost:{server.https_port}{path}"]
    if body is not None:
        command += ["--data-binary", body]
    done = subprocess.run([str(part) for part in command], cwd=server.files, capture_output=True, text=True, timeout=20)
    answer = server.files / "answer"
    return int(done.stdout or 0), answer.read_text() if answer.exists() else ""


def allow(action, resource):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def test_a_publish_reaches_a_subscriber(server, data):
    # API-268, API-009, MQTT-224, MQTT-227
    device = server.device("listener")
    with mosquitto_sub(server, "listener", *device.tls(), "-q", 1, "-t", "plant/#", "-v", "-C", 2) as waiting:
        data.publish(topic="plant/7/temp", qos=1, payload=b"21.5")
        data.publish(topic="plant/ü b", payload=b"x")
        assert waiting.communicate(timeout=10)[0] == "plant/7/temp 21.5\nplant/ü b x\n"


def test_shadows_through_the_sdk(data):
    # API-274, API-275, API-276, SHADOW-160, SHADOW-161, SHADOW-162, SHADOW-163, SHADOW-167
    answer = data.update_thing_shadow(thingName="lamp", shadowName="main", payload=json.dumps({"state": {"desired": {"on": True}}}))
    assert json.loads(answer["payload"].read())["version"] == 1
    shadow = json.loads(data.get_thing_shadow(thingName="lamp", shadowName="main")["payload"].read())
    assert shadow["state"] == {"desired": {"on": True}, "delta": {"on": True}}
    assert data.list_named_shadows_for_thing(thingName="lamp")["results"] == ["main"]
    with pytest.raises(data.exceptions.ConflictException) as conflict:
        data.update_thing_shadow(thingName="lamp", shadowName="main", payload='{"state":{},"version":9}')
    assert conflict.value.response["Error"]["Message"] == "Version conflict"
    assert json.loads(data.delete_thing_shadow(thingName="lamp", shadowName="main")["payload"].read())["version"] == 1
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.get_thing_shadow(thingName="lamp", shadowName="main")


def test_retained_messages_are_listed_fetched_and_cleared(data):
    # API-271, API-272, API-273, MQTT-233, MQTT-234
    for topic in ["b/1", "a/1", "c/ü"]:
        data.publish(topic=topic, qos=1, retain=True, payload=topic.encode(), userProperties='[{"k":"v"}]')
    first = data.list_retained_messages(maxResults=2)
    assert [row["topic"] for row in first["retainedTopics"]] == ["a/1", "b/1"]
    second = data.list_retained_messages(maxResults=2, nextToken=first["nextToken"])
    assert [row["topic"] for row in second["retainedTopics"]] == ["c/ü"] and "nextToken" not in second
    assert first["retainedTopics"][0]["payloadSize"] == 3
    message = data.get_retained_message(topic="c/ü")
    assert (message["payload"], message["qos"]) == ("c/ü".encode(), 1)
    assert json.loads(message["userProperties"]) == [{"k": "v"}]
    assert message["lastModifiedTime"] > 1_500_000_000_000
    data.publish(topic="a/1", retain=True, payload=b"")
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.get_retained_message(topic="a/1")


def test_a_connection_is_shown_and_ended(server, data):
    # API-032, API-277, API-278, API-279, MQTT-236, MQTT-239, MQTT-243
    device = server.device("guest")
    with mosquitto_sub(server, "guest", *device.tls(), "-V", "mqttv5", "-t", "a/#", "-t", "b", filters=2):
        connection = data.get_connection(clientId="guest", includeSocketInformation=True)
        assert connection["connected"] and connection["thingName"] == "guest" and connection["connectedSince"] > 1_500_000_000_000
        assert connection["sourceIp"] == "127.0.0.1" and connection["targetPort"] == server.mqtts_port
        listed = data.list_subscriptions(clientId="guest")["subscriptions"]
        assert [row["topicFilter"] for row in listed] == ["a/#", "b"]
        data.delete_connection(clientId="guest")
        ended = server.wait_for(kind="disconnected", client="guest")[0]
        assert "API_INITIATED_DISCONNECT" in json.dumps(ended) or "DeleteConnection" in ended["why"]
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.delete_connection(clientId="nobody")


def test_a_caller_that_closes_its_connection_before_the_confirmation_is_noticed(server):
    # MQTT-258
    connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04deaf"
    with socket.create_connection(("127.0.0.1", server.mqtt_port)) as deaf:
        deaf.sendall(connect)
        assert deaf.recv(4) == b"\x20\x02\x00\x00"
        address = server.endpoints["api"].rsplit(":", 1)
        with socket.create_connection((address[0], int(address[1]))) as caller:
            caller.sendall(b"POST /connections/deaf/messages?topic=t&confirmation=true&timeout=15 HTTP/1.1\r\nHost: localhost\r\n"
                           b"Authorization: AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/iotdata/aws4_request, "
                           b"SignedHeaders=host, Signature=00\r\nContent-Length: 2\r\n\r\nhi")
            server.wait_for(kind="delivered", client="deaf")
        call = server.wait_for(kind="api_call", client="deaf")[0]
        assert call["reason"] == "DELIVERY_CONFIRMATION_SENDER_DISCONNECT", call


def test_a_direct_message_needs_no_subscription(server, data):
    # API-280, MQTT-244, MQTT-248
    device = server.device("pager")
    with mosquitto_sub(server, "pager", *device.tls(), "-q", 1, "-t", "other", "-v", "-C", 1) as waiting:
        answer = data.send_direct_message(clientId="pager", topic="call/now", payload=b"hello", confirmation=True, timeout=5)
        assert answer["message"] and answer["traceId"]
        assert waiting.communicate(timeout=10)[0] == "call/now hello\n"
    with pytest.raises(botocore.exceptions.ClientError) as unknown:
        data.send_direct_message(clientId="nobody", topic="call/now", payload=b"hello")
    assert unknown.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_device_publishes_over_https_with_its_certificate(server):
    # API-010, API-048, MQTT-224, MQTT-228, MQTT-230
    device = server.device("sensor", policy=[allow("iot:Publish", "arn:aws:iot:us-east-1:000000000000:topic/plant/*")])
    listener = server.device("listener")
    with mosquitto_sub(server, "listener", *listener.tls(), "-q", 1, "-t", "plant/#", "-v", "-C", 1) as waiting:
        status, body = curl(device, "POST", "/topics/plant/7?qos=1", "21.5")
        assert (status, json.loads(body)["message"]) == (200, "OK")
        assert waiting.communicate(timeout=10)[0] == "plant/7 21.5\n"
    status, body = curl(device, "POST", "/topics/other?qos=1", "x")
    assert status == 403 and json.loads(body)["traceId"]
    refusal = server.explain(certificate=device.certificate_id)[0]
    assert refusal["asked"] == {"action": "iot:Publish", "resource": "arn:aws:iot:us-east-1:000000000000:topic/other"}
    assert refusal["fix"]


def test_a_device_reads_its_shadow_over_https(server):
    # SHADOW-170, SHADOW-171
    device = server.device("lamp", policy=[allow(["iot:UpdateThingShadow", "iot:GetThingShadow"], "arn:aws:iot:us-east-1:000000000000:thing/lamp")])
    status, body = curl(device, "POST", "/things/lamp/shadow", '{"state":{"reported":{"on":true}}}')
    assert (status, json.loads(body)["version"]) == (200, 1)
    status, body = curl(device, "GET", "/things/lamp/shadow")
    assert (status, json.loads(body)["state"]["reported"]) == (200, {"on": True})
    assert curl(device, "DELETE", "/things/lamp/shadow")[0] == 403
    assert curl(device, "GET", "/things/other/shadow")[0] == 403
