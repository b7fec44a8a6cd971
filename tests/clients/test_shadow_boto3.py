"""Shadows over HTTPS: boto3 with credentials, plain HTTPS with a client certificate, and the AWS CLI."""

import http.client
import json
import ssl

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from recording_client import RecordingClient
from thingstead_server import arn

P = "$aws/things/lamp/shadow"


def document(answer):
    return json.loads(answer["payload"].read())


def update(data, state, thing="lamp", **more):
    name = {"shadowName": more.pop("name")} if "name" in more else {}
    return document(data.update_thing_shadow(thingName=thing, payload=json.dumps({"state": state, **more}), **name))


def get(data, thing="lamp", **name):
    return document(data.get_thing_shadow(thingName=thing, **name))


def refusal(call, **arguments):
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


@pytest.mark.parametrize("desired,reported,delta", [
    ({"online": True}, {}, {"online": True}),
    ({"online": True}, {"online": False}, {"online": True}),
    ({"online": True}, {"online": True}, None),
    ({}, {"online": False}, None),
    ({"a": {"b": {"c": "d", "e": "f"}}}, {"a": {"b": {"c": "d"}}}, {"a": {"b": {"e": "f"}}}),
    ({"a": {"b1": {"c": "d"}}}, {"a": {"b1": {"c": "d"}, "b2": "sth"}}, None),
    ({"a": {"b1": {"c": "d"}}}, {"a": {"b1": {"c": "d", "e": "f"}}}, None),
    ({"a": ["b"]}, {"a": ["b", "c"]}, {"a": ["b"]}),
    ({"a": {"b": {"d": "e"}}}, {"a": {"b": "c"}}, {"a": {"b": {"d": "e"}}}),
    ({"a": {}}, {"b": 1}, {"a": {}}),
    ({"a": None}, {"b": 1}, None),
])
def test_the_delta_of_a_document(server, desired, reported, delta):
    # SHADOW-111, SHADOW-112, SHADOW-113, SHADOW-115, SHADOW-116, SHADOW-117, SHADOW-121, SHADOW-139, SHADOW-160
    data = server.boto("iot-data")
    update(data, {"desired": desired, "reported": reported})
    found = get(data)
    assert found["state"].get("delta") == delta
    assert found["version"] == 1 and "delta" not in found["metadata"]


def test_update_get_and_delete_answer_the_documents(server):
    # SHADOW-160, SHADOW-161, SHADOW-162, SHADOW-008
    data = server.boto("iot-data")
    accepted = update(data, {"desired": {"fan": 3}}, clientToken="c")
    at = accepted["timestamp"]
    assert accepted == {"state": {"desired": {"fan": 3}}, "metadata": {"desired": {"fan": {"timestamp": at}}},
                        "version": 1, "timestamp": at, "clientToken": "c"}
    assert get(data)["state"] == {"desired": {"fan": 3}, "delta": {"fan": 3}}
    deleted = document(data.delete_thing_shadow(thingName="lamp"))
    assert set(deleted) == {"version", "timestamp"} and deleted["version"] == 1
    assert update(data, {})["version"] == 3


def test_an_https_update_is_told_on_mqtt_and_a_refused_one_is_not(server):
    # SHADOW-158, SHADOW-168, SHADOW-169
    data = server.boto("iot-data")
    with RecordingClient(server, "app").subscribe(f"{P}/#") as app:
        refusal(data.update_thing_shadow, thingName="lamp", payload=b"{}")
        refusal(data.get_thing_shadow, thingName="lamp")
        update(data, {"desired": {"fan": 3}})
        get(data)
        data.list_named_shadows_for_thing(thingName="lamp")
        data.delete_thing_shadow(thingName="lamp")
        app.wait_for(1, f"{P}/delete/accepted")
        assert app.topics() == [f"{P}/update/accepted", f"{P}/update/delta", f"{P}/update/documents", f"{P}/delete/accepted"]


def test_refusals_are_the_exceptions_of_the_api(server):
    # SHADOW-166, SHADOW-167, SHADOW-052, SHADOW-084, SHADOW-103, SHADOW-143, SHADOW-055
    data = server.boto("iot-data")
    assert refusal(data.get_thing_shadow, thingName="lamp") == (
        404, "ResourceNotFoundException", "No shadow exists with name: 'lamp'")
    assert refusal(data.get_thing_shadow, thingName="lamp", shadowName="s") == (
        404, "ResourceNotFoundException", "No shadow exists with name: 's'")
    update(data, {})
    for payload, expected in [
        (b"nonsense", (400, "InvalidRequestException", "Payload contains invalid json")),
        (b"{}", (400, "InvalidRequestException", "Missing required node: state")),
        (b'{"state":{"delta":{}}}', (400, "InvalidRequestException", "State contains an invalid node: 'delta'")),
        (b'{"state":{},"version":7}', (409, "ConflictException", "Version conflict")),
        (json.dumps({"state": {"desired": {"x": "y" * 8200}}}).encode(),
         (413, "RequestEntityTooLargeException", "The payload exceeds the maximum size allowed")),
        (b'{"state":{"desired":{"x":"\xff"}}}', (415, "UnsupportedDocumentEncodingException",
                                                  "Unsupported documented encoding; supported encoding is UTF-8")),
    ]:
        assert refusal(data.update_thing_shadow, thingName="lamp", payload=payload) == expected
    rejected = server.wait_for(kind="shadow_rejected", thing="lamp")
    assert all(event["why"] and event["fix"] for event in rejected)


def test_named_shadows_are_independent_and_listed(server):
    # SHADOW-006, SHADOW-007, SHADOW-148, SHADOW-163, SHADOW-164, SHADOW-165
    data = server.boto("iot-data")
    assert data.list_named_shadows_for_thing(thingName="lamp")["results"] == []
    update(data, {"reported": {"n": 0}})
    names = [f"s{n:02}" for n in range(30)]
    for name in names:
        update(data, {"reported": {"name": name}}, name=name)
    data.delete_thing_shadow(thingName="lamp", shadowName="s05")
    names.remove("s05")
    first = data.list_named_shadows_for_thing(thingName="lamp")
    assert first["results"] == names[:25] and isinstance(first["timestamp"], int)
    rest = data.list_named_shadows_for_thing(thingName="lamp", nextToken=first["nextToken"], pageSize=100)
    assert rest["results"] == names[25:] and "nextToken" not in rest
    assert get(data, shadowName="s07")["state"] == {"reported": {"name": "s07"}}
    assert get(data)["state"] == {"reported": {"n": 0}}
    assert refusal(data.list_named_shadows_for_thing, thingName="lamp", nextToken="nonsense")[0] == 400


def test_the_counter_goes_on_for_48_hours(server):
    # SHADOW-107, SHADOW-108, SHADOW-100
    data = server.boto("iot-data")
    for hours, expected in [(1, 3), (49, 1)]:
        update(data, {})
        data.delete_thing_shadow(thingName="lamp")
        server.admin("POST", "clock", {"advance_seconds": hours * 3600})
        assert update(data, {})["version"] == expected
        data.delete_thing_shadow(thingName="lamp")
        server.admin("POST", "clock", {"advance_seconds": 49 * 3600})


def test_an_accepted_update_survives_kill_9(own_server):
    # SHADOW-014
    server = own_server()
    data = server.boto("iot-data")
    versions = [update(data, {"reported": {"n": n}})["version"] for n in range(20)]
    server.kill()
    server.start()
    found = get(server.boto("iot-data"))
    assert found["version"] == versions[-1] == 20 and found["state"] == {"reported": {"n": 19}}


def test_size_is_lifted_and_rates_are_enforced_where_asked_for(own_server):
    # SHADOW-088, SHADOW-060, SHADOW-156
    server = own_server(limits="relaxed", throttles="aws")
    data = server.boto("iot-data", config=Config(retries={"total_max_attempts": 1}))
    server.admin("POST", "clock", {"freeze": True})
    deep = {"1": {"2": {"3": {"4": {"5": {"6": {"7": {"8": {"9": 0}}}}}}}}}
    assert update(data, {"desired": {"x": "y" * 20_000, "deep": deep}})["version"] == 1
    for _ in range(19):
        get(data)
    assert refusal(data.get_thing_shadow, thingName="lamp")[:2] == (429, "ThrottlingException")
    get_named = refusal(data.get_thing_shadow, thingName="lamp", shadowName="other")
    assert get_named[0] == 404
    server.admin("POST", "clock", {"advance_seconds": 1})
    get(data)


@pytest.fixture
def https(server):
    """Requests with a client certificate to the data plane: `ask(device, method, path, body) -> (status, headers, JSON)`."""
    def ask(device, method, path, body=None):
        context = ssl.create_default_context(cafile=str(server.ca))
        context.load_cert_chain(device.certificate, device.key)
        connection = http.client.HTTPSConnection("localhost", server.https_port, context=context, timeout=10)
        connection.request(method, path, body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, json.loads(content or b"null")
    return ask


def allow(action, *resources):
    return {"Effect": "Allow", "Action": action, "Resource": list(resources)}


def test_devices_reach_their_shadows_with_their_certificate(server, https):
    # SHADOW-160, SHADOW-161, SHADOW-162, SHADOW-163, SHADOW-167, SHADOW-170
    lamp = server.device("lamp")
    status, _, accepted = https(lamp, "POST", "/things/lamp/shadow?name=s", '{"state":{"reported":{"a":1}}}')
    assert (status, accepted["version"]) == (200, 1)
    assert https(lamp, "GET", "/things/lamp/shadow?name=s")[2]["state"] == {"reported": {"a": 1}}
    assert https(lamp, "GET", "/api/things/shadow/ListNamedShadowsForThing/lamp")[2]["results"] == ["s"]
    assert https(lamp, "DELETE", "/things/lamp/shadow?name=s")[0] == 200
    status, headers, body = https(lamp, "GET", "/things/lamp/shadow")
    assert status == 404 and headers["x-amzn-ErrorType"].startswith("ResourceNotFoundException")
    assert body["message"] == "No shadow exists with name: 'lamp'"


def test_https_needs_the_shadow_actions_and_topics_do_not_help(server, https):
    # SHADOW-171, SHADOW-172, POLICY-108, POLICY-461
    reader = server.device("reader", policy=[allow("iot:GetThingShadow", arn("thing/lamp")), allow("iot:Publish", "*")])
    update(server.boto("iot-data"), {})
    assert https(reader, "GET", "/things/lamp/shadow")[0] == 200
    status, headers, _ = https(reader, "POST", "/things/lamp/shadow", '{"state":{}}')
    assert status == 403 and headers["x-amzn-ErrorType"].startswith("ForbiddenException")
    refused = server.wait_for(kind="request_refused")[0]
    assert refused["decision"]["asked"] == {"action": "iot:UpdateThingShadow", "resource": arn("thing/lamp")}
    assert https(reader, "GET", "/things/lamp/shadow?name=s")[0] == 403


def test_the_aws_cli_updates_and_reads(server):
    # SHADOW-160, SHADOW-161
    server.aws("iot-data", "update-thing-shadow", "--thing-name", "lamp", "--payload", '{"state":{"desired":{"fan":3}}}', "accepted.json")
    assert json.loads((server.files / "accepted.json").read_text())["version"] == 1
    server.aws("iot-data", "get-thing-shadow", "--thing-name", "lamp", "document.json")
    assert json.loads((server.files / "document.json").read_text())["state"]["delta"] == {"fan": 3}
    failed = server.aws("iot-data", "get-thing-shadow", "--thing-name", "other", "x.json", check=False)
    assert "ResourceNotFoundException" in failed.stderr and "No shadow exists with name: 'other'" in failed.stderr
