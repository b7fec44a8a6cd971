"""Topic rules through the front doors: which messages run them, and what their publishers and subscribers notice."""

import json
import threading

import paho.mqtt.client as mqtt
import pytest

ROLE = "arn:aws:iam::000000000000:role/rules"
PATIENCE = 5


class Client:
    """A paho client with mutual TLS that keeps what it receives."""

    def __init__(self, device, name=None, will=None):
        self.received, self.changed = [], threading.Condition()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name or device.name)
        self.client.tls_set(str(device.server.ca), str(device.certificate), str(device.key))
        self.client.on_message = self.on_message
        if will:
            self.client.will_set(*will)
        connected = threading.Event()
        self.client.on_connect = lambda *_: connected.set()
        self.client.connect("localhost", device.server.mqtts_port)
        self.client.loop_start()
        assert connected.wait(PATIENCE), "not connected"

    def on_message(self, _client, _userdata, message):
        with self.changed:
            self.received.append((message.topic, message.payload))
            self.changed.notify_all()

    def subscribe(self, topic):
        done, codes = threading.Event(), []
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: (codes.extend(reasons), done.set())
        self.client.subscribe(topic, 1)
        assert done.wait(PATIENCE), f"no SUBACK for {topic}"
        return codes[0]

    def publish(self, topic, payload, qos=1, retain=False):
        self.client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE)

    def expect(self, count=1):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, PATIENCE), self.received
            return list(self.received)

    def cut(self):
        """Ends the connection without DISCONNECT."""
        self.client.loop_stop()
        self.client.socket().close()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def connect():
    made = []

    def connect(*arguments, **more):
        made.append(Client(*arguments, **more))
        return made[-1]

    yield connect
    for client in made:
        client.close()


def rule(server, name, sql, topic="out/${topic()}"):
    server.boto("iot").create_topic_rule(ruleName=name, topicRulePayload={
        "sql": sql, "awsIotSqlVersion": "2016-03-23",
        "actions": [{"republish": {"roleArn": ROLE, "topic": topic, "qos": 1}}]})


# RULES-348, RULES-352, RULES-467, RULES-472
def test_a_message_reaches_subscribers_and_rules(server, connect):
    rule(server, "warm", "SELECT t * 2 AS double FROM 'in/+' WHERE t > 20")
    client = connect(server.device("d"))
    client.subscribe("#")
    client.publish("in/a", '{"t":10}')
    client.publish("in/a", '{"t":21}')
    received = client.expect(3)
    assert sorted(received) == [("in/a", b'{"t":10}'), ("in/a", b'{"t":21}'), ("out/in/a", b'{"double":42}')]
    server.boto("iot-data").publish(topic="in/http", payload='{"t":30}')
    assert ("out/in/http", b'{"double":60}') in client.expect(5)


# RULES-347
def test_a_refused_publish_runs_no_rule(server, connect):
    rule(server, "all", "SELECT * FROM 'in/#'")
    device = server.device("d", policy=[
        {"Effect": "Allow", "Action": ["iot:Connect", "iot:Subscribe", "iot:Receive"], "Resource": "*"}])
    client = connect(device)
    client.client.publish("in/a", "{}", 0)
    server.wait_for(kind="publish_refused", topic="in/a")
    assert server.admin("POST", "journal/count", {"kind": "rule_matched"})["count"] == 0


# RULES-349
def test_a_last_will_runs_rules(server, connect):
    rule(server, "wills", "SELECT clientid() AS client FROM 'will/+'")
    watcher = connect(server.device("watcher"))
    watcher.subscribe("out/#")
    connect(server.device("dying"), will=("will/x", "{}", 1)).cut()
    assert watcher.expect() == [("out/will/x", b'{"client":"dying"}')]


# RULES-350
def test_a_retained_message_runs_rules_once(server, connect):
    rule(server, "retained", "SELECT * FROM 'in/#'")
    client = connect(server.device("d"))
    client.publish("in/a", "{}", retain=True)
    late = connect(server.device("late"))
    late.subscribe("in/a")
    late.expect()
    assert server.admin("POST", "journal/count", {"kind": "rule_matched"})["count"] == 1


# RULES-364, RULES-365, RULES-366, RULES-370, RULES-371, RULES-372
def test_basic_ingest_runs_one_rule_and_nobody_else_sees_it(server, connect):
    rule(server, "direct", "SELECT topic() AS topic FROM 'elsewhere'", topic="out")
    rule(server, "all", "SELECT * FROM '#'", topic="$$aws/rules/nobody/x")
    client = connect(server.device("d"))
    client.subscribe("out")
    intruder = connect(server.device("intruder"))
    intruder.client.subscribe("$aws/rules/#")
    server.wait_for(kind="subscribe_refused", client="intruder")
    watcher = connect(server.device("watcher"))
    watcher.subscribe("#")
    long = "/".join("1234567")
    client.publish(f"$aws/rules/direct/{long}/8", "{}", qos=1)
    assert client.expect()[0] == ("out", json.dumps({"topic": f"{long}/8"}, separators=(",", ":")).encode())
    assert [topic for topic, _ in watcher.expect()] == ["out"]


# RULES-370
def test_basic_ingest_needs_permission_on_the_rules_topic(server, connect):
    rule(server, "direct", "SELECT *", topic="out")
    device = server.device("d", policy=[
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {"Effect": "Allow", "Action": "iot:Publish",
         "Resource": "arn:aws:iot:us-east-1:000000000000:topic/$aws/rules/direct/*"}])
    client = connect(device)
    client.publish("$aws/rules/direct/a", "{}")
    server.wait_for(kind="action_succeeded")
    client.client.publish("$aws/rules/other/a", "{}", 0)
    server.wait_for(kind="publish_refused", topic="$aws/rules/other/a")


# RULES-372, RULES-373
def test_basic_ingest_to_a_missing_rule_is_acknowledged_and_noted(server, connect):
    client = connect(server.device("d"))
    client.publish("$aws/rules/missing/a", "{}", qos=1)
    event = server.wait_for(kind="rule_not_found")[0]
    assert (event["rule"], event["client"]) == ("missing", "d")


# RULES-467, RULES-075
def test_a_rule_updates_a_shadow_and_another_listens_to_it(server, connect):
    device = server.device("lamp")
    rule(server, "to_shadow", "SELECT on AS state.reported.on FROM 'lamps/+'", topic="$$aws/things/${topic(2)}/shadow/update")
    rule(server, "from_shadow", "SELECT VALUE state.reported FROM '$aws/things/+/shadow/update/accepted'", topic="seen/${topic(3)}")
    client = connect(device)
    client.subscribe("seen/#")
    client.publish("lamps/lamp", '{"on":true}')
    assert client.expect() == [("seen/lamp", b'{"on":true}')]


# RULES-348, RULES-376
def test_presence_events_run_rules(server, connect):
    rule(server, "presence", "SELECT clientId FROM '$aws/events/presence/connected/+'", topic="seen/${clientId}")
    client = connect(server.device("watcher"))
    client.subscribe("seen/#")
    connect(server.device("newcomer"))
    assert ("seen/newcomer", b'{"clientId":"newcomer"}') in client.expect()


# RULES-346
def test_rules_carry_tags(server):
    iot = server.boto("iot")
    iot.create_topic_rule(ruleName="tagged", tags="a=1&b=2",
                          topicRulePayload={"sql": "SELECT * FROM 'in'", "actions": []})
    arn = iot.get_topic_rule(ruleName="tagged")["ruleArn"]
    tags = lambda: {tag["Key"]: tag["Value"] for tag in iot.list_tags_for_resource(resourceArn=arn)["tags"]}
    assert tags() == {"a": "1", "b": "2"}
    iot.tag_resource(resourceArn=arn, tags=[{"Key": "c", "Value": "3"}])
    iot.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert tags() == {"b": "2", "c": "3"}
