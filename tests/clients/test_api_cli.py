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


def test_lists_are_walked_and_cut_by_the_cli(server):
    # API-392
    iot = server.boto("iot")
    for at in range(6):
        iot.create_thing(thingName=f"t{at}")
    cut = server.aws("iot", "list-things", "--page-size", "2", "--max-items", "3")
    assert [row["thingName"] for row in cut["things"]] == ["t0", "t1", "t2"] and cut["NextToken"]
    rest = server.aws("iot", "list-things", "--page-size", "2", "--starting-token", cut["NextToken"])
    assert [row["thingName"] for row in rest["things"]] == ["t3", "t4", "t5"]


def test_one_address_in_the_environment_serves_all_three_apis(server, monkeypatch):
    # API-001, API-390
    import boto3
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.api)
    boto3.client("iot").create_thing(thingName="lamp")
    boto3.client("iot-data").update_thing_shadow(thingName="lamp", payload='{"state":{}}')
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOT", server.api)
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOT_DATA_PLANE", server.api)
    assert boto3.client("iot").describe_thing(thingName="lamp")["thingName"] == "lamp"
    assert boto3.client("iot-data").get_thing_shadow(thingName="lamp")["payload"].read()


def test_bodies_arrive_in_chunks_and_after_asking(server):
    # API-022, API-025
    import subprocess
    body = server.files / "body"
    body.write_bytes(b"x" * 100_000)
    for header in ["Transfer-Encoding: chunked", "Expect: 100-continue"]:
        done = subprocess.run(["curl", "-s", "-w", "%{http_code}", "-o", "/dev/null", "-X", "POST", "-H", header, "-H", "Content-Type:",
                               "--data-binary", f"@{body}", f"{server.api}/topics/big"], capture_output=True, text=True, timeout=20)
        assert done.stdout == "200", header
    published = server.wait_for(kind="published", topic="big", count=2)
    assert all(len(event["payload"]) == 100_000 for event in published)
