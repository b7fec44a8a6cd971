"""The Terraform AWS provider on its second and later runs: plans without a difference, changes in place, imports, and destroying what is gone
already. The calls and the members they carry are those the provider makes; so are the error names and texts it looks at."""

import json

import pytest

from test_api_terraform import OPEN, no_tags, openssl
from thingstead_server import arn

ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture
def iot(server):
    return server.boto("iot")


def refresh(read, *members):
    """What a plan compares: the same twice, with every member that the provider copies into its state."""
    first, again = read(), read()
    first.pop("ResponseMetadata"), again.pop("ResponseMetadata")
    assert first == again
    missing = [member for member in members if member not in first]
    assert not missing, f"the provider reads {missing}: {first}"
    return first


def gone(iot, read, **names):
    """A read of something that was deleted elsewhere: the provider drops it from its state on this error alone."""
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        read(**names)


def test_aws_iot_thing_changes(iot):
    # API-374, API-083, API-086, API-088, API-388
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_thing(thingName="t")
    # Import reads by name alone.
    read = refresh(lambda: iot.describe_thing(thingName="t"), "thingName", "thingArn", "defaultClientId", "version", "attributes")
    assert (read["version"], read["attributes"]) == (1, {}) and "thingTypeName" not in read
    # The type comes without the attributes, which are unchanged.
    iot.update_thing(thingName="t", thingTypeName="lamp")
    iot.update_thing(thingName="t", attributePayload={"attributes": {"a": "1", "b": "2"}})
    iot.update_thing(thingName="t", attributePayload={"attributes": {"a": "1"}})
    read = refresh(lambda: iot.describe_thing(thingName="t"))
    assert (read["version"], read["attributes"], read["thingTypeName"]) == (4, {"a": "1"}, "lamp")
    iot.update_thing(thingName="t", attributePayload={"attributes": {}}, removeThingType=True)
    read = refresh(lambda: iot.describe_thing(thingName="t"))
    assert (read["version"], read["attributes"]) == (5, {}) and "thingTypeName" not in read
    iot.delete_thing(thingName="t")
    gone(iot, iot.describe_thing, thingName="t")
    iot.delete_thing(thingName="t")


def test_aws_iot_thing_type_is_destroyed_after_its_delay(server, iot):
    # API-375, API-101, API-102, API-104
    iot.create_thing_type(thingTypeName="lamp", tags=[{"Key": "k", "Value": "v"}])
    read = refresh(lambda: iot.describe_thing_type(thingTypeName="lamp"), "thingTypeArn", "thingTypeMetadata", "thingTypeProperties")
    assert read["thingTypeMetadata"]["deprecated"] is False and not read["thingTypeProperties"].get("searchableAttributes")
    iot.deprecate_thing_type(thingTypeName="lamp", undoDeprecate=False)
    assert refresh(lambda: iot.describe_thing_type(thingTypeName="lamp"))["thingTypeMetadata"]["deprecated"] is True
    iot.deprecate_thing_type(thingTypeName="lamp", undoDeprecate=True)
    # Destroying: deprecated once more, then deleted again and again while the answer says to wait.
    iot.deprecate_thing_type(thingTypeName="lamp")
    with pytest.raises(iot.exceptions.InvalidRequestException) as wait:
        iot.delete_thing_type(thingTypeName="lamp")
    assert "Please wait for 5 minutes after deprecation and then retry" in wait.value.response["Error"]["Message"]
    server.admin("POST", "clock", {"advance_seconds": 301})
    iot.delete_thing_type(thingTypeName="lamp")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.delete_thing_type(thingTypeName="lamp")
    gone(iot, iot.describe_thing_type, thingTypeName="lamp")


def test_aws_iot_thing_group_changes(iot):
    # API-376, API-377, API-110, API-112, API-116
    iot.create_thing_group(thingGroupName="root")
    iot.create_thing_group(thingGroupName="middle", parentGroupName="root")
    iot.create_thing_group(thingGroupName="leaf", parentGroupName="middle", thingGroupProperties={"thingGroupDescription": "d"})
    read = refresh(lambda: iot.describe_thing_group(thingGroupName="leaf"), "thingGroupArn", "thingGroupName", "thingGroupMetadata", "version")
    metadata = read["thingGroupMetadata"]
    assert metadata["parentGroupName"] == "middle" and metadata["creationDate"]
    assert metadata["rootToParentThingGroups"] == [
        {"groupName": name, "groupArn": arn(f"thinggroup/{name}")} for name in ("root", "middle")]
    top = refresh(lambda: iot.describe_thing_group(thingGroupName="root"))
    assert "parentGroupName" not in top["thingGroupMetadata"] and not top["thingGroupMetadata"].get("rootToParentThingGroups")
    # Properties that became empty travel as an empty structure with empty attributes.
    iot.update_thing_group(thingGroupName="leaf", expectedVersion=1, thingGroupProperties={"thingGroupDescription": "d", "attributePayload": {"attributes": {"a": "1"}}})
    iot.update_thing_group(thingGroupName="leaf", expectedVersion=2, thingGroupProperties={"attributePayload": {"attributes": {}}})
    read = refresh(lambda: iot.describe_thing_group(thingGroupName="leaf"))
    assert (read["version"], read.get("thingGroupProperties", {})) == (3, {})
    with pytest.raises(iot.exceptions.VersionConflictException):
        iot.update_thing_group(thingGroupName="leaf", expectedVersion=2, thingGroupProperties={})
    # Parents and children are destroyed at once: the parents wait for their children.
    for name in ("root", "middle"):
        with pytest.raises(iot.exceptions.InvalidRequestException) as held:
            iot.delete_thing_group(thingGroupName=name)
        assert "there are still child groups attached" in held.value.response["Error"]["Message"]
    for name in ("leaf", "middle", "root"):
        iot.delete_thing_group(thingGroupName=name)
        gone(iot, iot.describe_thing_group, thingGroupName=name)
        iot.delete_thing_group(thingGroupName=name)
    # A membership whose thing or group is gone.
    gone(iot, iot.list_thing_groups_for_thing, thingName="absent")
    iot.create_thing(thingName="t")
    gone(iot, iot.remove_thing_from_thing_group, thingName="t", thingGroupName="root")


def test_aws_iot_attachments_change(iot):
    # API-378, API-380, API-172, API-178, API-180, API-380
    iot.create_thing(thingName="t")
    for name in ("p", "q"):
        iot.create_policy(policyName=name, policyDocument=OPEN)
    made = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    # Without a type of its own the attachment reads back as the default.
    iot.attach_thing_principal(thingName="t", principal=made)
    pages = iot.get_paginator("list_thing_principals_v2").paginate(thingName="t")
    rows = [row for page in pages for row in page["thingPrincipalObjects"] if row["principal"] == made]
    assert rows == [{"principal": made, "thingPrincipalType": "NON_EXCLUSIVE_THING"}]
    iot.detach_thing_principal(thingName="t", principal=made)
    assert iot.list_thing_principals_v2(thingName="t")["thingPrincipalObjects"] == []
    gone(iot, iot.detach_thing_principal, thingName="t", principal=made)
    gone(iot, iot.list_thing_principals_v2, thingName="absent")
    iot.attach_policy(policyName="p", target=made)
    iot.attach_policy(policyName="p", target=made)
    listed = iot.get_paginator("list_attached_policies").paginate(target=made, recursive=False, PaginationConfig={"PageSize": 250})
    assert [policy["policyName"] for page in listed for policy in page["policies"]] == ["p"]
    iot.detach_policy(policyName="q", target=made)
    iot.detach_policy(policyName="p", target=made)
    iot.detach_policy(policyName="p", target=made)
    gone(iot, iot.detach_policy, policyName="absent", target=made)


def test_aws_iot_policy_changes(iot):
    # API-379, API-159, API-162, API-166
    iot.create_policy(policyName="p", policyDocument=OPEN)
    other = OPEN.replace("iot:*", "iot:Connect")
    iot.create_policy_version(policyName="p", policyDocument=other, setAsDefault=True)
    read = refresh(lambda: iot.get_policy(policyName="p"), "policyArn", "policyName", "policyDocument", "defaultVersionId")
    assert (read["policyDocument"], read["defaultVersionId"]) == (other, "2")
    assert no_tags(iot, "policy/p") == []
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_policy(policyName="p")
    [old] = [version["versionId"] for version in iot.list_policy_versions(policyName="p")["policyVersions"] if not version["isDefaultVersion"]]
    iot.delete_policy_version(policyName="p", policyVersionId=old)
    gone(iot, iot.delete_policy_version, policyName="p", policyVersionId=old)
    iot.delete_policy(policyName="p")
    for call in (iot.get_policy, iot.list_policy_versions, iot.delete_policy):
        gone(iot, call, policyName="p")


def test_aws_iot_certificate_changes(iot):
    # API-381, API-138, API-140
    made = iot.create_keys_and_certificate(setAsActive=False)
    assert made["keyPair"]["PublicKey"] and made["keyPair"]["PrivateKey"]
    identity = {"certificateId": made["certificateId"]}
    for status in ("ACTIVE", "INACTIVE", "ACTIVE", "ACTIVE"):
        iot.update_certificate(**identity, newStatus=status)
        read = refresh(lambda: iot.describe_certificate(**identity))["certificateDescription"]
        assert (read["status"], read["certificatePem"], read["certificateArn"]) == (status, made["certificatePem"], made["certificateArn"])
    with pytest.raises(iot.exceptions.CertificateStateException):
        iot.delete_certificate(**identity)
    iot.update_certificate(**identity, newStatus="INACTIVE")
    iot.delete_certificate(**identity)
    gone(iot, iot.update_certificate, **identity, newStatus="INACTIVE")
    gone(iot, iot.delete_certificate, **identity)
    gone(iot, iot.describe_certificate, **identity)


def test_aws_iot_ca_certificate_changes(iot, server):
    # API-382, API-152, API-153: every update carries both states; auto registration stays on while the CA is switched off
    openssl(server, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=our CA", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem",
            "-addext", "basicConstraints=critical,CA:TRUE")
    given = (server.files / "ca.pem").read_text()
    identity = {"certificateId": iot.register_ca_certificate(
        caCertificate=given, certificateMode="SNI_ONLY", setAsActive=True, allowAutoRegistration=True)["certificateId"]}
    for status, registers in (("INACTIVE", "ENABLE"), ("ACTIVE", "ENABLE"), ("ACTIVE", "DISABLE"), ("INACTIVE", "DISABLE"), ("ACTIVE", "ENABLE")):
        iot.update_ca_certificate(**identity, newStatus=status, newAutoRegistrationStatus=registers)
        read = refresh(lambda: iot.describe_ca_certificate(**identity))
        described = read["certificateDescription"]
        assert (described["status"], described["autoRegistrationStatus"]) == (status, registers)
        assert described["certificateMode"] == "SNI_ONLY" and described["certificatePem"].split() == given.split()
        assert {"customerVersion", "generationId", "validity", "certificateArn"} <= set(described) and "registrationConfig" not in read
    with pytest.raises(iot.exceptions.CertificateStateException):
        iot.delete_ca_certificate(**identity)
    iot.update_ca_certificate(**identity, newStatus="INACTIVE")
    iot.delete_ca_certificate(**identity)
    gone(iot, iot.update_ca_certificate, **identity, newStatus="INACTIVE")
    gone(iot, iot.delete_ca_certificate, **identity)


ACTIONS = [
    {"cloudwatchAlarm": {"alarmName": "a", "roleArn": ROLE, "stateReason": "r", "stateValue": "OK"}},
    {"cloudwatchLogs": {"logGroupName": "g", "roleArn": ROLE, "batchMode": False}},
    {"cloudwatchMetric": {"metricName": "m", "metricNamespace": "n", "metricUnit": "s", "metricValue": "1", "roleArn": ROLE}},
    {"dynamoDB": {"hashKeyField": "h", "hashKeyValue": "v", "payloadField": "p", "roleArn": ROLE, "tableName": "t"}},
    {"dynamoDBv2": {"putItem": {"tableName": "t"}, "roleArn": ROLE}},
    {"elasticsearch": {"endpoint": "https://d.us-east-1.es.amazonaws.com", "id": "i", "index": "x", "roleArn": ROLE, "type": "t"}},
    {"firehose": {"deliveryStreamName": "d", "roleArn": ROLE, "separator": "\n", "batchMode": True}},
    {"http": {"url": "https://a.example/b", "confirmationUrl": "https://a.example", "headers": [{"key": "k", "value": "v"}]}},
    {"iotAnalytics": {"channelName": "c", "roleArn": ROLE, "batchMode": True}},
    {"iotEvents": {"inputName": "i", "messageId": "m", "roleArn": ROLE, "batchMode": False}},
    {"kinesis": {"streamName": "s", "roleArn": ROLE, "partitionKey": "k"}},
    {"lambda": {"functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f"}},
    {"republish": {"roleArn": ROLE, "topic": "t", "qos": 0}},
    {"s3": {"bucketName": "b", "key": "k", "roleArn": ROLE, "cannedAcl": "private"}},
    {"sns": {"messageFormat": "JSON", "roleArn": ROLE, "targetArn": "arn:aws:sns:us-east-1:000000000000:t"}},
    {"sqs": {"queueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/q", "roleArn": ROLE, "useBase64": False}},
    {"stepFunctions": {"executionNamePrefix": "p", "stateMachineName": "m", "roleArn": ROLE}},
    {"timestream": {"databaseName": "d", "tableName": "t", "dimensions": [{"name": "n", "value": "v"}], "roleArn": ROLE,
                    "timestamp": {"unit": "MILLISECONDS", "value": "${timestamp()}"}}},
]


def test_aws_iot_topic_rule_settles_with_every_action(iot):
    # API-383, API-195, API-199, API-071, API-016: what comes back is what was given, or the plan never settles
    names = lambda: [row["ruleName"] for page in iot.get_paginator("list_topic_rules").paginate() for row in page["rules"]]  # noqa: E731
    for at, action in enumerate(ACTIONS):
        # The error action of each is the one before.
        payload = {"sql": "SELECT * FROM 'a/+'", "actions": [action], "errorAction": ACTIONS[at - 1], "ruleDisabled": at % 2 == 0,
                   "awsIotSqlVersion": "2016-03-23", "description": ""}
        iot.create_topic_rule(ruleName="r", topicRulePayload=payload, tags="key=a%20value&other=")
        assert names() == ["r"]
        read = refresh(lambda: iot.get_topic_rule(ruleName="r"), "ruleArn", "rule")
        for member, value in payload.items():
            assert read["rule"].get(member, "") == value, f"{member} of {action}"
        assert no_tags(iot, "rule/r") == [{"Key": "key", "Value": "a value"}, {"Key": "other", "Value": ""}]
        # A change replaces everything that is not given again.
        iot.replace_topic_rule(ruleName="r", topicRulePayload={"sql": "SELECT b FROM 'c'", "actions": [ACTIONS[at - 1]], "ruleDisabled": False,
                                                               "awsIotSqlVersion": "2016-03-23", "description": "d"})
        rule = refresh(lambda: iot.get_topic_rule(ruleName="r"))["rule"]
        assert (rule["actions"], rule["ruleDisabled"], rule["description"]) == ([ACTIONS[at - 1]], False, "d") and "errorAction" not in rule
        iot.delete_topic_rule(ruleName="r")
        assert names() == []


def test_the_singletons_repeat_what_they_read(iot):
    # API-386, API-217, API-229, API-232: managed fields stay in the state when a source is switched off
    on = {"thingIndexingMode": "REGISTRY_AND_SHADOW", "thingConnectivityIndexingMode": "STATUS", "deviceDefenderIndexingMode": "OFF",
          "namedShadowIndexingMode": "OFF", "customFields": [{"name": "attributes.a", "type": "String"}]}
    iot.update_indexing_configuration(thingIndexingConfiguration=on, thingGroupIndexingConfiguration={"thingGroupIndexingMode": "ON"})
    read = refresh(iot.get_indexing_configuration)
    managed = read["thingIndexingConfiguration"]["managedFields"]
    less = on | {"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "OFF", "managedFields": managed}
    iot.update_indexing_configuration(thingIndexingConfiguration=less, thingGroupIndexingConfiguration=read["thingGroupIndexingConfiguration"])
    read = refresh(iot.get_indexing_configuration)["thingIndexingConfiguration"]
    assert (read["thingIndexingMode"], read["thingConnectivityIndexingMode"], read["customFields"]) == ("REGISTRY", "OFF", on["customFields"])
    assert len(read["managedFields"]) < len(managed)
    with pytest.raises(iot.exceptions.InvalidRequestException) as contradiction:
        iot.update_indexing_configuration(thingIndexingConfiguration=on | {"managedFields": [{"name": "thingName", "type": "Number"}]})
    assert "thingName" in contradiction.value.response["Error"]["Message"]
    # False is not sent.
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="ERROR", disableAllLogs=True)
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="DEBUG")
    read = refresh(iot.get_v2_logging_options)
    assert (read["roleArn"], read["defaultLogLevel"], read["disableAllLogs"]) == (ROLE, "DEBUG", False)
    # All eleven keys, jobs included, which are only remembered here (API-226).
    events = {name: {"Enabled": True} for name in iot.describe_event_configurations()["eventConfigurations"]}
    assert {"JOB", "JOB_EXECUTION"} < set(events) and len(events) == 11
    iot.update_event_configurations(eventConfigurations=events)
    assert refresh(iot.describe_event_configurations)["eventConfigurations"] == events


def test_aws_iot_topic_rule_destination_changes(iot):
    # API-384, API-205, API-206, API-207, API-208
    vpc = {"subnetIds": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "vpcId": "vpc-1", "roleArn": ROLE}
    made = iot.create_topic_rule_destination(destinationConfiguration={"vpcConfiguration": vpc})["topicRuleDestination"]

    def found():
        pages = iot.get_paginator("list_topic_rule_destinations").paginate()
        rows = [row["arn"] for page in pages for row in page["destinationSummaries"]]
        return iot.get_topic_rule_destination(arn=made["arn"])["topicRuleDestination"] if made["arn"] in rows else None

    for status in ("DISABLED", "ENABLED", "DISABLED"):
        iot.update_topic_rule_destination(arn=made["arn"], status=status)
        read = found()
        assert read["status"] == status
        assert {member: read["vpcProperties"][member] for member in vpc} == vpc
    iot.delete_topic_rule_destination(arn=made["arn"])
    assert found() is None
    with pytest.raises(iot.exceptions.UnauthorizedException):
        iot.get_topic_rule_destination(arn=made["arn"])


def test_tags_follow_a_plan(iot):
    # API-066, API-068, API-069, API-070: removed keys first, then those that are new or changed
    iot.create_thing_group(thingGroupName="g", tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iot.untag_resource(resourceArn=arn("thinggroup/g"), tagKeys=["a"])
    iot.tag_resource(resourceArn=arn("thinggroup/g"), tags=[{"Key": "b", "Value": "3"}, {"Key": "c", "Value": "4"}])
    tags = sorted((tag["Key"], tag["Value"]) for tag in no_tags(iot, "thinggroup/g"))
    assert json.dumps(tags) == '[["b", "3"], ["c", "4"]]'
    iot.delete_thing_group(thingGroupName="g")
    gone(iot, iot.list_tags_for_resource, resourceArn=arn("thinggroup/g"))
