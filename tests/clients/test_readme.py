"""The README's first five minutes, executed line by line as they are printed."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from thingstead_server import BINARY, ROOT

STORY_BEGINS, STORY_ENDS = "## The first five minutes", "## What works"
ELLIPSIS = "…"


def story():
    """Commands with the output that stands under them: [(command, [line, …]), …]."""
    text = (ROOT / "README.md").read_text()
    text = text[text.index(STORY_BEGINS):text.index(STORY_ENDS)]
    steps = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append([line[2:], []])
            elif line.startswith("> "):
                steps[-1][0] += "\n" + line[2:]
            else:
                steps[-1][1].append(line)
    return steps


def matches(expected, printed):
    """`…` stands for any text, and alone on a line for any lines."""
    pattern = ""
    for line in expected:
        if line == ELLIPSIS:
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.split(ELLIPSIS)) + r"\n"
    return re.fullmatch(pattern, printed) is not None


def test_the_first_five_minutes_are_true(own_server, tmp_path):
    server = own_server()
    tools = tmp_path / "bin"
    tools.mkdir()
    os.symlink(BINARY, tools / "thingstead")
    (tools / "aws").write_text(f"#!/bin/sh\nexec {sys.executable} -m awscli \"$@\"\n")
    (tools / "aws").chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    path = f"{tools}:{pathlib.Path(shutil.which('mosquitto_pub')).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(home), "THINGSTEAD_API": server.api, "AWS_EC2_METADATA_DISABLED": "true"}
    done_mark = "--done--"
    steps = story()
    assert len(steps) > 12
    with subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd=home, env=environment, bufsize=1) as shell:
        def run(command):
            shell.stdin.write(f"{command}\necho {done_mark}\n")
            shell.stdin.flush()
            printed = ""
            for line in shell.stdout:
                # The last line of a command may come without its end.
                if line.rstrip("\n").endswith(done_mark):
                    printed += line.rstrip("\n").removesuffix(done_mark)
                    break
                printed += line
            return printed if not printed or printed.endswith("\n") else printed + "\n"

        subscribed, background = 0, False
        for command, expected in steps:
            # The story's ports are the default ones; this server has free ones.
            command = command.replace("127.0.0.1:4566", server.endpoints["api"]).replace("-p 8883", f"-p {server.mqtts_port}")
            if command.endswith(" &"):
                # A person sees the background job's output when it comes: with the next command's.
                run(f"{command[:-2]} > waiting.out 2>&1 &\nwaiting=$!")
                subscribed += 1
                server.wait_for(kind="subscribed", count=subscribed)
                background = True
                continue
            printed = run(command)
            if background and expected and not matches(expected, printed):
                printed += run("wait $waiting; cat waiting.out")
                background = False
            assert matches(expected, printed), f"$ {command}\nexpected:\n" + "\n".join(expected) + f"\nprinted:\n{printed}"
        shell.stdin.close()


def test_the_harness_notices_a_wrong_line():
    assert matches(["a…c", "…", "z"], "abc\nx\ny\nz\n")
    assert matches(["a", "…"], "a\n")
    assert not matches(["a…c"], "abd\n")
    assert not matches(["a"], "a\nb\n")
