"""Accounts and Regions share a server and nothing else. Everything has the same name in each of them; the reading operations come from the
service models, so one that is added later is tried too."""

import contextlib
import json
import re

import botocore.exceptions
import pytest

from recording_client import RecordingClient
from thingstead_server import Device, arn

SCOPES = [("111111111111", "us-east-1"), ("111111111111", "eu-west-1"), ("222222222222", "us-east-1")]
OPEN = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
RULE = {"sql": "SELECT * FROM 'in'", "actions": [{"republish": {"topic": "out", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}
READING = re.compile("^(List|Describe|Get|Search)")
# One answer for the whole server, or made anew by asking.
ALIKE = {"DescribeEndpoint", "GetRegistrationCode"}


class Place:
    """A scope with its clients, and what it holds."""

    def __init__(self, server, account, region):
        self.server, self.account, self.region = server, account, region
        self.iot, self.data = self.client("iot"), self.client("iot-data")
        self.mark = f"{account}-{region}"

    def client(self, service):
        return self.server.boto(service, aws_access_key_id=self.account, aws_secret_access_key="x", region_name=self.region)

    def arn(self, resource):
        return arn(resource, self.account, self.region)

    def furnish(self):
        iot, mark = self.iot, {"attributes": {"mark": self.mark}}
        iot.update_indexing_configuration(
            thingIndexingConfiguration={"thingIndexingMode": "REGISTRY_AND_SHADOW", "thingConnectivityIndexingMode": "STATUS"},
            thingGroupIndexingConfiguration={"thingGroupIndexingMode": "ON"})
        iot.create_thing_type(thingTypeName="n", thingTypeProperties={"thingTypeDescription": self.mark})
        iot.create_billing_group(billingGroupName="n", billingGroupProperties={"billingGroupDescription": self.mark})
        iot.create_thing(thingName="n", thingTypeName="n", billingGroupName="n", attributePayload=mark)
        iot.create_thing(thingName=f"only-{self.mark}")
        iot.create_thing_group(thingGroupName="n", thingGroupProperties={"thingGroupDescription": self.mark, "attributePayload": mark})
        iot.create_dynamic_thing_group(thingGroupName="dynamic", queryString="thingName:*", thingGroupProperties={"thingGroupDescription": self.mark})
        iot.add_thing_to_thing_group(thingName="n", thingGroupName="n")
        iot.tag_resource(resourceArn=self.arn("thinggroup/n"), tags=[{"Key": "mark", "Value": self.mark}])
        iot.create_policy(policyName="n", policyDocument=OPEN.replace('"*"', f'["*","arn:aws:iot:{self.region}:{self.account}:topic/mine"]'))
        self.made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_policy(policyName="n", target=self.made["certificateArn"])
        iot.attach_thing_principal(thingName="n", principal=self.made["certificateArn"])
        iot.create_topic_rule(ruleName="n", topicRulePayload=RULE | {"description": self.mark})
        self.destination = iot.create_topic_rule_destination(destinationConfiguration={"vpcConfiguration": {
            "subnetIds": ["subnet-1"], "vpcId": f"vpc-{self.mark}", "roleArn": "arn:aws:iam::000000000000:role/r"}})["topicRuleDestination"]["arn"]
        iot.set_v2_logging_options(roleArn=f"arn:aws:iam::{self.account}:role/{self.region}", defaultLogLevel="WARN")
        self.data.publish(topic="n", payload=self.mark.encode(), retain=True, qos=1)
        self.data.update_thing_shadow(thingName="n", payload=json.dumps({"state": {"reported": {"mark": self.mark}}}))
        self.data.update_thing_shadow(thingName="n", shadowName="n", payload=json.dumps({"state": {"reported": {"mark": self.mark}}}))

    def device(self):
        certificate, key = (self.server.files / f"{self.mark}.{kind}" for kind in ("pem", "key"))
        certificate.write_text(self.made["certificatePem"])
        key.write_text(self.made["keyPair"]["PrivateKey"])
        return Device(self.server, "n", self.made["certificateArn"], certificate, key)

    def value(self, member, shape):
        """What a required member is asked with: by its name, else by its shape."""
        arn_of = {"principal": self.made["certificateArn"], "target": self.made["certificateArn"], "arn": self.destination,
                  "resourceArn": self.arn("thinggroup/n"), "queryString": "*", "indexName": "AWS_Things", "clientId": "n",
                  "certificateId": self.made["certificateId"], "policyVersionId": "1", "topic": "n", "caCertificateId": "0" * 64,
                  "aggregationField": "thingName", "bucketsAggregationType": {"termsAggregation": {"maxBuckets": 10}}}
        if member in arn_of:
            return arn_of[member]
        if shape.type_name == "string":
            return shape.enum[0] if shape.enum else "n"
        return {"integer": 1, "long": 1, "boolean": True, "timestamp": 0, "list": [], "structure": {}, "map": {}}[shape.type_name]


def readings(place):
    """(service, operation, its answer or its error) of every reading operation that is built, asked by `place`'s names."""
    for client, service in ((place.iot, "iot"), (place.data, "iot-data")):
        model = client.meta.service_model
        for name in filter(READING.match, model.operation_names):
            shape = model.operation_model(name).input_shape
            members = shape.members if shape else {}
            parameters = {member: place.value(member, members[member]) for member in (shape.required_members if shape else [])}
            yield service, name, parameters


def ask(client, name, parameters):
    method = botocore.xform_name(name)
    try:
        answer = getattr(client, method)(**parameters)
    except botocore.exceptions.ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], ""
    except botocore.exceptions.ParamValidationError:
        return 400, ""
    metadata = answer.pop("ResponseMetadata")
    for member, value in answer.items():
        if hasattr(value, "read"):
            answer[member] = value.read().decode()
    return metadata["HTTPStatusCode"], json.dumps(answer, default=lambda value: value.decode() if isinstance(value, bytes) else str(value))


@pytest.fixture
def places(server):
    places = [Place(server, *scope) for scope in SCOPES]
    for place in places:
        place.furnish()
    return places


def test_no_reading_operation_shows_another_scope(places):
    # API-046, API-066, PROV-020: asked by the other's names, and by its own
    seen, shown = {}, set()
    for asker in places:
        for owner in places:
            for service, name, parameters in readings(owner):
                if name in ALIKE:
                    continue
                status, text = ask(asker.iot if service == "iot" else asker.data, name, parameters)
                seen.setdefault(name, set()).add(status)
                assert status != 500, f"{name}({parameters}) by {asker.mark}"
                for other in places:
                    secrets = [other.mark, other.made["certificateId"], f":{other.region}:{other.account}:"]
                    if other is asker:
                        shown.update({name} if any(secret in text for secret in secrets) else set())
                        continue
                    asked = json.dumps(parameters, default=str)
                    leaked = [secret for secret in secrets if secret in text and secret not in asked]
                    assert not leaked, f"{name} told {asker.mark} about {other.mark}: {text}"
    # The test can see something: most operations showed the asker's own.
    silent = sorted(name for name, statuses in seen.items() if 200 in statuses and name not in shown)
    assert len(shown) >= 29, silent
    assert {"ListThings", "SearchIndex", "GetRetainedMessage", "GetThingShadow", "ListTopicRules", "ListCertificates"} <= shown


def test_what_is_deleted_in_one_scope_stays_in_the_others(places):
    # API-046, API-091
    first, *others = places
    first.iot.detach_thing_principal(thingName="n", principal=first.made["certificateArn"])
    first.iot.delete_thing(thingName="n")
    first.iot.delete_topic_rule(ruleName="n")
    first.data.publish(topic="n", payload=b"", retain=True)
    first.data.delete_thing_shadow(thingName="n", shadowName="n")
    first.iot.update_indexing_configuration(thingGroupIndexingConfiguration={"thingGroupIndexingMode": "OFF"})
    for place in others:
        assert place.iot.describe_thing(thingName="n")["attributes"] == {"mark": place.mark}
        assert place.iot.get_topic_rule(ruleName="n")["rule"]["description"] == place.mark
        assert place.data.get_retained_message(topic="n")["payload"] == place.mark.encode()
        assert place.data.list_named_shadows_for_thing(thingName="n")["results"] == ["n"]
        assert [row["thingName"] for row in place.iot.search_index(queryString=f"attributes.mark:{place.mark}")["things"]] == ["n"]
    # A foreign ARN names nothing of the caller's.
    for call, parameters in ((others[0].iot.list_tags_for_resource, {"resourceArn": first.arn("thinggroup/n")}),
                             (others[0].iot.attach_policy, {"policyName": "n", "target": others[1].made["certificateArn"]}),
                             (others[0].iot.add_thing_to_thing_group, {"thingArn": others[1].arn("thing/n"), "thingGroupName": "n"})):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call(**parameters)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404), parameters


def test_messages_stay_in_their_scope(places):
    # API-046, API-277, API-278, API-280; the same client id, topics, shared group, rule and shadow everywhere
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RecordingClient(place.server, "n", device=place.device())) for place in places]
        for client in clients:
            client.subscribe("plain", "out", "$share/g/shared", "$aws/events/presence/#", "$aws/things/n/shadow/update/documents", "n", "direct")
        assert all(client.disconnected is None for client in clients), "a client id is taken over in its own scope only"
        for client, place in zip(clients, places):
            assert client.wait_for(1, "n") == [("n", place.mark.encode())], "its own retained message"
            for topic in ("plain", "in", "shared"):
                client.publish(topic, {"from": place.mark})
            place.data.publish(topic="plain", payload=json.dumps({"api": place.mark}), qos=1)
            place.data.update_thing_shadow(thingName="n", payload=json.dumps({"state": {"reported": {"new": place.mark}}}))
            place.data.send_direct_message(clientId="n", topic="direct", payload=json.dumps({"to": place.mark}))
        for client, place in zip(clients, places):
            assert client.wait_for(2, "plain") == [("plain", {"from": place.mark}), ("plain", {"api": place.mark})]
            assert client.wait_for(1, "out") == [("out", {"from": place.mark})]
            assert client.wait_for(1, "shared") == [("shared", {"from": place.mark})]
            assert client.wait_for(1, "direct") == [("direct", {"to": place.mark})]
            assert place.data.get_connection(clientId="n")["connected"] is True
        places[0].data.delete_connection(clientId="n")
        clients[0].wait_until_disconnected()
        with pytest.raises(botocore.exceptions.ClientError):
            places[0].data.send_direct_message(clientId="n", topic="direct", payload=b"{}")
        assert [place.data.get_connection(clientId="n")["connected"] for place in places] == [False, True, True]
        for client, place in zip(clients[1:], places[1:]):
            client.publish("plain", {"last": place.mark})
            client.wait_for(3, "plain")
            everything = json.dumps([payload if not isinstance(payload, bytes) else payload.decode() for _, payload in client.messages])
            assert not [other.mark for other in places if other is not place and other.mark in everything]
            # Nobody's coming or going elsewhere was told here.
            assert not [topic for topic, _ in client.messages if topic.startswith("$aws/events/presence/disconnected")]
            found = place.iot.search_index(queryString="connectivity.connected:true")["things"]
            assert [thing["thingName"] for thing in found] == ["n"]
        assert places[0].iot.search_index(queryString="connectivity.connected:true")["things"] == []


def test_a_reset_empties_every_scope(places):
    # API-398: outside the paths of AWS
    places[0].server.reset()
    for place in places:
        assert place.iot.list_things()["things"] == []
        assert place.iot.list_policies()["policies"] == []
        assert place.data.list_retained_messages()["retainedTopics"] == []
