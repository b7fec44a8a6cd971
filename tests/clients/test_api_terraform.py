"""What the Terraform AWS provider does with each resource, call by call, and what it needs of the answers."""

import json
import subprocess

import pytest

from thingstead_server import arn

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})


@pytest.fixture
def iot(server):
    return server.boto("iot")


def no_tags(iot, resource):
    return iot.list_tags_for_resource(resourceArn=arn(resource))["tags"]


def test_aws_iot_thing(iot):
    # API-374, API-388
    iot.create_thing_type(thingTypeName="lamp")
    iot.create_thing(thingName="t", thingTypeName="lamp", attributePayload={"attributes": {"a": "1"}})
    thing = iot.describe_thing(thingName="t")
    assert (thing["version"], thing["defaultClientId"], thing["thingTypeName"]) == (1, "t", "lamp")
    iot.update_thing(thingName="t", attributePayload={"attributes": {"b": "2"}})
    iot.update_thing(thingName="t", attributePayload={"attributes": {}}, removeThingType=True)
    thing = iot.describe_thing(thingName="t")
    assert (thing["version"], thing["attributes"]) == (3, {}) and "thingTypeName" not in thing
    iot.delete_thing(thingName="t")


def test_aws_iot_thing_type(iot):
    # API-375, API-070
    iot.create_thing_type(thingTypeName="lamp", thingTypeProperties={"thingTypeDescription": "d", "searchableAttributes": ["a"]})
    assert iot.describe_thing_type(thingTypeName="lamp")["thingTypeMetadata"]["deprecated"] is False
    assert no_tags(iot, "thingtype/lamp") == []
    iot.deprecate_thing_type(thingTypeName="lamp", undoDeprecate=False)
    iot.deprecate_thing_type(thingTypeName="lamp", undoDeprecate=True)
    iot.deprecate_thing_type(thingTypeName="lamp")
    try:
        iot.delete_thing_type(thingTypeName="lamp")
    except iot.exceptions.InvalidRequestException as wait:
        assert "Please wait for 5 minutes after deprecation and then retry" in wait.response["Error"]["Message"]


def test_aws_iot_thing_group_and_membership(iot):
    # API-376, API-377
    iot.create_thing_group(thingGroupName="root")
    iot.create_thing_group(thingGroupName="child", parentGroupName="root", thingGroupProperties={
        "thingGroupDescription": "d", "attributePayload": {"attributes": {"a": "1"}}}, tags=[{"Key": "k", "Value": "v"}])
    group = iot.describe_thing_group(thingGroupName="child")
    assert [above["groupName"] for above in group["thingGroupMetadata"]["rootToParentThingGroups"]] == ["root"]
    assert no_tags(iot, "thinggroup/child") == [{"Key": "k", "Value": "v"}]
    answer = iot.update_thing_group(thingGroupName="child", expectedVersion=1, thingGroupProperties={"attributePayload": {"attributes": {}}})
    assert answer["version"] == 2
    properties = iot.describe_thing_group(thingGroupName="child")["thingGroupProperties"]
    assert "thingGroupDescription" not in properties and "attributePayload" not in properties
    iot.create_thing(thingName="t")
    iot.add_thing_to_thing_group(thingName="t", thingGroupName="child", overrideDynamicGroups=True)
    pages = iot.get_paginator("list_thing_groups_for_thing").paginate(thingName="t")
    assert [row["groupName"] for page in pages for row in page["thingGroups"]] == ["child"]
    iot.remove_thing_from_thing_group(thingName="t", thingGroupName="child")
    with pytest.raises(iot.exceptions.InvalidRequestException) as held:
        iot.delete_thing_group(thingGroupName="root", expectedVersion=1)
    assert "there are still child groups attached" in held.value.response["Error"]["Message"]
    iot.delete_thing_group(thingGroupName="child", expectedVersion=2)
    iot.delete_thing_group(thingGroupName="root", expectedVersion=1)


def test_aws_iot_thing_principal_attachment(iot):
    # API-378, API-182
    iot.create_thing(thingName="t")
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_thing_principal(thingName="t", principal=made["certificateArn"], thingPrincipalType="EXCLUSIVE_THING")
    rows = iot.list_thing_principals_v2(thingName="t")["thingPrincipalObjects"]
    assert rows == [{"principal": made["certificateArn"], "thingPrincipalType": "EXCLUSIVE_THING"}]
    things = iot.list_principal_things_v2(principal=made["certificateArn"])["principalThingObjects"]
    assert things == [{"thingName": "t", "thingPrincipalType": "EXCLUSIVE_THING"}]
    iot.detach_thing_principal(thingName="t", principal=made["certificateArn"])
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.detach_thing_principal(thingName="t", principal=made["certificateArn"])


def test_aws_iot_policy_and_attachment(iot):
    # API-379, API-380, API-057, API-065, API-165, API-395
    iot.create_policy(policyName="p", policyDocument=OPEN)
    assert iot.get_policy(policyName="p")["defaultVersionId"] == "1"
    assert no_tags(iot, "policy/p") == []
    for at in range(4):
        iot.create_policy_version(policyName="p", policyDocument=OPEN, setAsDefault=True)
    with pytest.raises(iot.exceptions.VersionsLimitExceededException) as full:
        iot.create_policy_version(policyName="p", policyDocument=OPEN, setAsDefault=True)
    assert full.value.response["Error"]["Message"] == "The policy p already has the maximum number of versions (5)"
    versions = iot.list_policy_versions(policyName="p")["policyVersions"]
    oldest = min((version for version in versions if not version["isDefaultVersion"]), key=lambda version: version["createDate"])
    iot.delete_policy_version(policyName="p", policyVersionId=oldest["versionId"])
    answer = iot.create_policy_version(policyName="p", policyDocument=OPEN, setAsDefault=True)
    assert (answer["policyVersionId"], answer["isDefaultVersion"]) == ("6", True)

    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_policy(policyName="p", target=made["certificateArn"])
    attached = iot.list_attached_policies(target=made["certificateArn"], pageSize=250, recursive=False)["policies"]
    assert [policy["policyName"] for policy in attached] == ["p"]
    for version in iot.list_policy_versions(policyName="p")["policyVersions"]:
        if not version["isDefaultVersion"]:
            iot.delete_policy_version(policyName="p", policyVersionId=version["versionId"])
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_policy(policyName="p")
    iot.detach_policy(policyName="p", target=made["certificateArn"])
    iot.delete_policy(policyName="p")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.list_attached_policies(target=made["certificateArn"].replace(made["certificateId"], "0" * 64))


def test_aws_iot_certificate(iot):
    # API-381
    made = iot.create_keys_and_certificate(setAsActive=True)
    described = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert described["status"] == "ACTIVE"
    iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    iot.delete_certificate(certificateId=made["certificateId"])


def openssl(server, *arguments):
    subprocess.run(["openssl", *arguments], cwd=server.files, check=True, capture_output=True)


def test_aws_iot_ca_certificate(iot, server):
    # API-382, API-059, API-144, API-146, API-148, API-151, API-152, API-153
    code = iot.get_registration_code()["registrationCode"]
    openssl(server, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=our CA", "-days", "30", "-keyout", "ca.key", "-out",
            "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE")
    for name, subject in [("good", f"/CN={code}"), ("bad", "/CN=guessed")]:
        openssl(server, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(server, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                "-out", f"{name}.pem")
    pem = {name: (server.files / f"{name}.pem").read_text() for name in ["ca", "good", "bad"]}
    with pytest.raises(iot.exceptions.RegistrationCodeValidationException):
        iot.register_ca_certificate(caCertificate=pem["ca"], verificationCertificate=pem["bad"])
    registered = iot.register_ca_certificate(caCertificate=pem["ca"], verificationCertificate=pem["good"], setAsActive=True,
                                             allowAutoRegistration=True, tags=[{"Key": "k", "Value": "v"}])
    assert registered["certificateArn"] == arn(f"cacert/{registered['certificateId']}")
    described = iot.describe_ca_certificate(certificateId=registered["certificateId"])["certificateDescription"]
    assert (described["status"], described["autoRegistrationStatus"], described["certificateMode"]) == ("ACTIVE", "ENABLE", "DEFAULT")
    assert described["customerVersion"] >= 1 and described["generationId"] and described["validity"]["notAfter"]
    assert no_tags(iot, f"cacert/{registered['certificateId']}") == [{"Key": "k", "Value": "v"}]
    with pytest.raises(iot.exceptions.CertificateStateException):
        iot.delete_ca_certificate(certificateId=registered["certificateId"])
    iot.update_ca_certificate(certificateId=registered["certificateId"], newStatus="INACTIVE", newAutoRegistrationStatus="DISABLE")
    iot.delete_ca_certificate(certificateId=registered["certificateId"])
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_ca_certificate(certificateId=registered["certificateId"])


def test_aws_iot_topic_rule(iot):
    # API-383, API-193
    payload = {"sql": "SELECT * FROM 'a'", "actions": [{"sns": {"targetArn": "arn:aws:sns:us-east-1:000000000000:t", "messageFormat": "RAW",
                                                                "roleArn": "arn:aws:iam::000000000000:role/r"}}],
               "ruleDisabled": False, "awsIotSqlVersion": "2015-10-08", "description": ""}
    iot.create_topic_rule(ruleName="r", topicRulePayload=payload, tags="")
    names = [row["ruleName"] for page in iot.get_paginator("list_topic_rules").paginate() for row in page["rules"]]
    assert names == ["r"]
    assert no_tags(iot, "rule/r") == []
    iot.replace_topic_rule(ruleName="r", topicRulePayload=payload | {"sql": "SELECT a FROM 'b'"})
    rule = iot.get_topic_rule(ruleName="r")["rule"]
    assert (rule["sql"], rule["actions"]) == ("SELECT a FROM 'b'", payload["actions"])
    iot.delete_topic_rule(ruleName="r")


def test_aws_iot_topic_rule_destination(iot):
    # API-384, API-205, API-206, API-209
    vpc = {"subnetIds": ["subnet-1"], "securityGroups": ["sg-1"], "vpcId": "vpc-1", "roleArn": "arn:aws:iam::000000000000:role/r"}
    made = iot.create_topic_rule_destination(destinationConfiguration={"vpcConfiguration": vpc})["topicRuleDestination"]
    assert made["status"] in ("IN_PROGRESS", "ENABLED")
    assert iot.get_topic_rule_destination(arn=made["arn"])["topicRuleDestination"]["status"] == "ENABLED"
    iot.update_topic_rule_destination(arn=made["arn"], status="DISABLED")
    assert iot.get_topic_rule_destination(arn=made["arn"])["topicRuleDestination"]["status"] == "DISABLED"
    [row] = iot.list_topic_rule_destinations()["destinationSummaries"]
    assert row["vpcDestinationSummary"]["vpcId"] == "vpc-1"
    iot.delete_topic_rule_destination(arn=made["arn"])
    with pytest.raises(iot.exceptions.UnauthorizedException):
        iot.get_topic_rule_destination(arn=made["arn"])


def test_aws_iot_billing_group(iot):
    # API-385
    iot.create_billing_group(billingGroupName="b", billingGroupProperties={"billingGroupDescription": "d"})
    group = iot.describe_billing_group(billingGroupName="b")
    assert (group["version"], no_tags(iot, "billinggroup/b")) == (1, [])
    assert iot.update_billing_group(billingGroupName="b", billingGroupProperties={"billingGroupDescription": "e"}, expectedVersion=1)["version"] == 2
    iot.delete_billing_group(billingGroupName="b", expectedVersion=2)


def test_the_singletons(iot):
    # API-386
    fields = [{"name": "attributes.room", "type": "String"}]
    things = {"thingIndexingMode": "REGISTRY", "customFields": fields, "managedFields": [{"name": "thingName", "type": "String"}]}
    iot.update_indexing_configuration(thingIndexingConfiguration=things)
    assert iot.get_indexing_configuration()["thingIndexingConfiguration"]["customFields"] == fields
    events = {name: {"Enabled": name == "THING"} for name in iot.describe_event_configurations()["eventConfigurations"]}
    iot.update_event_configurations(eventConfigurations=events)
    assert iot.describe_event_configurations()["eventConfigurations"] == events
    iot.set_v2_logging_options(roleArn="arn:aws:iam::000000000000:role/r", defaultLogLevel="WARN", disableAllLogs=False)
    assert iot.get_v2_logging_options()["defaultLogLevel"] == "WARN"


def test_aws_iot_endpoint(iot):
    # API-387, API-187
    addresses = {iot.describe_endpoint(endpointType=kind)["endpointAddress"]
                 for kind in ["iot:Data", "iot:Data-ATS", "iot:CredentialProvider", "iot:Jobs"]}
    assert addresses == {"localhost"}
    with pytest.raises(iot.exceptions.InvalidRequestException) as unknown:
        iot.describe_endpoint(endpointType="iot:Nonsense")
    assert unknown.value.response["Error"]["Message"] == "Endpoint type iot:Nonsense not recognized."


def test_aws_iot_certificate_of_every_origin(iot, server):
    # API-381, API-388: by CSR, by a CA, without one; read by id alone (import), updated, deleted without force
    openssl(server, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=our CA", "-days", "30", "-keyout", "ca.key", "-out", "ca.pem",
            "-addext", "basicConstraints=critical,CA:TRUE")
    openssl(server, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=alone", "-days", "30", "-keyout", "alone.key", "-out", "alone.pem")
    openssl(server, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=device", "-keyout", "device.key", "-out", "device.csr")
    openssl(server, "x509", "-req", "-in", "device.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-out", "device.pem")
    pem = {name: (server.files / name).read_text() for name in ("ca.pem", "alone.pem", "device.csr", "device.pem")}
    ca = iot.register_ca_certificate(caCertificate=pem["ca.pem"], certificateMode="SNI_ONLY", setAsActive=True)
    made = [
        iot.create_certificate_from_csr(certificateSigningRequest=pem["device.csr"], setAsActive=True),
        iot.register_certificate(certificatePem=pem["device.pem"], caCertificatePem=pem["ca.pem"], status="ACTIVE"),
        iot.register_certificate_without_ca(certificatePem=pem["alone.pem"], status="ACTIVE"),
    ]
    origins = [None, ca["certificateId"], None]
    for certificate, given, origin in zip(made, [None, "device.pem", "alone.pem"], origins):
        read = iot.describe_certificate(certificateId=certificate["certificateId"])["certificateDescription"]
        assert (read["status"], read["certificateArn"]) == ("ACTIVE", certificate["certificateArn"])
        assert (read.get("caCertificateId"), read["certificateMode"]) == (origin, "SNI_ONLY" if given else "DEFAULT")
        assert given is None or read["certificatePem"].split() == pem[given].split()
        iot.update_certificate(certificateId=certificate["certificateId"], newStatus="INACTIVE")
        assert iot.describe_certificate(certificateId=certificate["certificateId"])["certificateDescription"]["status"] == "INACTIVE"
        iot.delete_certificate(certificateId=certificate["certificateId"])
        with pytest.raises(iot.exceptions.ResourceNotFoundException):
            iot.describe_certificate(certificateId=certificate["certificateId"])


def test_a_second_plan_finds_no_difference(iot):
    # API-374, API-375, API-376, API-379, API-385, API-388: what is read right after a write is what was written, member by member
    tags = [{"Key": "k", "Value": "v"}]
    kind = {"thingTypeDescription": "d", "searchableAttributes": ["b", "a"], "mqtt5Configuration": {"propagatingAttributes": [
        {"userPropertyKey": "key", "thingAttribute": "a"}]}}
    iot.create_thing_type(thingTypeName="kind", thingTypeProperties=kind, tags=tags)
    assert iot.describe_thing_type(thingTypeName="kind")["thingTypeProperties"] == kind
    group = {"thingGroupDescription": "d", "attributePayload": {"attributes": {"a": "1", "b": "2"}}}
    iot.create_thing_group(thingGroupName="group", thingGroupProperties=group, tags=tags)
    assert iot.describe_thing_group(thingGroupName="group")["thingGroupProperties"] == group
    changed = {"thingGroupDescription": "e", "attributePayload": {"attributes": {"c": "3"}}}
    iot.update_thing_group(thingGroupName="group", thingGroupProperties=changed, expectedVersion=1)
    read = iot.describe_thing_group(thingGroupName="group")
    assert (read["thingGroupProperties"], read["version"]) == (changed, 2)
    billing = {"billingGroupDescription": "d"}
    iot.create_billing_group(billingGroupName="billing", billingGroupProperties=billing, tags=tags)
    assert iot.describe_billing_group(billingGroupName="billing")["billingGroupProperties"] == billing
    iot.update_billing_group(billingGroupName="billing", billingGroupProperties={}, expectedVersion=1)
    assert iot.describe_billing_group(billingGroupName="billing")["billingGroupProperties"] == {}
    document = '{ "Statement" : [{"Effect":"Allow","Resource":"*","Action":["iot:*"]}],\n "Version":"2012-10-17" }'
    iot.create_policy(policyName="policy", policyDocument=document, tags=tags)
    assert iot.get_policy(policyName="policy")["policyDocument"] == document
    for resource in ("thingtype/kind", "thinggroup/group", "billinggroup/billing", "policy/policy"):
        assert no_tags(iot, resource) == tags
        iot.tag_resource(resourceArn=arn(resource), tags=[{"Key": "k", "Value": "w"}, {"Key": "new", "Value": ""}])
        iot.untag_resource(resourceArn=arn(resource), tagKeys=["new"])
        assert no_tags(iot, resource) == [{"Key": "k", "Value": "w"}]


def test_aws_iot_logging_and_indexing_settle(iot):
    # API-386, API-232: the computed managed fields and what was given do not fight
    first = iot.get_indexing_configuration()
    assert first["thingIndexingConfiguration"]["thingIndexingMode"] == "OFF"
    things = {"thingIndexingMode": "REGISTRY_AND_SHADOW", "thingConnectivityIndexingMode": "STATUS", "deviceDefenderIndexingMode": "OFF",
              "namedShadowIndexingMode": "ON", "filter": {"namedShadowNames": ["a", "b"]},
              "customFields": [{"name": "shadow.desired.power", "type": "Boolean"}, {"name": "attributes.version", "type": "Number"}]}
    groups = {"thingGroupIndexingMode": "ON", "customFields": [{"name": "attributes.floor", "type": "Number"}]}
    iot.update_indexing_configuration(thingIndexingConfiguration=things, thingGroupIndexingConfiguration=groups)
    read = iot.get_indexing_configuration()
    managed = {half: read[half].pop("managedFields") for half in ("thingIndexingConfiguration", "thingGroupIndexingConfiguration")}
    assert (read["thingIndexingConfiguration"], read["thingGroupIndexingConfiguration"]) == (things, groups)
    # Terraform sends back what it read.
    iot.update_indexing_configuration(
        thingIndexingConfiguration=things | {"managedFields": managed["thingIndexingConfiguration"]},
        thingGroupIndexingConfiguration=groups | {"managedFields": managed["thingGroupIndexingConfiguration"]})
    again = iot.get_indexing_configuration()
    assert again["thingIndexingConfiguration"]["managedFields"] == managed["thingIndexingConfiguration"]
    options = {"roleArn": "arn:aws:iam::000000000000:role/r", "defaultLogLevel": "INFO", "disableAllLogs": False}
    iot.set_v2_logging_options(**options)
    read = iot.get_v2_logging_options()
    assert {name: read[name] for name in options} == options
