"""Registry events: off until they are switched on, then told on `$aws/events/`."""

import pytest

from recording_client import RecordingClient

KEYS = {"THING", "THING_GROUP", "THING_TYPE", "THING_GROUP_MEMBERSHIP", "THING_GROUP_HIERARCHY",
        "THING_TYPE_ASSOCIATION", "JOB", "JOB_EXECUTION", "POLICY", "CERTIFICATE", "CA_CERTIFICATE"}


@pytest.fixture
def iot(server):
    return server.boto("iot")


@pytest.fixture
def app(server):
    with RecordingClient(server, "app") as client:
        yield client.subscribe("$aws/events/thing/#", "$aws/events/thingType/#", "$aws/events/thingGroup/#",
                               "$aws/events/thingTypeAssociation/#", "$aws/events/thingGroupMembership/#",
                               "$aws/events/thingGroupHierarchy/#")


def switch_on(iot, *keys):
    iot.update_event_configurations(eventConfigurations={key: {"Enabled": True} for key in keys})


def test_events_are_off_until_their_key_is_switched_on(iot, app):
    # SHADOW-176, SHADOW-177
    assert set(iot.describe_event_configurations()["eventConfigurations"]) == KEYS
    iot.create_thing(thingName="before")
    switch_on(iot, "THING")
    iot.create_thing_type(thingTypeName="lamps")
    iot.create_thing(thingName="after")
    app.wait_for(1)
    assert app.topics() == ["$aws/events/thing/after/created"]


def test_things_tell_of_their_life(iot, app):
    # SHADOW-186
    switch_on(iot, "THING")
    thing = iot.create_thing(thingName="lamp", attributePayload={"attributes": {"a": "1"}})
    iot.update_thing(thingName="lamp", attributePayload={"attributes": {"a": "2"}})
    iot.delete_thing(thingName="lamp")
    events = app.wait_for(3)
    assert [topic.rsplit("/", 1)[1] for topic, _ in events] == ["created", "updated", "deleted"]
    assert [event["operation"] for _, event in events] == ["CREATED", "UPDATED", "DELETED"]
    for _, event in events:
        assert event["eventType"] == "THING_EVENT" and event["eventId"] and event["timestamp"] > 1_600_000_000_000
        assert (event["accountId"], event["thingId"], event["thingName"]) == ("000000000000", thing["thingId"], "lamp")
        assert event["thingTypeName"] is None
    assert [event["versionNumber"] for _, event in events[:2]] == [1, 2]
    assert events[1][1]["attributes"] == {"a": "2"}
    assert len({event["eventId"] for _, event in events}) == 3


def test_types_tell_of_deprecation_and_association(iot, app):
    # SHADOW-187, SHADOW-188
    switch_on(iot, "THING_TYPE", "THING_TYPE_ASSOCIATION")
    made = iot.create_thing_type(thingTypeName="lamps", thingTypeProperties={
        "thingTypeDescription": "they glow", "searchableAttributes": ["room"]})
    iot.create_thing(thingName="lamp", thingTypeName="lamps")
    iot.update_thing(thingName="lamp", removeThingType=True)
    iot.deprecate_thing_type(thingTypeName="lamps")
    iot.deprecate_thing_type(thingTypeName="lamps", undoDeprecate=True)
    events = app.wait_for(5)
    assert [topic for topic, _ in events] == [
        "$aws/events/thingType/lamps/created",
        "$aws/events/thingTypeAssociation/thing/lamp/thingType/lamps/added",
        "$aws/events/thingTypeAssociation/thing/lamp/thingType/lamps/removed",
        "$aws/events/thingType/lamps/updated",
        "$aws/events/thingType/lamps/updated",
    ]
    created, added, removed, deprecated, revived = (event for _, event in events)
    assert created["eventType"] == "THING_TYPE_EVENT" and created["thingTypeId"] == made["thingTypeId"]
    assert (created["thingTypeName"], created["description"], created["searchableAttributes"]) == (
        "lamps", "they glow", ["room"])
    assert added["eventType"] == "THING_TYPE_ASSOCIATION_EVENT"
    assert (added["operation"], removed["operation"]) == ("ADDED", "REMOVED")
    assert (created["isDeprecated"], created["deprecationDate"]) == (False, None)
    assert deprecated["isDeprecated"] is True and deprecated["deprecationDate"]
    assert revived["isDeprecated"] is False


def test_groups_tell_of_hierarchy_and_members(iot, app):
    # SHADOW-189, SHADOW-190
    switch_on(iot, "THING_GROUP", "THING_GROUP_MEMBERSHIP", "THING_GROUP_HIERARCHY")
    house = iot.create_thing_group(thingGroupName="house")
    iot.create_thing_group(thingGroupName="kitchen", parentGroupName="house", thingGroupProperties={
        "thingGroupDescription": "warm", "attributePayload": {"attributes": {"floor": "0"}}})
    iot.create_thing(thingName="lamp")
    iot.add_thing_to_thing_group(thingGroupName="kitchen", thingName="lamp")
    iot.remove_thing_from_thing_group(thingGroupName="kitchen", thingName="lamp")
    iot.delete_thing_group(thingGroupName="kitchen")
    events = dict(app.wait_for(7))
    kitchen = events["$aws/events/thingGroup/kitchen/created"]
    assert kitchen["eventType"] == "THING_GROUP_EVENT" and kitchen["thingGroupName"] == "kitchen"
    assert (kitchen["parentGroupName"], kitchen["parentGroupId"]) == ("house", house["thingGroupId"])
    assert [above["groupId"] for above in kitchen["rootToParentThingGroups"]] == [house["thingGroupId"]]
    assert (kitchen["description"], kitchen["attributes"], kitchen["versionNumber"]) == ("warm", {"floor": "0"}, 1)
    assert kitchen["dynamicGroupMappingId"] is None
    members = "$aws/events/thingGroupMembership/thingGroup/kitchen/thing/lamp"
    assert events[f"{members}/added"]["operation"] == "ADDED"
    assert events[f"{members}/removed"]["operation"] == "REMOVED"
    below = "$aws/events/thingGroupHierarchy/thingGroup/house/childThingGroup/kitchen"
    assert events[f"{below}/added"]["childGroupName"] == "kitchen"
    assert "$aws/events/thingGroup/kitchen/deleted" in events
