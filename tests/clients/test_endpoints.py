"""Endpoints by host name, and resumed TLS sessions, with OpenSSL."""

import re
import subprocess

import pytest


def s_client(server, device, *options, name="localhost", text=b"", port=None):
    """What OpenSSL reports about a connection on which it sends `text` and waits for the answer."""
    sni = ["-servername", name] if name else ["-noservername"]
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port or server.mqtts_port}", *sni, "-CAfile", str(server.ca),
               "-verify_return_error", "-cert", str(device.certificate), "-key", str(device.key), *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        out, _ = process.communicate(text, timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
    return out


# CONNECT as `d`, then DISCONNECT: the server closes, so that OpenSSL ends.
VISIT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d" + b"\xe0\x00"
CONNACK = b"\x20\x02\x00\x00"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes_until_the_certificate_is_revoked(server, tmp_path, version):
    # MQTT-029, AUTH-016: resumed from the server's memory; no ticket in TLS 1.2
    device = server.device("resumer" + version.replace("-", "").replace("_", ""))
    session = tmp_path / "session.pem"
    first = s_client(server, device, version, "-sess_out", str(session), "-ign_eof", text=VISIT)
    assert b"New, TLS" in first and CONNACK in first, first
    if version == "-tls1_2":
        assert b"TLS session ticket:" not in first and re.search(rb"Session-ID: [0-9A-F]{64}", first), first
    again = s_client(server, device, version, "-sess_in", str(session), "-sess_out", str(session), "-ign_eof", text=VISIT)
    assert b"Reused, TLS" in again and CONNACK in again, again
    server.boto("iot").update_certificate(certificateId=device.certificate_id, newStatus="REVOKED")
    refused = s_client(server, device, version, "-sess_in", str(session), "-ign_eof", text=VISIT)
    assert CONNACK not in refused, refused
    event = server.wait_for(kind="authentication_refused")[-1]
    assert (event["principal"], event["reason"]) == (device.certificate_id, "DEVICE_CERTIFICATE_REVOKED"), event


def test_a_custom_domain_has_a_certificate_of_its_own(server):
    # AUTH-014, AUTH-017, AUTH-274, MQTT-010, API-335
    device = server.device("visitor")
    server.boto("iot").create_domain_configuration(
        domainConfigurationName="lab", domainName="mqtt.lab.example", authenticationType="AWS_X509",
        applicationProtocol="SECURE_MQTT", tlsConfig={"securityPolicy": "IoTSecurityPolicy_TLS13_1_3_2022_10"})
    options = ["-verify_hostname", "mqtt.lab.example", "-ign_eof"]
    seen = s_client(server, device, *options, name="mqtt.lab.example", text=VISIT)
    assert b"Verification: OK" in seen and CONNACK in seen, seen
    # At the shared port too, whatever ALPN says.
    seen = s_client(server, device, *options, "-alpn", "x-amzn-http-ca", name="mqtt.lab.example", text=VISIT,
                    port=server.https_port)
    assert CONNACK in seen, seen
    seen = s_client(server, device, "-tls1_2", "-ign_eof", name="mqtt.lab.example", text=VISIT)
    assert b"alert protocol version" in seen and CONNACK not in seen, seen
    server.boto("iot").update_domain_configuration(domainConfigurationName="lab", domainConfigurationStatus="DISABLED")
    seen = s_client(server, device, "-ign_eof", name="mqtt.lab.example", text=VISIT)
    assert b"unrecognized name" in seen, seen
    events = server.wait_for(kind="authentication_refused", count=2)
    assert events[-1]["reason"] == "DOMAIN_CONFIGURATION_DISABLED", events
    iot = server.boto("iot")
    iot.delete_domain_configuration(domainConfigurationName="lab")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_domain_configuration(domainConfigurationName="lab")
