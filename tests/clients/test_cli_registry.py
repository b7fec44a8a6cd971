"""The AWS CLI, nothing added but the endpoint: the whole life of things, certificates, policies, rules and shadows."""

import hashlib
import json
import ssl
import subprocess

from thingstead_server import arn


def refused(server, exception, *arguments):
    done = server.aws(*arguments, check=False)
    assert done.returncode != 0 and f"({exception})" in done.stderr, done.stderr


def test_things(server):
    # API-060 ff.: create, describe, list, merging update, delete
    made = server.aws("iot", "create-thing", "--thing-name", "lamp", "--attribute-payload",
                      '{"attributes":{"room":"kitchen","floor":"1"}}')
    assert made["thingArn"] == arn("thing/lamp")
    refused(server, "ResourceAlreadyExistsException", "iot", "create-thing", "--thing-name", "lamp")
    server.aws("iot", "update-thing", "--thing-name", "lamp", "--attribute-payload",
               '{"attributes":{"floor":"2"},"merge":true}')
    thing = server.aws("iot", "describe-thing", "--thing-name", "lamp")
    assert (thing["attributes"], thing["version"]) == ({"room": "kitchen", "floor": "2"}, 2)
    assert [t["thingName"] for t in server.aws("iot", "list-things")["things"]] == ["lamp"]
    refused(server, "VersionConflictException", "iot", "delete-thing", "--thing-name", "lamp", "--expected-version", "9")
    server.aws("iot", "delete-thing", "--thing-name", "lamp")
    refused(server, "ResourceNotFoundException", "iot", "describe-thing", "--thing-name", "lamp")


def test_certificates(server):
    # API-127 ff., PROV: the id is the SHA-256 of the DER; only inactive certificates without policies go
    outfiles = [server.files / name for name in ("certificate.pem", "public.key", "private.key")]
    by_keys = server.aws("iot", "create-keys-and-certificate", "--set-as-active", "--certificate-pem-outfile",
                         str(outfiles[0]), "--public-key-outfile", str(outfiles[1]), "--private-key-outfile",
                         str(outfiles[2]), "--query", "certificateArn", "--output", "text")
    identity = by_keys.rsplit("/", 1)[1]
    der = ssl.PEM_cert_to_DER_cert(outfiles[0].read_text())
    assert hashlib.sha256(der).hexdigest() == identity
    check = subprocess.run(["openssl", "rsa", "-in", outfiles[2], "-pubout"], capture_output=True, text=True, check=True)
    assert check.stdout == outfiles[1].read_text()

    key, request = server.files / "own.key", server.files / "own.csr"
    subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=own", "-out",
                    request], check=True, capture_output=True)
    by_request = server.aws("iot", "create-certificate-from-csr", "--certificate-signing-request", f"file://{request}",
                            "--set-as-active")["certificateId"]
    described = server.aws("iot", "describe-certificate", "--certificate-id", by_request)["certificateDescription"]
    assert (described["certificateId"], described["status"]) == (by_request, "ACTIVE")
    listed = {c["certificateId"] for c in server.aws("iot", "list-certificates")["certificates"]}
    assert listed == {identity, by_request}
    refused(server, "CertificateStateException", "iot", "delete-certificate", "--certificate-id", identity)
    server.aws("iot", "update-certificate", "--certificate-id", identity, "--new-status", "INACTIVE")
    server.aws("iot", "delete-certificate", "--certificate-id", identity)
    refused(server, "ResourceNotFoundException", "iot", "describe-certificate", "--certificate-id", identity)


def test_policies_and_attachments(server):
    # POLICY-065 ff., API: create, get, list, attach (both ways), detach, delete guards
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
    made = server.aws("iot", "create-policy", "--policy-name", "all", "--policy-document", document)
    assert made["policyArn"] == arn("policy/all")
    got = server.aws("iot", "get-policy", "--policy-name", "all")
    assert (json.loads(got["policyDocument"]), got["defaultVersionId"]) == (json.loads(document), "1")
    assert [p["policyName"] for p in server.aws("iot", "list-policies")["policies"]] == ["all"]
    refused(server, "MalformedPolicyException", "iot", "create-policy", "--policy-name", "bad", "--policy-document", "{}")
    certificate = server.aws("iot", "create-keys-and-certificate", "--set-as-active", "--query", "certificateArn",
                             "--output", "text")
    server.aws("iot", "attach-policy", "--policy-name", "all", "--target", certificate)
    attached = server.aws("iot", "list-attached-policies", "--target", certificate)["policies"]
    assert [p["policyName"] for p in attached] == ["all"]
    refused(server, "DeleteConflictException", "iot", "delete-policy", "--policy-name", "all")
    server.aws("iot", "detach-policy", "--policy-name", "all", "--target", certificate)
    server.aws("iot", "attach-principal-policy", "--policy-name", "all", "--principal", certificate)
    assert server.aws("iot", "list-attached-policies", "--target", certificate)["policies"] == attached
    server.aws("iot", "create-thing", "--thing-name", "lamp")
    server.aws("iot", "attach-thing-principal", "--thing-name", "lamp", "--principal", certificate)
    assert server.aws("iot", "list-thing-principals", "--thing-name", "lamp")["principals"] == [certificate]
    server.aws("iot", "detach-policy", "--policy-name", "all", "--target", certificate)
    server.aws("iot", "delete-policy", "--policy-name", "all")
    assert server.aws("iot", "list-policies")["policies"] == []


def test_endpoints_of_every_type(server):
    # MQTT-006, API-189
    for kind in ("iot:Data-ATS", "iot:Data", "iot:Data-Beta", "iot:CredentialProvider", "iot:Jobs", "iot:DeviceAdvisor"):
        done = server.aws("iot", "describe-endpoint", "--endpoint-type", kind, check=False)
        assert done.returncode == 0 and json.loads(done.stdout)["endpointAddress"] == "localhost", (kind, done.stderr)
    refused(server, "InvalidRequestException", "iot", "describe-endpoint", "--endpoint-type", "iot:Nothing")


def test_topic_rules(server):
    # API-190 ff., RULES-332: create, get, list, delete; SQL that cannot be parsed is refused with its place
    payload = {"sql": "SELECT * FROM 'a'", "actions": [
        {"republish": {"topic": "b", "roleArn": "arn:aws:iam::000000000000:role/any"}}]}
    server.aws("iot", "create-topic-rule", "--rule-name", "r", "--topic-rule-payload", json.dumps(payload))
    got = server.aws("iot", "get-topic-rule", "--rule-name", "r")
    assert got["rule"]["sql"] == payload["sql"] and got["ruleArn"] == arn("rule/r")
    assert [r["ruleName"] for r in server.aws("iot", "list-topic-rules")["rules"]] == ["r"]
    payload["sql"] = "SELECT * FROM 'a' WHERE (temp > 1"
    done = server.aws("iot", "create-topic-rule", "--rule-name", "s", "--topic-rule-payload", json.dumps(payload), check=False)
    assert "(SqlParseException)" in done.stderr and "line 1, column" in done.stderr
    server.aws("iot", "delete-topic-rule", "--rule-name", "r")
    assert server.aws("iot", "list-topic-rules")["rules"] == []


def test_the_data_plane(server):
    # API: publish, and a shadow's life
    out = str(server.files / "out.json")
    server.aws("iot-data", "publish", "--topic", "a/b", "--qos", "1", "--payload", "hello")
    assert server.wait_for(kind="published", topic="a/b")[0]["payload"] == "hello"
    server.aws("iot-data", "update-thing-shadow", "--thing-name", "lamp", "--payload", '{"state":{"reported":{"on":1}}}', out)
    assert json.loads((server.files / "out.json").read_text())["version"] == 1
    server.aws("iot-data", "get-thing-shadow", "--thing-name", "lamp", out)
    assert json.loads((server.files / "out.json").read_text())["state"] == {"reported": {"on": 1}}
    server.aws("iot-data", "delete-thing-shadow", "--thing-name", "lamp", out)
    refused(server, "ResourceNotFoundException", "iot-data", "get-thing-shadow", "--thing-name", "lamp", out)


def test_what_is_not_built_says_so(server):
    # API-371
    done = server.aws("iot", "list-jobs", check=False)
    assert "NotImplemented" in done.stderr and "ListJobs" in done.stderr, done.stderr
    done = server.aws("iot-jobs-data", "get-pending-job-executions", "--thing-name", "lamp", check=False)
    assert "NotImplemented" in done.stderr and "GetPendingJobExecutions" in done.stderr, done.stderr
