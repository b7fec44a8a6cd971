"""Where other emulators are known to depart from AWS, this server does not (section 8 of the specification)."""

import json
import subprocess
import time

import botocore.exceptions
import pytest

from recording_client import RecordingClient
from thingstead_server import arn

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture
def iot(server):
    return server.boto("iot")


def refused(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_registry_keeps_what_it_has(iot):
    # API-399, API-109
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_thing(thingName="t", thingTypeName="lamp", attributePayload={"attributes": {"a": "1"}})
    assert refused(iot.create_thing, thingName="t", attributePayload={"attributes": {"a": "2"}}) == ("ResourceAlreadyExistsException", 409)
    assert iot.describe_thing(thingName="t")["attributes"] == {"a": "1"}
    iot.update_thing(thingName="t", attributePayload={"attributes": {"b": "2"}})
    assert iot.describe_thing(thingName="t")["version"] == 2
    assert refused(iot.update_thing, thingName="t", expectedVersion=1) == ("VersionConflictException", 409)
    both = {"attributeName": "b", "attributeValue": "2", "thingTypeName": "lamp"}
    assert refused(iot.list_things, **both) == ("InvalidRequestException", 400)
    assert refused(iot.delete_thing_type, thingTypeName="lamp") == ("InvalidRequestException", 400)
    many = {f"a{at}": "1" for at in range(51)}
    assert refused(iot.update_thing, thingName="t", attributePayload={"attributes": many}) == ("InvalidRequestException", 400)
    assert refused(iot.create_thing, thingName="no blanks") == ("InvalidRequestException", 400)
    # A group stays where it was created: what names another parent later is no member of the operation and is ignored.
    for name in ("here", "there"):
        iot.create_thing_group(thingGroupName=name)
    iot.create_thing_group(thingGroupName="child", parentGroupName="here")
    assert "parentGroupName" not in iot.meta.service_model.operation_model("UpdateThingGroup").input_shape.members
    assert refused(iot.create_thing_group, thingGroupName="child", parentGroupName="there") == ("ResourceAlreadyExistsException", 409)
    assert iot.describe_thing_group(thingGroupName="child")["thingGroupMetadata"]["parentGroupName"] == "here"


def test_certificates_are_read(iot, server):
    # API-400
    for call in (iot.register_certificate, iot.register_certificate_without_ca):
        assert refused(call, certificatePem="any text") == ("CertificateValidationException", 400)
    assert refused(iot.register_ca_certificate, caCertificate="any text", certificateMode="SNI_ONLY") == ("CertificateValidationException", 400)
    assert iot.get_registration_code()["registrationCode"] == iot.get_registration_code()["registrationCode"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "9", "-keyout", "x.key", "-out", "x.pem"],
                   cwd=server.files, check=True, capture_output=True)
    pem = (server.files / "x.pem").read_text()
    assert refused(iot.register_certificate, certificatePem=pem) == ("CertificateValidationException", 400)
    registered = iot.register_ca_certificate(caCertificate=pem, certificateMode="SNI_ONLY")
    assert registered["certificateArn"] == arn(f"cacert/{registered['certificateId']}")
    made = []
    for _ in range(3):
        made.append(iot.create_keys_and_certificate()["certificateId"])
        time.sleep(0.01)
    assert [row["certificateId"] for row in iot.list_certificates()["certificates"]] == made[::-1]


def test_policies_are_read(iot):
    # API-401
    assert refused(iot.create_policy, policyName="p", policyDocument='{"Version":"2012-10-17"}') == ("MalformedPolicyException", 400)
    iot.create_policy(policyName="p", policyDocument=OPEN)
    iot.create_policy_version(policyName="p", policyDocument=OPEN)
    assert refused(iot.delete_policy_version, policyName="p", policyVersionId="1") == ("DeleteConflictException", 409)
    with pytest.raises(iot.exceptions.DeleteConflictException) as held:
        iot.delete_policy(policyName="p")
    assert held.value.response["Error"]["Message"].endswith("as versions other than than default version exist")


def test_rules_run(iot, server):
    # API-402, API-405
    assert refused(iot.get_topic_rule, ruleName="r") == ("UnauthorizedException", 401)
    action = {"republish": {"topic": "out", "roleArn": ROLE}}
    iot.create_topic_rule(ruleName="r", topicRulePayload={"sql": "SELECT a FROM 'in'", "actions": [action]})
    with RecordingClient(server, "c").subscribe("out", "in") as client:
        server.boto("iot-data").publish(topic="in", payload=b'{"a":1,"b":2}', qos=1)
        assert client.wait_for(1, "out") == [("out", {"a": 1})]
        assert client.wait_for(1, "in") == [("in", {"a": 1, "b": 2})]
    made = iot.create_topic_rule_destination(destinationConfiguration={"vpcConfiguration": {"subnetIds": ["s"], "vpcId": "v", "roleArn": ROLE}})
    assert len(iot.list_topic_rule_destinations()["destinationSummaries"]) == 1 and made["topicRuleDestination"]["arn"]


def test_the_index_answers_what_aws_would(iot):
    # API-403, API-405
    iot.create_thing(thingName="kitchen-lamp", attributePayload={"attributes": {"room": "kitchen"}})
    assert refused(iot.search_index, queryString="*") == ("ResourceNotFoundException", 404)
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"})

    def found(query):
        return [thing["thingName"] for thing in iot.search_index(queryString=query)["things"]]

    assert (found("kitchen"), found("lamp"), found("kitch"), found("thingName:lamp"), found("thingName:k.*")) == (["kitchen-lamp"], [], [], [], [])
    assert iot.search_index(queryString="*")["things"][0]["connectivity"] == {"connected": False}
    assert refused(iot.search_index, queryString="(") == ("InvalidQueryException", 400)
    assert iot.get_cardinality(queryString="*", aggregationField="thingName")["cardinality"] == 1


def test_what_others_leave_out_is_there(iot, server):
    # API-405
    iot.create_thing_group(thingGroupName="g", tags=[{"Key": "k", "Value": "v"}])
    assert iot.list_tags_for_resource(resourceArn=arn("thinggroup/g"))["tags"] == [{"Key": "k", "Value": "v"}]
    assert len(iot.describe_event_configurations()["eventConfigurations"]) == 11
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="WARN")
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.create_policy(policyName="p", policyDocument=OPEN)
    iot.attach_policy(policyName="p", target=made["certificateArn"])
    [result] = iot.test_authorization(principal=made["certificateArn"], authInfos=[{"actionType": "PUBLISH", "resources": [arn("topic/a")]}])["authResults"]
    assert result["authDecision"] == "ALLOWED"
    assert [row["policyName"] for row in iot.get_effective_policies(principal=made["certificateArn"])["effectivePolicies"]] == ["p"]
    data = server.boto("iot-data")
    data.publish(topic="kept", payload=b"x", retain=True)
    assert [row["topic"] for row in data.list_retained_messages()["retainedTopics"]] == ["kept"]


def test_presence_is_told_whatever_events_are_switched_on(iot, server):
    # API-218
    assert not any(event["Enabled"] for event in iot.describe_event_configurations()["eventConfigurations"].values())
    with RecordingClient(server, "watcher").subscribe("$aws/events/presence/#", "$aws/events/subscriptions/#") as watcher:
        with RecordingClient(server, "visitor").subscribe("somewhere"):
            watcher.wait_for(1, "$aws/events/presence/connected/visitor")
            watcher.wait_for(1, "$aws/events/subscriptions/subscribed/visitor")
        watcher.wait_for(1, "$aws/events/presence/disconnected/visitor")


def test_the_index_says_why_a_thing_left(iot, server):
    # API-257, API-256
    words = {"AUTH_ERROR", "CLIENT_INITIATED_DISCONNECT", "CLIENT_ERROR", "CONNECTION_LOST", "DUPLICATE_CLIENTID", "FORBIDDEN_ACCESS",
             "MQTT_KEEP_ALIVE_TIMEOUT", "SERVER_ERROR", "SERVER_INITIATED_DISCONNECT", "API_INITIATED_DISCONNECT", "THROTTLED",
             "WEBSOCKET_TTL_EXPIRATION", "CUSTOMAUTH_TTL_EXPIRATION", "UNKNOWN", "NONE"}
    iot.create_thing(thingName="t")
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"})

    def reason():
        [thing] = iot.search_index(queryString="thingName:t")["things"]
        return thing["connectivity"].get("disconnectReason")

    def eventually(wanted):
        end = time.monotonic() + 10
        while reason() != wanted:
            assert time.monotonic() < end, f"{reason()}, not {wanted}"
            time.sleep(0.02)
        assert wanted in words
        assert iot.search_index(queryString=f"connectivity.disconnectReason:{wanted} AND connectivity.connected:false")["things"]

    RecordingClient(server, "t").close()
    eventually("CLIENT_INITIATED_DISCONNECT")
    RecordingClient(server, "t").vanish()
    eventually("CONNECTION_LOST")
    with RecordingClient(server, "t"):
        server.boto("iot-data").delete_connection(clientId="t")
        eventually("API_INITIATED_DISCONNECT")
