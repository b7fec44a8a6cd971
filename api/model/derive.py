#!/usr/bin/env python3
"""Derives the service models of this folder from the botocore package.

    pip install botocore==1.44.5
    python3 derive.py            writes iot.json, iot-data.json, iot-jobs-data.json
    python3 derive.py --check    exits 1 when a committed file differs from what would be written

What is kept: operations with method, path, shapes and errors; shapes with the places and constraints of their members.
What is not: prose, examples, shapes that no operation reaches. One operation or shape a line, so that a diff can be read.
"""

import json
import pathlib
import sys

BOTOCORE = "1.44.5"
SERVICES = ["iot", "iot-data", "iot-jobs-data"]
PLACES = {"uri": "uri", "querystring": "query", "header": "header", "statusCode": "status"}
CONSTRAINTS = ["min", "max", "pattern", "enum"]


def derive(service):
    import botocore.loaders

    source = botocore.loaders.Loader().load_service_model(service, "service-2")
    shapes = source["shapes"]
    operations, reached, errors = {}, {}, {}
    for name, found in sorted(source["operations"].items()):
        operation = {"method": found["http"]["method"], "uri": found["http"]["requestUri"]}
        for side in ("input", "output"):
            if side in found:
                operation[side] = found[side]["shape"]
                reach(found[side]["shape"], shapes, reached)
        operation["errors"] = sorted(error["shape"] for error in found.get("errors", []))
        operations[name] = operation
        for error in operation["errors"]:
            errors[error] = status(error, shapes)
    return {
        "service": service,
        "signingName": source["metadata"]["signingName"],
        "botocore": BOTOCORE,
        "errors": dict(sorted(errors.items())),
        "operations": operations,
        "shapes": dict(sorted(reached.items())),
    }


def status(error, shapes):
    return shapes[error].get("error", {}).get("httpStatusCode") or (500 if shapes[error].get("fault") else 400)


def reach(name, shapes, reached):
    if name in reached:
        return
    found = shapes[name]
    shape = {"type": found["type"]}
    reached[name] = shape
    shape |= {key: found[key] for key in CONSTRAINTS if key in found}
    if found["type"] == "structure":
        if found.get("required"):
            shape["required"] = found["required"]
        if found.get("payload"):
            shape["payload"] = found["payload"]
        shape["members"] = {member: place(member, given) for member, given in found["members"].items()}
        inner = [given["shape"] for given in found["members"].values()]
    elif found["type"] == "list":
        shape["member"] = found["member"]["shape"]
        inner = [shape["member"]]
    elif found["type"] == "map":
        shape["key"], shape["value"] = found["key"]["shape"], found["value"]["shape"]
        inner = [shape["key"], shape["value"]]
    else:
        inner = []
    for one in inner:
        reach(one, shapes, reached)


def place(name, given):
    """A member: the name of its shape alone, or with the place and the name it has there."""
    member = {"shape": given["shape"]}
    if "location" in given:
        member["in"] = PLACES[given["location"]]
    if given.get("locationName", name) != name:
        member["as"] = given["locationName"]
    return member if len(member) > 1 else given["shape"]


def written(model):
    def line(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    parts = []
    for key, value in model.items():
        if isinstance(value, dict):
            rows = ",\n".join(f"{line(name)}:{line(one)}" for name, one in value.items())
            parts.append(f"{line(key)}:{{\n{rows}\n}}")
        else:
            parts.append(f"{line(key)}:{line(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    import botocore

    if botocore.__version__ != BOTOCORE:
        sys.exit(f"derive.py: botocore is {botocore.__version__}, the models are those of {BOTOCORE}")
    differing = []
    for service in SERVICES:
        path = pathlib.Path(__file__).with_name(f"{service}.json")
        text = written(derive(service))
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text() != text:
                differing.append(path.name)
        else:
            path.write_text(text)
    if differing:
        sys.exit(f"derive.py: {', '.join(differing)} differ from what the script derives; run it without --check")


if __name__ == "__main__":
    main()
