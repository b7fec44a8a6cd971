"""Whether a thing is connected, as the index, dynamic groups and GetThingConnectivityData tell it."""

import json
import time

import pytest

from recording_client import RecordingClient


@pytest.fixture
def iot(server):
    iot = server.boto("iot")
    iot.update_indexing_configuration(
        thingIndexingConfiguration={"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS"})
    return iot


def connected(iot):
    found = iot.search_index(queryString="connectivity.connected:true")["things"]
    return {thing["thingName"]: thing["connectivity"] for thing in found}


def until(ask, wanted, seconds=5):
    """Presence goes its own way to the index; asks until it has arrived."""
    deadline = time.monotonic() + seconds
    while (answer := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert answer == wanted


def test_a_thing_created_while_its_client_is_connected_is_connected(server, iot):
    # API-256, API-266, API-349: the client came first, the thing later; deleted and created again it is connected still
    device = server.device("owner")
    iot.create_dynamic_thing_group(thingGroupName="online", queryString="connectivity.connected:true")

    def online():
        return iot.list_things_in_thing_group(thingGroupName="online")["things"]

    with RecordingClient(server, "late", device=device):
        server.wait_for(kind="connected", client="late")
        assert connected(iot) == {} and online() == []
        iot.create_thing(thingName="late")
        until(lambda: list(connected(iot)), ["late"])
        until(online, ["late"])
        since = connected(iot)["late"]["timestamp"]
        assert iot.get_thing_connectivity_data(thingName="late")["connected"] is True
        iot.delete_thing(thingName="late")
        assert connected(iot) == {} and online() == []
        iot.create_thing(thingName="late")
        assert connected(iot)["late"]["timestamp"] == since
        assert online() == ["late"]
    until(lambda: list(connected(iot)), [])
    until(online, [])
    [thing] = iot.search_index(queryString="thingName:late")["things"]
    assert thing["connectivity"]["connected"] is False and thing["connectivity"]["timestamp"] >= since


def test_a_client_that_left_before_its_thing_was_created_was_never_connected(server, iot):
    # API-256
    device = server.device("owner")
    with RecordingClient(server, "gone", device=device):
        server.wait_for(kind="connected", client="gone")
    server.wait_for(kind="disconnected", client="gone")
    iot.create_thing(thingName="gone")
    until(lambda: [json.dumps(thing["connectivity"]) for thing in iot.search_index(queryString="thingName:gone")["things"]],
          ['{"connected": false}'])


def test_things_are_listed_by_what_they_have(server, iot):
    # API-093, API-095, API-096, API-056: in the order of creation, page by page, while things change
    iot.create_thing_type(thingTypeName="lamp")
    for n in range(30):
        room = "kitchen" if n % 3 == 0 else f"hall-{n % 2}"
        more = {"thingTypeName": "lamp"} if n % 10 == 0 else {}
        iot.create_thing(thingName=f"t{n:02}", attributePayload={"attributes": {"room": room} if n != 5 else {}}, **more)

    def listed(**filters):
        names, pages = [], iot.get_paginator("list_things").paginate(maxResults=4, **filters)
        for page in pages:
            assert len(page["things"]) <= 4
            names += [thing["thingName"] for thing in page["things"]]
        return names

    kitchen = [f"t{n:02}" for n in range(0, 30, 3)]
    halls = [f"t{n:02}" for n in range(30) if n % 3 and n != 5]
    assert listed(attributeName="room", attributeValue="kitchen") == kitchen
    assert listed(attributeName="room", attributeValue="Kitchen") == []
    assert listed(attributeName="room", attributeValue="hall", usePrefixAttributeValue=True) == halls
    assert listed(attributeName="room") == [f"t{n:02}" for n in range(30) if n != 5]
    assert listed(attributeName="floor") == []
    assert listed(thingTypeName="lamp") == ["t00", "t10", "t20"] and listed(thingTypeName="fan") == []
    iot.update_thing(thingName="t05", attributePayload={"attributes": {"room": "kitchen"}}, thingTypeName="lamp")
    iot.update_thing(thingName="t00", attributePayload={"attributes": {}}, removeThingType=True)
    iot.delete_thing(thingName="t10")
    iot.create_thing(thingName="new", attributePayload={"attributes": {"room": "kitchen"}}, thingTypeName="lamp")
    assert listed(attributeName="room", attributeValue="kitchen") == ["t03", "t05"] + kitchen[2:] + ["new"]
    assert listed(thingTypeName="lamp") == ["t05", "t20", "new"]
    # A page that began before an insertion goes on behind where it ended.
    first = iot.list_things(attributeName="room", attributeValue="kitchen", maxResults=2)
    iot.update_thing(thingName="t03", attributePayload={"attributes": {"room": "cellar"}})
    rest = iot.list_things(attributeName="room", attributeValue="kitchen", nextToken=first["nextToken"])
    assert [thing["thingName"] for thing in rest["things"]] == kitchen[2:] + ["new"]
