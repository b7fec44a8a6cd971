"""Devices fetch temporary credentials with curl and use them with boto3 and over WebSocket."""

import json
import subprocess
import threading
import urllib.parse

import boto3
import paho.mqtt.client as paho
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

ROLE = "arn:aws:iam::000000000000:role/camera"
MAY = [{"Effect": "Allow", "Action": "iot:AssumeRoleWithCertificate", "Resource": "*"}]


def fetch(device, alias, thing=None):
    """Status and body of what curl gets."""
    server = device.server
    command = ["curl", "-sS", "--cacert", str(server.ca), "--cert", str(device.certificate), "--key", str(device.key),
               "-w", "\n%{http_code}", f"https://localhost:{server.https_port}/role-aliases/{alias}/credentials"]
    if thing:
        command += ["-H", f"x-amzn-iot-thingname: {thing}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(body)


def boto_of(credentials, service, server, **options):
    return boto3.client(service, endpoint_url=server.api, region_name="us-east-1",
                        aws_access_key_id=credentials["accessKeyId"],
                        aws_secret_access_key=credentials["secretAccessKey"],
                        aws_session_token=credentials["sessionToken"], **options)


def over_websocket(server, credentials, client_id):
    """What CONNECT over a presigned WebSocket came to: its reason code, or `None` where no WebSocket opened."""
    request = AWSRequest(method="GET", url=f"https://localhost:{server.https_port}/mqtt")
    keys = Credentials(credentials["accessKeyId"], credentials["secretAccessKey"], credentials["sessionToken"])
    SigV4QueryAuth(keys, "iotdevicegateway", "us-east-1", expires=300).add_auth(request)
    query = urllib.parse.urlsplit(request.url).query
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, transport="websockets")
    client.tls_set(ca_certs=str(server.ca))
    client.ws_set_options(path=f"/mqtt?{query}")
    answered, codes = threading.Event(), []

    def connected(_client, _data, _flags, code, _properties):
        codes.append(code.value)
        answered.set()

    client.on_connect = connected
    try:
        client.connect("localhost", server.https_port)
    except paho.WebsocketConnectionError:
        return None
    client.loop_start()
    answered.wait(5)
    client.disconnect()
    client.loop_stop()
    return codes[0] if codes else None


@pytest.fixture
def camera(own_server):
    """A device that may assume a role, at a server that checks every signature."""
    server = own_server(verify_signatures="true", access_keys="test:test")
    device = server.device("camera", policy=MAY)
    server.boto("iot").create_role_alias(roleAlias="cam", roleArn=ROLE, credentialDurationSeconds=900)
    return device


def test_a_device_uses_its_credentials_until_they_end(camera):
    # AUTH-101, AUTH-102, AUTH-105, AUTH-110, AUTH-111, AUTH-230, AUTH-231, AUTH-234, AUTH-235, AUTH-244
    server = camera.server
    endpoint = server.boto("iot").describe_endpoint(endpointType="iot:CredentialProvider")
    assert endpoint["endpointAddress"] == "localhost"
    status, body = fetch(camera, "cam", thing="camera")
    assert status == 200, body
    credentials = body["credentials"]
    boto_of(credentials, "iot-data", server).publish(topic="from/camera", payload=b"hello")
    published = server.wait_for(kind="published", topic="from/camera")[0]
    assert published["principal"].startswith("AROA"), published
    assert published["principal"].endswith(":" + camera.certificate_id), published
    # The control plane knows them as well.
    boto_of(credentials, "iot", server).describe_endpoint(endpointType="iot:Data-ATS")
    assert over_websocket(server, credentials, "viewer") == 0
    connected = server.wait_for(kind="connected", client="viewer")[0]
    assert connected["principal"] == published["principal"]

    forged = {**credentials, "secretAccessKey": "guess"}
    assert over_websocket(server, forged, "forger") is None
    other_token = {**credentials, "sessionToken": "made-up"}
    assert over_websocket(server, other_token, "borrower") is None
    with pytest.raises(ClientError) as refused:
        boto_of(other_token, "iot-data", server).publish(topic="t", payload=b"x")
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"
    reasons = [event["reason"] for event in server.wait_for(kind="authentication_refused", count=2)]
    assert reasons == ["SECURITY_TOKEN_SIGNATURE_MISMATCH", "SECURITY_TOKEN_INVALID"], reasons


def test_credentials_end_by_the_servers_clock(own_server):
    # AUTH-111, AUTH-240, AUTH-244
    server = own_server()
    device = server.device("camera", policy=MAY)
    server.boto("iot").create_role_alias(roleAlias="cam", roleArn=ROLE, credentialDurationSeconds=900)
    _, body = fetch(device, "cam")
    data = boto_of(body["credentials"], "iot-data", server)
    data.publish(topic="t", payload=b"1")
    server.admin("POST", "clock", {"advance_seconds": 900})
    with pytest.raises(ClientError) as expired:
        data.publish(topic="t", payload=b"2")
    assert expired.value.response["Error"]["Code"] == "ExpiredTokenException"
    assert over_websocket(server, body["credentials"], "late") is None
    assert server.wait_for(kind="authentication_refused")[0]["reason"] == "SECURITY_TOKEN_EXPIRED"


def test_who_may_not_is_told_nothing_and_the_journal_everything(server):
    # AUTH-233, AUTH-236, AUTH-238
    device = server.device("camera", policy=[{**MAY[0], "Action": "iot:Connect"}])
    server.boto("iot").create_role_alias(roleAlias="cam", roleArn=ROLE)
    assert fetch(device, "cam") == (403, {"message": "Access Denied"})
    explanation = server.explain(certificate=device.certificate_id)[0]
    assert explanation["asked"]["action"] == "iot:AssumeRoleWithCertificate", explanation
    assert explanation["fix"], explanation


def test_a_role_has_the_policies_of_its_file(own_server, tmp_path):
    # AUTH-109, AUTH-244
    folder = tmp_path / "policies"
    folder.mkdir()
    allow = {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/own/*"}
    (folder / "camera.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": allow}))
    server = own_server(iam_policies=str(folder))
    device = server.device("camera", policy=MAY)
    server.boto("iot").create_role_alias(roleAlias="cam", roleArn=ROLE)
    data = boto_of(fetch(device, "cam")[1]["credentials"], "iot-data", server)
    data.publish(topic="own/state", payload=b"1")
    with pytest.raises(ClientError) as refused:
        data.publish(topic="others/state", payload=b"1")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_iam_policies_know_the_device_behind_the_credentials(own_server, tmp_path):
    # AUTH-241, AUTH-109: over HTTPS with boto3 and over WebSocket; IoT policies do not know it.
    folder = tmp_path / "policies"
    folder.mkdir()
    arn = "arn:aws:iot:us-east-1:000000000000:"
    own = [
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": arn + "topic/things/${credentials-iot:ThingName}/*"},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": arn + "topic/certificates/${credentials-iot:AwsCertificateId}"},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": arn + "topic/roles/${aws:userid}"},
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*",
         "Condition": {"StringEquals": {"credentials-iot:ThingTypeName": "Camera"}}},
    ]
    (folder / "camera.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": own}))
    server = own_server(iam_policies=str(folder))
    iot = server.boto("iot")
    device = server.device("door-cam", policy=MAY + [
        {"Effect": "Allow", "Action": "iot:*", "Resource": arn + "topic/${credentials-iot:AwsCertificateId}"}])
    iot.create_thing_type(thingTypeName="Camera")
    iot.update_thing(thingName="door-cam", thingTypeName="Camera")
    iot.create_role_alias(roleAlias="cam", roleArn=ROLE)

    named = fetch(device, "cam", thing="door-cam")[1]["credentials"]
    nameless = fetch(device, "cam")[1]["credentials"]

    def refuses(credentials, topic):
        try:
            boto_of(credentials, "iot-data", server).publish(topic=topic, payload=b"1")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
            return True
        return False

    assert not refuses(named, "things/door-cam/state")
    assert refuses(named, "things/other/state")
    assert refuses(nameless, "things/door-cam/state")
    for credentials in (named, nameless):
        assert not refuses(credentials, f"certificates/{device.certificate_id}")
        assert refuses(credentials, "certificates/another")
    principal = server.wait_for(kind="published", topic="things/door-cam/state")[0]["principal"]
    assert not refuses(named, f"roles/{principal}")
    assert over_websocket(server, named, "viewer") == 0
    assert over_websocket(server, nameless, "nobody") != 0
    refused = server.wait_for(kind="connect_refused", client="nobody")[0]
    assert "x-amzn-iot-thingname" in json.dumps(refused), refused
    # The certificate itself has IoT policies, and there the key has no value.
    published = subprocess.run(
        ["curl", "-sS", "--cacert", str(server.ca), "--cert", str(device.certificate), "--key", str(device.key),
         "-o", "/dev/null", "-w", "%{http_code}", "-d", "1",
         f"https://localhost:{server.https_port}/topics/{device.certificate_id}"],
        capture_output=True, text=True, timeout=20)
    assert published.stdout == "403", published


def test_credentials_come_from_the_configured_token_service(own_server):
    # AUTH-234: whatever STS issues is handed on, and known here from then on.
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        server = own_server(AWS_ENDPOINT_URL_STS=f"http://{host}:{port}", verify_signatures="true", access_keys="test:test")
        device = server.device("camera", policy=MAY)
        server.boto("iot").create_role_alias(roleAlias="cam", roleArn=ROLE)
        status, body = fetch(device, "cam")
        assert status == 200, body
        credentials = body["credentials"]
        sts = boto3.client("sts", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
                           aws_access_key_id=credentials["accessKeyId"],
                           aws_secret_access_key=credentials["secretAccessKey"],
                           aws_session_token=credentials["sessionToken"])
        assert "assumed-role/camera/" + device.certificate_id in sts.get_caller_identity()["Arn"]
        boto_of(credentials, "iot-data", server).publish(topic="t", payload=b"1")
        assert over_websocket(server, credentials, "viewer") == 0
    finally:
        moto.stop()
