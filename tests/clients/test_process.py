"""The process itself: start, stop, second start, configuration mistakes, reset, and what survives kill -9."""

import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time

import paho.mqtt.client as paho

from thingstead_server import BINARY, mosquitto_pub


def test_a_second_start_keeps_everything(own_server):
    server = own_server()
    device = server.device("lamp")
    ca = server.ca.read_text()
    key = next(server.data.glob("**/ca*.key"), None)
    assert key is None or stat.S_IMODE(key.stat().st_mode) == 0o600
    server.stop()
    assert server.process.returncode == 0
    server.start()
    assert server.ca.read_text() == ca
    assert server.boto("iot").describe_thing(thingName="lamp")["thingName"] == "lamp"
    assert mosquitto_pub(*device.tls(), "-i", "lamp", "-q", 1, "-t", "a", "-m", "x").returncode == 0


def test_sigterm_and_sigint_stop_within_a_second_with_connections_open(own_server):
    for number in (signal.SIGTERM, signal.SIGINT):
        server = own_server(name=number.name)
        device = server.device("lamp")
        subscriber = subprocess.Popen(["mosquitto_sub", *device.tls(), "-i", "lamp", "-t", "a"])
        server.wait_for(kind="subscribed", client="lamp")
        began = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(5) == 0
        assert time.monotonic() - began < 1.0
        subscriber.kill()
        subscriber.wait()


def test_the_start_prints_endpoints_three_commands_and_ready_last(own_server):
    server = own_server()
    lines = (server.directory / "server.log").read_text().splitlines()
    printed = [line for line in lines if line.strip()]
    assert printed[-1] == "thingstead ready"
    text = "\n".join(printed)
    for address in (server.endpoints["mqtts"], server.endpoints["https"], server.endpoints["api"]):
        assert address in text
    assert "thingstead device create" in text and "aws " in text and "mosquitto_sub" in text


def test_a_wrong_setting_stops_the_start_with_one_message(tmp_path):
    environment = {"PATH": os.environ["PATH"], "THINGSTEAD_LIMITS": "none"}
    done = subprocess.run([BINARY], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "thingstead: `limits` is `none` (environment THINGSTEAD_LIMITS), expected `aws` or `relaxed`")
    assert not (tmp_path / "thingstead-data").exists()


def test_a_taken_port_is_named(own_server, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        environment = {"PATH": os.environ["PATH"], "THINGSTEAD_MQTTS_ADDR": address, "THINGSTEAD_EPHEMERAL": "1",
                       "THINGSTEAD_API_ADDR": "127.0.0.1:0", "THINGSTEAD_HTTPS_ADDR": "127.0.0.1:0"}
        done = subprocess.run([BINARY], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert address in done.stderr and "mqtts_addr" in done.stderr


def test_config_shows_the_origin_of_every_value(tmp_path):
    (tmp_path / "thingstead.toml").write_text('region = "eu-west-1"\n')
    environment = {"PATH": os.environ["PATH"], "THINGSTEAD_ACCOUNT": "123456789012"}
    done = subprocess.run([BINARY, "config", "--limits", "relaxed"], env=environment, cwd=tmp_path, capture_output=True,
                          text=True, timeout=20)
    lines = {line.split(" = ")[0].strip(): line for line in done.stdout.splitlines()}
    assert lines["region"].endswith("# file thingstead.toml") and "eu-west-1" in lines["region"]
    assert lines["account"].endswith("# environment THINGSTEAD_ACCOUNT")
    assert lines["limits"].endswith("# flag --limits")
    assert lines["data_dir"].endswith("# default")


def test_reset_goes_back_to_the_first_state_and_closes_connections(own_server):
    server = own_server()
    device = server.device("lamp")
    assert mosquitto_pub(*device.tls(), "-i", "lamp", "-r", "-q", 1, "-t", "kept", "-m", "x").returncode == 0
    subscriber = subprocess.Popen(["mosquitto_sub", *device.tls(), "-i", "lamp", "-t", "a"], stderr=subprocess.DEVNULL)
    server.wait_for(kind="subscribed", client="lamp")
    server.reset()
    assert server.boto("iot").list_things()["things"] == []
    assert server.boto("iot").list_policies()["policies"] == []
    assert mosquitto_pub(*device.tls(), "-i", "lamp", "-t", "a", "-m", "x").returncode != 0
    subscriber.kill()
    subscriber.wait()


def test_a_snapshot_is_restored_and_an_unknown_one_is_404(own_server):
    server = own_server()
    server.boto("iot").create_thing(thingName="before")
    assert server.thingstead("snapshot", "save", "one").returncode == 0
    server.boto("iot").create_thing(thingName="after")
    server.thingstead("snapshot", "restore", "one")
    names = [thing["thingName"] for thing in server.boto("iot").list_things()["things"]]
    assert names == ["before"]
    refused = server.thingstead("snapshot", "restore", "two", check=False)
    assert refused.returncode == 1 and "two" in refused.stderr


def test_what_was_acknowledged_survives_kill_9(own_server):
    """10,000 QoS 1 publishes to an offline persistent session, killed in the middle."""
    # MQTT-084, MQTT-163
    server = own_server(limits="relaxed")
    publisher, subscriber = server.device("publisher"), server.device("subscriber")

    def client(name, device, **options):
        made = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, **options)
        made.tls_set(str(server.ca), str(device.certificate), str(device.key))
        return made

    sleeper = client("subscriber", subscriber, clean_session=False)
    subscribed = threading.Event()
    sleeper.on_connect = lambda c, *_: c.subscribe("work/#", qos=1)
    sleeper.on_subscribe = lambda *_: subscribed.set()
    sleeper.connect("localhost", server.mqtts_port)
    sleeper.loop_start()
    assert subscribed.wait(10)
    sleeper.disconnect()
    sleeper.loop_stop()
    server.wait_for(kind="disconnected", client="subscriber")

    acknowledged, numbers, half = set(), {}, threading.Event()
    sender = client("publisher", publisher)
    sender.max_inflight_messages_set(100)
    sender.max_queued_messages_set(0)

    def on_publish(_client, _data, mid, *_):
        acknowledged.add(mid)
        if len(acknowledged) >= 5000:
            half.set()

    sender.on_publish = on_publish
    sender.connect("localhost", server.mqtts_port)
    sender.loop_start()
    for number in range(10_000):
        numbers[sender.publish(f"work/{number}", str(number), qos=1).mid] = number
    assert half.wait(60), f"only {len(acknowledged)} acknowledged"
    server.kill()
    sender.loop_stop()
    promised = {numbers[mid] for mid in set(acknowledged)}
    assert 5000 <= len(promised)

    server.start()
    received, complete = set(), threading.Event()
    awake = client("subscriber", subscriber, clean_session=False)

    def on_message(_client, _data, message):
        received.add(int(message.payload))
        if promised <= received:
            complete.set()

    awake.on_message = on_message
    awake.connect("localhost", server.mqtts_port)
    awake.loop_start()
    assert complete.wait(60), f"{len(promised - received)} of {len(promised)} acknowledged messages are lost"
    awake.disconnect()
    awake.loop_stop()


def test_endpoints_json_is_what_the_admin_api_serves(own_server):
    server = own_server()
    assert json.loads((server.data / "endpoints.json").read_text()) == server.admin("GET", "endpoints")
