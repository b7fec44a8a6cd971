"""Topic rules whose actions reach other services: AWS services as moto plays them, and an HTTP receiver."""

import base64
import http.server
import io
import json
import threading
import time
import urllib.request
import zipfile

import boto3
import pytest
from moto.server import ThreadedMotoServer

# The account that moto gives to unknown credentials.
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/rules"
PATIENCE = 10


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def cloud(moto, tmp_path_factory):
    """A server whose AWS calls go to moto, shared by this module's tests."""
    from thingstead_server import Server

    settings = {"account": ACCOUNT, "AWS_ENDPOINT_URL": moto, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with Server(tmp_path_factory.mktemp("cloud"), **settings) as server:
        yield server


@pytest.fixture
def at_moto(moto):
    """Clients of moto by service name."""
    return lambda service: boto3.client(service, endpoint_url=moto, region_name=REGION)


class Rules:
    """Rules on one server; deleted with the test."""

    def __init__(self, server):
        self.server, self.iot, self.data = server, server.boto("iot"), server.boto("iot-data")
        self.names = []

    def create(self, name, actions, sql=None, error_action=None):
        payload = {"sql": sql or f"SELECT * FROM 'to/{name}'", "actions": actions, "awsIotSqlVersion": "2016-03-23"}
        if error_action:
            payload["errorAction"] = error_action
        self.iot.create_topic_rule(ruleName=name, topicRulePayload=payload)
        self.names.append(name)

    def publish(self, name, payload):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.data.publish(topic=f"to/{name}", qos=1, payload=body)

    def delivery(self, rule, count=1):
        """The newest delivery of a rule, once there are so many."""
        def found():
            deliveries = self.server.admin("GET", f"deliveries?rule={rule}")["deliveries"]
            return deliveries if len(deliveries) >= count else None

        return eventually(found)[-1]

    def run(self, name, action, payload, **more):
        """Creates a rule of one action, sends it a message and answers the delivery."""
        self.create(name, [action], **more)
        self.publish(name, payload)
        delivery = self.delivery(name)
        assert delivery["outcome"] == "delivered", delivery
        return delivery


@pytest.fixture
def rules(cloud):
    rules = Rules(cloud)
    yield rules
    for name in rules.names:
        rules.iot.delete_topic_rule(ruleName=name)


def eventually(found):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not come in time")


# RULES-494
def test_sqs_gets_the_message(rules, at_moto):
    queue = at_moto("sqs").create_queue(QueueName="q")["QueueUrl"]
    rules.run("sqs", {"sqs": {"roleArn": ROLE, "queueUrl": queue, "useBase64": False}}, {"a": 1})
    messages = at_moto("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert [json.loads(message["Body"]) for message in messages] == [{"a": 1}]


# RULES-496
def test_sns_passes_the_message_on_to_its_subscribers(rules, at_moto):
    topic = at_moto("sns").create_topic(Name="t")["TopicArn"]
    queue = at_moto("sqs").create_queue(QueueName="of-sns")["QueueUrl"]
    at_moto("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:of-sns",
                             Attributes={"RawMessageDelivery": "true"})
    rules.run("sns", {"sns": {"roleArn": ROLE, "targetArn": topic}}, {"a": "ä & b"})
    body = at_moto("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    assert json.loads(body) == {"a": "ä & b"}


# RULES-487, RULES-488, RULES-489
def test_s3_stores_bytes_under_a_key_made_by_templates(rules, at_moto):
    at_moto("s3").create_bucket(Bucket="bucket")
    action = {"s3": {"roleArn": ROLE, "bucketName": "bucket", "key": "${topic()}/ä b:${timestamp() * 0}"}}
    rules.run("s3", action, b"\x00\xff\x01")
    key = at_moto("s3").list_objects_v2(Bucket="bucket")["Contents"][0]["Key"]
    assert key == "to/s3/ä b:0"
    assert at_moto("s3").get_object(Bucket="bucket", Key=key)["Body"].read() == b"\x00\xff\x01"


@pytest.fixture(scope="module")
def table(moto):
    dynamodb = boto3.client("dynamodb", endpoint_url=moto, region_name=REGION,
                            aws_access_key_id="test", aws_secret_access_key="test")
    dynamodb.create_table(TableName="table", BillingMode="PAY_PER_REQUEST",
                          KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                          AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    return "table"


# RULES-498, RULES-500, RULES-501, RULES-507
def test_dynamodb_inserts_updates_and_deletes(rules, at_moto, table):
    action = {"dynamoDB": {"roleArn": ROLE, "tableName": table, "hashKeyField": "id", "hashKeyValue": "${id}",
                           "operation": "${op}", "payloadField": "data"}}
    item = lambda: at_moto("dynamodb").get_item(TableName=table, Key={"id": {"S": "x"}}).get("Item")
    rules.run("dynamo", action, {"id": "x", "op": "INSERT", "t": 21.5})
    assert item()["data"]["M"]["t"] == {"N": "21.5"}
    rules.publish("dynamo", {"id": "x", "op": "UPDATE", "t": 22})
    assert rules.delivery("dynamo", 2)["outcome"] == "delivered"
    assert item()["data"]["M"]["t"] == {"N": "22"}
    rules.publish("dynamo", {"id": "x", "op": "DELETE"})
    assert rules.delivery("dynamo", 3)["outcome"] == "delivered"
    assert item() is None


# RULES-505, RULES-507
def test_dynamodb_v2_makes_columns(rules, at_moto, table):
    action = {"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": table}}}
    rules.run("dynamov2", action, {"id": "v2", "n": 1.25, "l": [True, None]})
    item = at_moto("dynamodb").get_item(TableName=table, Key={"id": {"S": "v2"}})["Item"]
    assert item == {"id": {"S": "v2"}, "n": {"N": "1.25"}, "l": {"L": [{"BOOL": True}, {"NULL": True}]}}


# RULES-292
def test_a_statement_reads_an_item(rules, at_moto, table):
    at_moto("dynamodb").put_item(TableName=table, Item={"id": {"S": "known"}, "name": {"S": "attic"}})
    queue = at_moto("sqs").create_queue(QueueName="items")["QueueUrl"]
    sql = f"SELECT get_dynamodb('{table}', 'id', id, '{ROLE}').name AS name FROM 'to/item'"
    rules.run("item", {"sqs": {"roleArn": ROLE, "queueUrl": queue}}, {"id": "known"}, sql=sql)
    body = at_moto("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    assert json.loads(body) == {"name": "attic"}


# RULES-295
def test_a_statement_reads_a_secret(rules, at_moto):
    at_moto("secretsmanager").create_secret(Name="secret", SecretString=json.dumps({"key": "value"}))
    queue = at_moto("sqs").create_queue(QueueName="secrets")["QueueUrl"]
    sql = f"SELECT get_secret('secret', 'SecretString', 'key', '{ROLE}') AS v FROM 'to/secret'"
    rules.run("secret", {"sqs": {"roleArn": ROLE, "queueUrl": queue}}, {}, sql=sql)
    body = at_moto("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    assert json.loads(body) == {"v": "value"}


# RULES-509
def test_kinesis_gets_one_record(rules, at_moto):
    kinesis = at_moto("kinesis")
    kinesis.create_stream(StreamName="stream", ShardCount=1)
    rules.run("kinesis", {"kinesis": {"roleArn": ROLE, "streamName": "stream", "partitionKey": "${k}"}}, {"k": "p"})
    iterator = kinesis.get_shard_iterator(StreamName="stream", ShardId="shardId-000000000000",
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [(record["PartitionKey"], json.loads(record["Data"])) for record in records] == [("p", {"k": "p"})]


# RULES-511, RULES-512
def test_firehose_puts_a_batch_into_its_bucket(rules, at_moto):
    at_moto("s3").create_bucket(Bucket="lake")
    at_moto("firehose").create_delivery_stream(
        DeliveryStreamName="delivery",
        S3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"})
    action = {"firehose": {"roleArn": ROLE, "deliveryStreamName": "delivery", "separator": "\n", "batchMode": True}}
    rules.run("firehose", action, [{"a": 1}, {"a": 2}])
    key = at_moto("s3").list_objects_v2(Bucket="lake")["Contents"][0]["Key"]
    assert at_moto("s3").get_object(Bucket="lake", Key=key)["Body"].read() == b'{"a":1}\n{"a":2}\n'


# RULES-537, RULES-538
def test_cloudwatch_gets_a_metric_and_an_alarm_state(rules, at_moto):
    cloudwatch = at_moto("cloudwatch")
    metric = {"cloudwatchMetric": {"roleArn": ROLE, "metricNamespace": "Devices", "metricName": "temp",
                                   "metricValue": "${t}", "metricUnit": "None"}}
    rules.run("metric", metric, {"t": 21.5})
    assert [found["MetricName"] for found in cloudwatch.list_metrics(Namespace="Devices")["Metrics"]] == ["temp"]
    cloudwatch.put_metric_alarm(AlarmName="hot", EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold",
                                MetricName="temp", Namespace="Devices", Period=60, Threshold=30, Statistic="Maximum")
    alarm = {"cloudwatchAlarm": {"roleArn": ROLE, "alarmName": "hot", "stateReason": "rule", "stateValue": "ALARM"}}
    rules.run("alarm", alarm, {})
    assert cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"][0]["StateValue"] == "ALARM"


# RULES-540, RULES-542
def test_logs_get_events(rules, at_moto):
    logs = at_moto("logs")
    logs.create_log_group(logGroupName="group")
    action = {"cloudwatchLogs": {"roleArn": ROLE, "logGroupName": "group"}}
    rules.run("logs", action, {"n": 1})
    rules.publish("logs", {"n": 2})
    assert rules.delivery("logs", 2)["outcome"] == "delivered"
    messages = [event["message"] for event in logs.filter_log_events(logGroupName="group")["events"]]
    assert sorted(messages) == ['{"n": 1}', '{"n": 2}']


# RULES-551, RULES-552
def test_step_functions_start(rules, at_moto):
    steps = at_moto("stepfunctions")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machine = steps.create_state_machine(name="machine", definition=definition, roleArn=ROLE)["stateMachineArn"]
    action = {"stepFunctions": {"roleArn": ROLE, "stateMachineName": "machine", "executionNamePrefix": "x"}}
    rules.run("steps", action, {"a": 1})
    executions = steps.list_executions(stateMachineArn=machine)["executions"]
    assert [execution["name"][0] for execution in executions] == ["x"]


# RULES-556, RULES-557
def test_timestream_gets_records(rules, at_moto):
    timestream = at_moto("timestream-write")
    timestream.create_database(DatabaseName="database")
    timestream.create_table(DatabaseName="database", TableName="table")
    action = {"timestream": {"roleArn": ROLE, "databaseName": "database", "tableName": "table",
                             "dimensions": [{"name": "device", "value": "${topic(2)}"}]}}
    delivery = rules.run("timestream", action, {"t": 1.5, "on": True})
    assert delivery["response"]["body"]["RecordsIngested"]["Total"] == 2


# RULES-481, RULES-482
def test_lambda_is_invoked(rules, at_moto):
    at_moto("iam").create_role(RoleName="rules", AssumeRolePolicyDocument="{}")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def handler(event, context): return event")
    function = at_moto("lambda").create_function(
        FunctionName="f", Runtime="python3.12", Role=ROLE, Handler="f.handler",
        Code={"ZipFile": code.getvalue()})["FunctionArn"]
    delivery = rules.run("lambda", {"lambda": {"functionArn": function}}, {"a": 1})
    assert delivery["response"]["status"] == 202


# RULES-390, RULES-394, RULES-398, RULES-401
def test_the_error_action_tells_what_the_service_answered(rules, at_moto):
    queue = at_moto("sqs").create_queue(QueueName="errors")["QueueUrl"]
    rules.create("missing", [{"s3": {"roleArn": ROLE, "bucketName": "no-such-bucket", "key": "k"}}],
                 error_action={"sqs": {"roleArn": ROLE, "queueUrl": queue}})
    rules.publish("missing", {"a": 1})
    message = eventually(lambda: at_moto("sqs").receive_message(QueueUrl=queue).get("Messages"))[0]
    error = json.loads(message["Body"])
    assert base64.b64decode(error["base64OriginalPayload"]) == b'{"a": 1}'
    failure = error["failures"][0]
    assert (failure["failedAction"], failure["failedResource"]) == ("S3Action", "no-such-bucket")
    assert "The specified bucket does not exist" in failure["errorMessage"]
    assert failure["errorMessage"].endswith("Action: s3, Bucket: no-such-bucket, Key: k")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps requests in the server's list."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


# RULES-446, RULES-449, RULES-453, RULES-460, RULES-461, RULES-526
def test_http_is_posted_after_its_receiver_confirmed(server, receiver):
    rules = Rules(server)
    url = f"http://127.0.0.1:{receiver.server_port}/in"
    rules.create("http", [{"http": {"url": url}}])
    path, _, body = eventually(lambda: receiver.requests)[0]
    token = json.loads(body)["confirmationToken"]
    assert path == f"/in/?confirmationToken={token}"
    rules.publish("http", {"early": True})
    refused = server.wait_for(kind="action_failed")[0]
    assert "IN_PROGRESS" in refused["why"]
    rules.iot.confirm_topic_rule_destination(confirmationToken=token)
    rows = rules.iot.list_topic_rule_destinations()["destinationSummaries"]
    assert [(row["status"], row["httpUrlSummary"]["confirmationUrl"]) for row in rows] == [("ENABLED", url)]
    rules.publish("http", {"a": 1})
    path, headers, body = eventually(lambda: receiver.requests[1:])[0]
    assert (path, json.loads(body)) == ("/in", {"a": 1})
    assert headers["content-type"] == "application/json"


def test_without_an_endpoint_nothing_leaves_and_the_call_is_shown(server):
    rules = Rules(server)
    rules.create("dry", [{"s3": {"roleArn": ROLE, "bucketName": "b", "key": "${topic()}"}}])
    rules.publish("dry", {"a": 1})
    delivery = rules.delivery("dry")
    assert (delivery["outcome"], delivery["attempts"]) == ("recorded", 0)
    assert delivery["request"]["operation"] == "S3.PutObject"
    assert delivery["request"]["url"] == f"https://s3.{REGION}.amazonaws.com/b/to/dry"
    assert delivery["request"]["body"] == {"a": 1}


# API-202, API-203, RULES-450, RULES-451, RULES-453
def test_the_link_of_a_confirmation_enables_the_destination(server, receiver):
    rules = Rules(server)
    url = f"http://127.0.0.1:{receiver.server_port}"
    with pytest.raises(rules.iot.exceptions.InvalidRequestException):
        rules.create("elsewhere", [{"http": {"url": f"{url}/a/b", "confirmationUrl": f"{url}/c"}}])
    rules.create("templated", [{"http": {"url": url + "/a/${topic(2)}", "confirmationUrl": f"{url}/a"}}])
    # A second rule of the same confirmation URL asks nobody again.
    rules.create("same", [{"http": {"url": f"{url}/a"}}])
    path, headers, body = eventually(lambda: receiver.requests)[0]
    asked = json.loads(body)
    headers = {name.lower(): value for name, value in headers.items()}
    assert path == f"/a/?confirmationToken={asked['confirmationToken']}"
    assert headers["x-amz-rules-engine-message-type"] == asked["messageType"] == "DestinationConfirmation"
    assert headers["x-amz-rules-engine-destination-arn"] == asked["arn"]
    # What a person does who follows the link: no signature, no client of AWS.
    with urllib.request.urlopen(asked["enableUrl"]) as answer:
        assert answer.status == 200
    rules.publish("templated", {"a": 1})
    path, _, body = eventually(lambda: receiver.requests[1:])[0]
    assert (path, json.loads(body)) == ("/a/templated", {"a": 1})


# API-203, API-209
def test_destinations_may_enable_themselves(own_server, receiver):
    rules = Rules(own_server(http_destinations="auto"))
    url = f"http://127.0.0.1:{receiver.server_port}/in"
    rules.create("auto", [{"http": {"url": url}}])
    rules.publish("auto", {"a": 1})
    path, _, body = eventually(lambda: receiver.requests)[0]
    assert (path, json.loads(body)) == ("/in", {"a": 1})


# RULES-413, RULES-416, RULES-418, RULES-421, RULES-427
def test_metrics_and_service_log_tell_of_rules(server):
    rules = Rules(server)
    rules.create("counted", [{"republish": {"roleArn": ROLE, "topic": "out"}}, {"republish": {"roleArn": ROLE, "topic": "${nope}"}}])
    rules.publish("counted", {"a": 1})
    rules.data.publish(topic="$aws/rules/nameless/x", payload=b"{}")
    server.wait_for(kind="rule_not_found")

    def counted():
        with urllib.request.urlopen(f"{server.api}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return [line.rsplit(" ", 1) for line in lines if 'rule_name="counted"' in line or 'rule_name="nameless"' in line]

    def value(metric, rule, action=None):
        return [int(float(count)) for line, count in counted()
                if line.startswith(f"aws_iot_{metric}_total{{") and f'rule_name="{rule}"' in line
                and (action is None or f'action_type="{action}"' in line)]

    eventually(lambda: value("failure", "counted", "republish"))
    assert value("topic_match", "counted") == [1]
    assert value("success", "counted", "republish") == value("failure", "counted", "republish") == [1]
    assert value("rule_not_found", "nameless") == [1]
