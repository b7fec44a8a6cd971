#!/usr/bin/env python3
"""The floor plan holds: a crate depends only on floors below its own, and no source file has grown past 500 lines."""

import pathlib
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLOORS = {
    "core": 0, "mqtt-wire": 1, "policy-engine": 1, "store": 1, "registry": 2, "broker": 3, "rules": 3, "shadow": 3,
    "api": 4, "console": 4, "telemetry": 4, "thingstead": 5, "tests": 6,
}
MAX_LINES = 500


def reaching_up():
    for crate, floor in FLOORS.items():
        manifest = tomllib.loads((ROOT / crate / "Cargo.toml").read_text())
        for name in manifest.get("dependencies", {}):
            folder = name.removeprefix("thingstead-")
            if name.startswith("thingstead") and FLOORS[folder] >= floor:
                yield f"{crate} (floor {floor}) depends on {folder} (floor {FLOORS[folder]})"


def grown_files():
    listed = subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split():
        if pathlib.Path(name).name == "generated.rs":
            continue
        lines = len((ROOT / name).read_text().splitlines())
        if lines > MAX_LINES:
            yield f"{name} has {lines} lines; find the second job in it"


complaints = [*reaching_up(), *grown_files()]
print("\n".join(complaints) or f"{len(FLOORS)} crates stand on their floors")
sys.exit(bool(complaints))
