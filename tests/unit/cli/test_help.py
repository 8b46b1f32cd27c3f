"""Every command's help: its options in one order, and examples that are command lines of this program."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from station.cli.dispatch import COMMANDS
from tests.unit.cli.conftest import Station

LAST = ["--config", "--data-dir", "--json"]
"""The options that nearly every command has, in this order, behind its own."""


def commands_of(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    for word, below in getattr(command, "commands", {}).items():
        yield from commands_of(f"{name} {word}", below)
    if not getattr(command, "commands", None) or command.invoke_without_command:
        yield name, command


APPS = {name: typer.main.get_command(importlib.import_module(row.module).app) for name, row in COMMANDS.items()}
ALL = {path: command for name, app in APPS.items() for path, command in commands_of(name, app)}


def examples_of(command: Any) -> list[str]:
    """The command lines of its epilog."""
    _, _, listed = (command.epilog or "").partition(":")
    lines = re.sub(r"\s+\(then: .*\)$", "", listed.strip())
    return [line.strip() for line in re.split(r"; (?=station )", lines) if line.strip()]


@pytest.mark.parametrize("path", ALL)
def test_the_common_options_come_last_and_in_one_order(path: str) -> None:
    options = [param.opts[0] for param in ALL[path].params if param.opts[0].startswith("--") and not param.hidden]
    common = [option for option in options if option in LAST]
    assert common == [option for option in LAST if option in common]
    assert options[len(options) - len(common) :] == common
    assert {"--config", "--data-dir"} <= set(common)


@pytest.mark.parametrize("path", ALL)
def test_every_example_is_a_command_line_that_is_understood(path: str) -> None:
    examples = examples_of(ALL[path])
    assert examples, "a help without an example"
    for example in examples:
        program, name, *words = shlex.split(example)
        assert program == "station"
        with APPS[name].make_context(f"station {name}", words) as context:
            group: Any = context.command
            assert not hasattr(group, "commands") or group.invoke_without_command or words[0] in group.commands
            if hasattr(group, "commands") and words and words[0] in group.commands:
                group.commands[words[0]].make_context(words[0], words[1:]).close()


@pytest.mark.parametrize("path", ["bundle list", "bundle demo", "sim faults", "doctor"])
def test_examples_that_need_nothing_work_as_they_stand(station: Station, path: str, tmp_path: Path) -> None:
    for example in examples_of(ALL[path]):
        told = station(*shlex.split(example)[1:])
        assert told.exit_code == 0 or path == "doctor", told.err
        assert told.out or told.err
