"""The HTTPS door with a client certificate, driven by curl; the same shadow over MQTT, HTTPS and the CLI."""

import json
import subprocess

import pytest

from thingstead_server import arn, mosquitto_pub, mosquitto_sub


def curl(device, path, *arguments, data=None):
    """Status and body."""
    server = device.server
    command = ["curl", "-s", "-w", "\n%{http_code}", "--cacert", server.ca, "--cert", device.certificate, "--key",
               device.key, *arguments]
    if data is not None:
        command += ["--data-binary", data]
    done = subprocess.run([*map(str, command), f"https://localhost:{server.https_port}{path}"], capture_output=True,
                          text=True, timeout=20)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


@pytest.mark.parametrize("alpn", [[], ["--no-alpn"]], ids=["http/1.1", "no ALPN"])
def test_publish_with_a_client_certificate(server, alpn):
    # MQTT-004, MQTT-005, POLICY-431, POLICY-432
    device = server.device("meter", policy=[{"Effect": "Allow", "Action": "iot:Publish", "Resource": arn("topic/m/*")}])
    watcher = server.device("watcher")
    with mosquitto_sub(server, "watcher", *watcher.tls(), "-q", 1, "-t", "m/#", "-v", "-C", 1) as waiting:
        status, body = curl(device, "/topics/m/1?qos=1", *alpn, data="42")
        assert (status, json.loads(body)["message"]) == (200, "OK")
        assert waiting.communicate(timeout=10)[0] == "m/1 42\n"
    status, body = curl(device, "/topics/other?qos=1", data="42")
    assert (status, json.loads(body)["message"]) == (403, "Forbidden")
    explained = next(e for e in server.explain(certificate=device.certificate_id) if e["outcome"] == "IMPLICIT_DENY")
    assert explained["asked"] == {"action": "iot:Publish", "resource": arn("topic/other")}


def test_one_shadow_by_all_doors(server):
    # SHADOW over MQTT, HTTPS and the data API: POLICY-460, POLICY-461
    device = server.device("lamp")
    topic = "$aws/things/lamp/shadow"
    with mosquitto_sub(server, "watcher", *server.device("watcher").tls(), "-q", 1, "-t", f"{topic}/update/+", "-v",
                       "-C", 3) as waiting:
        update = {"state": {"desired": {"on": True}, "reported": {"on": False}}, "clientToken": "t-1"}
        assert mosquitto_pub(*device.tls(), "-i", "lamp", "-q", 1, "-t", f"{topic}/update", "-m",
                             json.dumps(update)).returncode == 0
        lines = [line.split(" ", 1) for line in waiting.communicate(timeout=10)[0].splitlines()]
    said = {name.rsplit("/", 1)[1]: json.loads(payload) for name, payload in lines}
    assert set(said) == {"accepted", "delta", "documents"}
    assert said["accepted"]["version"] == said["delta"]["version"] == said["documents"]["current"]["version"] == 1
    assert said["accepted"]["clientToken"] == "t-1"
    assert said["delta"]["state"] == {"on": True}
    status, body = curl(device, "/things/lamp/shadow")
    assert status == 200
    by_https = json.loads(body)
    assert by_https["state"] == {"desired": {"on": True}, "reported": {"on": False}, "delta": {"on": True}}
    server.aws("iot-data", "get-thing-shadow", "--thing-name", "lamp", str(server.files / "out.json"))
    by_cli = json.loads((server.files / "out.json").read_text())
    assert {**by_cli, "timestamp": 0} == {**by_https, "timestamp": 0}

    status, body = curl(device, "/things/lamp/shadow", data=json.dumps({"state": {"desired": {}}, "version": 7}))
    assert (status, json.loads(body)["message"]) == (409, "Version conflict")
    with mosquitto_sub(server, "watcher", *server.device("late").tls(), "-q", 1, "-t", f"{topic}/update/rejected",
                       "-C", 1) as waiting:
        assert mosquitto_pub(*device.tls(), "-i", "lamp", "-q", 1, "-t", f"{topic}/update", "-m",
                             json.dumps({"state": {"desired": {}}, "version": 7})).returncode == 0
        rejected = json.loads(waiting.communicate(timeout=10)[0])
    assert rejected["code"] == 409

    assert curl(device, "/things/lamp/shadow", "-X", "DELETE")[0] == 200
    assert curl(device, "/things/lamp/shadow")[0] == 404
    gone = server.aws("iot-data", "get-thing-shadow", "--thing-name", "lamp", "out.json", check=False)
    assert "ResourceNotFoundException" in gone.stderr


def test_a_rule_selects_and_republishes(server):
    # RULES: WHERE, SELECT list, republish; SqlParseException with line and column
    device, watcher = server.device("lamp"), server.device("watcher")
    iot = server.boto("iot")
    iot.create_topic_rule(ruleName="hot", topicRulePayload={
        "sql": "SELECT temp AS celsius, topic(1) AS lamp FROM '+/temp' WHERE temp > 30",
        "actions": [{"republish": {"topic": "alarms/${topic(1)}", "qos": 1,
                                   "roleArn": "arn:aws:iam::000000000000:role/any"}}]})
    with mosquitto_sub(server, "watcher", *watcher.tls(), "-q", 1, "-t", "alarms/#", "-v", "-C", 1) as waiting:
        for temp in (20, 35):
            payload = json.dumps({"temp": temp})
            assert mosquitto_pub(*device.tls(), "-i", "lamp", "-q", 1, "-t", "lamp/temp", "-m", payload).returncode == 0
        topic, payload = waiting.communicate(timeout=10)[0].split(" ", 1)
    assert (topic, json.loads(payload)) == ("alarms/lamp", {"celsius": 35, "lamp": "lamp"})
    assert len(server.wait_for(kind="rule_not_matched")) == 1
    with pytest.raises(iot.exceptions.SqlParseException) as refused:
        iot.create_topic_rule(ruleName="broken", topicRulePayload={"sql": "SELECT *\nFORM 'a'", "actions": []})
    assert "line 2, column 1" in str(refused.value)


def test_a_direct_message_needs_a_right_on_both_sides(server):
    # POLICY-466, POLICY-467
    everything = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    sender = server.device("sender")
    nobody = server.device("nobody", policy=[{**everything, "Action": "iot:Publish"}])
    deaf = server.device("deaf", policy=[everything, {**everything, "Effect": "Deny", "Action": "iot:Receive",
                                                      "Resource": arn("topic/secret")}])
    with mosquitto_sub(server, "deaf", *deaf.tls(), "-t", "other") as _listening:
        path = "/connections/deaf/messages?topic="
        assert curl(sender, path + "open", "-X", "POST", data="x")[0] == 200
        status, body = curl(sender, path + "secret", "-X", "POST", data="x")
        assert (status, "the receiver `deaf`" in json.loads(body)["message"]) == (403, True), body
        assert curl(nobody, path + "open", "-X", "POST", data="x") == (403, "")
    explained = next(e for e in server.explain(certificate=nobody.certificate_id) if e["outcome"] == "IMPLICIT_DENY")
    assert explained["asked"] == {"action": "iot:SendDirectMessage", "resource": arn("client/deaf")}
