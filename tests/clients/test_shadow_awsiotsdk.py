"""The AWS IoT Device SDK v2 for Python: its shadow clients of both generations, over MQTT 3.1.1 and 5."""

import queue

import awsiot
import pytest
from awscrt import mqtt, mqtt5, mqtt_request_response
from awsiot import iotshadow, mqtt5_client_builder, mqtt_connection_builder

SECONDS = 10


@pytest.fixture
def connect(server):
    """MQTT 3.1.1 connections of devices: `connect(device)`."""
    connections = []

    def connection_of(device):
        connection = mqtt_connection_builder.mtls_from_path(
            endpoint="localhost", port=server.mqtts_port, cert_filepath=str(device.certificate),
            pri_key_filepath=str(device.key), ca_filepath=str(server.ca), client_id=device.name, clean_session=True)
        connection.connect().result(SECONDS)
        connections.append(connection)
        return connection

    yield connection_of
    for connection in connections:
        connection.disconnect().result(SECONDS)


@pytest.fixture
def connect_v5(server):
    """MQTT 5 clients of devices: `connect_v5(device)`."""
    clients = []

    def client_of(device):
        connected = queue.Queue()
        client = mqtt5_client_builder.mtls_from_path(
            endpoint="localhost", port=server.mqtts_port, cert_filepath=str(device.certificate),
            pri_key_filepath=str(device.key), ca_filepath=str(server.ca), client_id=device.name,
            on_lifecycle_connection_success=connected.put)
        client.start()
        clients.append(client)
        connected.get(timeout=SECONDS)
        return client

    yield client_of
    for client in clients:
        client.stop()


class Answers:
    """The answers to a kind of request, as they come."""

    def __init__(self):
        self.queue = queue.Queue()

    def listen(self, subscribe, request):
        future, _ = subscribe(request, mqtt.QoS.AT_LEAST_ONCE, self.queue.put)
        future.result(SECONDS)
        return self

    def next(self):
        return self.queue.get(timeout=SECONDS)


def test_classic_shadow_with_the_first_client(server, connect):
    # SHADOW-038, SHADOW-050, SHADOW-063, SHADOW-103, SHADOW-126, SHADOW-129, SHADOW-134, SHADOW-141, SHADOW-143, SHADOW-145
    shadow = iotshadow.IotShadowClient(connect(server.device("lamp")))
    thing = {"thing_name": "lamp"}
    accepted = Answers().listen(shadow.subscribe_to_update_shadow_accepted, iotshadow.UpdateShadowSubscriptionRequest(**thing))
    rejected = Answers().listen(shadow.subscribe_to_update_shadow_rejected, iotshadow.UpdateShadowSubscriptionRequest(**thing))
    got = Answers().listen(shadow.subscribe_to_get_shadow_accepted, iotshadow.GetShadowSubscriptionRequest(**thing))
    missing = Answers().listen(shadow.subscribe_to_get_shadow_rejected, iotshadow.GetShadowSubscriptionRequest(**thing))
    deleted = Answers().listen(shadow.subscribe_to_delete_shadow_accepted, iotshadow.DeleteShadowSubscriptionRequest(**thing))
    deltas = Answers().listen(shadow.subscribe_to_shadow_delta_updated_events,
                              iotshadow.ShadowDeltaUpdatedSubscriptionRequest(**thing))
    documents = Answers().listen(shadow.subscribe_to_shadow_updated_events,
                                 iotshadow.ShadowUpdatedSubscriptionRequest(**thing))

    def get(token):
        request = iotshadow.GetShadowRequest(client_token=token, **thing)
        shadow.publish_get_shadow(request, mqtt.QoS.AT_LEAST_ONCE).result(SECONDS)

    def update(token, **state):
        version = state.pop("version", None)
        request = iotshadow.UpdateShadowRequest(client_token=token, version=version,
                                                state=iotshadow.ShadowState(**state), **thing)
        shadow.publish_update_shadow(request, mqtt.QoS.AT_LEAST_ONCE).result(SECONDS)

    get("g1")
    answer = missing.next()
    assert (answer.code, answer.message, answer.client_token, answer.timestamp) == (
        404, "No shadow exists with name: 'lamp'", "g1", None)

    update("u1", desired={"color": "red"})
    answer = accepted.next()
    assert (answer.version, answer.client_token, answer.state.desired) == (1, "u1", {"color": "red"})
    assert answer.metadata.desired == {"color": {"timestamp": int(answer.timestamp.timestamp())}}
    delta = deltas.next()
    assert (delta.version, delta.state, delta.client_token) == (1, {"color": "red"}, "u1")
    document = documents.next()
    assert (document.previous, document.current.version) == (None, 1)

    update("u2", reported={"color": "red"})
    assert accepted.next().state.reported == {"color": "red"}
    document = documents.next()
    assert document.previous.state.desired == {"color": "red"} and document.previous.state.reported is None
    assert document.current.state.reported == {"color": "red"}
    assert deltas.queue.empty()

    update("u3", desired={"color": "blue"}, version=1)
    answer = rejected.next()
    assert (answer.code, answer.message, answer.client_token) == (409, "Version conflict", "u3")

    get("g2")
    answer = got.next()
    assert (answer.version, answer.client_token, answer.state.desired, answer.state.reported, answer.state.delta) == (
        2, "g2", {"color": "red"}, {"color": "red"}, None)

    request = iotshadow.DeleteShadowRequest(client_token="d1", **thing)
    shadow.publish_delete_shadow(request, mqtt.QoS.AT_LEAST_ONCE).result(SECONDS)
    answer = deleted.next()
    assert (answer.version, answer.client_token) == (2, "d1")


def test_named_shadow_with_the_first_client(server, connect):
    # SHADOW-002, SHADOW-007, SHADOW-142
    shadow = iotshadow.IotShadowClient(connect(server.device("lamp")))
    name = {"thing_name": "lamp", "shadow_name": "config"}
    accepted = Answers().listen(shadow.subscribe_to_update_named_shadow_accepted,
                                iotshadow.UpdateNamedShadowSubscriptionRequest(**name))
    missing = Answers().listen(shadow.subscribe_to_get_named_shadow_rejected,
                               iotshadow.GetNamedShadowSubscriptionRequest(**name))
    deltas = Answers().listen(shadow.subscribe_to_named_shadow_delta_updated_events,
                              iotshadow.NamedShadowDeltaUpdatedSubscriptionRequest(**name))
    shadow.publish_get_named_shadow(iotshadow.GetNamedShadowRequest(**name), mqtt.QoS.AT_LEAST_ONCE).result(SECONDS)
    assert missing.next().message == "No shadow exists with name: 'config'"
    request = iotshadow.UpdateNamedShadowRequest(state=iotshadow.ShadowState(desired={"rate": 5}), **name)
    shadow.publish_update_named_shadow(request, mqtt.QoS.AT_LEAST_ONCE).result(SECONDS)
    assert accepted.next().state.desired == {"rate": 5}
    assert deltas.next().state == {"rate": 5}
    assert server.boto("iot-data").list_named_shadows_for_thing(thingName="lamp")["results"] == ["config"]


@pytest.mark.parametrize("generation", ["v3", "v5"])
def test_request_and_response_with_the_second_client(server, connect, connect_v5, generation):
    # SHADOW-008, SHADOW-050, SHADOW-051, SHADOW-099, SHADOW-101, SHADOW-141, SHADOW-145: the client matches by clientToken
    device = server.device("lamp")
    connection = connect(device) if generation == "v3" else connect_v5(device)
    options = mqtt_request_response.ClientOptions(2, 2, operation_timeout_in_seconds=SECONDS)
    shadow = iotshadow.IotShadowClientV2(connection, options)
    name = {"thing_name": "never-registered", "shadow_name": "s"}

    with pytest.raises(awsiot.V2ServiceException) as refused:
        shadow.get_named_shadow(iotshadow.GetNamedShadowRequest(**name)).result(SECONDS)
    assert (refused.value.modeled_error.code, refused.value.modeled_error.message) == (
        404, "No shadow exists with name: 's'")

    deltas, subscribed = queue.Queue(), queue.Queue()
    stream = shadow.create_named_shadow_delta_updated_stream(
        iotshadow.NamedShadowDeltaUpdatedSubscriptionRequest(**name),
        awsiot.ServiceStreamOptions(incoming_event_listener=deltas.put, subscription_status_listener=subscribed.put))
    stream.open()
    subscribed.get(timeout=SECONDS)

    state = iotshadow.ShadowState(desired={"color": "green"}, reported={"color": "red"})
    updated = shadow.update_named_shadow(iotshadow.UpdateNamedShadowRequest(state=state, **name)).result(SECONDS)
    assert updated.version == 1
    assert deltas.get(timeout=SECONDS).state == {"color": "green"}
    got = shadow.get_named_shadow(iotshadow.GetNamedShadowRequest(**name)).result(SECONDS)
    assert (got.version, got.state.delta) == (1, {"color": "green"})

    with pytest.raises(awsiot.V2ServiceException) as refused:
        shadow.update_named_shadow(iotshadow.UpdateNamedShadowRequest(state=state, version=7, **name)).result(SECONDS)
    assert refused.value.modeled_error.code == 409
    deleted = shadow.delete_named_shadow(iotshadow.DeleteNamedShadowRequest(**name)).result(SECONDS)
    assert deleted.version == 1


def test_null_as_state_removes_both_sections(server, connect):
    # SHADOW-040, SHADOW-063, SHADOW-065
    shadow = iotshadow.IotShadowClientV2(connect(server.device("lamp")),
                                         mqtt_request_response.ClientOptions(2, 2, operation_timeout_in_seconds=SECONDS))

    def update(state):
        return shadow.update_shadow(iotshadow.UpdateShadowRequest(thing_name="lamp", state=state)).result(SECONDS)

    def state():
        return shadow.get_shadow(iotshadow.GetShadowRequest(thing_name="lamp")).result(SECONDS).state

    update(iotshadow.ShadowState(desired={"a": 1}, reported={"b": 2}))
    update(iotshadow.ShadowState(desired=None, desired_is_nullable=True))
    assert (state().desired, state().reported) == (None, {"b": 2})
    update(iotshadow.ShadowState(reported=None, reported_is_nullable=True))
    assert (state().desired, state().reported) == (None, None)
