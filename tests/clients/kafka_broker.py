"""A Kafka broker for clients over TLS and SASL: one node, topics made when asked for, requests read by kafka-python."""

import base64
import hashlib
import hmac
import os
import socketserver
import ssl
import struct
import threading

from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from kafka.protocol.producer import ProduceRequest, ProduceResponse
from kafka.protocol.sasl import (SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
                                 SaslHandshakeResponse)
from kafka.record import MemoryRecords

PARTITIONS = 3


class Broker:
    """Keeps records; `users` may authenticate, by PLAIN or SCRAM-SHA-512. Without users nobody is asked."""

    def __init__(self, tls=None, users=None):
        self.tls, self.users, self.records, self.mechanisms = tls, users or {}, [], []
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection, bind_and_activate=True)
        self.server.daemon_threads = True
        self.server.broker = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Connection(socketserver.BaseRequestHandler):
    def handle(self):
        self.broker = self.server.broker
        self.user = None if self.broker.users else "anybody"
        self.scram = None
        try:
            if self.broker.tls:
                self.request = self.broker.tls.wrap_socket(self.request, server_side=True)
            while frame := self.frame():
                self.serve(frame)
        except (ssl.SSLError, ConnectionError):
            pass

    def frame(self):
        length = self.read(4)
        return length and self.read(struct.unpack(">i", length)[0])

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.request.recv(count - len(data))
            if not more:
                return None
            data += more
        return data

    def serve(self, frame):
        key, version, correlation = struct.unpack_from(">hhi", frame)
        kind = {0: ProduceRequest, 3: MetadataRequest, 17: SaslHandshakeRequest, 36: SaslAuthenticateRequest}[key]
        request = kind.decode(frame, version=version, header=True)
        if key in (0, 3) and self.user is None:
            return self.request.close()
        answer = {0: self.produce, 3: self.metadata, 17: self.handshake, 36: self.authenticate}[key](request)
        if answer is not None:
            body = answer.encode(version=version)
            self.request.sendall(struct.pack(">ii", len(body) + 4, correlation) + body)

    def metadata(self, request):
        topics = [topic if isinstance(topic, str) else topic.name for topic in request.topics]
        broker = MetadataResponse.MetadataResponseBroker(node_id=1, host="127.0.0.1", port=self.broker.port, rack=None)
        partition = lambda index: MetadataResponse.MetadataResponseTopic.MetadataResponsePartition(
            error_code=0, partition_index=index, leader_id=1, replica_nodes=[1], isr_nodes=[1])
        topic = lambda name: MetadataResponse.MetadataResponseTopic(
            error_code=0, name=name, is_internal=False, partitions=[partition(index) for index in range(PARTITIONS)])
        return MetadataResponse(throttle_time_ms=0, brokers=[broker], cluster_id="c", controller_id=1,
                                topics=[topic(name) for name in topics])

    def produce(self, request):
        topic = request.topic_data[0]
        partition = topic.partition_data[0]
        batches = MemoryRecords(bytes(partition.records))
        while (batch := batches.next_batch()) is not None:
            assert batch.validate_crc()
            for record in batch:
                self.broker.records.append((topic.name, partition.index, record))
        if request.acks == 0:
            return None
        Topic = ProduceResponse.TopicProduceResponse
        answer = Topic.PartitionProduceResponse(index=partition.index, error_code=0, base_offset=7,
                                                log_append_time_ms=-1)
        return ProduceResponse(responses=[Topic(name=topic.name, partition_responses=[answer])], throttle_time_ms=0)

    def handshake(self, request):
        self.broker.mechanisms.append(request.mechanism)
        self.mechanism = request.mechanism
        known = ["PLAIN", "SCRAM-SHA-512"]
        return SaslHandshakeResponse(error_code=0 if request.mechanism in known else 33, mechanisms=known)

    def authenticate(self, request):
        refusal = lambda: SaslAuthenticateResponse(error_code=58, error_message="wrong user or password", auth_bytes=b"")
        answer = lambda data: SaslAuthenticateResponse(error_code=0, error_message=None, auth_bytes=data)
        if self.mechanism == "PLAIN":
            _, user, password = bytes(request.auth_bytes).decode().split("\0")
            if self.broker.users.get(user) != password:
                return refusal()
            self.user = user
            return answer(b"")
        text = bytes(request.auth_bytes).decode()
        if self.scram is None:
            assert text.startswith("n,,")
            self.scram = Scram(self.broker.users, text[3:])
            return answer(self.scram.first())
        signature = self.scram.last(text)
        if signature is None:
            return refusal()
        self.user = self.scram.user
        return answer(signature)


class Scram:
    """The server's side of SCRAM-SHA-512 (RFC 5802)."""

    def __init__(self, users, bare):
        self.bare, parts = bare, dict(part.split("=", 1) for part in bare.split(","))
        self.user = parts["n"].replace("=2C", ",").replace("=3D", "=")
        self.nonce = parts["r"] + os.urandom(8).hex()
        self.salt, self.rounds = os.urandom(16), 4096
        password = users.get(self.user, os.urandom(8).hex())
        self.salted = hashlib.pbkdf2_hmac("sha512", password.encode(), self.salt, self.rounds)

    def first(self):
        self.answer = f"r={self.nonce},s={base64.b64encode(self.salt).decode()},i={self.rounds}"
        return self.answer.encode()

    def last(self, text):
        without, proof = text.rsplit(",p=", 1)
        assert without == f"c=biws,r={self.nonce}"
        mac = lambda key, data: hmac.digest(key, data, "sha512")
        signed = ",".join((self.bare, self.answer, without)).encode()
        stored = hashlib.sha512(mac(self.salted, b"Client Key")).digest()
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), mac(stored, signed)))
        if hashlib.sha512(key).digest() != stored:
            return None
        return b"v=" + base64.b64encode(mac(mac(self.salted, b"Server Key"), signed))
