"""The AWS IoT Device SDK v1 for Python (AWSIoTPythonSDK), with the shadow handler that much firmware is modelled on."""

import json
import queue

import pytest
from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTShadowClient

SECONDS = 10
# The client takes back its subscriptions in threads of its own, also when it is disconnecting already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning",
                                        "ignore::DeprecationWarning")


class Handler:
    """A shadow handler whose answers come from a queue as (payload, status)."""

    def __init__(self, handler):
        self.handler, self.answers, self.deltas = handler, queue.Queue(), queue.Queue()

    def get(self):
        self.handler.shadowGet(self._answered, SECONDS)
        return self.answers.get(timeout=SECONDS)

    def update(self, document):
        self.handler.shadowUpdate(json.dumps(document), self._answered, SECONDS)
        return self.answers.get(timeout=SECONDS)

    def delete(self):
        self.handler.shadowDelete(self._answered, SECONDS)
        return self.answers.get(timeout=SECONDS)

    def listen(self):
        self.handler.shadowRegisterDeltaCallback(lambda payload, status, token: self.deltas.put(json.loads(payload)))

    def _answered(self, payload, status, _token):
        self.answers.put((json.loads(payload) if status != "timeout" else payload, status))


@pytest.fixture(params=[True, False], ids=["persistent subscriptions", "subscriptions per request"])
def shadow(server, request):
    device = server.device("lamp")
    client = AWSIoTMQTTShadowClient("lamp")
    client.configureEndpoint("localhost", server.mqtts_port)
    client.configureCredentials(str(server.ca), str(device.key), str(device.certificate))
    client.configureConnectDisconnectTimeout(SECONDS)
    client.configureMQTTOperationTimeout(SECONDS)
    client.connect()
    yield Handler(client.createShadowHandlerWithName("lamp", request.param))
    client.disconnect()


def test_get_update_and_delete(shadow):
    # SHADOW-051, SHADOW-099, SHADOW-103, SHADOW-141, SHADOW-143, SHADOW-144, SHADOW-145
    answer, status = shadow.get()
    assert (status, answer["code"], answer["message"]) == ("rejected", 404, "No shadow exists with name: 'lamp'")
    answer, status = shadow.update({"state": {"reported": {"fan": 1}}})
    assert (status, answer["version"], answer["state"]) == ("accepted", 1, {"reported": {"fan": 1}})
    answer, status = shadow.get()
    assert (status, answer["state"]) == ("accepted", {"reported": {"fan": 1}})
    answer, status = shadow.update({"state": {"reported": {"fan": 2}}, "version": 7})
    assert (status, answer["code"]) == ("rejected", 409)
    answer, status = shadow.delete()
    assert (status, answer["version"]) == ("accepted", 1)
    answer, status = shadow.delete()
    assert (status, answer["code"]) == ("rejected", 404)


def test_a_device_is_told_what_is_desired(server, shadow):
    # SHADOW-110, SHADOW-122, SHADOW-123: this client drops messages whose version it has seen already
    data = server.boto("iot-data")
    shadow.listen()
    for fan in (1, 2):
        data.update_thing_shadow(thingName="lamp", payload=json.dumps({"state": {"desired": {"fan": fan}}}))
        delta = shadow.deltas.get(timeout=SECONDS)
        assert (delta["state"], delta["version"]) == ({"fan": fan}, 2 * fan - 1)
        answer, status = shadow.update({"state": {"reported": {"fan": fan}}})
        assert (status, answer["version"]) == ("accepted", 2 * fan)
    assert shadow.deltas.empty()
