"""Shadows as seen on the wire: who gets which message, and who may publish what."""

import json

import pytest

from recording_client import RecordingClient
from thingstead_server import arn, mosquitto_pub

P = "$aws/things/lamp/shadow"


def allow(action, *resources):
    return {"Effect": "Allow", "Action": action, "Resource": list(resources)}


@pytest.mark.parametrize("v5", [False, True], ids=["v3", "v5"])
@pytest.mark.parametrize("qos", [0, 1])
def test_everybody_who_subscribed_gets_request_and_answers_in_order(server, v5, qos):
    # SHADOW-018, SHADOW-020, SHADOW-024, SHADOW-035, SHADOW-016
    with RecordingClient(server, "app", v5=v5).subscribe(f"{P}/#") as app, \
         RecordingClient(server, "lamp", v5=v5).subscribe(f"{P}/update/+") as lamp:
        lamp.publish(f"{P}/update", {"state": {"desired": {"fan": 3}}, "clientToken": "c"}, qos=qos)
        assert [topic for topic, _ in lamp.wait_for(3)] == [
            f"{P}/update/accepted", f"{P}/update/delta", f"{P}/update/documents"]
        assert sorted(topic for topic, _ in app.wait_for(4)) == sorted(
            [f"{P}/update", f"{P}/update/accepted", f"{P}/update/delta", f"{P}/update/documents"])
        lamp.publish(f"{P}/get", qos=qos)
        assert app.wait_for(1, f"{P}/get/accepted")[0][1]["state"] == {"desired": {"fan": 3}, "delta": {"fan": 3}}


def test_a_puback_acknowledges_receipt_not_acceptance(server):
    # SHADOW-024
    with RecordingClient(server, "lamp").subscribe(f"{P}/update/+") as lamp:
        assert lamp.publish(f"{P}/update", "no json")
        assert lamp.wait_for(1)[0] [1]["code"] == 400


def test_who_did_not_subscribe_before_gets_no_answer(server):
    # SHADOW-019, SHADOW-027
    with RecordingClient(server, "lamp") as lamp:
        lamp.publish(f"{P}/update", {"state": {"desired": {"fan": 3}}})
        server.wait_for(kind="shadow_accepted", thing="lamp")
        lamp.subscribe(f"{P}/update/#")
        lamp.publish(f"{P}/update", {"state": {"reported": {"on": True}}})
        assert [payload["version"] for topic, payload in lamp.wait_for(3) if "version" in payload] == [2, 2]
        assert lamp.topics() == [f"{P}/update/accepted", f"{P}/update/delta", f"{P}/update/documents"]


def test_hash_alone_does_not_see_shadows(server):
    # SHADOW-022
    with RecordingClient(server, "app").subscribe("#") as app, \
         RecordingClient(server, "narrow").subscribe(f"{P}/update/#", "$aws/things/+/shadow/get/#") as narrow:
        app.publish(f"{P}/update", {"state": {}})
        narrow.wait_for(2)
        app.publish(f"{P}/get")
        narrow.wait_for(1, f"{P}/get/accepted")
        app.publish("end", "1")
        app.wait_for(1, "end")
        assert app.topics() == ["end"]


@pytest.mark.parametrize("topic", ["update/accepted", "update/delta", "update/documents", "get/rejected", "delete/accepted"])
def test_publishing_an_answer_ends_the_connection_and_stores_nothing(server, topic):
    # SHADOW-016, SHADOW-017
    with RecordingClient(server, "forger") as forger:
        forger.publish(f"{P}/{topic}", {"state": {"reported": {"a": 1}}, "version": 9}, qos=0)
        forger.wait_until_disconnected()
    server.wait_for(kind="publish_refused", client="forger")
    with RecordingClient(server, "app").subscribe(f"{P}/get/+") as app:
        app.publish(f"{P}/get")
        assert app.wait_for(1)[0][1] == {"code": 404, "message": "No shadow exists with name: 'lamp'"}


def test_nothing_is_retained_on_a_shadow_topic(server):
    # SHADOW-026, MQTT-148
    with RecordingClient(server, "lamp") as lamp:
        lamp.publish(f"{P}/update", {"state": {}}, qos=0, retain=True)
        lamp.wait_until_disconnected()
    with RecordingClient(server, "app") as app:
        app.publish(f"{P}/update", {"state": {"desired": {"a": 1}}})
        server.wait_for(kind="shadow_accepted", thing="lamp")
        app.subscribe(f"{P}/#")
        app.publish(f"{P}/get")
        assert app.wait_for(1, f"{P}/get/accepted")[0][1]["version"] == 1
        assert sorted(app.topics()) == [f"{P}/get", f"{P}/get/accepted"]


def test_offline_devices_find_their_deltas_when_they_come_back(server):
    # SHADOW-028
    device = server.device("lamp")
    RecordingClient(server, "lamp", device, clean=False).subscribe(f"{P}/update/delta").close()
    server.wait_for(kind="disconnected", client="lamp")
    data = server.boto("iot-data")
    for fan in (1, 2):
        data.update_thing_shadow(thingName="lamp", payload=json.dumps({"state": {"desired": {"fan": fan}}}))
    server.wait_for(kind="queued", client="lamp", count=2)
    with RecordingClient(server, "lamp", device, clean=False) as lamp:
        assert [payload["state"] for _, payload in lamp.wait_for(2)] == [{"fan": 1}, {"fan": 2}]


def test_a_will_on_a_shadow_topic_is_delivered_but_not_processed(server):
    # SHADOW-029, MQTT-066
    will = (f"{P}/update", json.dumps({"state": {"reported": {"online": False}}}), 1)
    with RecordingClient(server, "app").subscribe(f"{P}/#") as app:
        RecordingClient(server, "lamp", will=will).vanish()
        assert app.wait_for(1)[0] == (f"{P}/update", {"state": {"reported": {"online": False}}})
        app.publish(f"{P}/get")
        assert app.wait_for(1, f"{P}/get/rejected")[0][1]["code"] == 404


def test_a_message_published_over_https_is_a_request_like_any_other(server):
    # SHADOW-031
    with RecordingClient(server, "app").subscribe(f"{P}/update/accepted") as app:
        server.boto("iot-data").publish(topic=f"{P}/update", qos=1, payload=json.dumps({"state": {"reported": {"a": 1}}}))
        assert app.wait_for(1)[0][1]["state"] == {"reported": {"a": 1}}


def test_rules_see_requests_and_answers_and_may_update_shadows(server):
    # SHADOW-021, SHADOW-030
    iot = server.boto("iot")

    def rule(name, sql, topic):
        action = {"republish": {"topic": topic, "roleArn": "arn:aws:iam::000000000000:role/r", "qos": 1}}
        iot.create_topic_rule(ruleName=name, topicRulePayload={
            "sql": sql, "actions": [action], "awsIotSqlVersion": "2016-03-23"})

    rule("deltas", "SELECT state.fan AS fan FROM '$aws/things/+/shadow/update/delta'", "seen/delta")
    rule("updates", "SELECT state.reported.t AS t FROM '$aws/things/+/shadow/update'", "seen/update")
    rule("sensor", "SELECT t AS state.reported.t FROM 'sensor/lamp'", "$$aws/things/lamp/shadow/update")
    with RecordingClient(server, "app").subscribe("seen/+", f"{P}/update/accepted") as app:
        app.publish(f"{P}/update", {"state": {"desired": {"fan": 3}}})
        assert app.wait_for(1, "seen/delta")[0][1] == {"fan": 3}
        app.publish("sensor/lamp", {"t": 21})
        assert app.wait_for(2, f"{P}/update/accepted")[1][1]["state"] == {"reported": {"t": 21}}
        assert ("seen/update", {"t": 21}) in app.wait_for(2, "seen/update")


def test_without_permission_to_publish_the_connection_is_closed_and_nothing_is_answered(server):
    # SHADOW-159, POLICY-460
    device = server.device("lamp", policy=[
        allow(["iot:Connect", "iot:Subscribe", "iot:Receive"], "*"),
        allow(["iot:UpdateThingShadow", "iot:GetThingShadow"], "*"),
    ])
    with RecordingClient(server, "app").subscribe(f"{P}/#") as app, RecordingClient(server, "lamp", device) as lamp:
        lamp.publish(f"{P}/update", {"state": {}}, qos=0)
        lamp.wait_until_disconnected()
        refused = server.wait_for(kind="publish_refused", client="lamp")[0]
        assert refused["decision"]["asked"]["resource"] == arn(f"topic/{P}/update")
        app.publish(f"{P}/get")
        app.wait_for(1, f"{P}/get/rejected")
        assert f"{P}/update/rejected" not in app.topics()


def test_answers_need_permission_to_receive(server):
    # SHADOW-018, SHADOW-171, POLICY-455, POLICY-460
    device = server.device("lamp", policy=[
        allow(["iot:Connect", "iot:Subscribe"], "*"), allow("iot:Publish", arn(f"topic/{P}/*")),
        allow("iot:Receive", arn(f"topic/{P}/get/*")),
    ])
    with RecordingClient(server, "lamp", device).subscribe(f"{P}/update/accepted", f"{P}/get/accepted") as lamp:
        lamp.publish(f"{P}/update", {"state": {}})
        server.wait_for(kind="delivery_refused", client="lamp", topic=f"{P}/update/accepted")
        lamp.publish(f"{P}/get")
        lamp.wait_for(1, f"{P}/get/accepted")
        assert lamp.topics() == [f"{P}/get/accepted"]


def test_things_and_shadows_do_not_delete_each_other_and_raise_no_events(server):
    # SHADOW-010, SHADOW-012, SHADOW-013, SHADOW-191
    iot, data = server.boto("iot"), server.boto("iot-data")
    with RecordingClient(server, "app").subscribe("$aws/events/thing/#", f"{P}/#") as app:
        iot.create_thing(thingName="lamp")
        with pytest.raises(data.exceptions.ResourceNotFoundException):
            data.get_thing_shadow(thingName="lamp")
        data.update_thing_shadow(thingName="lamp", payload=b'{"state":{"reported":{"a":1}}}')
        iot.delete_thing(thingName="lamp")
        assert json.loads(data.get_thing_shadow(thingName="lamp")["payload"].read())["version"] == 1
        iot.create_thing(thingName="lamp")
        data.delete_thing_shadow(thingName="lamp")
        assert iot.describe_thing(thingName="lamp")["thingName"] == "lamp"
        app.wait_for(1, f"{P}/delete/accepted")
        assert not any(topic.startswith("$aws/events/") for topic in app.topics())


def test_events_can_be_subscribed_to_and_not_published(server):
    # SHADOW-175
    with RecordingClient(server, "forger").subscribe("$aws/events/#") as forger:
        forger.publish("$aws/events/presence/connected/x", {"clientId": "x"}, qos=0)
        forger.wait_until_disconnected()


def test_presence_and_subscription_events_tell_of_the_same_session(server):
    # SHADOW-176, SHADOW-179, SHADOW-180, SHADOW-181, SHADOW-183, SHADOW-185
    device = server.device("lamp")
    with RecordingClient(server, "app").subscribe("$aws/events/presence/+/lamp", "$aws/events/subscriptions/+/lamp") as app:
        with RecordingClient(server, "lamp", device) as lamp:
            lamp.subscribe("a/b")
            lamp.client.unsubscribe("a/b")
            app.wait_for(1, "$aws/events/subscriptions/unsubscribed/lamp")
        events = dict(app.wait_for(4))
        connected = events["$aws/events/presence/connected/lamp"]
        disconnected = events["$aws/events/presence/disconnected/lamp"]
        subscribed = events["$aws/events/subscriptions/subscribed/lamp"]
        assert subscribed["topics"] == events["$aws/events/subscriptions/unsubscribed/lamp"]["topics"] == ["a/b"]
        assert len({event["sessionIdentifier"] for event in events.values()}) == 1
        assert {event["principalIdentifier"] for event in events.values()} == {device.certificate_id}
        assert connected["versionNumber"] == disconnected["versionNumber"]
        assert connected["ipAddress"] == "127.0.0.1" and "ipAddress" not in disconnected
        assert disconnected["clientInitiatedDisconnect"] is True
        assert disconnected["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
        assert connected["eventType"] == "connected" and connected["timestamp"] > 1_600_000_000_000


def test_a_refused_connect_is_an_event_of_its_own(server):
    # SHADOW-182
    device = server.device("lamp", policy=[allow("iot:Publish", "*")])
    with RecordingClient(server, "app").subscribe("$aws/events/presence/+/lamp") as app:
        mosquitto_pub(*device.tls(), "-i", "lamp", "-t", "a", "-m", "x")
        topic, event = app.wait_for(1)[0]
        assert topic == "$aws/events/presence/connect_failed/lamp"
        assert (event["eventType"], event["connectFailureReason"]) == ("connect_failed", "AUTHORIZATION_FAILED")
        assert event["principalIdentifier"] == device.certificate_id
        assert event["clientId"] == "lamp" and event["ipAddress"] == "127.0.0.1" and "versionNumber" not in event


def test_a_client_id_with_a_wildcard_has_no_events(server):
    # SHADOW-184
    with RecordingClient(server, "app").subscribe("$aws/events/presence/#") as app:
        RecordingClient(server, "a+b").close()
        RecordingClient(server, "plain").close()
        app.wait_for(1, "$aws/events/presence/disconnected/plain")
        assert not any("+" in topic for topic in app.topics())
