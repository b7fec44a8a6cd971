"""Bad input, made from the service models: every member of every operation that is served, wrong in every way its shape knows."""

import http.client
import json
import re
import socket
import urllib.parse

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config
from botocore.utils import ArgumentGenerator

from test_api_wire import CORE

DEPTH = 5
NAMES = {"iot": "iot", "iot-data": "iotdata", "iot-jobs-data": "iot-jobs-data"}


class Wire:
    """Requests as they are: nothing is checked or escaped on the way."""

    def __init__(self, server):
        self.host = server.endpoints["api"]
        self.connection = http.client.HTTPConnection(self.host, timeout=30)

    def ask(self, method, path, body=b"", headers=None, signing="iot"):
        headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{signing}/aws4_request, SignedHeaders=host, Signature=0",
                   "X-Amz-Date": "20260101T000000Z", "Content-Type": "application/json"} | (headers or {})
        self.connection.request(method, path, body, {name: value for name, value in headers.items() if value is not None})
        answer = self.connection.getresponse()
        return answer.status, dict((name.lower(), value) for name, value in answer.getheaders()), answer.read()


def sample(shape, depth=0):
    """Something of the right type, with what is required inside."""
    kind = shape.type_name
    if kind == "structure":
        return {name: sample(shape.members[name], depth + 1) for name in shape.required_members} if depth < DEPTH else {}
    if kind == "string":
        return shape.enum[0] if shape.enum else "n" * max(1, shape.metadata.get("min", 1))
    if kind == "list":
        return [sample(shape.member, depth + 1) for _ in range(shape.metadata.get("min", 0))] if depth < DEPTH else []
    return {"integer": max(1, shape.metadata.get("min", 1)), "long": 1, "boolean": True, "timestamp": 0, "double": 1.5, "float": 1.5,
            "blob": "AA==", "map": {}}[kind]


def mismatch(shape):
    """A text that the pattern of a shape does not allow."""
    pattern = shape.metadata.get("pattern")
    if not pattern:
        return None
    python = pattern.replace(r"\p{Graph}\x20", r"\x20-\x7e")
    if "\\p{" in python:
        return None
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 1 << 20)
    for text in ("\u00fc \u00fc", "a b", "!\u20ac!", " "):
        text = (text * (low // len(text) + 1))[: max(low, len(text))]
        if low <= len(text) <= high and not re.fullmatch(python, text):
            return text
    return None


def wrong_texts(shape):
    """Texts that break a shape, however they travel."""
    if shape.type_name == "string":
        if shape.enum:
            yield "NO_SUCH_WORD"
        if shape.metadata.get("max", 1 << 20) < 4_000:
            yield "x" * (shape.metadata["max"] + 1)
        if shape.metadata.get("min", 0) > 1:
            yield "x" * (shape.metadata["min"] - 1)
        if mismatch(shape):
            yield mismatch(shape)
    elif shape.type_name in ("integer", "long"):
        yield from ("many", "1.5", "99999999999999999999")
        if "max" in shape.metadata:
            yield str(shape.metadata["max"] + 1)
        if shape.metadata.get("min") is not None:
            yield str(shape.metadata["min"] - 1)
    elif shape.type_name == "boolean":
        yield "perhaps"
    elif shape.type_name == "timestamp":
        yield "yesterday"


def wrong_values(shape):
    """JSON values that break a shape."""
    kind = shape.type_name
    types = {"string": "s", "blob": "s", "integer": "n", "long": "n", "double": "n", "float": "n", "timestamp": "t", "boolean": "b", "list": "l",
             "structure": "o", "map": "o"}[kind]
    yield from (value for name, value in (("s", "text"), ("n", 7), ("b", True), ("l", ["text"]), ("o", {"a": {}}))
                if name != types and not (types == "t" and name == "n"))
    if kind in ("string", "integer", "long"):
        numbers = kind != "string"
        for text in wrong_texts(shape):
            if not numbers:
                yield text
            elif re.fullmatch("-?[0-9.]+", text):
                yield json.loads(text)
    if kind == "string" and shape.metadata.get("min", 0) == 1 and not shape.enum:
        yield ""
    if kind == "list":
        if shape.metadata.get("max", 1 << 20) <= 1_000:
            yield [sample(shape.member)] * (shape.metadata["max"] + 1)
        if shape.metadata.get("min", 0) > 0:
            yield []
    if kind == "map" and shape.metadata.get("max", 1 << 20) <= 200:
        yield {f"k{at}": sample(shape.value) for at in range(shape.metadata["max"] + 1)}


def bodies(shape, path=(), depth=0):
    """(path of the member, body with that member wrong) for every member below a structure."""
    for name, member in shape.members.items():
        if depth == 0 and member.serialization.get("location"):
            continue
        wire = member.serialization.get("name", name)
        rest = {sibling: value for sibling, value in sample(shape).items() if sibling != name}
        for wrong in wrong_values(member):
            yield path + (name,), rest | {wire: wrong}
        if name in shape.required_members and member.type_name != "blob":
            yield path + (name,), rest
            yield path + (name,), rest | {wire: None}
        inner, wrap = member, lambda value: value
        if member.type_name == "list":
            inner, wrap = member.member, lambda value: [value]
        elif member.type_name == "map":
            inner, wrap = member.value, lambda value: {"k": value}
        if inner is not member and inner.type_name != "structure":
            for wrong in wrong_values(inner):
                yield path + (name,), rest | {wire: wrap(wrong)}
        if inner.type_name == "structure" and depth + 1 < DEPTH:
            for below, body in bodies(inner, path + (name,), depth + 1):
                yield below, rest | {wire: wrap(body)}


def hollow(shape, depth=0):
    """Bodies in which one structure is empty, though nothing in it is required: what is missing is for the operation to say."""
    for name, member in shape.members.items():
        if depth == 0 and member.serialization.get("location"):
            continue
        wire, rest = member.serialization.get("name", name), {sibling: value for sibling, value in sample(shape).items() if sibling != name}
        inner, wrap = member, lambda value: value
        if member.type_name == "list":
            inner, wrap = member.member, lambda value: [value]
        elif member.type_name == "map":
            inner, wrap = member.value, lambda value: {"k": value}
            yield rest | {wire: {}}
        if inner.type_name == "structure" and depth < DEPTH:
            yield rest | {wire: wrap({})}
            for body in hollow(inner, depth + 1):
                yield rest | {wire: wrap(body)}


def filled(skeleton):
    """A skeleton with bytes where it has none."""
    if isinstance(skeleton, dict):
        return {name: filled(value) for name, value in skeleton.items()}
    if isinstance(skeleton, list):
        return [filled(value) for value in skeleton]
    return b"x" if skeleton is None else skeleton


def parts(operation):
    """The request of an operation with something of the right type everywhere: path, query, headers."""
    shape = operation.input_shape
    labels, query, headers = {}, {}, {}
    for name, member in (shape.members.items() if shape else ()):
        place, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri":
            labels[wire] = str(sample(member))
        elif place == "querystring" and name in shape.required_members:
            query[wire] = str(sample(member))
        elif place in ("header", "headers") and name in shape.required_members:
            headers[wire] = str(sample(member))
    return labels, query, headers


def target(operation, labels, query):
    uri = re.sub(r"\{(\w+)\+?\}", lambda found: urllib.parse.quote(labels[found[1]], safe=""), operation.http["requestUri"])
    path, _, fixed = uri.partition("?")
    rest = "&".join(filter(None, [fixed, urllib.parse.urlencode(query)]))
    return f"{path}?{rest}" if rest else path


def requests(operation):
    """(member that is wrong, target, headers, body)."""
    shape = operation.input_shape
    if shape is None:
        return
    labels, query, headers = parts(operation)
    payload = shape.serialization.get("payload")
    raw = payload and shape.members[payload].type_name == "blob"
    plain = b"" if raw else json.dumps(sample(shape.members[payload]) if payload else {
        member.serialization.get("name", name): sample(member) for name, member in shape.members.items()
        if name in shape.required_members and not member.serialization.get("location")}).encode()
    for name, member in shape.members.items():
        place, wire = member.serialization.get("location"), member.serialization.get("name", name)
        for text in wrong_texts(member) if place else ():
            if place == "uri":
                yield (name,), target(operation, labels | {wire: text}, query), headers, plain
            elif place == "querystring":
                yield (name,), target(operation, labels, query | {wire: text}), headers, plain
            elif place in ("header", "headers"):
                try:
                    text.encode("latin-1")
                except UnicodeEncodeError:
                    continue
                yield (name,), target(operation, labels, query), headers | {wire: text}, plain
        if place in ("querystring", "header") and name in shape.required_members:
            without = ({key: value for key, value in given.items() if key != wire} for given in (query, headers))
            fewer, bare = without
            yield (name,), target(operation, labels, fewer), bare, plain
    if payload and not raw:
        for below, body in bodies(shape.members[payload], (payload,), 1):
            yield below, target(operation, labels, query), headers, json.dumps(body).encode()
    elif not payload:
        for below, body in bodies(shape):
            yield below, target(operation, labels, query), headers, json.dumps(body).encode()


def everything(server):
    """What the server holds, as its lists tell it."""
    iot, data = server.boto("iot"), server.boto("iot-data")
    asked = (iot.list_things, iot.list_thing_types, iot.list_thing_groups, iot.list_billing_groups, iot.list_certificates, iot.list_ca_certificates,
             iot.list_policies, iot.list_topic_rules, iot.list_topic_rule_destinations, iot.list_authorizers, iot.list_role_aliases,
             iot.list_domain_configurations, iot.describe_event_configurations, iot.get_indexing_configuration, iot.get_logging_options,
             data.list_retained_messages)
    answers = []
    for ask in asked:
        answer = ask()
        answer.pop("ResponseMetadata")
        answers.append(answer)
    return answers


@pytest.mark.parametrize("service", NAMES)
def test_every_wrong_member_is_refused_by_name(server, service):
    # API-041, API-053, API-061, API-062, API-034, API-036, API-028, API-029: 400 in the form of AWS, naming the member, and nothing is stored
    model = boto3.client(service, endpoint_url=server.api).meta.service_model
    wire, before, tried, served, wrong = Wire(server), everything(server), 0, 0, []
    for name in model.operation_names:
        operation = model.operation_model(name)
        for member, path, headers, body in requests(operation):
            status, answered, text = wire.ask(operation.http["method"], path, body, headers, NAMES[service])
            if status == 501:
                break
            tried += 1
            where = f"{name} {'.'.join(member)}: {path[:120]} {body[:200]!r} -> {status} {text[:300]!r}"
            try:
                told = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                told = None
            if (status != 400 or not answered.get("x-amzn-errortype", "").endswith("Exception") or len(answered["x-amzn-requestid"]) != 36
                    or answered["content-type"] != "application/json" or not told or member[-1] not in told):
                # The type of an endpoint has a text of its own (API-187).
                if (name, member) != ("DescribeEndpoint", ("endpointType",)) or status != 400:
                    wrong.append(where)
        else:
            served += 1
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:40])
    assert everything(server) == before
    assert service == "iot-jobs-data" or (tried > 40 and served >= len(CORE & set(model.operation_names)))


def test_what_is_left_out_is_no_failure_of_the_server(server):
    # API-030, API-042, API-043: optional parts that are empty, and the skeletons that the CLI writes
    tried = 0
    for service in NAMES:
        client = server.boto(service, config=Config(parameter_validation=False, retries={"max_attempts": 0}))
        model, wire = client.meta.service_model, Wire(server)
        for name in model.operation_names:
            operation = model.operation_model(name)
            shape = operation.input_shape
            if shape is None:
                continue
            skeletons = [filled(ArgumentGenerator(use_member_names=names).generate_skeleton(shape)) for names in (False, True)]
            for skeleton in skeletons:
                try:
                    client._make_api_call(name, skeleton)
                except botocore.exceptions.ParamValidationError:
                    pass
                except botocore.exceptions.ClientError as error:
                    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                    assert status < 500 or status == 501, f"{name}({skeleton}): {error}"
            payload = shape.serialization.get("payload")
            body_shape = shape.members[payload] if payload else shape
            for body in hollow(body_shape) if body_shape.type_name == "structure" else ():
                labels, query, headers = parts(operation)
                status, answered, text = wire.ask(operation.http["method"], target(operation, labels, query), json.dumps(body).encode(), headers, NAMES[service])
                if status == 501:
                    break
                tried += 1
                assert status in range(200, 500), f"{name}: {body} -> {status} {text}"
                assert status < 300 or answered["x-amzn-errortype"].endswith("Exception")
    assert tried > 200


def test_odd_requests_get_clear_answers(server):
    # API-007, API-008, API-014, API-020, API-022, API-023, API-034, API-043
    wire = Wire(server)
    name = lambda answer: (answer[0], answer[1].get("x-amzn-errortype"))  # noqa: E731
    assert wire.ask("POST", "/things/t:1_2-3", b'{"attributePayload":{"attributes":{"a":"1"}},"unknown":{"x":[1]}}')[0] == 200
    # Content types do not matter, nor do unknown parameters, nor trailing slashes; of two equal parameters the first counts.
    for content_type in ("text/plain", "application/x-amz-json-1.1", "", None, "nonsense"):
        assert wire.ask("GET", "/things/t%3A1_2-3", headers={"Content-Type": content_type})[0] == 200
        assert wire.ask("PATCH", "/things/t%3A1_2-3", b"{}", headers={"Content-Type": content_type})[0] == 200
    for path in ("/things/", "/things?x=1&y", "/things?maxResults=1&maxResults=2", "/things?usePrefixAttributeValue=TRUE", "/things?"):
        assert wire.ask("GET", path)[0] == 200, path
    # Bodies that are none.
    for body in (b"{", b"[]", b'"text"', b"null", b"7", b'{"a":}', b"\xff\xfe", b'{"attributePayload":{"attributes":{"a":"1"}}} more', b"[" * 5000):
        assert name(wire.ask("POST", "/things/broken", body)) == (400, "InvalidRequestException"), body[:20]
    assert name(wire.ask("GET", "/things/broken")) == (404, "ResourceNotFoundException")
    # Too much.
    status, headers, _ = wire.ask("POST", "/things/broken", b" " * (1 << 20) + b"{}")
    assert (status, headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    wire = Wire(server)
    # The model names no bound here.
    told = json.loads(wire.ask("POST", "/indices/search", b'{"queryString":"*","maxResults":101}')[2])["message"]
    assert "Value '101' at 'maxResults'" in told and "less than or equal to 100" in told
    # Paths and methods that nothing has.
    for method, path in (("GET", "/"), ("GET", "/nothing/at/all"), ("DELETE", "/things"), ("PUT", "/things/t"), ("POST", "//things"), ("GET", "/things/../things")):
        assert name(wire.ask(method, path))[0] in (403, 404), (method, path)
    assert name(wire.ask("PATCH", "/things/t/shadow", b"{}", signing="iotdata")) == (405, "MethodNotAllowedException")
    # A percent sign that is none, and bytes that are no UTF-8.
    for path in ("/things/%zz", "/things/%", "/things/%ff", "/things/a%00b", "/things/a%2fb", "/things/%20", f"/things/{'x' * 129}"):
        assert name(wire.ask("GET", path)) == (400, "InvalidRequestException"), path
    # What is not served says so at once, whatever the body.
    assert name(wire.ask("PUT", "/jobs/j", b"{")) == (501, "NotImplementedException")


def test_bodies_come_in_pieces_and_browsers_are_let_in(server):
    # API-025, API-029, API-049
    wire = Wire(server)
    for name, pieces in (("one", [b"{}"]), ("many", [b'{"attri', b'butePayload":{"attributes"', b':{"a":"1"}}', b"}"]), ("none", [])):
        wire.connection.request("POST", f"/things/{name}", iter(pieces), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        answer = wire.connection.getresponse()
        assert (answer.status, json.loads(answer.read())["thingName"]) == (200, name)
    assert json.loads(wire.ask("GET", "/things/many")[2])["attributes"] == {"a": "1"}
    host, port = server.endpoints["api"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(b"POST /things/expected HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"{}")
        assert b" 200 " in sock.recv(1000).split(b"\r\n")[0]
        # The connection stays.
        sock.sendall(b"GET /things/expected HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in sock.recv(4000).split(b"\r\n")[0]
    origin = {"Origin": "https://app.example"}
    for method, path in (("GET", "/things"), ("GET", "/things/unknown"), ("PUT", "/jobs/j"), ("GET", "/nothing"), ("POST", "/things/broken%")):
        _, headers, _ = wire.ask(method, path, headers=origin)
        assert headers["access-control-allow-origin"] in ("*", "https://app.example"), path
        assert {"x-amzn-requestid", "x-amzn-errortype"} <= {name.strip().lower() for name in headers["access-control-expose-headers"].split(",")}
    asked = "authorization,content-type,x-amz-date,x-amz-user-agent,amz-sdk-request,amz-sdk-invocation-id,x-amzn-principal,x-amz-tagging,x-amz-content-sha256"
    for method, path in (("POST", "/things/t"), ("PATCH", "/things/t"), ("DELETE", "/things/t"), ("PUT", "/target-policies/p"), ("POST", "/topics/a")):
        status, headers, _ = wire.ask("OPTIONS", path, headers=origin | {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": asked})
        assert status == 200 and method in headers["access-control-allow-methods"]
        assert set(asked.split(",")) <= {name.strip() for name in headers["access-control-allow-headers"].lower().split(",")}


def test_the_scope_of_a_signature_picks_the_api(server):
    # API-001, API-002, API-003, API-004
    wire = Wire(server)
    told = lambda answer: json.loads(answer[2]).get("message", "")  # noqa: E731
    for signing in ("iotdata", "iot-data", "iotdevicegateway", "execute-api"):
        assert wire.ask("POST", "/topics/a%2Fb?qos=1&retain=true", signing.encode(), signing=signing)[0] == 200
        assert wire.ask("GET", "/retainedMessage/a%2Fb", signing=signing)[0] == 200
        assert wire.ask("GET", "/things", signing=signing)[0] in (404, 405), "things are listed by the control plane"
    assert wire.ask("POST", "/topics/a", b"x", signing="iot")[0] in (403, 404), "the control plane publishes nothing"
    assert "ListJobExecutionsForThing" in told(wire.ask("GET", "/things/t/jobs", signing="iot"))
    for signing in ("iot-jobs-data", "iotjobsdata"):
        assert "GetPendingJobExecutions" in told(wire.ask("GET", "/things/t/jobs", signing=signing)), signing
    # Without a signature the path decides.
    assert wire.ask("POST", "/topics/a", b"x", headers={"Authorization": None})[0] == 200
    assert wire.ask("GET", "/things", headers={"Authorization": None})[0] == 200
