"""What rule actions send, byte for byte what botocore would send for the same call, and signed as botocore signs it."""

import base64
import datetime
import http.server
import json
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.serialize
import botocore.session
import botocore.validate
import pytest

ACCOUNT, REGION = "000000000000", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/rules"
KEY = botocore.credentials.Credentials("AKID", "secret")


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def take(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PUT = take

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def sending(receiver, tmp_path_factory):
    """A server whose calls go to the receiver."""
    from thingstead_server import Server

    settings = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{receiver.server_port}", "AWS_ACCESS_KEY_ID": KEY.access_key,
                "AWS_SECRET_ACCESS_KEY": KEY.secret_key}
    with Server(tmp_path_factory.mktemp("sending"), **settings) as server:
        yield server


def sent_by(server, receiver, name, action, payload):
    """The one request that a rule of this action sends for this payload."""
    receiver.requests.clear()
    server.boto("iot").create_topic_rule(ruleName=name, topicRulePayload={
        "sql": f"SELECT * FROM 'to/{name}'", "awsIotSqlVersion": "2016-03-23", "actions": [action]})
    server.boto("iot-data").publish(topic=f"to/{name}", qos=1, payload=json.dumps(payload, separators=(",", ":")))
    deadline = time.monotonic() + 10
    while not receiver.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(receiver.requests) == 1
    return receiver.requests[0]


def signed_by_botocore(service, method, url, headers, body):
    """The Authorization header that botocore makes of the headers that were signed."""
    names = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    request = botocore.awsrequest.AWSRequest(method, url, {name: headers[name] for name in names}, body)
    at = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = headers["x-amz-date"]
    auth = (botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth)(KEY, service, REGION)
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    scope = f"{KEY.access_key}/{at:%Y%m%d}/{REGION}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(names)}, Signature={signature}"


B64 = lambda payload: base64.b64encode(payload).decode()
SITEWISE = {"entryId": "e1", "propertyAlias": "/a/b", "propertyValues": [
    {"value": {"doubleValue": "${t}"}, "timestamp": {"timeInSeconds": "1700000000", "offsetInNanos": "5"}, "quality": "GOOD"}]}

# Name, action, payload, service, operation, and what the call is made of.
CALLS = [
    ("sitewise", {"iotSiteWise": {"roleArn": ROLE, "putAssetPropertyValueEntries": [SITEWISE]}}, {"t": 21.5},
     "iotsitewise", "BatchPutAssetPropertyValue",
     {"entries": [{"entryId": "e1", "propertyAlias": "/a/b", "propertyValues": [
         {"value": {"doubleValue": 21.5}, "timestamp": {"timeInSeconds": 1700000000, "offsetInNanos": 5}, "quality": "GOOD"}]}]}),
    ("location", {"location": {"roleArn": ROLE, "trackerName": "vans", "deviceId": "${id}", "latitude": "${lat}",
                               "longitude": "${lon}", "timestamp": {"value": "1700000000123", "unit": "MILLISECONDS"}}},
     {"id": "van 1", "lat": 48.25, "lon": 16.5}, "location", "BatchUpdateDevicePosition",
     {"TrackerName": "vans", "Updates": [{"DeviceId": "van 1", "Position": [16.5, 48.25],
                                          "SampleTime": datetime.datetime(2023, 11, 14, 22, 13, 20, 123000)}]}),
    ("kinesis", {"kinesis": {"roleArn": ROLE, "streamName": "s", "partitionKey": "${k}"}}, {"k": "p"},
     "kinesis", "PutRecord", {"StreamName": "s", "PartitionKey": "p", "Data": b'{"k":"p"}'}),
    ("firehose", {"firehose": {"roleArn": ROLE, "deliveryStreamName": "d", "separator": "\n"}}, {"a": 1},
     "firehose", "PutRecord", {"DeliveryStreamName": "d", "Record": {"Data": b'{"a":1}\n'}}),
    ("firehoses", {"firehose": {"roleArn": ROLE, "deliveryStreamName": "d", "batchMode": True}}, [1, "x"],
     "firehose", "PutRecordBatch", {"DeliveryStreamName": "d", "Records": [{"Data": b"1"}, {"Data": b'"x"'}]}),
    ("steps", {"stepFunctions": {"roleArn": ROLE, "stateMachineName": "m"}}, {"a": 1}, "stepfunctions", "StartExecution",
     {"stateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m", "input": '{"a":1}'}),
    ("dynamo", {"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "t"}}}, {"id": "x", "n": 1.5, "l": [None, True]},
     "dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"S": "x"}, "n": {"N": "1.5"},
                                                        "l": {"L": [{"NULL": True}, {"BOOL": True}]}}}),
    ("timestream", {"timestream": {"roleArn": ROLE, "databaseName": "d", "tableName": "t",
                                   "timestamp": {"value": "1700000000123", "unit": "MILLISECONDS"},
                                   "dimensions": [{"name": "device", "value": "${topic(2)}"}]}}, {"t": 1.5},
     "timestream-write", "WriteRecords",
     {"DatabaseName": "d", "TableName": "t", "Records": [
         {"MeasureName": "t", "MeasureValue": "1.5", "MeasureValueType": "DOUBLE"}],
      "CommonAttributes": {"Dimensions": [{"Name": "device", "Value": "like_timestream", "DimensionValueType": "VARCHAR"}],
                           "Time": "1700000000123", "TimeUnit": "MILLISECONDS"}}),
    ("lambda", {"lambda": {"functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f:live"}}, {"a": 1},
     "lambda", "Invoke", {"FunctionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f:live",
                          "InvocationType": "Event", "Payload": b'{"a":1}'}),
    ("s3", {"s3": {"roleArn": ROLE, "bucketName": "b", "key": "a b/${topic(2)}+ü", "cannedAcl": "public-read"}}, {"a": 1},
     "s3", "PutObject", {"Bucket": "b", "Key": "a b/like_s3+ü", "ACL": "public-read", "Body": b'{"a":1}'}),
]


@pytest.mark.parametrize("name, action, payload, service, operation, parameters", CALLS, ids=[call[0] for call in CALLS])
def test_a_call_is_what_botocore_would_send(sending, receiver, name, action, payload, service, operation, parameters):
    # RULES-320, RULES-483, RULES-490, RULES-505, RULES-509, RULES-511, RULES-512, RULES-547, RULES-548, RULES-550,
    # RULES-551, RULES-553, RULES-554, RULES-556, RULES-560
    method, path, headers, body = sent_by(sending, receiver, f"like_{name}", action, payload)
    headers = {key.lower(): value for key, value in headers.items()}
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation)
    botocore.validate.ParamValidator().validate(parameters, shape.input_shape)
    expected = botocore.serialize.create_serializer(model.resolved_protocol).serialize_to_request(parameters, shape)
    assert method == expected["method"]
    path_of_s3 = f"/{parameters['Bucket']}" if service == "s3" and not expected["url_path"].startswith("/b/") else ""
    assert urllib.parse.unquote(path) == path_of_s3 + urllib.parse.unquote(expected["url_path"])
    for key, value in expected["headers"].items():
        if key.lower() not in ("content-type", "accept", "x-amzn-query-mode"):
            assert headers[key.lower()] == value, key
    wanted = expected["body"]
    if service in ("s3", "lambda"):
        assert body == wanted
    else:
        sent = json.loads(body)
        text = (wanted if isinstance(wanted, str) else wanted.decode()).replace(".123000Z", ".123Z")
        # botocore makes up a token of its own where we send none.
        assert sent == {key: value for key, value in json.loads(text).items() if key != "clientToken"}
    url = f"http://127.0.0.1:{receiver.server_port}{path}"
    assert headers["authorization"] == signed_by_botocore(model.signing_name, method, url, headers, body)


def test_a_search_document_is_put_and_signed_for_es(sending, receiver):
    # RULES-563, RULES-564
    action = {"openSearch": {"roleArn": ROLE, "endpoint": "https://search.example.com", "index": "i", "type": "_doc",
                             "id": "${newuuid()}"}}
    method, path, headers, body = sent_by(sending, receiver, "like_search", action, {"a": 1})
    headers = {key.lower(): value for key, value in headers.items()}
    assert (method, path.rsplit("/", 1)[0], body) == ("PUT", "/i/_doc", b'{"a":1}')
    url = f"http://127.0.0.1:{receiver.server_port}{path}"
    assert headers["authorization"] == signed_by_botocore("es", method, url, headers, body)


@pytest.mark.parametrize("action, signing, path, expected", [
    ({"iotEvents": {"roleArn": ROLE, "inputName": "in", "messageId": "m1"}}, "ioteventsdata", "/inputs/messages",
     lambda payload: {"messages": [{"messageId": "m1", "inputName": "in", "payload": B64(payload)}]}),
    ({"iotAnalytics": {"roleArn": ROLE, "channelName": "ch"}}, "iotanalytics", "/messages/batch",
     lambda payload: {"channelName": "ch", "messages": [{"payload": B64(payload)}]}),
], ids=["iotEvents", "iotAnalytics"])
def test_services_without_a_model_get_what_their_api_reference_says(sending, receiver, action, signing, path, expected):
    # RULES-543, RULES-545
    name = f"like_{signing}"
    method, sent_path, headers, body = sent_by(sending, receiver, name, action, {"a": 1})
    headers = {key.lower(): value for key, value in headers.items()}
    sent, wanted = json.loads(body), expected(b'{"a":1}')
    for message in sent["messages"]:
        assert message["messageId"]
        if "messageId" not in wanted["messages"][0]:
            del message["messageId"]
    assert (method, sent_path, sent) == ("POST", path, wanted)
    url = f"http://127.0.0.1:{receiver.server_port}{sent_path}"
    assert headers["authorization"] == signed_by_botocore(signing, method, url, headers, body)
