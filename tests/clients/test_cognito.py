"""Amazon Cognito identities with paho over WebSocket and boto3: both sides must allow, and a refusal says which did not."""

import json
import threading
import urllib.parse

import boto3
import paho.mqtt.client as paho
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from thingstead_server import Server, arn

USER = "us-east-1:00000000-0000-4000-8000-000000000001"
GUEST = "us-east-1:00000000-0000-4000-8000-000000000002"
KEYS = "test:test,AKIAUSER:secret1,AKIAGUEST:secret2"


def document(*actions_and_resource):
    *actions, resource = actions_and_resource
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}]}


IDENTITIES = {
    "AKIAUSER": {"identity": USER, "authenticated": True,
                 "role_policies": [document("iot:Connect", "iot:Publish", "iot:GetRetainedMessage", "*")]},
    "AKIAGUEST": {"identity": GUEST, "authenticated": False,
                  "role_policies": [document("iot:Connect", "*"),
                                    document("iot:Publish", arn("topic/${cognito-identity.amazonaws.com:sub}"))]},
}


class WebClient:
    """A paho client over a presigned WebSocket; MQTT 5, so that each refusal has a reason code."""

    def __init__(self, server, key, secret, client_id):
        request = AWSRequest(method="GET", url=f"https://localhost:{server.https_port}/mqtt")
        credentials = Credentials(key, secret, "the-token-of-the-pool")
        SigV4QueryAuth(credentials, "iotdevicegateway", "us-east-1", expires=300).add_auth(request)
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, transport="websockets",
                                  protocol=paho.MQTTv5, reconnect_on_failure=False)
        self.client.tls_set(ca_certs=str(server.ca))
        self.client.ws_set_options(path=f"/mqtt?{urllib.parse.urlsplit(request.url).query}")
        self.answered, self.codes = threading.Event(), []
        self.client.on_connect = lambda _c, _d, _f, code, _p: self._answer(code)
        self.client.on_publish = lambda _c, _d, _m, code, _p: self._answer(code)
        self.client.connect("localhost", server.https_port)
        self.client.loop_start()
        self.code = self._wait()

    def _answer(self, code):
        self.codes.append(code.value)
        self.answered.set()

    def _wait(self):
        assert self.answered.wait(5)
        self.answered.clear()
        return self.codes[-1]

    def publish(self, topic):
        self.client.publish(topic, b"x", qos=1)
        return self._wait()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def pool(own_server, tmp_path):
    """A server that knows two identities and checks every signature."""
    file = tmp_path / "cognito.json"
    file.write_text(json.dumps(IDENTITIES))
    return own_server(verify_signatures="true", access_keys=KEYS, cognito_identities=str(file))


def test_a_user_needs_its_role_and_its_policy(pool):
    # AUTH-130, AUTH-132, AUTH-134, POLICY-364, POLICY-366
    refused = WebClient(pool, "AKIAUSER", "secret1", "viewer")
    assert refused.code == 0x87
    refused.close()
    explanation = pool.explain(client="viewer")[0]
    assert explanation["outcome"] == "IMPLICIT_DENY"
    assert "the attached IoT policies: no policy is attached to the identity" in explanation["why"], explanation
    assert explanation["fix"].startswith("the attached IoT policies: "), explanation

    iot = pool.boto("iot")
    wide = {**document("iot:Connect", "iot:Publish", "iot:Subscribe", "*")}
    iot.create_policy(policyName="users", policyDocument=json.dumps(wide))
    iot.attach_policy(policyName="users", target=USER)
    viewer = WebClient(pool, "AKIAUSER", "secret1", "viewer")
    assert viewer.code == 0
    assert pool.wait_for(kind="connected", client="viewer")[0]["principal"] == USER
    assert viewer.publish("any") in (0, 0x10)
    narrow = document("iot:Connect", "iot:Publish", arn("client/*"))
    iot.create_policy_version(policyName="users", policyDocument=json.dumps(narrow), setAsDefault=True)
    assert viewer.publish("any") == 0x87
    viewer.close()
    assert "and lacks one: the attached IoT policies: " in pool.explain(client="viewer")[0]["why"]

    effective = iot.get_effective_policies(principal=USER)["effectivePolicies"]
    assert [policy["policyName"] for policy in effective] == ["users"]
    tested = iot.test_authorization(principal=USER, authInfos=[
        {"actionType": "PUBLISH", "resources": [arn("topic/any")]},
        {"actionType": "CONNECT", "resources": [arn("client/viewer")]}])["authResults"]
    assert [result["authDecision"] for result in tested] == ["IMPLICIT_DENY", "ALLOWED"]


def test_https_asks_the_same_sides(pool):
    # POLICY-365: of these calls only the publish needs the identity's policy.
    data = boto3.client("iot-data", endpoint_url=pool.api, region_name="us-east-1", aws_access_key_id="AKIAUSER",
                        aws_secret_access_key="secret1", aws_session_token="the-token-of-the-pool")
    with pytest.raises(ClientError) as refused:
        data.publish(topic="any", payload=b"x")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    event = pool.wait_for(kind="publish_refused")[0]
    assert event["principal"] == USER
    with pytest.raises(ClientError) as none:
        data.get_retained_message(topic="any")
    assert none.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_guest_has_its_role_alone(pool):
    # AUTH-131, POLICY-227, POLICY-363
    guest = WebClient(pool, "AKIAGUEST", "secret2", "guest")
    assert guest.code == 0
    assert guest.publish(GUEST) in (0, 0x10)
    assert guest.publish("other") == 0x87
    guest.close()
    why = pool.explain(client="guest")[0]["why"]
    assert "is judged by its role alone here: the role's policies: " in why, why


def test_a_mistake_in_the_file_stops_the_start(tmp_path):
    # AUTH-134
    file = tmp_path / "cognito.json"
    file.write_text(json.dumps({"AKIAUSER": {**IDENTITIES["AKIAUSER"], "identity": "me"}}))
    with pytest.raises(AssertionError) as error:
        Server(tmp_path / "server", cognito_identities=str(file)).start()
    assert f"`cognito_identities` {file}: `AKIAUSER`: `identity` is `me`, expected `REGION:UUID`" in str(error.value)
