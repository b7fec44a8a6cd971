"""Every operation of the core through botocore's own parser and model: answers fit their shapes, pages add up, bad values are named."""

import datetime
import json
import re
import subprocess

import botocore.exceptions
import pytest
from botocore.config import Config

from thingstead_server import arn

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
ROLE = "arn:aws:iam::000000000000:role/r"
RULE = {"sql": "SELECT * FROM 'in'", "actions": [{"republish": {"topic": "out", "roleArn": ROLE}}]}
SHADOW = json.dumps({"state": {"reported": {"a": 1}}})
# Tier T1 of the specification.
CORE = set("""
    AddThingToThingGroup AttachPolicy AttachPrincipalPolicy AttachThingPrincipal ConfirmTopicRuleDestination
    CreateCertificateFromCsr CreateKeysAndCertificate CreatePolicy CreatePolicyVersion CreateThing CreateThingGroup
    CreateThingType CreateTopicRule CreateTopicRuleDestination DeleteCACertificate DeleteCertificate DeleteConnection DeletePolicy
    DeletePolicyVersion DeleteRegistrationCode DeleteThing DeleteThingGroup DeleteThingShadow DeleteThingType DeleteTopicRule
    DeleteTopicRuleDestination DeleteV2LoggingLevel DeprecateThingType DescribeCACertificate DescribeCertificate DescribeEndpoint
    DescribeEventConfigurations DescribeIndex DescribeThing DescribeThingGroup DescribeThingType DetachPolicy
    DetachPrincipalPolicy DetachThingPrincipal DisableTopicRule EnableTopicRule GetBucketsAggregation GetCardinality GetConnection
    GetEffectivePolicies GetIndexingConfiguration GetLoggingOptions GetPercentiles GetPolicy GetPolicyVersion GetRegistrationCode
    GetRetainedMessage GetStatistics GetThingConnectivityData GetThingShadow GetTopicRule GetTopicRuleDestination
    GetV2LoggingOptions ListAttachedPolicies ListCACertificates ListCertificates ListCertificatesByCA ListIndices
    ListNamedShadowsForThing ListPolicies ListPolicyPrincipals ListPolicyVersions ListPrincipalPolicies ListPrincipalThings
    ListPrincipalThingsV2 ListRetainedMessages ListSubscriptions ListTagsForResource ListTargetsForPolicy ListThingGroups
    ListThingGroupsForThing ListThingPrincipals ListThingPrincipalsV2 ListThingTypes ListThings ListThingsInThingGroup
    ListTopicRuleDestinations ListTopicRules ListV2LoggingLevels Publish RegisterCACertificate RegisterCertificate
    RegisterCertificateWithoutCA RemoveThingFromThingGroup ReplaceTopicRule SearchIndex SendDirectMessage SetDefaultPolicyVersion
    SetLoggingOptions SetV2LoggingLevel SetV2LoggingOptions TagResource TestAuthorization UntagResource UpdateCACertificate
    UpdateCertificate UpdateEventConfigurations UpdateIndexingConfiguration UpdateThing UpdateThingGroup UpdateThingGroupsForThing
    UpdateThingShadow UpdateThingType UpdateTopicRuleDestination
""".split())


class House:
    """What the calls refer to."""

    def __init__(self, server):
        self.server = server
        options = {"config": Config(parameter_validation=False, retries={"max_attempts": 0})}
        self.clients = [server.boto("iot", **options), server.boto("iot-data", **options)]
        self.kept = {}

    def client_of(self, operation):
        return next(client for client in self.clients if operation in client.meta.service_model.operation_names)

    def call(self, operation, **parameters):
        return self.client_of(operation)._make_api_call(operation, parameters)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.server.files, check=True, capture_output=True)
        return self

    def pem(self, name):
        return (self.server.files / name).read_text()

    def certificates(self, code):
        """A CA, its verification certificate, a device certificate it signed, and one that signed itself."""
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=CA", "-days", "30", "-keyout", "ca.key",
                     "-out", "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=self", "-days", "30", "-keyout", "self.key", "-out", "self.pem")
        for name, subject in (("verification", code), ("device", "device")):
            self.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={subject}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-out", f"{name}.pem")


# Operation, members of the request, members that the answer must have. `keep` remembers members of the answer.
def story(house):
    kept, pem = house.kept, house.pem
    certificate = lambda: kept["CreateKeysAndCertificate"]["certificateArn"]  # noqa: E731
    identity = lambda: kept["CreateKeysAndCertificate"]["certificateId"]  # noqa: E731
    authority = lambda: kept["RegisterCACertificate"]["certificateId"]  # noqa: E731
    destination = lambda: kept["CreateTopicRuleDestination"]["topicRuleDestination"]["arn"]  # noqa: E731
    on = {"thingIndexingMode": "REGISTRY_AND_SHADOW", "thingConnectivityIndexingMode": "STATUS"}
    vpc = {"vpcConfiguration": {"subnetIds": ["subnet-1"], "vpcId": "vpc-1", "roleArn": ROLE}}
    query = {"queryString": "thingName:*"}
    yield "DescribeEndpoint", {}, "endpointAddress"
    yield "UpdateIndexingConfiguration", {"thingIndexingConfiguration": on}, ""
    yield "GetIndexingConfiguration", {}, "thingIndexingConfiguration thingGroupIndexingConfiguration"
    yield "ListIndices", {}, "indexNames"
    yield "DescribeIndex", {"indexName": "AWS_Things"}, "indexName indexStatus schema"
    yield "CreateThingType", {"thingTypeName": "n"}, "thingTypeName thingTypeArn thingTypeId"
    yield "DescribeThingType", {"thingTypeName": "n"}, "thingTypeName thingTypeId thingTypeArn thingTypeProperties thingTypeMetadata"
    yield "UpdateThingType", {"thingTypeName": "n", "thingTypeProperties": {"mqtt5Configuration": {"propagatingAttributes": []}}}, ""
    yield "ListThingTypes", {}, "thingTypes"
    yield "CreateThing", {"thingName": "n", "thingTypeName": "n", "attributePayload": {"attributes": {"a": "1"}}}, "thingName thingArn thingId"
    yield "DescribeThing", {"thingName": "n"}, "defaultClientId thingName thingId thingArn thingTypeName attributes version"
    yield "UpdateThing", {"thingName": "n", "expectedVersion": 1}, ""
    yield "ListThings", {}, "things"
    yield "CreateThingGroup", {"thingGroupName": "n"}, "thingGroupName thingGroupArn thingGroupId"
    yield "DescribeThingGroup", {"thingGroupName": "n"}, "thingGroupName thingGroupId thingGroupArn version thingGroupProperties thingGroupMetadata"
    yield "UpdateThingGroup", {"thingGroupName": "n", "thingGroupProperties": {}}, "version"
    yield "ListThingGroups", {}, "thingGroups"
    yield "AddThingToThingGroup", {"thingName": "n", "thingGroupName": "n"}, ""
    yield "ListThingsInThingGroup", {"thingGroupName": "n"}, "things"
    yield "ListThingGroupsForThing", {"thingName": "n"}, "thingGroups"
    yield "RemoveThingFromThingGroup", {"thingName": "n", "thingGroupName": "n"}, ""
    yield "UpdateThingGroupsForThing", {"thingName": "n", "thingGroupsToAdd": ["n"]}, ""
    yield "CreateKeysAndCertificate", {"setAsActive": True}, "certificateArn certificateId certificatePem keyPair"
    yield "GetRegistrationCode", {}, "registrationCode"
    house.certificates(kept["GetRegistrationCode"]["registrationCode"])
    yield "CreateCertificateFromCsr", {"certificateSigningRequest": pem("device.csr")}, "certificateArn certificateId certificatePem"
    yield "RegisterCACertificate", {"caCertificate": pem("ca.pem"), "verificationCertificate": pem("verification.pem"), "setAsActive": True}, "certificateArn certificateId"
    yield "DescribeCACertificate", {"certificateId": authority()}, "certificateDescription"
    yield "ListCACertificates", {}, "certificates"
    yield "RegisterCertificate", {"certificatePem": pem("device.pem"), "caCertificatePem": pem("ca.pem")}, "certificateArn certificateId"
    yield "ListCertificatesByCA", {"caCertificateId": authority()}, "certificates"
    yield "RegisterCertificateWithoutCA", {"certificatePem": pem("self.pem")}, "certificateArn certificateId"
    yield "DescribeCertificate", {"certificateId": identity()}, "certificateDescription"
    yield "ListCertificates", {}, "certificates"
    yield "CreatePolicy", {"policyName": "n", "policyDocument": OPEN}, "policyName policyArn policyDocument policyVersionId"
    yield "CreatePolicyVersion", {"policyName": "n", "policyDocument": OPEN}, "policyArn policyDocument policyVersionId isDefaultVersion"
    yield "GetPolicy", {"policyName": "n"}, "policyName policyArn policyDocument defaultVersionId creationDate lastModifiedDate generationId"
    yield "GetPolicyVersion", {"policyName": "n", "policyVersionId": "2"}, "policyArn policyName policyDocument policyVersionId isDefaultVersion creationDate lastModifiedDate generationId"
    yield "SetDefaultPolicyVersion", {"policyName": "n", "policyVersionId": "2"}, ""
    yield "ListPolicyVersions", {"policyName": "n"}, "policyVersions"
    yield "ListPolicies", {}, "policies"
    yield "AttachPolicy", {"policyName": "n", "target": certificate()}, ""
    yield "AttachPrincipalPolicy", {"policyName": "n", "principal": certificate()}, ""
    yield "ListAttachedPolicies", {"target": certificate()}, "policies"
    yield "ListTargetsForPolicy", {"policyName": "n"}, "targets"
    yield "ListPolicyPrincipals", {"policyName": "n"}, "principals"
    yield "ListPrincipalPolicies", {"principal": certificate()}, "policies"
    yield "AttachThingPrincipal", {"thingName": "n", "principal": certificate()}, ""
    yield "ListThingPrincipals", {"thingName": "n"}, "principals"
    yield "ListThingPrincipalsV2", {"thingName": "n"}, "thingPrincipalObjects"
    yield "ListPrincipalThings", {"principal": certificate()}, "things"
    yield "ListPrincipalThingsV2", {"principal": certificate()}, "principalThingObjects"
    yield "GetEffectivePolicies", {"principal": certificate(), "thingName": "n"}, "effectivePolicies"
    yield "TestAuthorization", {"principal": certificate(), "authInfos": [{"actionType": "PUBLISH", "resources": [arn("topic/a")]}]}, "authResults"
    yield "TagResource", {"resourceArn": arn("policy/n"), "tags": [{"Key": "k", "Value": "v"}]}, ""
    yield "ListTagsForResource", {"resourceArn": arn("policy/n")}, "tags"
    yield "UntagResource", {"resourceArn": arn("policy/n"), "tagKeys": ["k"]}, ""
    yield "CreateTopicRule", {"ruleName": "n", "topicRulePayload": RULE}, ""
    yield "GetTopicRule", {"ruleName": "n"}, "ruleArn rule"
    yield "ReplaceTopicRule", {"ruleName": "n", "topicRulePayload": RULE}, ""
    yield "DisableTopicRule", {"ruleName": "n"}, ""
    yield "EnableTopicRule", {"ruleName": "n"}, ""
    yield "ListTopicRules", {}, "rules"
    yield "CreateTopicRuleDestination", {"destinationConfiguration": vpc}, "topicRuleDestination"
    yield "GetTopicRuleDestination", {"arn": destination()}, "topicRuleDestination"
    yield "UpdateTopicRuleDestination", {"arn": destination(), "status": "DISABLED"}, ""
    yield "ListTopicRuleDestinations", {}, "destinationSummaries"
    yield "DeleteTopicRuleDestination", {"arn": destination()}, ""
    yield "ConfirmTopicRuleDestination", {"confirmationToken": "unknown"}, "InvalidRequestException"
    yield "UpdateEventConfigurations", {"eventConfigurations": {"THING": {"Enabled": True}}}, ""
    yield "DescribeEventConfigurations", {}, "eventConfigurations creationDate lastModifiedDate"
    yield "SetLoggingOptions", {"loggingOptionsPayload": {"roleArn": ROLE, "logLevel": "INFO"}}, ""
    yield "GetLoggingOptions", {}, "roleArn logLevel"
    yield "SetV2LoggingOptions", {"roleArn": ROLE, "defaultLogLevel": "WARN"}, ""
    yield "GetV2LoggingOptions", {}, "roleArn defaultLogLevel disableAllLogs"
    yield "SetV2LoggingLevel", {"logTarget": {"targetType": "THING_GROUP", "targetName": "n"}, "logLevel": "DEBUG"}, ""
    yield "ListV2LoggingLevels", {}, "logTargetConfigurations"
    yield "DeleteV2LoggingLevel", {"targetType": "THING_GROUP", "targetName": "n"}, ""
    yield "SearchIndex", query, "things"
    yield "GetStatistics", query, "statistics"
    yield "GetCardinality", query | {"aggregationField": "thingName"}, "cardinality"
    yield "GetPercentiles", query | {"aggregationField": "registry.version"}, "percentiles"
    yield "GetBucketsAggregation", query | {"aggregationField": "thingName", "bucketsAggregationType": {"termsAggregation": {}}}, "totalCount buckets"
    yield "GetThingConnectivityData", {"thingName": "n"}, "thingName connected"
    yield "UpdateThingShadow", {"thingName": "n", "shadowName": "s", "payload": SHADOW}, "payload"
    yield "GetThingShadow", {"thingName": "n", "shadowName": "s"}, "payload"
    yield "ListNamedShadowsForThing", {"thingName": "n"}, "results timestamp"
    yield "DeleteThingShadow", {"thingName": "n", "shadowName": "s"}, "payload"
    yield "Publish", {"topic": "a/b", "payload": b"x", "retain": True, "qos": 1}, ""
    yield "GetRetainedMessage", {"topic": "a/b"}, "topic payload qos lastModifiedTime"
    yield "ListRetainedMessages", {}, "retainedTopics"
    yield "GetConnection", {"clientId": "nobody"}, "ResourceNotFoundException"
    yield "ListSubscriptions", {"clientId": "nobody"}, "ResourceNotFoundException"
    yield "SendDirectMessage", {"clientId": "nobody", "topic": "a", "payload": b"x"}, "ResourceNotFoundException"
    yield "DeleteConnection", {"clientId": "nobody"}, "ResourceNotFoundException"
    yield "DetachThingPrincipal", {"thingName": "n", "principal": certificate()}, ""
    yield "DetachPrincipalPolicy", {"policyName": "n", "principal": certificate()}, ""
    yield "DetachPolicy", {"policyName": "n", "target": certificate()}, ""
    yield "DeletePolicyVersion", {"policyName": "n", "policyVersionId": "1"}, ""
    yield "DeletePolicy", {"policyName": "n"}, ""
    yield "UpdateCertificate", {"certificateId": identity(), "newStatus": "INACTIVE"}, ""
    yield "DeleteCertificate", {"certificateId": identity()}, ""
    yield "UpdateCACertificate", {"certificateId": authority(), "newStatus": "INACTIVE"}, ""
    yield "DeleteCACertificate", {"certificateId": authority()}, ""
    yield "DeleteRegistrationCode", {}, ""
    yield "DeleteTopicRule", {"ruleName": "n"}, ""
    yield "DeleteThing", {"thingName": "n"}, ""
    yield "DeleteThingGroup", {"thingGroupName": "n"}, ""
    yield "DeprecateThingType", {"thingTypeName": "n"}, ""
    yield "DeleteThingType", {"thingTypeName": "n"}, "InvalidRequestException"


def fits(shape, value, path):
    """Fails where a parsed value is not of its shape's type; botocore itself lets much pass."""
    kinds = {"string": str, "integer": int, "long": int, "boolean": bool, "double": (int, float), "float": (int, float),
             "timestamp": datetime.datetime, "list": list, "map": dict, "structure": dict}
    if shape.type_name == "blob":
        return
    assert isinstance(value, kinds[shape.type_name]), f"{path} is {value!r}, no {shape.type_name}"
    if shape.type_name == "string" and shape.enum:
        assert value in shape.enum, f"{path} is {value!r}, none of {shape.enum}"
    if shape.type_name == "timestamp":
        assert 2020 < value.year < 2200, f"{path} is {value}"
    if shape.type_name == "list":
        for item in value:
            fits(shape.member, item, f"{path}[]")
    if shape.type_name == "map":
        for name, item in value.items():
            fits(shape.value, item, f"{path}.{name}")
    if shape.type_name == "structure":
        missing = [name for name in shape.required_members if name not in value]
        assert not missing, f"{path} lacks {missing}"
        for name, item in value.items():
            fits(shape.members[name], item, f"{path}.{name}")


def pretend(shape, value):
    """A value that breaks one constraint of a shape, and what the error must say; none where it has no constraint."""
    if shape.type_name == "string" and shape.enum:
        yield "no-such-word", "enum value set"
    if shape.type_name == "string" and shape.metadata.get("max", 10**9) < 20_000:
        yield "x" * (shape.metadata["max"] + 1), f"less than or equal to {shape.metadata['max']}"
    pattern = shape.metadata.get("pattern")
    if shape.type_name == "string" and pattern and not re.fullmatch(pattern.replace(r"\p{Graph}\x20", r"\x20-\x7e").replace("\\p{", "(?!"), "\u00fc \u00fc"):
        yield "\u00fc \u00fc", "regular expression pattern"
    if shape.type_name in ("integer", "long") and "max" in shape.metadata:
        yield shape.metadata["max"] + 1, f"less than or equal to {shape.metadata['max']}"


@pytest.fixture
def house(server):
    return House(server)


def test_every_answer_fits_its_shape(house):
    # API-026, API-027, API-028, API-029, API-030, API-031, API-033, API-042, API-391
    raw = {}
    for client in house.clients:
        client.meta.events.register("before-parse.*.*", lambda operation_model, response_dict, **_: raw.update(
            body=response_dict["body"], headers=response_dict["headers"], status=response_dict["status_code"]))
    told = set()
    for operation, parameters, expected in story(house):
        told.add(operation)
        model = house.client_of(operation).meta.service_model.operation_model(operation)
        try:
            answer = house.call(operation, **parameters)
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == expected, f"{operation}: {error}"
            # Errors an operation does not model reach the caller by name all the same.
            assert raw["headers"]["x-amzn-ErrorType"] == expected
            continue
        house.kept[operation] = dict(answer)
        metadata = answer.pop("ResponseMetadata")
        assert (metadata["HTTPStatusCode"], len(metadata["RequestId"])) == (200, 36), operation
        missing = [name for name in expected.split() if name not in answer]
        assert not missing, f"{operation} lacks {missing}: {answer}"
        if model.output_shape:
            fits(model.output_shape, answer, operation)
        if model.output_shape and not model.has_streaming_output and not model.output_shape.serialization.get("payload") and raw["body"]:
            names = {shape.serialization.get("name", name) for name, shape in model.output_shape.members.items()}
            extra = set(json.loads(raw["body"])) - names - {"message", "traceId"}
            assert not extra, f"{operation} answers {extra}, which its model does not have"
            assert None not in json.loads(raw["body"]).values(), operation
    assert told == CORE, (told ^ CORE)


def test_every_bad_value_is_named(house):
    # API-041, API-053, API-061, API-062, API-187
    tried = 0
    for operation, parameters, _ in list(remembered(house)):
        model = house.client_of(operation).meta.service_model.operation_model(operation)
        for member, shape in (model.input_shape.members if model.input_shape else {}).items():
            for value, complaint in pretend(shape, parameters.get(member)):
                with pytest.raises(botocore.exceptions.ClientError) as refused:
                    house.call(operation, **parameters | {member: value})
                response = refused.value.response
                where = f"{operation}({member}={str(value)[:30]!r}): {response['Error']}"
                assert response["ResponseMetadata"]["HTTPStatusCode"] == 400, where
                assert response["Error"]["Code"] in ("InvalidRequestException", "ValidationException"), where
                if (operation, member) != ("DescribeEndpoint", "endpointType"):
                    assert f"at '{member}' failed to satisfy constraint" in response["Error"]["Message"], where
                    assert complaint in response["Error"]["Message"], where
                tried += 1
    assert tried > 150


def remembered(house):
    """The story once more, each call made so that the next ones can refer to it."""
    for operation, parameters, expected in story(house):
        yield operation, parameters, expected
        try:
            house.kept[operation] = house.call(operation, **parameters)
        except botocore.exceptions.ClientError:
            pass


def test_pages_of_one_row_add_up(house):
    # API-050, API-051, API-052, API-053, API-055, API-056, API-057
    iot, data = house.clients
    identity = []
    call = house.call
    call("UpdateIndexingConfiguration", thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"}, thingGroupIndexingConfiguration={"thingGroupIndexingMode": "ON"})
    call("SetV2LoggingOptions", roleArn=ROLE, defaultLogLevel="WARN")
    for at in "abc":
        identity.append(call("CreateKeysAndCertificate", setAsActive=True)["certificateArn"])
        call("CreateThingType", thingTypeName=at)
        call("CreateBillingGroup", billingGroupName=at)
        call("CreateThing", thingName=at, billingGroupName="a")
        call("CreateThingGroup", thingGroupName=at)
        call("CreatePolicy", policyName=at, policyDocument=OPEN)
        call("CreateTopicRule", ruleName=at, topicRulePayload=RULE)
        call("SetV2LoggingLevel", logTarget={"targetType": "CLIENT_ID", "targetName": at}, logLevel="DEBUG")
        call("CreateTopicRuleDestination", destinationConfiguration={"vpcConfiguration": {"subnetIds": [at], "vpcId": at, "roleArn": ROLE}})
        call("Publish", topic=at, payload=b"x", retain=True)
        call("UpdateThingShadow", thingName="a", shadowName=at, payload=SHADOW)
        call("AddThingToThingGroup", thingName=at, thingGroupName="a")
    for at, principal in zip("abc", identity):
        call("AttachPolicy", policyName="a", target=principal)
        call("AttachThingPrincipal", thingName="a", principal=principal)
        if at != "a":
            call("AttachPolicy", policyName=at, target=identity[0])
            call("AttachThingPrincipal", thingName=at, principal=identity[0])
            call("AddThingToThingGroup", thingName="a", thingGroupName=at)
    asked = {
        "ListThings": {}, "ListThingTypes": {}, "ListThingGroups": {}, "ListBillingGroups": {}, "ListPolicies": {}, "ListCertificates": {}, "ListTopicRules": {},
        "ListTopicRuleDestinations": {}, "ListV2LoggingLevels": {}, "ListRetainedMessages": {}, "ListIndices": {}, "ListNamedShadowsForThing": {"thingName": "a"},
        "ListThingsInThingGroup": {"thingGroupName": "a"}, "ListThingGroupsForThing": {"thingName": "a"}, "ListThingsInBillingGroup": {"billingGroupName": "a"},
        "ListThingPrincipals": {"thingName": "a"}, "ListThingPrincipalsV2": {"thingName": "a"}, "ListPrincipalThings": {"principal": identity[0]},
        "ListPrincipalThingsV2": {"principal": identity[0]}, "ListAttachedPolicies": {"target": identity[0]}, "ListPrincipalPolicies": {"principal": identity[0]},
        "ListTargetsForPolicy": {"policyName": "a"}, "ListPolicyPrincipals": {"policyName": "a"}, "SearchIndex": {"queryString": "*"},
    }
    for operation, parameters in asked.items():
        shape = house.client_of(operation).meta.service_model.operation_model(operation).input_shape
        size = next(name for name in ("maxResults", "pageSize") if name in shape.members)
        token = next(name for name in ("nextToken", "marker") if name in shape.members)
        rows = next(name for name, value in call(operation, **parameters).items() if isinstance(value, list))
        wanted = call(operation, **parameters)[rows]
        assert len(wanted) >= (2 if operation == "ListIndices" else 3), f"{operation}: {wanted}"
        found, answer, tokens = [], call(operation, **parameters | {size: 1}), []
        while True:
            assert len(answer[rows]) == 1, f"{operation}: {answer}"
            found += answer[rows]
            following = answer.get("nextMarker" if token == "marker" else "nextToken")
            if following is None:
                break
            assert following not in tokens, f"{operation} answers the same token twice"
            assert token != "marker" or re.fullmatch("[A-Za-z0-9+/]+={0,2}", following)
            tokens.append(following)
            answer = call(operation, **parameters | {size: 1, token: following})
        assert found == wanted, operation
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call(operation, **parameters | {token: "Zm9yZWlnbg=="})
        assert refused.value.response["Error"]["Code"] == "InvalidRequestException", operation


def test_what_is_not_built_is_named(house):
    # API-371, API-372, API-397, API-043: of every operation beyond the core the answer is a result, a refusal, or 501 with its name
    unbuilt = 0
    for client in house.clients:
        model = client.meta.service_model
        for operation in sorted(set(model.operation_names) - CORE):
            shape = model.operation_model(operation).input_shape
            parameters = {member: {"string": "n", "integer": 1, "long": 1, "boolean": True, "timestamp": 0, "list": []}.get(shape.members[member].type_name, {})
                          for member in (shape.required_members if shape else [])}
            try:
                house.call(operation, **parameters)
            except botocore.exceptions.ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                assert status in (501, *range(400, 500)), f"{operation}: {error}"
                if status == 501:
                    unbuilt += 1
                    assert (error.response["Error"]["Code"], operation in error.response["Error"]["Message"]) == ("NotImplementedException", True)
    assert unbuilt > 0
