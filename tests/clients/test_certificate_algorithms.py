"""Which keys and signatures client certificates may have: made by openssl, registered, and used by mosquitto clients."""

import subprocess

import pytest
from botocore.exceptions import ClientError

from thingstead_server import Device, mosquitto_pub

RSA = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
PSS = ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"]


def curve(name):
    return ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{name}"]


def openssl(server, *arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, cwd=server.files)
    assert done.returncode == 0, done.stderr
    return done.stdout


def self_signed(server, algorithm, *options, subject="/CN=own"):
    openssl(server, "genpkey", *algorithm, "-out", "own.key")
    openssl(server, "req", "-x509", "-new", "-key", "own.key", "-subj", subject, "-days", 30, "-out", "own.pem", *options)
    return (server.files / "own.pem").read_text()


@pytest.mark.parametrize("algorithm, tls12", [(RSA, True), (PSS, False), (curve("P-256"), True), (curve("P-384"), True),
                                              (curve("P-521"), True)], ids=["rsa", "rsa-pss", "p256", "p384", "p521"])
def test_accepted_keys_connect(server, algorithm, tls12):
    # AUTH-033, AUTH-045: keys for RSA-PSS alone need TLS 1.3.
    iot = server.boto("iot")
    pem = self_signed(server, algorithm, "-sha256")
    made = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    document = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}'
    iot.create_policy(policyName="all", policyDocument=document)
    iot.attach_policy(policyName="all", target=made["certificateArn"])
    device = Device(server, "own", made["certificateArn"], server.files / "own.pem", server.files / "own.key")
    for version in ["tlsv1.3"] + (["tlsv1.2"] if tls12 else []):
        done = mosquitto_pub(*device.tls(), "--tls-version", version, "-i", "own", "-q", 1, "-t", "t", "-m", "x")
        assert done.returncode == 0, (version, done.stderr)


@pytest.mark.parametrize("algorithm, options", [
    (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], ["-sha256"]),
    (curve("secp256k1"), ["-sha256"]),
    (["-algorithm", "ED25519"], []),
    (RSA, ["-sha1"]),
], ids=["rsa1024", "secp256k1", "ed25519", "sha1"])
def test_other_keys_and_signatures_are_refused_when_registered(server, algorithm, options):
    # AUTH-044, AUTH-045
    pem = self_signed(server, algorithm, *options)
    with pytest.raises(ClientError) as refused:
        server.boto("iot").register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    assert refused.value.response["Error"]["Code"] == "CertificateValidationException"
    message = refused.value.response["Error"]["Message"]
    assert "RSA of at least 2048 bits" in message or "SHA-256, SHA-384 or SHA-512" in message


# OpenSSL's own choice of salt is as long as possible or, from 3.1 on, as the hash; others are as good.
PADDING = ["-sigopt", "rsa_padding_mode:pss", "-sigopt"]
SIGNATURES = {
    "rsa": (RSA, []),
    "pss-max": (RSA, PADDING + ["rsa_pss_saltlen:-2"]),
    "pss-hash": (RSA, PADDING + ["rsa_pss_saltlen:-1"]),
    "pss-none": (RSA, PADDING + ["rsa_pss_saltlen:0"]),
    "pss-17": (RSA, PADDING + ["rsa_pss_saltlen:17"]),
    "pss-key": (PSS, []),
    "p256": (curve("P-256"), []),
    "p384": (curve("P-384"), []),
    "p521": (curve("P-521"), []),
}


@pytest.mark.parametrize("digest", ["-sha256", "-sha384", "-sha512"])
@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_ca_may_sign_with_each_algorithm(server, signature, digest):
    # AUTH-044, PROV-021: the CA, its verification certificate and a device's.
    algorithm, options = SIGNATURES[signature]
    options = [digest, *options]
    ca = self_signed(server, algorithm, *options, subject="/CN=authority")
    iot = server.boto("iot")
    code = iot.get_registration_code()["registrationCode"]
    openssl(server, "genpkey", *curve("P-256"), "-out", "leaf.key")

    def signed(name):
        openssl(server, "req", "-new", "-key", "leaf.key", "-subj", f"/CN={name}", "-out", "leaf.csr")
        openssl(server, "x509", "-req", "-in", "leaf.csr", "-CA", "own.pem", "-CAkey", "own.key", "-CAcreateserial", "-days", 30,
                "-out", "leaf.pem", *options)
        return (server.files / "leaf.pem").read_text()

    iot.register_ca_certificate(caCertificate=ca, verificationCertificate=signed(code), setAsActive=True)
    device = signed("device")
    iot.register_certificate(certificatePem=device, caCertificatePem=ca, status="ACTIVE")
    # The same subject, another key: not what this CA signed.
    other = self_signed(server, algorithm, *options, subject="/CN=authority")
    assert other != ca
    with pytest.raises(ClientError) as refused:
        iot.register_certificate(certificatePem=signed("stranger"), caCertificatePem=ca, status="ACTIVE")
    assert refused.value.response["Error"]["Code"] == "CertificateValidationException", refused.value
