"""Shadows in the fleet index: which of them, and by which fields."""

import json

import pytest
from botocore.exceptions import ClientError


def update(data, thing, state, **name):
    data.update_thing_shadow(thingName=thing, payload=json.dumps({"state": state}), **name)


@pytest.fixture
def found(server):
    """Three things with shadows; `found(query)` gives the names that the index finds."""
    iot, data = server.boto("iot"), server.boto("iot-data")
    for thing in ("lamp", "fan", "door"):
        iot.create_thing(thingName=thing)
    update(data, "lamp", {"desired": {"on": True}, "reported": {"on": False, "battery": 81}})
    update(data, "fan", {"desired": {"on": True}, "reported": {"on": True, "battery": 12}})
    update(data, "fan", {"reported": {"rate": 5}}, shadowName="config")
    update(data, "fan", {"reported": {"secret": 1}}, shadowName="other")
    update(data, "never-registered", {"reported": {"battery": 1}})

    def search(query):
        things = iot.search_index(indexName="AWS_Things", queryString=query)["things"]
        return sorted(thing["thingName"] for thing in things)

    return search


def switch_on(iot, **configuration):
    iot.update_indexing_configuration(thingIndexingConfiguration=configuration)


def test_the_classic_shadow_is_indexed_with_registry_and_shadow(server, found):
    # SHADOW-173, SHADOW-174
    iot = server.boto("iot")
    switch_on(iot, thingIndexingMode="REGISTRY")
    assert found("shadow.reported.battery:*") == []
    switch_on(iot, thingIndexingMode="REGISTRY_AND_SHADOW")
    assert found("shadow.reported.battery:*") == ["fan", "lamp"]
    assert found("shadow.reported.battery:[0 TO 50]") == ["fan"]
    assert found("shadow.hasDelta:true") == ["lamp"]
    assert found("shadow.desired.on:true AND shadow.hasDelta:false") == ["fan"]
    lamp = iot.search_index(indexName="AWS_Things", queryString="thingName:lamp")["things"][0]
    shadow = json.loads(lamp["shadow"])
    assert (shadow["version"], shadow["hasDelta"], shadow["reported"]["battery"]) == (1, True, 81)


def test_chosen_named_shadows_are_indexed(server, found):
    # SHADOW-173, SHADOW-174
    iot = server.boto("iot")
    switch_on(iot, thingIndexingMode="REGISTRY", namedShadowIndexingMode="ON",
              filter={"namedShadowNames": ["config"]})
    assert found("shadow.name.config.reported.rate:5") == ["fan"]
    assert found("shadow.name.config.hasDelta:false") == ["fan"]
    assert found("shadow.name.other.reported.secret:1") == []
    with pytest.raises(ClientError) as refused:
        switch_on(iot, thingIndexingMode="REGISTRY", namedShadowIndexingMode="ON",
                  filter={"namedShadowNames": [f"s{n}" for n in range(11)]})
    assert refused.value.response["Error"]["Code"] in ("InvalidRequestException", "LimitExceededException")
