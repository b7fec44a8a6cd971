"""Clients in JavaScript, the AWS SDK v3 and device clients: every file in `javascript` is run by Node's own test runner."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent / "javascript"


@pytest.fixture(scope="session")
def packages():
    """The packages of the lock file, installed once."""
    installed, wanted = HERE / "node_modules" / ".thingstead-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        done = subprocess.run(["npm", "ci", "--loglevel=error"], cwd=HERE, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, f"npm ci: {done.stdout}{done.stderr}"
        installed.write_bytes(wanted.read_bytes())


@pytest.mark.timeout(400)
@pytest.mark.parametrize("suite", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_javascript(server, packages, suite):
    environment = {"PATH": os.environ["PATH"], "HOME": str(server.files), "THINGSTEAD_API": server.api,
                   "NODE_EXTRA_CA_CERTS": str(server.ca)}
    done = subprocess.run(["node", "--test", suite], cwd=HERE, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
