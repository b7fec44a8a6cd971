"""Custom authorizers: the builders of the device SDK, curl and the AWS CLI against functions of this test.

Moto runs Lambda code in Docker only, so a small server speaks Lambda's Invoke API; the same server is a plain HTTP function.
"""

import base64
import concurrent.futures
import http.server
import json
import subprocess
import threading
import urllib.parse

import pytest
from awscrt import mqtt, mqtt5
from awsiot import mqtt5_client_builder, mqtt_connection_builder
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from thingstead_server import arn

WITHIN = 10
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:gate"


class Gate:
    """A function by Lambda's API and by plain HTTP. It knows `secret` as password or token."""

    def __init__(self):
        gate = self
        self.events, self.paths, self.topic = [], [], "*"

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                gate.events.append(event)
                gate.paths.append((self.path, dict(self.headers)))
                error = None
                try:
                    answer = gate.answer(event)
                except Exception as thrown:
                    answer, error = {"errorMessage": str(thrown), "errorType": "Error"}, "Unhandled"
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                if error:
                    self.send_header("X-Amz-Function-Error", error)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, event):
        given = event.get("protocolData", {}).get("mqtt", {})
        password = base64.b64decode(given.get("password", "")).decode()
        if password == "throw":
            raise ValueError("nobody thought of this")
        known = "secret" in (password, event.get("token"))
        statement = [{"Effect": "Allow", "Action": ["iot:Connect", "iot:Subscribe", "iot:Receive"], "Resource": "*"},
                     {"Effect": "Allow", "Action": "iot:Publish", "Resource": f"arn:aws:iot:*:*:topic/{self.topic}"}]
        return {"isAuthenticated": known, "principalId": "alice", "disconnectAfterInSeconds": 900,
                "refreshAfterInSeconds": 300,
                "policyDocuments": [json.dumps({"Version": "2012-10-17", "Statement": statement})]}


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.server.shutdown()


@pytest.fixture
def lambda_server(own_server, gate):
    """A server whose Lambda is the gate."""
    return own_server(AWS_ENDPOINT_URL_LAMBDA=gate.url)


@pytest.fixture
def builders(monkeypatch):
    """The builders insist on port 443; everything else stays theirs."""

    def at(server):
        for builder in (mqtt_connection_builder, mqtt5_client_builder):
            original = builder._builder
            monkeypatch.setattr(builder, "_builder",
                                lambda original=original, **given: original(**{**given, "port": server.https_port}))

    return at


def authorizer(server, name, *arguments, signed=False):
    signing = [] if signed else ["--signing-disabled"]
    return server.aws("iot", "create-authorizer", "--authorizer-name", name, "--authorizer-function-arn", FUNCTION,
                      "--status", "ACTIVE", *signing, *arguments)


def key_pair():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM,
                                           serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(token):
        return base64.b64encode(key.sign(token.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()

    return public, sign


def curl(server, topic, *arguments):
    """Status and body of a publish."""
    command = ["curl", "-s", "-w", "\n%{http_code}", "--no-alpn", "--cacert", server.ca, "--data-binary", "hi", *arguments,
               f"https://localhost:{server.https_port}/topics/{topic}"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=20, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_direct_with_custom_authorizer(lambda_server, gate, builders):
    # MQTT-002, MQTT-019, AUTH-170, AUTH-173, AUTH-194, AUTH-220
    server = lambda_server
    authorizer(server, "Gate")
    builders(server)

    def connection(client, password):
        return mqtt_connection_builder.direct_with_custom_authorizer(
            auth_username="sensor", auth_authorizer_name="Gate", auth_password=password, endpoint="localhost",
            client_id=client, ca_filepath=str(server.ca), clean_session=True, keep_alive_secs=1200)

    good = connection("lamp", "secret")
    assert good.connect().result(WITHIN) == {"session_present": False}
    published, _ = good.publish("a/b", "1", mqtt.QoS.AT_LEAST_ONCE)
    published.result(WITHIN)
    event = gate.events[0]
    assert event["protocols"] == ["tls", "mqtt"]
    assert event["protocolData"]["tls"] == {"serverName": "localhost"}
    assert event["protocolData"]["mqtt"]["clientId"] == "lamp"
    assert event["protocolData"]["mqtt"]["username"].startswith("sensor?x-amz-customauthorizer-name=Gate")
    path, headers = gate.paths[0]
    assert path == f"/2015-03-31/functions/{urllib.parse.quote(FUNCTION, safe='')}/invocations"
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["x-amz-invocation-type"] == "RequestResponse" and "lambda" in headers["authorization"]
    connected = server.wait_for(kind="connected", client="lamp")[0]
    assert (connected["principal"], connected["authorizer"]) == ("alice", "Gate")

    # MQTT-027, AUTH-224: refused, and told why
    with pytest.raises(Exception):
        connection("stranger", "wrong").connect().result(WITHIN)
    refused = server.wait_for(kind="authentication_refused", client="stranger")[0]
    assert refused["reason"] == "NOT_AUTHENTICATED"
    with pytest.raises(Exception):
        connection("unlucky", "throw").connect().result(WITHIN)
    refused = server.wait_for(kind="authentication_refused", client="unlucky")[0]
    assert refused["reason"] == "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR"
    assert "nobody thought of this" in refused["why"]

    # AUTH-215, AUTH-218, MQTT-023, MQTT-024
    server.admin("POST", "clock", {"advance_seconds": 300})
    for _ in range(200):
        if len(gate.events) == 4:
            break
        threading.Event().wait(0.05)
    assert gate.events[3] == event
    server.admin("POST", "clock", {"advance_seconds": 600})
    gone = server.wait_for(kind="disconnected", client="lamp")[0]
    assert gone["disconnect_reason"] == "CUSTOMAUTH_TTL_EXPIRATION"


def test_mqtt5_with_a_signed_token(lambda_server, gate, builders):
    # MQTT-025, AUTH-152, AUTH-180, AUTH-181, AUTH-221
    server = lambda_server
    public, sign = key_pair()
    authorizer(server, "Signed", "--token-key-name", "tok", "--token-signing-public-keys", json.dumps({"k1": public}),
               signed=True)
    builders(server)

    def connack(client_id, signature, build):
        answered = concurrent.futures.Future()
        client = build(
            auth_authorizer_name="Signed", auth_username="sensor", auth_password=b"", auth_token_key_name="tok",
            auth_token_value="secret", auth_authorizer_signature=signature, endpoint="localhost",
            client_id=client_id, ca_filepath=str(server.ca),
            on_lifecycle_connection_success=lambda data: answered.set_result(data.connack_packet),
            on_lifecycle_connection_failure=lambda data: answered.done() or answered.set_result(data.connack_packet))
        client.start()
        packet = answered.result(WITHIN)
        client.stop()
        return packet.reason_code

    for build in (mqtt5_client_builder.direct_with_custom_authorizer,
                  mqtt5_client_builder.websockets_with_custom_authorizer):
        calls = len(gate.events)
        assert connack("good", sign("secret"), build) == mqtt5.ConnectReasonCode.SUCCESS
        assert gate.events[-1]["signatureVerified"] is True and gate.events[-1]["token"] == "secret"
        calls = len(gate.events)
        assert connack("bad", sign("other"), build) == mqtt5.ConnectReasonCode.NOT_AUTHORIZED
        assert len(gate.events) == calls, "a wrong signature never reaches the function"
    assert gate.events[-1]["protocols"] == ["tls", "http", "mqtt"]
    refused = server.wait_for(kind="authentication_refused", client="bad")[0]
    assert refused["reason"] == "CUSTOM_AUTHORIZER_PARAMETER_INVALID" and "k1" in refused["why"]


def test_https_publish(lambda_server, gate):
    # AUTH-008, AUTH-167, AUTH-175, AUTH-219, AUTH-222, POLICY-429, POLICY-431, MQTT-018
    server = lambda_server
    authorizer(server, "Gate", "--token-key-name", "tok")
    gate.topic = "mine/*"
    name, token = "x-amz-customauthorizer-name: Gate", "tok: secret"
    status, body = curl(server, "mine/a?qos=1", "-H", name, "-H", token)
    assert (status, body["message"]) == (200, "OK")
    assert gate.events[0]["protocols"] == ["tls", "http"]
    assert gate.events[0]["protocolData"]["http"]["headers"]["tok"] == "secret"
    published = server.wait_for(kind="published", topic="mine/a")[0]
    assert published["principal"] == "alice"
    status, body = curl(server, "mine/a?x-amz-customauthorizer-name=Gate&tok=secret")
    assert (status, gate.events[1]["protocolData"]["http"]["queryString"]) == (
        200, "?x-amz-customauthorizer-name=Gate&tok=secret")
    status, body = curl(server, "theirs/a", "-H", name, "-H", token)
    assert (status, body["message"]) == (403, "Forbidden") and "traceId" in body
    status, body = curl(server, "mine/a", "-H", name, "-H", "tok: guess")
    assert (status, body["message"]) == (403, "Forbidden") and "isAuthenticated" in body["why"]
    # Nothing else is served to them.
    command = ["curl", "-s", "--no-alpn", "--cacert", server.ca, "-H", name, "-H", token,
               f"https://localhost:{server.https_port}/things/lamp/shadow"]
    answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=20, check=True)
    assert "publish only" in json.loads(answer.stdout)["why"]
    # Two requests of one connection are two calls, and one where the authorizer lets answers be kept.
    again = ["--next", "-s", "--no-alpn", "--cacert", server.ca, "--data-binary", "hi", "-o", "/dev/null", "-H", name, "-H",
             token, f"https://localhost:{server.https_port}/topics/mine/b"]
    for caching, calls in (("--no-enable-caching-for-http", 2), ("--enable-caching-for-http", 1)):
        server.aws("iot", "update-authorizer", "--authorizer-name", "Gate", caching)
        before = len(gate.events)
        command = ["curl", "-s", "--no-alpn", "--cacert", server.ca, "--data-binary", "hi", "-o", "/dev/null", "-H", name, "-H",
                   token, f"https://localhost:{server.https_port}/topics/mine/a", *again]
        subprocess.run([str(part) for part in command], timeout=20, check=True)
        assert len(gate.events) - before == calls


def test_the_cli_manages_authorizers(lambda_server, gate):
    # API-330, API-331, API-332, API-333, API-385, AUTH-151, AUTH-155
    server = lambda_server
    made = authorizer(server, "Gate", "--tags", "Key=team,Value=a")
    assert made == {"authorizerName": "Gate", "authorizerArn": arn("authorizer/Gate")}
    described = server.aws("iot", "describe-authorizer", "--authorizer-name", "Gate")["authorizerDescription"]
    assert (described["status"], described["signingDisabled"], described["enableCachingForHttp"]) == ("ACTIVE", True, False)
    assert described["authorizerFunctionArn"] == FUNCTION
    tags = server.aws("iot", "list-tags-for-resource", "--resource-arn", made["authorizerArn"])["tags"]
    assert tags == [{"Key": "team", "Value": "a"}]

    def refused(exception, *arguments):
        done = server.aws("iot", *arguments, check=False)
        assert done.returncode != 0 and f"({exception})" in done.stderr, done.stderr

    refused("InvalidRequestException", "create-authorizer", "--authorizer-name", "Keyless", "--authorizer-function-arn",
            FUNCTION)
    refused("ResourceNotFoundException", "describe-default-authorizer")
    server.aws("iot", "set-default-authorizer", "--authorizer-name", "Gate")
    authorizer(server, "Other")
    refused("ResourceAlreadyExistsException", "set-default-authorizer", "--authorizer-name", "Other")
    default = server.aws("iot", "describe-default-authorizer")["authorizerDescription"]
    assert default["authorizerName"] == "Gate"
    refused("DeleteConflictException", "delete-authorizer", "--authorizer-name", "Gate")
    server.aws("iot", "update-authorizer", "--authorizer-name", "Gate", "--status", "INACTIVE")
    listed = server.aws("iot", "list-authorizers", "--status", "ACTIVE")["authorizers"]
    assert [row["authorizerName"] for row in listed] == ["Other"]
    refused("DeleteConflictException", "delete-authorizer", "--authorizer-name", "Gate")
    server.aws("iot", "clear-default-authorizer")
    server.aws("iot", "delete-authorizer", "--authorizer-name", "Gate")
    refused("ResourceNotFoundException", "describe-authorizer", "--authorizer-name", "Gate")


def test_the_cli_invokes_an_authorizer(lambda_server, gate):
    # API-334, AUTH-225, AUTH-226, AUTH-227, AUTH-228
    server = lambda_server
    authorizer(server, "Gate")
    password = base64.b64encode(b"secret").decode()
    # Version 1 of the CLI encodes blobs itself.
    context = json.dumps({"username": "u", "password": "secret", "clientId": "lamp"})
    tested = server.aws("iot", "test-invoke-authorizer", "--authorizer-name", "Gate", "--mqtt-context", context)
    assert (tested["isAuthenticated"], tested["principalId"]) == (True, "alice")
    assert (tested["refreshAfterInSeconds"], tested["disconnectAfterInSeconds"]) == (300, 900)
    assert json.loads(tested["policyDocuments"][0])["Version"] == "2012-10-17"
    assert gate.events[-1]["protocolData"] == {"mqtt": {"username": "u", "password": password, "clientId": "lamp"}}
    tested = server.aws("iot", "test-invoke-authorizer", "--authorizer-name", "Gate", "--http-context",
                        json.dumps({"headers": {"a": "b"}, "queryString": "?c=d"}))
    assert tested["isAuthenticated"] is False
    assert gate.events[-1]["protocolData"] == {"http": {"headers": {"a": "b"}, "queryString": "?c=d"}}
    told = server.admin("POST", "journal/find", {"kind": "api_call"})["events"]
    assert any("isAuthenticated" in event["why"] for event in told)
    throw = json.dumps({"password": "throw"})
    done = server.aws("iot", "test-invoke-authorizer", "--authorizer-name", "Gate", "--mqtt-context", throw, check=False)
    assert "(InvalidResponseException)" in done.stderr and "nobody thought of this" in done.stderr


def test_a_plain_function_needs_no_lambda(own_server, gate):
    # MQTT-022: a URL of the configuration, and nothing configured at all
    server = own_server(functions=f"{FUNCTION}={gate.url}/plain")
    authorizer(server, "Gate", "--token-key-name", "tok")
    credentials = ["-H", "x-amz-customauthorizer-name: Gate", "-H", "tok: secret"]
    assert curl(server, "a", *credentials)[0] == 200
    path, headers = gate.paths[0]
    assert path == "/plain" and "authorization" not in {name.lower() for name in headers}
    elsewhere = FUNCTION.replace(":gate", ":other")
    server.aws("iot", "update-authorizer", "--authorizer-name", "Gate", "--authorizer-function-arn", elsewhere)
    status, body = curl(server, "a", *credentials)
    assert status == 403 and "nobody to call" in body["why"] and elsewhere in body["why"]
    refused = server.wait_for(kind="authentication_refused")[0]
    assert f"--functions {elsewhere}=" in refused["fix"]
