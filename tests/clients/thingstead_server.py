"""Starts the built server as a process and talks to it with real clients."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("THINGSTEAD_BIN", ROOT / "target" / "debug" / "thingstead"))
READY_SECONDS = 20
STOP_SECONDS = 5


class Device:
    """A thing with its certificate, as files that clients read."""

    def __init__(self, server, name, certificate_arn, certificate, key):
        self.server, self.name, self.certificate_arn = server, name, certificate_arn
        self.certificate, self.key = certificate, key

    @property
    def certificate_id(self):
        return self.certificate_arn.rsplit("/", 1)[1]

    def tls(self):
        """The options of the mosquitto clients."""
        server = self.server
        return ["-h", "localhost", "-p", str(server.mqtts_port), "--cafile", str(server.ca),
                "--cert", str(self.certificate), "--key", str(self.key)]


class Server:
    """The server process with its data directory and addresses."""

    def __init__(self, directory, **settings):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.files = self.directory
        self.data = self.directory / "data"
        self.settings = settings
        self.process = None
        self.endpoints = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    # --- the process

    def start(self):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory)}
        settings = {
            "mqtts_addr": "127.0.0.1:0", "https_addr": "127.0.0.1:0", "api_addr": "127.0.0.1:0",
            "mqtt_addr": "127.0.0.1:0", "data_dir": str(self.data), **self.settings,
        }
        for key, value in settings.items():
            name = key if key.isupper() else f"THINGSTEAD_{key.upper()}"
            environment[name] = str(value)
        endpoints = self.data / "endpoints.json"
        endpoints.unlink(missing_ok=True)
        self.log = open(self.directory / "server.log", "ab")
        start = self.log.tell()
        self.process = subprocess.Popen([str(BINARY)], env=environment, cwd=self.directory, stdout=self.log,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            text = (self.directory / "server.log").read_bytes()[start:]
            if b"thingstead ready" in text:
                break
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{text.decode(errors='replace')}")
            time.sleep(0.02)
        self.endpoints = json.loads(endpoints.read_text())
        self.ca = self.directory / "root-ca.pem"
        self.ca.write_bytes(self.admin("GET", "ca.pem", raw=True))
        return self

    def stop(self):
        """SIGTERM; a server that does not stop in time is killed and the test fails."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the server ignored SIGTERM")
        finally:
            self.log.close()

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    # --- addresses

    @property
    def api(self):
        return f"http://{self.endpoints['api']}"

    @property
    def mqtts_port(self):
        return int(self.endpoints["mqtts"].rsplit(":", 1)[1])

    @property
    def https_port(self):
        return int(self.endpoints["https"].rsplit(":", 1)[1])

    @property
    def mqtt_port(self):
        return int(self.endpoints["mqtt"].rsplit(":", 1)[1])

    # --- the admin API

    def admin(self, method, path, body=None, raw=False):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}/_thingstead/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return content if raw else json.loads(content)

    def reset(self):
        self.admin("POST", "reset")

    def wait_for(self, count=1, timeout_ms=5000, **query):
        """The journal's events that match, or a failure that shows what happened instead."""
        answer = self.admin("POST", "journal/wait", {"count": count, "timeout_ms": timeout_ms, **query})
        if not answer["satisfied"]:
            happened = [f"{e['seq']} {e['kind']} {e['client']} {e['topic']} {e['why']}"
                        for e in self.admin("GET", "journal?limit=30")["events"]]
            raise AssertionError(f"no {query} within {timeout_ms} ms; the journal says:\n" + "\n".join(happened))
        return answer["events"]

    def newest_event(self):
        """The sequence number of the newest journal event."""
        return max((event["seq"] for event in self.admin("GET", "journal?limit=1")["events"]), default=0)

    def explain(self, **query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.admin("GET", f"explain?{text}")["explanations"]

    # --- AWS clients

    def boto(self, service, **options):
        import boto3
        return boto3.client(service, endpoint_url=self.api, **options)

    def aws(self, *arguments, check=True):
        """The AWS CLI; its JSON answer, or the finished process where `check` is off."""
        command = [sys.executable, "-m", "awscli", "--endpoint-url", self.api, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.files, timeout=60)
        if not check:
            return done
        assert done.returncode == 0, f"aws {' '.join(arguments)}: {done.stderr}"
        if not done.stdout.strip():
            return None
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return done.stdout.strip()

    def thingstead(self, *arguments, check=True):
        """Our own command line against this server."""
        done = subprocess.run([str(BINARY), *arguments], capture_output=True, text=True, cwd=self.files, timeout=60,
                              env={"PATH": os.environ["PATH"], "THINGSTEAD_API": self.api})
        assert not check or done.returncode == 0, f"thingstead {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done

    def device(self, name, policy="allow-all", active=True, attach_thing=True):
        """A thing with key and certificate. `policy`: "allow-all", None, or a list of statements."""
        iot = self.boto("iot")
        iot.create_thing(thingName=name)
        made = iot.create_keys_and_certificate(setAsActive=active)
        if policy is not None:
            statements = [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}] if policy == "allow-all" else policy
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            iot.create_policy(policyName=f"{name}-policy", policyDocument=document)
            iot.attach_policy(policyName=f"{name}-policy", target=made["certificateArn"])
        if attach_thing:
            iot.attach_thing_principal(thingName=name, principal=made["certificateArn"])
        certificate, key = self.files / f"{name}.pem", self.files / f"{name}.key"
        certificate.write_text(made["certificatePem"])
        key.write_text(made["keyPair"]["PrivateKey"])
        return Device(self, name, made["certificateArn"], certificate, key)


def arn(resource, account="000000000000", region="us-east-1"):
    return f"arn:aws:iot:{region}:{account}:{resource}"


def mosquitto_pub(*arguments, timeout=10):
    return subprocess.run(["mosquitto_pub", *map(str, arguments)], capture_output=True, text=True, timeout=timeout)


@contextlib.contextmanager
def mosquitto_sub(server, client, *arguments, filters=1):
    """A subscriber that is subscribed when the block begins; `.communicate()` gives what it printed."""
    command = ["mosquitto_sub", "-i", client, *map(str, arguments)]
    before = server.newest_event()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        server.wait_for(kind="subscribed", client=client, count=filters, after_seq=before)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            # Its signal handler takes a lock that it holds itself when it is interrupted while it reads.
            process.kill()
            process.wait(5)
