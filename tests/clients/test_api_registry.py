"""Things, certificates, policies and rules through boto3: answers, errors and pages as the SDK sees them."""

import hashlib
import json
import ssl
import subprocess

import botocore.exceptions
import pytest

from thingstead_server import arn

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})


@pytest.fixture
def iot(server):
    return server.boto("iot")


def refused(call, **parameters):
    """The error of a call that must fail."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    return caught.value


def test_a_thing_is_created_described_updated_and_deleted(iot):
    # API-072, API-080, API-082, API-084, API-389
    created = iot.create_thing(thingName="lamp", attributePayload={"attributes": {"room": "kitchen"}})
    assert created["thingArn"] == arn("thing/lamp")
    iot.update_thing(thingName="lamp", attributePayload={"attributes": {"floor": "2"}, "merge": True})
    thing = iot.describe_thing(thingName="lamp")
    assert thing["attributes"] == {"room": "kitchen", "floor": "2"}
    assert (thing["version"], thing["defaultClientId"], thing["thingId"]) == (2, "lamp", created["thingId"])
    iot.delete_thing(thingName="lamp", expectedVersion=2)
    error = refused(iot.describe_thing, thingName="lamp")
    assert isinstance(error, iot.exceptions.ResourceNotFoundException)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_an_exception_carries_its_class_and_members(iot):
    # API-029, API-034, API-037, API-074
    iot.create_thing(thingName="lamp")
    error = refused(iot.create_thing, thingName="lamp", attributePayload={"attributes": {"a": "b"}})
    assert isinstance(error, iot.exceptions.ResourceAlreadyExistsException)
    assert error.response["resourceArn"] == arn("thing/lamp")
    assert error.response["ResponseMetadata"]["RequestId"]


def test_paginators_walk_to_the_end(iot):
    # API-050, API-052
    names = [f"thing-{at:02}" for at in range(23)]
    for name in names:
        iot.create_thing(thingName=name)
    pages = list(iot.get_paginator("list_things").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["things"]) for page in pages] == [5, 5, 5, 5, 3]
    assert [row["thingName"] for page in pages for row in page["things"]] == names
    for name in names[:7]:
        iot.create_policy(policyName=name, policyDocument=OPEN)
    rows = iot.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 3}).build_full_result()
    assert sorted(row["policyName"] for row in rows["policies"]) == names[:7]


def test_names_with_reserved_characters_survive_the_path(iot):
    # API-009, API-012, API-014
    name = "p@+=,.-_"
    iot.create_policy(policyName=name, policyDocument=OPEN)
    assert iot.get_policy(policyName=name)["policyDocument"] == OPEN
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_policy(policyName=name, target=made["certificateArn"])
    attached = iot.list_attached_policies(target=made["certificateArn"])["policies"]
    assert [policy["policyName"] for policy in attached] == [name]
    iot.create_thing(thingName="a:b_c-d")
    assert iot.describe_thing(thingName="a:b_c-d")["thingName"] == "a:b_c-d"


def test_a_certificate_is_what_its_id_says_and_its_key_fits(iot, server):
    # API-127, API-130, API-131
    made = iot.create_keys_and_certificate(setAsActive=True)
    der = ssl.PEM_cert_to_DER_cert(made["certificatePem"])
    assert hashlib.sha256(der).hexdigest() == made["certificateId"]
    (server.files / "key.pem").write_text(made["keyPair"]["PrivateKey"])
    public = subprocess.run(["openssl", "rsa", "-in", "key.pem", "-pubout"], cwd=server.files, capture_output=True, text=True)
    assert public.stdout.split() == made["keyPair"]["PublicKey"].split()
    (server.files / "certificate.pem").write_text(made["certificatePem"])
    text = subprocess.run(["openssl", "x509", "-in", "certificate.pem", "-noout", "-subject", "-enddate"],
                          cwd=server.files, capture_output=True, text=True).stdout
    assert "CN = AWS IoT Certificate" in text or "CN=AWS IoT Certificate" in text
    assert "Dec 31 23:59:59 2049" in text


def test_a_certificate_for_a_csr_has_its_key(iot, server):
    # API-128
    command = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=device-7",
               "-keyout", "device.key", "-out", "device.csr"]
    subprocess.run(command, cwd=server.files, check=True, capture_output=True)
    csr = (server.files / "device.csr").read_text()
    first = iot.create_certificate_from_csr(certificateSigningRequest=csr, setAsActive=True)
    second = iot.create_certificate_from_csr(certificateSigningRequest=csr)
    assert first["certificateId"] != second["certificateId"]
    status = iot.describe_certificate(certificateId=second["certificateId"])["certificateDescription"]["status"]
    assert status == "INACTIVE"
    error = refused(iot.create_certificate_from_csr, certificateSigningRequest="-----BEGIN CERTIFICATE REQUEST-----\nx")
    assert error.response["Error"]["Code"] == "InvalidRequestException"


def test_timestamps_are_dates(iot):
    # API-031, API-137
    made = iot.create_keys_and_certificate()
    described = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert described["validity"]["notAfter"].year == 2049
    assert abs((described["creationDate"] - described["lastModifiedDate"]).total_seconds()) < 5


def test_a_rule_reads_back_as_it_was_written(iot):
    # API-191, API-194, API-195, API-197, API-383
    payload = {
        "sql": "SELECT *, topic(2) AS plant FROM 'plant/+/temp' WHERE t > 30", "description": "hot",
        "awsIotSqlVersion": "2016-03-23", "ruleDisabled": False,
        "actions": [
            {"republish": {"topic": "hot/${topic(2)}", "roleArn": "arn:aws:iam::000000000000:role/r", "qos": 1}},
            {"sqs": {"queueUrl": "https://sqs.us-east-1.amazonaws.com/000000000000/q", "roleArn": "arn:aws:iam::000000000000:role/r"}},
        ],
        "errorAction": {"republish": {"topic": "errors", "roleArn": "arn:aws:iam::000000000000:role/r"}},
    }
    iot.create_topic_rule(ruleName="hot", topicRulePayload=payload, tags="team=a%20b")
    rule = iot.get_topic_rule(ruleName="hot")["rule"]
    assert {name: rule[name] for name in payload} == payload
    assert iot.list_tags_for_resource(resourceArn=arn("rule/hot"))["tags"] == [{"Key": "team", "Value": "a b"}]
    [row] = iot.list_topic_rules()["rules"]
    assert (row["topicPattern"], row["ruleDisabled"]) == ("plant/+/temp", False)
    error = refused(iot.create_topic_rule, ruleName="bad", topicRulePayload={"sql": "SELECT FROM WHERE", "actions": []})
    assert isinstance(error, iot.exceptions.SqlParseException)
    iot.delete_topic_rule(ruleName="hot")
    error = refused(iot.get_topic_rule, ruleName="hot")
    assert (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]) == ("UnauthorizedException", 401)


def test_what_is_not_built_says_so_at_once(iot):
    # API-043, API-371
    error = refused(iot.list_security_profiles)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert "ListSecurityProfiles" in error.response["Error"]["Message"]


def test_validation_happens_before_anything_else(iot):
    # API-041, API-061
    error = refused(iot.create_thing, thingName="a b")
    assert error.response["Error"]["Message"].startswith("1 validation error detected: Value 'a b' at 'thingName'")


def test_accounts_are_apart(server):
    # API-046
    ours = server.boto("iot", aws_access_key_id="111111111111", aws_secret_access_key="x", region_name="eu-west-1")
    theirs = server.boto("iot", aws_access_key_id="222222222222", aws_secret_access_key="x", region_name="eu-west-1")
    assert ours.create_thing(thingName="t")["thingArn"] == arn("thing/t", "111111111111", "eu-west-1")
    assert [row["thingName"] for row in ours.list_things()["things"]] == ["t"]
    assert theirs.list_things()["things"] == []
    assert server.boto("iot").list_things()["things"] == []


def test_the_sequence_of_the_device_sdk_tests(iot):
    # API-396, API-178, API-180, API-141
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.create_policy(policyName="p", policyDocument=OPEN)
    iot.attach_policy(policyName="p", target=made["certificateArn"])
    iot.create_thing(thingName="t")
    iot.attach_thing_principal(thingName="t", principal=made["certificateArn"])
    assert iot.list_thing_principals(thingName="t")["principals"] == [made["certificateArn"]]
    iot.detach_thing_principal(thingName="t", principal=made["certificateArn"])
    iot.update_certificate(certificateId=made["certificateId"], newStatus="INACTIVE")
    iot.delete_certificate(certificateId=made["certificateId"], forceDelete=True)
    iot.delete_thing(thingName="t")
    assert iot.list_certificates()["certificates"] == []
