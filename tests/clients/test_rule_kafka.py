"""The `kafka` action against librdkafka's brokers, read by librdkafka's consumer, and against a broker that wants TLS and
SASL, whose requests kafka-python reads."""

import datetime
import ipaddress
import json
import ssl
import time

import boto3
import pytest
from confluent_kafka import Consumer, Producer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from kafka_broker import Broker
from moto.server import ThreadedMotoServer

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/rules"


@pytest.fixture(scope="module")
def cluster():
    """The address of a broker of librdkafka; topics have four partitions and are made when they are asked for."""
    keeper = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1})
    broker = next(iter(keeper.list_topics(timeout=5).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del keeper


def consumed(cluster, topic, count):
    consumer = Consumer({"bootstrap.servers": cluster, "group.id": f"of-{topic}", "auto.offset.reset": "earliest",
                         "check.crcs": True})
    consumer.subscribe([topic])
    found, deadline = [], time.monotonic() + 20
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
    consumer.close()
    assert len(found) == count
    return found


def vpc(server):
    answer = server.boto("iot").create_topic_rule_destination(destinationConfiguration={"vpcConfiguration": {
        "subnetIds": ["subnet-1"], "vpcId": "vpc-1", "roleArn": ROLE}})
    return answer["topicRuleDestination"]["arn"]


def run(server, name, action, *payloads):
    """Creates a rule of one action, sends it messages and answers the deliveries."""
    server.boto("iot").create_topic_rule(ruleName=name, topicRulePayload={
        "sql": f"SELECT * FROM 'to/{name}'", "awsIotSqlVersion": "2016-03-23",
        "actions": [{"kafka": {"destinationArn": vpc(server), **action}}]})
    for payload in payloads:
        server.boto("iot-data").publish(topic=f"to/{name}", qos=1, payload=payload)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        deliveries = server.admin("GET", f"deliveries?rule={name}")["deliveries"]
        if len(deliveries) >= len(payloads):
            return deliveries
        time.sleep(0.02)
    raise AssertionError("not delivered in time")


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_librdkafka_reads_what_a_rule_sends(server, cluster, compression):
    # RULES-509, RULES-515, RULES-519, RULES-520
    payloads = [json.dumps({"n": n, "text": "ä" * 4000}).encode() for n in range(3)]
    action = {"topic": f"with-{compression}", "key": "${n}", "headers": [{"key": "room", "value": "${topic(2)}"}],
              "clientProperties": {"bootstrap.servers": cluster, "security.protocol": "PLAINTEXT", "acks": "1",
                                   "compression.type": compression}}
    deliveries = run(server, f"kafka_{compression}", action, *payloads)
    assert [delivery["outcome"] for delivery in deliveries] == ["delivered"] * 3, deliveries
    messages = sorted(consumed(cluster, f"with-{compression}", 3), key=lambda message: message.key())
    assert [message.value() for message in messages] == payloads
    assert [message.key() for message in messages] == [b"0", b"1", b"2"]
    assert messages[0].headers() == [("room", f"kafka_{compression}".encode())]
    # A key finds the partition it has for Java's clients, which librdkafka chooses as well when told.
    places = {}
    reference = Producer({"bootstrap.servers": cluster, "partitioner": "murmur2"})
    for n in range(3):
        reference.produce("reference", key=str(n), callback=lambda _, m: places.setdefault(m.key(), m.partition()))
    reference.flush(10)
    assert {message.key(): message.partition() for message in messages} == places


def test_nothing_is_waited_for_with_acks_0(server, cluster):
    # RULES-515
    action = {"topic": "unheard", "partition": "2",
              "clientProperties": {"bootstrap.servers": cluster, "security.protocol": "PLAINTEXT", "acks": "0"}}
    assert run(server, "kafka_unheard", action, b"\x00\xff")[0]["outcome"] == "delivered"
    message = consumed(cluster, "unheard", 1)[0]
    assert (message.partition(), message.value(), message.key()) == (2, b"\x00\xff", None)


class Authority:
    """Signs a broker's and a client's certificate."""

    def __init__(self):
        self.key, self.certificate = self.issue("authority", ca=True)

    def issue(self, name, ca=False):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
                   .issuer_name(subject if ca else self.certificate.subject).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=9))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                   .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False))
        return key, builder.sign(key if ca else self.key, hashes.SHA256())

    def context(self, directory, wants_clients):
        key, certificate = self.issue("broker")
        files = {"key": key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()),
                 "chain": certificate.public_bytes(serialization.Encoding.PEM),
                 "ca": self.certificate.public_bytes(serialization.Encoding.PEM)}
        for name, content in files.items():
            (directory / name).write_bytes(content)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "chain", directory / "key")
        if wants_clients:
            context.load_verify_locations(directory / "ca")
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def keystore(self):
        key, certificate = self.issue("client")
        return pkcs12.serialize_key_and_certificates(b"k", key, certificate, [self.certificate],
                                                     serialization.BestAvailableEncryption(b"changeit"))

    def truststore(self):
        return pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(self.certificate, b"ca")],
                                                serialization.BestAvailableEncryption(b"changeit"))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """A server that reads secrets at moto, the client of moto, and an authority whose stores are secrets."""
    from thingstead_server import Server

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    manager = boto3.client("secretsmanager", endpoint_url=endpoint, region_name=REGION,
                           aws_access_key_id="test", aws_secret_access_key="test")
    authority = Authority()
    manager.create_secret(Name="keystore", SecretBinary=authority.keystore())
    manager.create_secret(Name="truststore", SecretBinary=authority.truststore())
    manager.create_secret(Name="user", SecretString=json.dumps({"user": "rules", "password": "hush,=ä"}))
    settings = {"account": ACCOUNT, "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test"}
    with Server(tmp_path_factory.mktemp("secrets"), **settings) as server:
        yield server, authority
    moto.stop()


def secret(name, key=None):
    kind, key = ("SecretString", f"'{key}', ") if key else ("SecretBinary", "")
    return f"${{get_secret('{name}', '{kind}', {key}'{ROLE}')}}"


def test_a_broker_that_wants_certificates_gets_one_from_the_keystore(secrets, tmp_path):
    # RULES-515, RULES-517, RULES-518
    server, authority = secrets
    broker = Broker(tls=authority.context(tmp_path, wants_clients=True))
    properties = {"bootstrap.servers": f"127.0.0.1:{broker.port}", "security.protocol": "SSL",
                  "ssl.keystore": secret("keystore"), "ssl.keystore.password": "changeit",
                  "ssl.truststore": secret("truststore"), "ssl.truststore.password": "changeit"}
    delivery = run(server, "kafka_ssl", {"topic": "t", "key": "k", "clientProperties": properties}, b'{"a":1}')[0]
    assert delivery["outcome"] == "delivered", delivery
    assert delivery["response"]["body"]["offset"] == 7
    topic, _, record = broker.records[0]
    assert (topic, bytes(record.key), bytes(record.value)) == ("t", b"k", b'{"a":1}')
    del properties["ssl.keystore"]
    refused = server_refuses(server, "kafka_nobody", properties)
    assert "TLS" in refused or "ended early" in refused, refused
    broker.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_broker_that_wants_a_password_gets_it_from_the_secret(secrets, tmp_path, mechanism):
    # RULES-516, RULES-518
    server, authority = secrets
    broker = Broker(tls=authority.context(tmp_path, wants_clients=False), users={"rules": "hush,=ä"})
    name = mechanism.split("-")[0].lower()
    properties = {"bootstrap.servers": f"127.0.0.1:{broker.port}", "security.protocol": "SASL_SSL",
                  "sasl.mechanism": mechanism, f"sasl.{name}.username": secret("user", "user"),
                  f"sasl.{name}.password": secret("user", "password"),
                  "ssl.truststore": secret("truststore"), "ssl.truststore.password": "changeit"}
    delivery = run(server, f"kafka_{name}", {"topic": "t", "clientProperties": properties}, b"1")[0]
    assert delivery["outcome"] == "delivered", delivery
    assert (broker.mechanisms, len(broker.records)) == ([mechanism], 1)
    properties[f"sasl.{name}.password"] = "wrong"
    refused = server_refuses(server, f"kafka_{name}_wrong", properties)
    assert "did not accept the credentials: wrong user or password" in refused, refused
    broker.stop()


def server_refuses(server, name, properties):
    """Why the action of a rule with these properties fails."""
    server.boto("iot").create_topic_rule(ruleName=name, topicRulePayload={
        "sql": f"SELECT * FROM 'to/{name}'", "awsIotSqlVersion": "2016-03-23",
        "actions": [{"kafka": {"destinationArn": vpc(server), "topic": "t", "clientProperties": properties}}]})
    server.boto("iot-data").publish(topic=f"to/{name}", qos=1, payload=b"{}")
    return server.wait_for(kind="action_failed", topic=f"to/{name}")[0]["why"]
