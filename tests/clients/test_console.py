"""The web console in a browser."""

import json

import pytest

from browser import Browser
from recording_client import RecordingClient


@pytest.fixture(scope="module")
def chromium():
    with Browser() as browser:
        yield browser


@pytest.fixture
def console(chromium, server):
    """Opens a page of the console; at the end nothing may have been complained about."""
    def open_page(page=""):
        chromium.open("about:blank")
        chromium.open(f"{server.api}/console{page}")
        return chromium
    yield open_page
    assert chromium.complaints() == []


def test_the_live_journal_shows_what_is_published(server, console):
    browser = console()
    browser.wait_for("live", "#state")
    with RecordingClient(server, "lamp-1") as client:
        client.publish("kitchen/temp", {"celsius": 21})
        journal = browser.wait_for("kitchen/temp", "#events")
    assert "published" in journal and "lamp-1" in journal
    browser.click("#events summary", '{"celsius":21}')
    browser.wait_for('"topic": "kitchen/temp"', "#events")
    browser.type("#field-topic", "cellar/#")
    browser.turn_to("form button", "show")
    browser.wait_for("live", "#state")
    with RecordingClient(server, "lamp-2") as client:
        client.publish("kitchen/temp", {"celsius": 22})
        client.publish("cellar/temp", {"celsius": 9})
        journal = browser.wait_for("cellar/temp", "#events")
    assert "kitchen/temp" not in journal


def test_a_denial_shows_why_and_what_would_fix_it(server, console):
    statements = [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]
    lamp = server.device("lamp-1", statements)
    browser = console()
    browser.wait_for("live", "#state")
    with RecordingClient(server, "lamp-1", lamp) as client:
        client.publish("kitchen/temp", {"celsius": 21})
        client.wait_until_disconnected()
    browser.wait_for("publish_refused", "tr.refused")
    [explained] = [it for it in server.explain(client="lamp-1", outcome="denied") if it["kind"] == "publish_refused"]
    browser.click("tr.refused summary", explained["why"])
    browser.wait_for(explained["fix"], "tr.refused")
    # From the event to the explanations of its client.
    browser.turn_to("tr.refused a", "lamp-1")
    page = browser.wait_for(explained["fix"], "article.refused")
    assert "iot:Publish" in page and "IMPLICIT_DENY" in page and explained["why"] in page


def test_the_shadow_page_shows_who_changed_what(server, console):
    with RecordingClient(server, "lamp-1") as client:
        client.subscribe("$aws/things/lamp-1/shadow/update/accepted")
        client.publish("$aws/things/lamp-1/shadow/update", {"state": {"reported": {"fan": 2}}})
        client.wait_for(1)
        data = server.boto("iot-data")
        data.update_thing_shadow(thingName="lamp-1", payload=json.dumps({"state": {"desired": {"fan": 3}}}))
        data.update_thing_shadow(thingName="lamp-1", shadowName="config", payload='{"state":{"desired":{"x":1}}}')
    browser = console("#shadows")
    overview = browser.wait_for("config", "#shadows")
    assert "desired and reported differ" in overview
    browser.turn_to("#shadows a", "lamp-1")
    versions = browser.wait_for("desired.fan: nothing → 3", "#versions")
    assert "reported.fan: nothing → 2" in versions and "updated over mqtt\tlamp-1" in versions
    assert "updated over http" in versions
    data.delete_thing_shadow(thingName="lamp-1", shadowName="config")
    browser.open(f"{server.api}/console#shadows?thing=lamp-1&name=config")
    page = browser.wait_for("it was deleted", "main")
    assert "desired.x: 1 → nothing" in page


def test_every_page_opens_by_its_link_and_says_so(server, console):
    browser = console()
    for page, expected in [
        ("Explanations", "explanations"), ("Shadows", "no shadow: the first accepted update creates one"),
        ("Deliveries", "no rule action has run yet"), ("Endpoints", "the server is ready"), ("Journal", "live"),
    ]:
        browser.turn_to("nav a", page)
        if page != "Explanations":
            browser.wait_for(expected, "main [role=status]")
        assert browser.text("h1") == page and browser.text("nav [aria-current=page]") == page
        assert browser.script("return document.title") == f"{page} – Thingstead"
    browser.turn_to("nav a", "Endpoints")
    assert server.endpoints["mqtts"] in browser.wait_for("thingstead why", "main")
