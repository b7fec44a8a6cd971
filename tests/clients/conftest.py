"""One server for the whole run, reset between tests; every address on port 0."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from thingstead_server import Server  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "spec(*ids): the statements of the specification that the test checks")


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(shared_server, tmp_path):
    """A server in its first state; files of the test go to `server.files`."""
    shared_server.reset()
    shared_server.files = tmp_path
    return shared_server


@pytest.fixture
def own_server(tmp_path):
    """Starts servers that a test may stop and kill: `own_server(**settings) -> Server`."""
    started = []

    def start(name="server", **settings):
        server = Server(tmp_path / name, **settings)
        server.files = tmp_path
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """Clients find no credentials, proxies or configuration of the machine."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
