"""Whatever an operation names, another account or Region answers as if it did not exist: the same as for a name that nobody ever used."""

import json
import re

import botocore.exceptions
import pytest
from botocore.config import Config

from recording_client import RecordingClient
from test_api_wire import CORE, House, remembered, story
from thingstead_server import arn

OWNER = ("000000000000", "us-east-1")
STRANGERS = [("222222222222", "us-east-1"), ("000000000000", "eu-west-1"), ("222222222222", "eu-west-1")]
NOBODY = ("333333333333", "ap-south-1")
# They make something of the caller's own, whatever others have, or tell what is the same for everybody.
OWN = {"CreateThing", "CreateThingType", "CreateThingGroup", "CreatePolicy", "CreateTopicRule", "CreateTopicRuleDestination", "CreateKeysAndCertificate",
       "CreateCertificateFromCsr", "RegisterCACertificate", "RegisterCertificate", "RegisterCertificateWithoutCA", "GetRegistrationCode",
       "DeleteRegistrationCode", "UpdateIndexingConfiguration", "UpdateEventConfigurations", "SetLoggingOptions", "SetV2LoggingOptions",
       "SetV2LoggingLevel", "Publish", "UpdateThingShadow", "DescribeEndpoint"}
# Of the second tier what is served: made by the owner, then asked for.
MORE = [
    ("CreateBillingGroup", {"billingGroupName": "n"}, ["DescribeBillingGroup", "UpdateBillingGroup", "ListThingsInBillingGroup", "DeleteBillingGroup"],
     {"billingGroupName": "n", "billingGroupProperties": {}}),
    ("CreateDynamicThingGroup", {"thingGroupName": "dynamic", "queryString": "thingName:n*"},
     ["DescribeThingGroup", "UpdateDynamicThingGroup", "ListThingsInThingGroup", "DeleteDynamicThingGroup"], {"thingGroupName": "dynamic", "thingGroupProperties": {}}),
    ("CreateRoleAlias", {"roleAlias": "n", "roleArn": "arn:aws:iam::000000000000:role/r"}, ["DescribeRoleAlias", "UpdateRoleAlias", "DeleteRoleAlias"], {"roleAlias": "n"}),
    ("CreateAuthorizer", {"authorizerName": "n", "authorizerFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "signingDisabled": True},
     ["DescribeAuthorizer", "UpdateAuthorizer", "TestInvokeAuthorizer", "SetDefaultAuthorizer", "DeleteAuthorizer"], {"authorizerName": "n"}),
    ("CreateDomainConfiguration", {"domainConfigurationName": "n"}, ["DescribeDomainConfiguration", "UpdateDomainConfiguration", "DeleteDomainConfiguration"],
     {"domainConfigurationName": "n"}),
]


def house_of(server, account, region):
    options = {"config": Config(parameter_validation=False, retries={"max_attempts": 0}), "region_name": region, "aws_access_key_id": account,
               "aws_secret_access_key": "x"}
    house = House(server)
    house.clients = [server.boto("iot", **options), server.boto("iot-data", **options)]
    return house


def answered(house, operation, parameters):
    """Status, error name and content of an answer."""
    try:
        answer = house.call(operation, **parameters)
    except botocore.exceptions.ClientError as error:
        body = {key: value for key, value in error.response.items() if key not in ("ResponseMetadata", "traceId")}
        return error.response["ResponseMetadata"]["HTTPStatusCode"], json.dumps(body, sort_keys=True)
    answer.pop("ResponseMetadata")
    answer.pop("timestamp", None)
    for member, value in answer.items():
        if hasattr(value, "read"):
            answer[member] = value.read().decode()
    # A shadow tells when it was read.
    return 200, re.sub(r'(timestamp\\+":)\d+', r"\g<1>0", json.dumps(answer, sort_keys=True, default=str))


def renamed(value, names):
    """The same parameters with other names in them."""
    if isinstance(value, dict):
        return {key: renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, names) for inner in value]
    if isinstance(value, str):
        for old, new in names.items():
            value = new if value == old else value.replace(old, new) if len(old) > 8 else value.replace(f"/{old}", f"/{new}")
    return value


@pytest.fixture
def owner(server):
    """A scope in which every resource of the core exists, and the parameters that name them."""
    house, asked = house_of(server, *OWNER), []
    for operation, parameters, _ in remembered(house):
        if operation == "DeleteTopicRuleDestination":
            break
        asked.append((operation, parameters))
    for operation, parameters, *_ in MORE:
        house.call(operation, **parameters)
    house.call("UpdateThingShadow", thingName="n", payload=json.dumps({"state": {"desired": {"of": "the owner"}}}))
    house.call("Publish", topic="a/b", payload=b"of the owner", retain=True, qos=1)
    house.call("SetV2LoggingOptions", roleArn="arn:aws:iam::000000000000:role/r", defaultLogLevel="WARN")
    house.call("SetV2LoggingLevel", logTarget={"targetType": "CLIENT_ID", "targetName": "n"}, logLevel="DEBUG")
    return house


def every_call(owner):
    """(operation, parameters that name what the owner has) of everything that is served and names something."""
    told = set()
    for operation, parameters, _ in story(owner):
        told.add(operation)
        if operation not in OWN:
            yield operation, {key: "n" if key == "clientId" else value for key, value in parameters.items()}
    assert told == CORE
    for _, _, operations, parameters in MORE:
        for operation in operations:
            members = owner.client_of(operation).meta.service_model.operation_model(operation).input_shape.members
            yield operation, {key: value for key, value in parameters.items() if key in members}
    for operation, parameters in (
            ("GetThingShadow", {"thingName": "n"}), ("DeleteThingShadow", {"thingName": "n"}), ("AddThingToThingGroup", {"thingArn": arn("thing/n"), "thingGroupArn": arn("thinggroup/n")}),
            ("AttachPolicy", {"policyName": "n", "target": arn("thinggroup/n")}), ("ListAttachedPolicies", {"target": arn("thinggroup/n"), "recursive": True}),
            ("AddThingToBillingGroup", {"thingName": "n", "billingGroupName": "n"}), ("RemoveThingFromBillingGroup", {"thingName": "n", "billingGroupName": "n"}),
            ("ListTagsForResource", {"resourceArn": arn("rule/n")}), ("ListTagsForResource", {"resourceArn": arn("thinggroup/n")}),
            ("TagResource", {"resourceArn": arn("thingtype/n"), "tags": [{"Key": "k", "Value": "v"}]}), ("ListRoleAliases", {}), ("ListAuthorizers", {}),
            ("ListDomainConfigurations", {"serviceType": "JOBS"}), ("ListBillingGroups", {}), ("TransferCertificate", {
                "certificateId": owner.kept["CreateKeysAndCertificate"]["certificateId"], "targetAwsAccount": "444444444444"}),
            ("AcceptCertificateTransfer", {"certificateId": owner.kept["CreateKeysAndCertificate"]["certificateId"]})):
        yield operation, parameters


def holdings(owner):
    """Everything of the owner's that can be read."""
    reading = [call for call in every_call(owner) if call[0].startswith(("List", "Describe", "Get", "Search"))]
    return [(call, answered(owner, *call)) for call in reading if call[0] != "GetConnection"]


def test_what_others_have_does_not_exist(server, owner):
    # API-046, API-066, PROV-020
    device = server.device("device")
    kept = owner.kept
    absent = {"n": "absent", kept["CreateKeysAndCertificate"]["certificateId"]: "0" * 64, kept["RegisterCACertificate"]["certificateId"]: "1" * 64,
              kept["CreateTopicRuleDestination"]["topicRuleDestination"]["arn"].rsplit("/", 1)[1]: "00000000-0000-0000-0000-000000000000",
              "dynamic": "absent", "a/b": "absent/b"}
    with RecordingClient(server, "n", device=device) as client:
        client.subscribe("direct")
        assert answered(owner, "GetConnection", {"clientId": "n"})[0] == 200
        before = holdings(owner)
        assert sum(status == 200 for _, (status, _) in before) > 50
        calls = list(every_call(owner))
        nobody = house_of(server, *NOBODY)
        refused = 0
        for stranger in STRANGERS:
            house = house_of(server, *stranger)
            for operation, parameters in calls:
                # By the owner's ARNs, and by those that the same resources would have here.
                for account, region in (OWNER, stranger):
                    there = renamed(parameters, {"arn:aws:iot:us-east-1:000000000000:": f"arn:aws:iot:{region}:{account}:"})
                    twin = NOBODY if (account, region) == stranger else OWNER
                    here = renamed(renamed(parameters, absent), {"arn:aws:iot:us-east-1:000000000000:": f"arn:aws:iot:{twin[1]}:{twin[0]}:"})
                    seen, expected = answered(house, operation, there), answered(nobody, operation, here)
                    # Texts repeat the names that were asked for.
                    shown = renamed(seen[1], absent).replace(f"{stranger[1]}:{stranger[0]}", f"{NOBODY[1]}:{NOBODY[0]}")
                    assert seen[0] == expected[0], f"{operation}({there}) as {stranger}: {seen}, for what nobody has: {expected}"
                    if seen[0] == 200:
                        assert shown == expected[1], f"{operation}({there}) as {stranger}"
                    else:
                        code = lambda text: json.loads(text)["Error"]["Code"]  # noqa: E731
                        assert code(seen[1]) == code(expected[1]), f"{operation}({there}) as {stranger}"
                        refused += 1
                    secrets = ("of the owner", "arn:aws:iot:us-east-1:000000000000:")
                    asked = json.dumps(there, default=str)
                    assert not [secret for secret in secrets if secret in seen[1] and secret not in asked], f"{operation} told {stranger}: {seen}"
        assert refused > 150
        # And nothing of it had an effect on the owner.
        assert holdings(owner) == before
        assert client.disconnected is None and client.messages == []


def test_the_same_names_are_free_everywhere(server, owner):
    # API-046, API-060, PROV-041: what one has is no obstacle to another, and gets another identity
    ids = {owner.kept[name][member] for name, member in (("CreateThing", "thingId"), ("CreateThingType", "thingTypeId"), ("CreateThingGroup", "thingGroupId"))}
    for stranger in STRANGERS:
        house = house_of(server, *stranger)
        for operation, parameters, _ in story(owner):
            if operation in ("CreateThing", "CreateThingType", "CreateThingGroup", "CreatePolicy", "CreateTopicRule"):
                made = house.call(operation, **parameters)
                ids |= {value for key, value in made.items() if key.endswith("Id") and len(value) == 36}
                where = f"arn:aws:iot:{stranger[1]}:{stranger[0]}:"
                assert all(value.startswith(where) for key, value in made.items() if key.endswith("Arn")), made
        house.call("UpdateIndexingConfiguration", thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
        for operation, parameters, *_ in MORE[1:4]:
            house.call(operation, **parameters)
    assert len(ids) == 3 * (len(STRANGERS) + 1)
