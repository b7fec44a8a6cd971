"""The AWS CLI against the API port."""

import json

from thingstead_server import arn

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})


def test_the_first_hour_with_the_cli(server):
    # API-389, API-393
    made = server.aws("iot", "create-keys-and-certificate", "--set-as-active", "--certificate-pem-outfile", "cert.pem",
                      "--public-key-outfile", "public.key", "--private-key-outfile", "private.key")
    assert (server.files / "cert.pem").read_text() == made["certificatePem"]
    assert (server.files / "private.key").read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert (server.files / "public.key").read_text().startswith("-----BEGIN PUBLIC KEY-----")
    (server.files / "policy.json").write_text(POLICY)
    server.aws("iot", "create-policy", "--policy-name", "p", "--policy-document", "file://policy.json")
    server.aws("iot", "attach-policy", "--policy-name", "p", "--target", made["certificateArn"])
    assert server.aws("iot", "create-thing", "--thing-name", "lamp")["thingArn"] == arn("thing/lamp")
    server.aws("iot", "attach-thing-principal", "--thing-name", "lamp", "--principal", made["certificateArn"])
    assert server.aws("iot", "list-thing-principals", "--thing-name", "lamp")["principals"] == [made["certificateArn"]]
    assert server.aws("iot", "describe-endpoint", "--endpoint-type", "iot:Data-ATS") == {"endpointAddress": "localhost"}


def test_a_shadow_through_the_cli(server):
    # API-391, SHADOW-160, SHADOW-161
    document = json.dumps({"state": {"desired": {"on": True}}})
    server.aws("iot-data", "update-thing-shadow", "--thing-name", "lamp", "--payload", document, "out.json")
    server.aws("iot-data", "get-thing-shadow", "--thing-name", "lamp", "out.json")
    shadow = json.loads((server.files / "out.json").read_text())
    assert shadow["state"]["desired"] == {"on": True}


def test_the_cli_shows_what_was_refused(server):
    # API-034, API-036, API-081
    done = server.aws("iot", "describe-thing", "--thing-name", "nobody", check=False)
    assert done.returncode != 0
    assert "ResourceNotFoundException" in done.stderr and "DescribeThing" in done.stderr
