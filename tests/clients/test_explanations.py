"""Mistakes that people make with policies, made with mosquitto clients: what `thingstead why` says must name the mistake, and what
it proposes must help."""

import json
import re
import subprocess

import pytest

from thingstead_server import Device, arn, mosquitto_pub, mosquitto_sub

CONNECT = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def own(*statements, **more):
    return {"statements": [CONNECT, *statements], **more}


# Statements, what the client does, what it is told, how the proposal begins.
MISTAKES = {
    "another topic": (own(allow("iot:Publish", arn("topic/sensors"))), ["pub", "sensor"], "does not cover", "add this statement"),
    "topic for topicfilter": (own(allow("iot:Subscribe", arn("topic/a"))), ["sub", "a"], "judged on `topicfilter/FILTER`",
                              f"add `{arn('topicfilter/a')}` next to `{arn('topic/a')}`"),
    "client id": ({"statements": [allow("iot:Connect", arn("client/lamp-1"))]}, ["pub", "a"], "does not cover",
                  "connect with the client identifier `lamp-1`"),
    "thing not attached": ({"statements": [allow("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}"))], "attached": False},
                           ["pub", "a"], "is not attached to thing `dev`", "let the connection belong to its thing"),
    "not the thing's name": ({"statements": [allow("iot:Connect", arn("client/${iot:Connection.Thing.ThingName}"))], "client": "else"},
                             ["pub", "a"], "the client identifier `else` is not the name of a thing", "let the connection belong"),
    "IsAttached": ({"statements": [allow("iot:Connect", Condition={"Bool": {"iot:Connection.Thing.IsAttached": "true"}})],
                    "attached": False}, ["pub", "a"], "is not attached to thing `dev`", "let the connection belong"),
    "+ for *": (own(allow("iot:Publish", arn("topic/a/+/c"))), ["pub", "a/b/c"], "the wildcard is `*`",
                f"write `{arn('topic/a/*/c')}`"),
    "Region": (own(allow("iot:Publish", arn("topic/a", region="eu-west-1"))), ["pub", "a"], "names the Region `eu-west-1`",
               f"write `{arn('topic/a')}`"),
    "account": (own(allow("iot:Publish", arn("topic/a", account="123456789012"))), ["pub", "a"], "names the account `123456789012`",
                f"write `{arn('topic/a')}`"),
    "no topic/": (own(allow("iot:Publish", arn("a/b"))), ["pub", "a/b"], "judged on `topic/…`", f"write `{arn('topic/a/b')}`"),
    "no Version": (own(allow("iot:Publish", arn("topic/${iot:ClientId}")), version=None), ["pub", "dev"], "is ordinary text",
                   'put `"Version": "2012-10-17"` into policy'),
    "old variable": (own(allow("iot:Publish", arn("topic/${iot:Thing.ThingName}"))), ["pub", "dev"], "`iot:Connection.Thing.ThingName`",
                     f"write `{arn('topic/${iot:Connection.Thing.ThingName}')}`"),
    "no attribute": (own(allow("iot:Publish", arn("topic/${iot:Connection.Thing.Attributes[site]}"))), ["pub", "north"],
                     "has no attribute `site`", "give thing `dev` the attribute `site`"),
    "retain": (own(allow("iot:Publish", arn("topic/a"))), ["pub", "a", "-r"], "needs `iot:RetainPublish` next to", "add this statement"),
    "upper case": (own(allow("iot:Publish", arn("topic/A"))), ["pub", "a"], "case-sensitive", "add this statement"),
    "below": (own(allow("iot:Publish", arn("topic/a"))), ["pub", "a/b"], "covers the whole name", "add this statement"),
    "leading slash": (own(allow("iot:Publish", arn("topic/a"))), ["pub", "/a"], "makes another topic", "add this statement"),
    "no such action": (own(allow("iot:Pub", arn("topic/a"))), ["pub", "a"], "is `iot:Publish` meant?", "add this statement"),
    "shadow over MQTT": (own(allow("iot:UpdateThingShadow")), ["pub", "$aws/things/dev/shadow/update"], "over MQTT a shadow is its topics",
                         "add this statement"),
    "share": (own(allow("iot:Subscribe", arn("topicfilter/a"))), ["sub", "$share/g/a"], "with its `$share/GROUP/` in front",
              "add this statement"),
    "will": (own(allow("iot:Publish", arn("topic/a"))), ["pub", "a", "--will-topic", "bye", "--will-payload", "x"],
             "CONNECT brings a Will", "add this statement"),
    "address": ({"statements": [allow("iot:Connect", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})]}, ["pub", "a"],
                "asks for `10.0.0.0/8`, the request has `127.0.0.1`", "add this statement"),
    "StringEquals": ({"statements": [allow("iot:Connect", Condition={"StringEquals": {"iot:ClientId": "d*"}})]}, ["pub", "a"],
                     "`StringLike` has wildcards", "add this statement"),
    "denied": (own(allow("iot:*"), {"Effect": "Deny", "Action": "iot:Publish", "Resource": arn("topic/secret/*")}), ["pub", "secret/a"],
               "a denial wins", "remove statement 3 of policy `dev-own`"),
}


def device(server, case):
    iot = server.boto("iot")
    made = server.device("dev", policy=None, attach_thing=case.get("attached", True))
    document = {"Version": "2012-10-17", "Statement": case["statements"]}
    if case.get("version", "2012-10-17") is None:
        del document["Version"]
    iot.create_policy(policyName="dev-own", policyDocument=json.dumps(document))
    iot.attach_policy(policyName="dev-own", target=made.certificate_arn)
    return made


def act(made: Device, client, kind, topic, *more):
    options = [*made.tls(), "-i", client, "-V", "mqttv5", "-q", "1", "-t", topic]
    if kind == "pub":
        return mosquitto_pub(*options, "-m", "x", *more)
    return subprocess.run(["mosquitto_sub", *map(str, options), "-W", "2", *more], capture_output=True, text=True, timeout=10)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_the_proposal_helps(server, mistake):
    # POLICY-350, POLICY-352, POLICY-405, POLICY-424, POLICY-441
    case, action, says, first = MISTAKES[mistake]
    made = device(server, case)
    client = case.get("client", "dev")
    act(made, client, *action)
    explanation = next(one for one in server.explain(client=client, outcome="denied") if one["near_misses"] or one["because"])
    assert says in explanation["why"], explanation["why"]
    assert explanation["fix"].startswith(first), explanation["fix"]
    told = server.thingstead("why", client).stdout
    assert says in told and first in told, told
    # The statement that is proposed allows what was asked for.
    statement = re.search(r"(\{\"Effect\".*\})$", explanation["fix"])
    if statement:
        iot = server.boto("iot")
        document = {"Version": "2012-10-17", "Statement": [json.loads(statement[1])]}
        iot.create_policy(policyName="proposed", policyDocument=json.dumps(document))
        iot.attach_policy(policyName="proposed", target=made.certificate_arn)
        before = server.newest_event()
        act(made, client, *action)
        newer = server.admin("GET", "journal?limit=200")["events"]
        again = [event for event in newer if event["seq"] > before and event["kind"].endswith("_refused")
                 and event.get("asked") == explanation["asked"]]
        assert not again, again


def test_a_subscriber_without_receive_is_told_per_message(server):
    # POLICY-450, POLICY-451
    made = device(server, own(allow("iot:Subscribe")))
    other = server.device("other")
    with mosquitto_sub(server, "dev", *made.tls(), "-t", "news/#"):
        mosquitto_pub(*other.tls(), "-i", "other", "-q", 1, "-t", "news/today", "-m", "x")
        refused = server.wait_for(kind="delivery_refused", client="dev")[0]
    assert "each delivery needs `iot:Receive`" in refused["why"], refused
    assert server.explain(client="dev")[0]["fix"].endswith(json.dumps(allow("iot:Receive", arn("topic/news/today")), separators=(",", ":")))
