"""Every command's help: its options in one order, and examples that are command lines of this program."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from station.cli.dispatch import COMMANDS
from station.ledger import schema_version
from station.ledger.recorder import Recorder
from station.model.events import RunFinished
from station.model.runs import Outcome
from tests.releases import make_demo_release
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import SERIAL, a_run

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
    lines = re.sub(r"\s+\((then|there): .*\)$", "", listed.strip())
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


WITH_A_LOG = """bundle demo, bundle import, bundle list, bundle show, bundle verify, bundle use, unit, failed, report,
export, import, scrap, release, db upgrade, db check, db backup, db restore""".replace("\n", " ").split(", ")
"""Every command that needs no camera and no terminal, in an order in which one makes what the next one reads."""


def test_examples_work_as_they_stand_where_the_files_and_names_in_them_are(
    station: Station, tmp_path: Path, data_dir: Path
) -> None:
    sizes = {"hp_bytes": 8192, "he_bytes": 4096, "romfs0_bytes": 12288, "romfs1_bytes": 4096}
    for folder, version in (("release", "v5.0.0"), ("build", "v5.0.1")):
        make_demo_release(tmp_path / folder, version=version, **sizes)
    shutil.make_archive(str(tmp_path / "firmware_v5.0.0"), "zip", tmp_path / "release")
    (tmp_path / "build/out").mkdir()
    shutil.copy(tmp_path / "release/firmware_M55_HP.bin", tmp_path / "build/out/hp.bin")
    schema_version.create_or_check(data_dir)
    recorder = Recorder(data_dir, lambda _: None)
    recorder.submit(RunFinished(a_run(Outcome.FAIL, serial=SERIAL, batch="2026-47")))
    assert recorder.close(120)
    lines = [example for path in WITH_A_LOG for example in examples_of(ALL[path])]
    assert len(lines) >= len(WITH_A_LOG)
    assert not [(line, told.err) for line in lines if (told := station(*shlex.split(line)[1:])).exit_code != 0]
