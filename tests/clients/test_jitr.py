"""Just-in-time registration over real TLS: a device with a certificate of its maker's CA connects, and is let in when it is activated."""

import json
import subprocess

import pytest

from recording_client import RecordingClient
from thingstead_server import Device, mosquitto_pub

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})


def openssl(server, *arguments):
    subprocess.run(["openssl", *map(str, arguments)], cwd=server.files, check=True, capture_output=True)


def read(server, name):
    return (server.files / name).read_text()


class Maker:
    """A CA of one's own, registered in an account with a verification certificate for its registration code."""

    def __init__(self, server, name, account="000000000000", automatic=True):
        self.server, self.name, self.account = server, name, account
        self.iot = server.boto("iot", aws_access_key_id=account, aws_secret_access_key="x", region_name="us-east-1")
        openssl(server, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/O={name}/CN={name} CA", "-days", "30",
                "-keyout", f"{name}.key", "-out", f"{name}.pem", "-addext", "basicConstraints=critical,CA:TRUE")
        self.sign("verification", self.iot.get_registration_code()["registrationCode"])
        self.ca = self.iot.register_ca_certificate(
            caCertificate=read(server, f"{name}.pem"), verificationCertificate=read(server, "verification.pem"),
            setAsActive=True, allowAutoRegistration=automatic)

    def sign(self, name, common_name):
        openssl(self.server, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={common_name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(self.server, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
                "-CAcreateserial", "-days", "30", "-out", f"{name}.pem")

    def device(self, name):
        """A device as it leaves the factory: no account has heard of it, and it does not bring the CA's certificate along."""
        self.sign(name, name)
        der = subprocess.run(["openssl", "x509", "-in", f"{name}.pem", "-noout", "-fingerprint", "-sha256"],
                             cwd=self.server.files, check=True, capture_output=True, text=True).stdout
        identity = der.split("=")[1].strip().replace(":", "").lower()
        arn = f"arn:aws:iot:us-east-1:{self.account}:cert/{identity}"
        return Device(self.server, name, arn, self.server.files / f"{name}.pem", self.server.files / f"{name}.key")

    @property
    def topic(self):
        return f"$aws/events/certificates/registered/{self.ca['certificateId']}"

    def status(self, device):
        return self.iot.describe_certificate(certificateId=device.certificate_id)["certificateDescription"]["status"]


def connects(device):
    return mosquitto_pub(*device.tls(), "-i", device.name, "-t", "hello", "-m", "x", "-q", 1).returncode == 0


def test_the_first_connection_registers_and_is_refused(server):
    # PROV-018, PROV-052, PROV-053, PROV-054, PROV-055, PROV-056, PROV-057, PROV-059, PROV-060, PROV-063, API-155
    maker = Maker(server, "lamps")
    device = maker.device("lamp-1")
    with RecordingClient(server, "watcher").subscribe("$aws/events/certificates/registered/#") as watcher:
        assert not connects(device)
        [(topic, event)] = watcher.wait_for(1)
        assert topic == maker.topic
        assert event.pop("timestamp") > 1_600_000_000_000
        assert int(event.pop("certificateRegistrationTimestamp")) > 1_600_000_000_000
        assert event == {"certificateId": device.certificate_id, "caCertificateId": maker.ca["certificateId"],
                         "certificateStatus": "PENDING_ACTIVATION", "awsAccountId": "000000000000"}
        described = maker.iot.describe_certificate(certificateId=device.certificate_id)["certificateDescription"]
        assert (described["status"], described["caCertificateId"]) == ("PENDING_ACTIVATION", maker.ca["certificateId"])
        assert described["certificatePem"].split() == read(server, "lamp-1.pem").split()
        # As long as it is pending, each contact is told again and refused.
        assert not connects(device)
        assert [event["certificateId"] for _, event in watcher.wait_for(2)] == [device.certificate_id] * 2
        maker.iot.update_certificate(certificateId=device.certificate_id, newStatus="ACTIVE")
        # Activated, it is let in by TLS; without a policy not by the broker.
        assert not connects(device)
        maker.iot.create_policy(policyName="lamps", policyDocument=OPEN)
        maker.iot.attach_policy(policyName="lamps", target=device.certificate_arn)
        assert connects(device)
        assert len(watcher.messages) == 2


def test_a_rule_can_activate_what_registers(server):
    # PROV-058, API-227: the messages are for rules and subscribers, and nobody else's to publish
    maker = Maker(server, "locks")
    rule = {"sql": "SELECT certificateId, topic(4) AS what, caCertificateId FROM '$aws/events/certificates/registered/#'",
            "actions": [{"republish": {"topic": "activate", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}
    maker.iot.create_topic_rule(ruleName="registered", topicRulePayload=rule)
    device = maker.device("lock-1")
    with RecordingClient(server, "lambda").subscribe("activate", maker.topic) as watcher:
        assert not connects(device)
        [(_, copied)] = watcher.wait_for(1, "activate")
        assert copied["certificateId"] == device.certificate_id
        watcher.wait_for(1, maker.topic)
        before = len(watcher.messages)
        with RecordingClient(server, "forger") as forger:
            forger.publish(maker.topic, {"certificateId": "00"})
        refused = server.wait_for(kind="publish_refused", client="forger")[0]
        assert refused["topic"] == maker.topic
        with RecordingClient(server, "forger-2") as forger:
            forger.publish("$aws/events/thing/t/created", {})
        server.wait_for(kind="publish_refused", client="forger-2")
        assert len(watcher.messages) == before


def test_what_no_open_ca_signed_is_refused_and_forgotten(server):
    # PROV-050, PROV-061, PROV-062
    maker = Maker(server, "closed", automatic=False)
    device = maker.device("closed-1")

    def unknown():
        assert not connects(device)
        with pytest.raises(maker.iot.exceptions.ResourceNotFoundException):
            maker.status(device)

    with RecordingClient(server, "watcher").subscribe("$aws/events/certificates/registered/#") as watcher:
        unknown()
        maker.iot.update_ca_certificate(certificateId=maker.ca["certificateId"], newAutoRegistrationStatus="ENABLE")
        maker.iot.update_ca_certificate(certificateId=maker.ca["certificateId"], newStatus="INACTIVE")
        unknown()
        assert watcher.messages == []
        maker.iot.update_ca_certificate(certificateId=maker.ca["certificateId"], newStatus="ACTIVE")
        assert not connects(device)
        watcher.wait_for(1, maker.topic)
        assert maker.status(device) == "PENDING_ACTIVATION"


def test_each_account_registers_what_its_own_ca_signed(server):
    # PROV-020, PROV-052, API-046, API-155
    here, there = Maker(server, "here", "111111111111"), Maker(server, "there", "222222222222")
    ours, theirs = here.device("ours"), there.device("theirs")
    watchers = []
    for maker in (here, there):
        made = maker.iot.create_keys_and_certificate(setAsActive=True)
        maker.iot.create_policy(policyName="open", policyDocument=OPEN)
        maker.iot.attach_policy(policyName="open", target=made["certificateArn"])
        certificate, key = server.files / f"{maker.account}.pem", server.files / f"{maker.account}.key"
        certificate.write_text(made["certificatePem"])
        key.write_text(made["keyPair"]["PrivateKey"])
        watcher = Device(server, "watcher", made["certificateArn"], certificate, key)
        watchers.append(RecordingClient(server, "watcher", device=watcher).subscribe("$aws/events/certificates/registered/#"))
    try:
        assert not connects(ours) and not connects(theirs)
        for maker, device, watcher in zip((here, there), (ours, theirs), watchers):
            [(topic, event)] = watcher.wait_for(1)
            assert (topic, event["awsAccountId"], event["certificateId"]) == (maker.topic, maker.account, device.certificate_id)
            assert maker.status(device) == "PENDING_ACTIVATION"
        with pytest.raises(here.iot.exceptions.ResourceNotFoundException):
            here.status(theirs)
        here.iot.update_certificate(certificateId=ours.certificate_id, newStatus="ACTIVE")
        here.iot.attach_policy(policyName="open", target=ours.certificate_arn)
        assert connects(ours) and not connects(theirs)
        watchers[1].wait_for(2)
        assert [len(watcher.messages) for watcher in watchers] == [1, 2]
    finally:
        for watcher in watchers:
            watcher.close()
