"""`thingstead device create`: the printed commands work as they are pasted; `pub`, `sub` and the C header do, too."""

import shlex
import shutil
import subprocess

from thingstead_server import BINARY


def printed_commands(text):
    return [shlex.split(line) for line in text.splitlines() if line.strip().startswith("mosquitto_")]


def test_the_printed_commands_work_when_pasted(server):
    text = server.thingstead("device", "create", "lamp-1").stdout
    subscribe, publish, refused = printed_commands(text)
    with subprocess.Popen(subscribe, stdout=subprocess.PIPE, text=True, cwd=server.files) as waiting:
        server.wait_for(kind="subscribed", client="lamp-1")
        assert subprocess.run(publish, cwd=server.files, timeout=10).returncode == 0
        assert waiting.communicate(timeout=10)[0] == 'lamp-1/hello {"hello":"world"}\n'
    subprocess.run(refused, cwd=server.files, timeout=10, capture_output=True)
    server.wait_for(kind="publish_refused", client="lamp-1")
    told = server.thingstead("why").stdout
    assert "iot:Publish" in told and "topic/elsewhere/hello" in told and "fix" in told
    again = server.thingstead("device", "create", "lamp-1", check=False)
    assert again.returncode == 1 and "never overwritten" in again.stderr


def test_pub_and_sub_with_a_kit(server):
    server.thingstead("device", "create", "lamp-2")
    environment = {"THINGSTEAD_API": server.api}
    command = [BINARY, "sub", "--kit", "lamp-2", "-t", "lamp-2/#", "-C", "1", "-i", "lamp-2-sub"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=server.files, env=environment) as waiting:
        server.wait_for(kind="subscribed", client="lamp-2-sub")
        server.thingstead("pub", "--kit", "lamp-2", "-t", "lamp-2/a", "-m", "hello")
        assert waiting.communicate(timeout=10)[0] == "lamp-2/a hello\n"
    refused = server.thingstead("pub", "--kit", "lamp-2", "-t", "elsewhere", "-m", "x", check=False)
    assert refused.returncode == 1 and "NotAuthorized" in refused.stderr
    refused = server.thingstead("pub", "--kit", "lamp-2", "-i", "stranger", "-t", "lamp-2/a", check=False)
    assert refused.returncode == 1 and "thingstead why stranger" in refused.stderr


def test_the_c_header_compiles(server):
    server.thingstead("device", "create", "lamp-3", "--format", "c-header")
    source = server.files / "firmware.c"
    source.write_text('#include "lamp-3/device_kit.h"\n#include <stdio.h>\nint main(void) {\n'
                      '  printf("%s %s %d\\n%s", DEVICE_KIT_CLIENT_ID, DEVICE_KIT_HOST, DEVICE_KIT_PORT,'
                      ' DEVICE_KIT_CERTIFICATE);\n  return sizeof DEVICE_KIT_ROOT_CA DEVICE_KIT_PRIVATE_KEY == 0;\n}\n')
    subprocess.run(["cc", "-Wall", "-Werror", "-o", "firmware", "firmware.c"], cwd=server.files, check=True)
    out = subprocess.run(["./firmware"], cwd=server.files, check=True, capture_output=True, text=True).stdout
    first, pem = out.split("\n", 1)
    assert first == f"lamp-3 localhost {server.mqtts_port}"
    assert pem.startswith("-----BEGIN CERTIFICATE-----\n") and pem.endswith("-----END CERTIFICATE-----\n")


def test_the_pkcs12_file_is_read_by_openssl_and_java(server):
    out = server.thingstead("device", "create", "lamp-4", "--format", "p12", "--password", "pass word").stdout
    assert "password     pass word" in out
    store = server.files / "lamp-4" / "device.p12"
    assert store.stat().st_mode & 0o777 == 0o600

    def openssl(*options, password="pass word"):
        command = ["openssl", "pkcs12", "-in", str(store), "-passin", f"pass:{password}", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=20)

    told = openssl("-info", "-noout").stderr
    assert "PBES2, PBKDF2, AES-256-CBC" in told and "MAC: sha256" in told, told
    assert openssl("-noout", password="wrong").returncode != 0
    key, certificate = server.files / "extracted.key", server.files / "extracted.pem"
    key.write_text(openssl("-nocerts", "-nodes").stdout)
    certificate.write_text(openssl("-clcerts", "-nokeys").stdout)
    kit = ["-h", "localhost", "-p", str(server.mqtts_port), "--cafile", str(server.files / "lamp-4" / "root-ca.pem"),
           "--cert", str(certificate), "--key", str(key), "-i", "lamp-4"]
    done = subprocess.run(["mosquitto_pub", *kit, "-q", "1", "-t", "lamp-4/hello", "-m", "x"], capture_output=True, timeout=10)
    assert done.returncode == 0, done.stderr
    if shutil.which("keytool"):
        command = ["keytool", "-list", "-storetype", "PKCS12", "-keystore", str(store), "-storepass", "pass word"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
        assert "lamp-4" in listed and "PrivateKeyEntry" in listed, listed
        assert "root-ca" in listed and "trustedCertEntry" in listed, listed
