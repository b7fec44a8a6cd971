"""Names with every character that is allowed in them: in paths, encoded or not, in ARNs, tags, tokens, queries and events."""

import json
import urllib.parse

import pytest

from recording_client import RecordingClient
from test_api_robustness import Wire
from thingstead_server import arn

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
ROLE = "arn:aws:iam::000000000000:role/r"
THING, POLICY, ALIAS, DOMAIN, LONG = "a:b_C-1:", "p+=,.@-_P", "a=,@-_b", "d.-_D", "x" * 128


@pytest.fixture
def iot(server):
    return server.boto("iot")


@pytest.mark.parametrize("name", [THING, LONG, "-", ":", "0"])
def test_things_types_and_groups_with_odd_names(server, iot, name):
    # API-009, API-058, API-061, API-014, API-066, API-097, API-110
    tags = [{"Key": "k:_-/=+@ ", "Value": "v:_-/=+@ "}]
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"}, thingGroupIndexingConfiguration={"thingGroupIndexingMode": "ON"})
    made = iot.create_thing_type(thingTypeName=name, tags=tags), iot.create_billing_group(billingGroupName=name, tags=tags)
    assert (made[0]["thingTypeArn"], made[1]["billingGroupArn"]) == (arn(f"thingtype/{name}"), arn(f"billinggroup/{name}"))
    iot.create_thing(thingName=name, thingTypeName=name, billingGroupName=name)
    iot.create_thing_group(thingGroupName=name, tags=tags)
    iot.create_thing_group(thingGroupName=f"child-{name}"[:128], parentGroupName=name)
    iot.add_thing_to_thing_group(thingArn=arn(f"thing/{name}"), thingGroupArn=arn(f"thinggroup/{name}"))
    thing = iot.describe_thing(thingName=name)
    assert (thing["thingArn"], thing["thingTypeName"], thing["billingGroupName"]) == (arn(f"thing/{name}"), name, name)
    assert iot.list_things_in_thing_group(thingGroupName=name, recursive=True)["things"] == [name]
    assert iot.list_thing_groups_for_thing(thingName=name)["thingGroups"] == [{"groupName": name, "groupArn": arn(f"thinggroup/{name}")}]
    assert iot.list_things_in_billing_group(billingGroupName=name)["things"] == [name]
    assert [row["thingTypeName"] for row in iot.list_thing_types(thingTypeName=name)["thingTypes"]] == [name]
    for resource in ("thingtype", "thinggroup", "billinggroup"):
        assert iot.list_tags_for_resource(resourceArn=arn(f"{resource}/{name}"))["tags"] == tags
    escaped = "".join(f"\\{c}" if c in ":-" else c for c in name)
    assert [found["thingName"] for found in iot.search_index(queryString=f'thingName:"{name}"')["things"]] == [name]
    assert [found["thingName"] for found in iot.search_index(queryString=f"thingName:{escaped}")["things"]] == [name]
    # The same resource by a path that leaves the characters as they are, and by one that encodes all of them.
    wire = Wire(server)
    for path in (name, urllib.parse.quote(name, safe=""), "".join(f"%{ord(c):02x}" for c in name)):
        status, _, text = wire.ask("GET", f"/things/{path}")
        assert (status, json.loads(text)["thingName"]) == (200, name), path
    iot.update_thing(thingName=name, expectedVersion=1)
    iot.update_thing_groups_for_thing(thingName=name, thingGroupsToRemove=[name])
    iot.delete_thing(thingName=name)
    iot.delete_thing_group(thingGroupName=f"child-{name}"[:128])
    iot.delete_thing_group(thingGroupName=name)
    iot.delete_billing_group(billingGroupName=name)
    iot.deprecate_thing_type(thingTypeName=name)


def test_policies_aliases_and_domains_with_odd_names(iot):
    # API-009, API-015, API-061, API-156, API-160, API-326, API-335
    iot.create_policy(policyName=POLICY, policyDocument=OPEN, tags=[{"Key": "k", "Value": "v"}])
    iot.create_policy_version(policyName=POLICY, policyDocument=OPEN, setAsDefault=True)
    iot.delete_policy_version(policyName=POLICY, policyVersionId="1")
    made = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.attach_policy(policyName=POLICY, target=made)
    assert iot.get_policy(policyName=POLICY)["policyArn"] == arn(f"policy/{POLICY}")
    assert iot.list_targets_for_policy(policyName=POLICY)["targets"] == [made]
    # This one travels in a header.
    assert iot.list_policy_principals(policyName=POLICY)["principals"] == [made]
    assert iot.list_tags_for_resource(resourceArn=arn(f"policy/{POLICY}"))["tags"] == [{"Key": "k", "Value": "v"}]
    iot.detach_policy(policyName=POLICY, target=made)
    iot.delete_policy(policyName=POLICY)
    iot.create_role_alias(roleAlias=ALIAS, roleArn=ROLE)
    assert iot.describe_role_alias(roleAlias=ALIAS)["roleAliasDescription"]["roleAliasArn"] == arn(f"rolealias/{ALIAS}")
    iot.delete_role_alias(roleAlias=ALIAS)
    iot.create_authorizer(authorizerName=ALIAS, authorizerFunctionArn="arn:aws:lambda:us-east-1:000000000000:function:f", signingDisabled=True)
    assert iot.describe_authorizer(authorizerName=ALIAS)["authorizerDescription"]["authorizerArn"] == arn(f"authorizer/{ALIAS}")
    iot.delete_authorizer(authorizerName=ALIAS)
    iot.create_domain_configuration(domainConfigurationName=DOMAIN)
    assert iot.describe_domain_configuration(domainConfigurationName=DOMAIN)["domainConfigurationName"] == DOMAIN


def test_topics_shadows_and_clients_with_odd_names(server, iot):
    # API-009, API-010, API-014, API-017, API-272, API-273, API-277, API-279, API-280
    data = server.boto("iot-data")
    topics = ["a b/c", "a%2Fb/c%25", "/", "//", "a//b/", "ü/€/𝄞", "a?b=c&d", "a;b,c", "..", "./../x", "a=b;c=d@e:f", "\"'<>\\^`{|}~[]()!*"]
    with RecordingClient(server, "c:/l i\u00e9nt#%2F?&", device=server.device("odd")) as client:
        client.subscribe("#")
        for at, topic in enumerate(topics):
            data.publish(topic=topic, payload=str(at).encode(), qos=1, retain=True)
        for at, topic in enumerate(topics):
            assert client.wait_for(1, topic) == [(topic, at)], topic
        assert sorted(row["topic"] for page in data.get_paginator("list_retained_messages").paginate(maxResults=2) for row in page["retainedTopics"]) == sorted(topics)
        for at, topic in enumerate(topics):
            assert data.get_retained_message(topic=topic)["payload"] == str(at).encode()
        known = "c:/l i\u00e9nt#%2F?&"
        assert data.get_connection(clientId=known)["clientId"] == known
        assert data.list_subscriptions(clientId=known)["subscriptions"] == [{"topicFilter": "#", "qos": 1}]
        data.send_direct_message(clientId=known, topic="to you/ü", payload=b'"hello"')
        client.wait_for(1, "to you/ü")
        for shadow in ("s:_-S", "$named"):
            data.update_thing_shadow(thingName=THING, shadowName=shadow, payload=json.dumps({"state": {"reported": {"of": shadow}}}))
            assert json.loads(data.get_thing_shadow(thingName=THING, shadowName=shadow)["payload"].read())["state"]["reported"] == {"of": shadow}
        assert sorted(data.list_named_shadows_for_thing(thingName=THING)["results"]) == ["$named", "s:_-S"]


def test_events_name_what_they_are_about(server, iot):
    # API-220, API-221, API-223, API-224, API-225
    iot.update_event_configurations(eventConfigurations={name: {"Enabled": True} for name in (
        "THING", "THING_TYPE", "THING_GROUP", "THING_GROUP_MEMBERSHIP", "THING_GROUP_HIERARCHY", "THING_TYPE_ASSOCIATION")})
    with RecordingClient(server, "listener", device=server.device("listener")) as client:
        client.subscribe("$aws/events/#")
        iot.create_thing_type(thingTypeName=THING)
        iot.create_thing(thingName=THING, thingTypeName=THING)
        iot.create_thing_group(thingGroupName=THING)
        iot.create_thing_group(thingGroupName="child", parentGroupName=THING)
        iot.add_thing_to_thing_group(thingName=THING, thingGroupName=THING)
        for topic, member in ((f"thing/{THING}/created", "thingName"), (f"thingType/{THING}/created", "thingTypeName"), (f"thingGroup/{THING}/created", "thingGroupName"),
                              (f"thingTypeAssociation/thing/{THING}/thingType/{THING}/added", "thingName"),
                              (f"thingGroupHierarchy/thingGroup/{THING}/childThingGroup/child/added", "thingGroupName")):
            [(_, event)] = client.wait_for(1, f"$aws/events/{topic}")
            assert event[member] == THING
        [(_, event)] = client.wait_for(1, f"$aws/events/thingGroupMembership/thingGroup/{THING}/thing/{THING}/added")
        assert (event["thingArn"], event["groupArn"]) == (arn(f"thing/{THING}"), arn(f"thinggroup/{THING}"))
