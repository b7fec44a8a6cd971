"""Who changed what in a shadow: the admin API, `explain`, `why`, and after a restart."""

import json
import urllib.error

import pytest

from recording_client import RecordingClient


def update(server, state, thing="lamp-1", **name):
    payload = json.dumps({"state": state})
    server.boto("iot-data").update_thing_shadow(thingName=thing, payload=payload, **name)


def test_versions_say_who_changed_what_and_are_there_after_a_restart(own_server):
    server = own_server()
    lamp = server.device("lamp-1")
    with RecordingClient(server, "lamp-1", lamp) as client:
        client.subscribe("$aws/things/lamp-1/shadow/update/accepted")
        client.publish("$aws/things/lamp-1/shadow/update", {"state": {"reported": {"fan": 2}}})
        client.wait_for(1)
    update(server, {"desired": {"fan": 3}})
    update(server, {"desired": {"mode": "auto"}}, shadowName="config")

    shown = server.admin("GET", "shadows/lamp-1")
    newest, first = shown["versions"]
    assert (newest["via"], newest["client"], newest["principal"] is None) == ("http", None, False)
    assert newest["changes"] == [{"path": "desired.fan", "after": 3}]
    assert (first["via"], first["client"], first["principal"]) == ("mqtt", "lamp-1", lamp.certificate_id)
    assert first["changes"] == [{"path": "reported.fan", "after": 2}]
    assert shown["document"]["state"]["delta"] == {"fan": 3}
    assert [one["version"] for one in server.admin("GET", "shadows/lamp-1?limit=1")["versions"]] == [2]
    listed = server.admin("GET", "shadows?thing=lamp-1")["shadows"]
    assert [(one["name"], one["version"], one["has_delta"]) for one in listed] == [(None, 2, True), ("config", 1, True)]

    changes = server.admin("GET", "explain?client=lamp-1")["shadow_changes"]
    assert [(one["name"], one["version"]) for one in changes] == [("config", 1), (None, 2), (None, 1)]
    said = server.thingstead("why", "lamp-1").stdout
    assert "lamp-1 version 2 updated by" in said and "desired.fan: nothing -> 3" in said
    assert "lamp-1 version 1 updated by lamp-1" in said and "lamp-1/config version 1" in said

    server.stop()
    server.start()
    assert server.admin("GET", "shadows/lamp-1")["versions"] == shown["versions"]
    server.boto("iot-data").delete_thing_shadow(thingName="lamp-1")
    gone = server.admin("GET", "shadows/lamp-1")
    assert gone["document"] is None and gone["versions"][0]["change"] == "deleted"
    assert gone["versions"][0]["changes"] == [{"path": "desired.fan", "before": 3}, {"path": "reported.fan", "before": 2}]


def test_an_unknown_shadow_is_404(server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.admin("GET", "shadows/nobody?name=config")
    assert refused.value.code == 404
    assert "the thing `nobody` has no shadow `config`" in json.load(refused.value)["error"]
