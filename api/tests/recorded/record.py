"""Records what botocore puts on the wire, signed at a fixed time, into `requests.json` next to this file.

Needs the botocore of `api/model/derive.py`. Not part of the test run: the recording is committed.
"""

import base64
import datetime
import json
import pathlib
import sys
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

ACCESS_KEY, SECRET, TOKEN = "123456789012", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLE+token/=="
AT = datetime.datetime(2026, 11, 21, 9, 0, 0, tzinfo=datetime.timezone.utc)
CERT = "arn:aws:iot:eu-west-1:123456789012:cert/" + "0a" * 32
CALLS = [
    ("iot", "create_thing", {"thingName": "lamp:1", "attributePayload": {"attributes": {"room": "kitchen"}}}),
    ("iot", "list_things", {"maxResults": 2, "attributeName": "room", "attributeValue": "a b/ü", "usePrefixAttributeValue": True}),
    ("iot", "update_certificate", {"certificateId": "0a" * 32, "newStatus": "INACTIVE"}),
    ("iot", "attach_thing_principal", {"thingName": "lamp:1", "principal": CERT}),
    ("iot", "attach_principal_policy", {"policyName": "p@+=,.-", "principal": CERT}),
    ("iot", "list_attached_policies", {"target": CERT, "recursive": False, "pageSize": 250}),
    ("iot", "create_topic_rule", {"ruleName": "r1", "tags": "a=b%20c&d=e", "topicRulePayload": {"sql": "SELECT * FROM 'a/b'", "actions": []}}),
    ("iot", "delete_topic_rule_destination", {"arn": "arn:aws:iot:eu-west-1:123456789012:ruledestination/http/0f9a-b"}),
    ("iot", "confirm_topic_rule_destination", {"confirmationToken": "AYAD/a+b=="}),
    ("iot", "list_audit_tasks", {"startTime": AT, "endTime": AT + datetime.timedelta(hours=1)}),
    ("iot", "create_package", {"packageName": "fw"}),
    ("iot", "describe_endpoint", {"endpointType": "iot:Data-ATS"}),
    ("iot", "list_job_executions_for_thing", {"thingName": "lamp"}),
    ("iot-data", "publish", {"topic": "a/b c/ü", "qos": 1, "retain": True, "payload": b"\x00\xff{}", "contentType": "text/plain; x=1",
                             "userProperties": '[{"k":"v"},{"k":"w"}]', "correlationData": "AQI=", "payloadFormatIndicator": "UTF8_DATA",
                             "responseTopic": "r/t", "messageExpiry": 60}),
    ("iot-data", "update_thing_shadow", {"thingName": "lamp:1", "shadowName": "main", "payload": b'{"state":{}}'}),
    ("iot-data", "get_retained_message", {"topic": "a/b"}),
    ("iot-data", "delete_connection", {"clientId": "c/1", "cleanSession": True}),
    ("iot-jobs-data", "get_pending_job_executions", {"thingName": "lamp"}),
    ("iot-jobs-data", "describe_job_execution", {"thingName": "lamp", "jobId": "$next", "includeJobDocument": True}),
    ("iot-jobs-data", "start_next_pending_job_execution", {"thingName": "lamp", "statusDetails": {"a": "b"}}),
]


def plain(value):
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return value


def recorded(call, request):
    url = botocore.compat.urlsplit(request.url)
    body = request.body or b""
    body = body if isinstance(body, bytes) else body.encode()
    headers = {k: (v.decode() if isinstance(v, bytes) else str(v)) for k, v in request.headers.items()}
    headers = {k.lower(): v for k, v in headers.items() if k.lower() != "user-agent"} | {"host": url.netloc}
    return call | {
        "method": request.method, "path": url.path, "query": url.query,
        "headers": headers, "body_base64": base64.b64encode(body).decode(),
    }


def main():
    session = botocore.session.Session()
    out = []
    with mock.patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: AT.replace(tzinfo=None)):
        for i, (service, operation, params) in enumerate(CALLS):
            client = session.create_client(
                service, region_name="eu-west-1", endpoint_url="http://localhost:4566",
                aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET, aws_session_token=TOKEN if i % 2 else None)

            def before_send(request, **kwargs):
                out.append(recorded({"service": service, "operation": client.meta.method_to_api_mapping[operation],
                                     "params": {k: plain(v) for k, v in params.items()}}, request))
                return botocore.awsrequest.AWSResponse(request.url, 200, {}, mock.Mock(stream=lambda: iter([b"{}"])))

            client.meta.events.register("before-send", before_send)
            getattr(client, operation)(**params)

        for token in [None, TOKEN]:
            credentials = botocore.credentials.Credentials(ACCESS_KEY, SECRET, token)
            request = botocore.awsrequest.AWSRequest("GET", "wss://localhost:8443/mqtt")
            botocore.auth.SigV4QueryAuth(credentials, "iotdevicegateway", "eu-west-1", expires=60).add_auth(request)
            out.append(recorded({"service": "iotdevicegateway", "operation": None, "params": {}}, request.prepare()))
    text = json.dumps({"access_key": ACCESS_KEY, "secret": SECRET, "at_ms": int(AT.timestamp() * 1000), "requests": out}, indent=1, ensure_ascii=False)
    pathlib.Path(__file__).with_name("requests.json").write_text(text + "\n")
    print(len(out), file=sys.stderr)


if __name__ == "__main__":
    main()
