"""Every operation of the core through the AWS CLI, in one process: what it prints is what the API answered."""

import contextlib
import io
import json
import pathlib

import awscli
import pytest
from awscli.clidriver import create_clidriver
from botocore import xform_name

from test_api_wire import CORE, House, story

# Their answer is a file.
STREAMED = {"GetThingShadow", "UpdateThingShadow", "DeleteThingShadow"}


@pytest.fixture
def cli(server, monkeypatch):
    # Where the CLI finds its own data; it says so itself when it is imported.
    monkeypatch.setenv("AWS_DATA_PATH", str(pathlib.Path(awscli.__file__).parent / "data"))
    driver = create_clidriver()

    def run(service, operation, *arguments):
        """The exit code, what was printed, and what was complained about."""
        out, complaint = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaint):
            code = driver.main([service, xform_name(operation, "-"), "--endpoint-url", server.api, *arguments])
        return code, out.getvalue(), complaint.getvalue()

    return run


def test_every_operation_goes_through_the_cli(server, cli):
    # API-389, API-390, API-391, API-392, API-393
    house, told = House(server), set()
    services = {operation: service for service, client in zip(("iot", "iot-data"), house.clients)
                for operation in client.meta.service_model.operation_names}
    for operation, parameters, expected in story(house):
        told.add(operation)
        given = {name: value.decode() if isinstance(value, bytes) else value for name, value in parameters.items()}
        arguments = ["--cli-input-json", json.dumps(given)]
        if operation in STREAMED:
            arguments = [word for name, value in given.items() for word in (f"--{xform_name(name, '-')}", value)] + [str(server.files / "out")]
        code, printed, complaint = cli(services[operation], operation, *arguments)
        if expected.endswith("Exception"):
            assert code != 0 and f"({expected})" in complaint, f"{operation}: {complaint}{printed}"
            continue
        assert code == 0, f"{operation}: {complaint}"
        answer = json.loads(printed) if printed.strip() else {}
        if operation in STREAMED:
            answer["payload"] = (server.files / "out").read_text()
        missing = [name for name in expected.split() if name not in answer]
        assert not missing, f"{operation} printed no {missing}: {printed}"
        house.kept[operation] = answer
    assert told == CORE


def test_lists_are_merged_page_by_page(server, cli):
    # API-392: the CLI follows the tokens to the end, and makes one of its own for --max-items
    iot = server.boto("iot")
    for at in range(7):
        iot.create_thing(thingName=f"t{at}")
        iot.create_policy(policyName=f"p{at}", policyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}]}')
    for operation, rows, wanted in (("ListThings", "things", [f"t{at}" for at in range(7)]), ("ListPolicies", "policies", [f"p{at}" for at in range(6, -1, -1)])):
        name = {"things": "thingName", "policies": "policyName"}[rows]
        # The other has a --page-size that is the operation's own, and stops there.
        _, printed, _ = cli("iot", operation, *(["--page-size", "2"] if operation == "ListThings" else []))
        assert [row[name] for row in json.loads(printed)[rows]] == wanted
        found, token = [], None
        while True:
            _, printed, complaint = cli("iot", operation, "--max-items", "3", *(["--starting-token", token] if token else []))
            answer = json.loads(printed)
            found += [row[name] for row in answer[rows]]
            token = answer.get("NextToken")
            if token is None:
                break
        assert found == wanted
