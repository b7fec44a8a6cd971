"""The device SDKs, unchanged but for the endpoint."""

import concurrent.futures
import json
import queue
import ssl
import threading

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

WITHIN = 10


def test_awsiotsdk_mqtt311_publishes_and_receives(server):
    # MQTT-001, MQTT-049, MQTT-084, MQTT-113
    from awscrt import mqtt
    from awsiot import mqtt_connection_builder

    device = server.device("crt-lamp")
    connection = mqtt_connection_builder.mtls_from_path(
        cert_filepath=str(device.certificate), pri_key_filepath=str(device.key), ca_filepath=str(server.ca),
        endpoint="localhost", port=server.mqtts_port, client_id="crt-lamp", clean_session=True, keep_alive_secs=30)
    assert connection.connect().result(WITHIN) == {"session_present": False}
    received = concurrent.futures.Future()
    subscribed, _ = connection.subscribe("crt/+", mqtt.QoS.AT_LEAST_ONCE,
                                         callback=lambda topic, payload, **_: received.set_result((topic, payload)))
    assert subscribed.result(WITHIN)["qos"] == mqtt.QoS.AT_LEAST_ONCE
    published, _ = connection.publish("crt/lamp", json.dumps({"on": True}), mqtt.QoS.AT_LEAST_ONCE)
    published.result(WITHIN)
    assert received.result(WITHIN) == ("crt/lamp", b'{"on": true}')
    connection.disconnect().result(WITHIN)
    ended = server.wait_for(kind="disconnected", client="crt-lamp")[0]
    assert "CLIENT_INITIATED_DISCONNECT" in json.dumps(ended)


def test_awsiotsdk_mqtt5_sees_the_connack_and_a_refusal_with_its_reason(server):
    # MQTT-103, MQTT-171, MQTT-172, POLICY-424
    from awscrt import mqtt5
    from awsiot import mqtt5_client_builder

    device = server.device("crt-five", policy=[
        {"Effect": "Allow", "Action": ["iot:Connect", "iot:Subscribe", "iot:Receive"], "Resource": "*"},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:*:*:topic/mine/*"},
    ])
    connected, stopped, messages = concurrent.futures.Future(), threading.Event(), queue.Queue()
    client = mqtt5_client_builder.mtls_from_path(
        cert_filepath=str(device.certificate), pri_key_filepath=str(device.key), ca_filepath=str(server.ca),
        endpoint="localhost", port=server.mqtts_port, client_id="crt-five",
        on_lifecycle_connection_success=connected.set_result, on_lifecycle_stopped=lambda _: stopped.set(),
        on_publish_received=lambda data: messages.put(data.publish_packet))
    client.start()
    connack = connected.result(WITHIN).connack_packet
    assert connack.maximum_qos == mqtt5.QoS.AT_LEAST_ONCE and connack.retain_available
    assert connack.topic_alias_maximum == 8 and connack.receive_maximum == 100
    assert connack.maximum_packet_size == 149504 and not connack.subscription_identifiers_available
    filters = [mqtt5.Subscription(topic_filter="mine/#", qos=mqtt5.QoS.AT_LEAST_ONCE)]
    suback = client.subscribe(mqtt5.SubscribePacket(subscriptions=filters)).result(WITHIN)
    assert suback.reason_codes == [mqtt5.SubackReasonCode.GRANTED_QOS_1]

    def publish(topic):
        packet = mqtt5.PublishPacket(topic=topic, qos=mqtt5.QoS.AT_LEAST_ONCE, payload="x", content_type="text/plain",
                                     user_properties=[mqtt5.UserProperty(name="k", value="v")])
        return client.publish(packet).result(WITHIN).puback.reason_code

    assert publish("mine/a") == mqtt5.PubackReasonCode.SUCCESS
    got = messages.get(timeout=WITHIN)
    assert (got.topic, got.payload, got.content_type) == ("mine/a", b"x", "text/plain")
    assert [(p.name, p.value) for p in got.user_properties] == [("k", "v")]
    assert publish("theirs/a") == mqtt5.PubackReasonCode.NOT_AUTHORIZED
    assert publish("mine/b") == mqtt5.PubackReasonCode.SUCCESS
    client.stop()
    assert stopped.wait(WITHIN)


def test_aws_iot_python_sdk_v1(server):
    # MQTT-001, MQTT-075, MQTT-084
    from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

    device = server.device("v1-lamp")
    client = AWSIoTMQTTClient("v1-lamp")
    client.configureEndpoint("localhost", server.mqtts_port)
    client.configureCredentials(str(server.ca), str(device.key), str(device.certificate))
    client.configureConnectDisconnectTimeout(WITHIN)
    client.configureMQTTOperationTimeout(WITHIN)
    messages = queue.Queue()
    assert client.connect()
    assert client.subscribe("v1/#", 1, lambda _client, _data, message: messages.put((message.topic, message.payload)))
    assert client.publish("v1/a", "hello", 1)
    assert messages.get(timeout=WITHIN) == ("v1/a", b"hello")
    client.disconnect()


@pytest.mark.parametrize("maximum", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_paho_over_both_tls_versions_with_properties(server, maximum):
    # MQTT-028, MQTT-107
    device = server.device("paho")
    context = ssl.create_default_context(cafile=str(server.ca))
    context.load_cert_chain(str(device.certificate), str(device.key))
    context.minimum_version = context.maximum_version = maximum
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="paho", protocol=paho.MQTTv5)
    client.tls_set_context(context)
    messages, ready = queue.Queue(), threading.Event()
    client.on_connect = lambda c, *_: c.subscribe("paho/#", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: messages.put(message)
    client.connect("localhost", server.mqtts_port)
    client.loop_start()
    assert ready.wait(WITHIN)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "paho/answer"
    properties.CorrelationData = b"\x00\xff"
    properties.UserProperty = [("a", "1"), ("a", "2")]
    client.publish("paho/ask", b"\x00\x01", qos=1, properties=properties)
    got = messages.get(timeout=WITHIN)
    assert (got.payload, got.properties.ResponseTopic, got.properties.CorrelationData) == (
        b"\x00\x01", "paho/answer", b"\x00\xff")
    assert got.properties.UserProperty == [("a", "1"), ("a", "2")]
    client.disconnect()
    client.loop_stop()
