"""Every command, found in the program itself, is given what is wrong: the answer is one line of ours with a code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from station.cli.dispatch import LINE_COMMANDS
from tests.unit.cli.conftest import Station, Told
from tests.unit.cli.test_help import ALL
from tests.unit.cli.test_refused_words import PYTHONS_WORDS

NO_NUMBERS = ("abc", "", " ", "-1", "nan", "-inf", "1e99", "0x10")
HOSTILE = ("nosuch", "[red]x[/red]", "a\x1b[2Jb\nc\x07", "bad\udcffend", "%s{0}{x}", "../../etc/passwd", "\u202eevil")
BAD_CONFIGS = ("none.toml", "folder", "broken.toml", "bytes", "kinds.toml", "numbers.toml", "file/below")
NEEDS_NONE = {("slots learn", "none.toml"), ("slots learn", "file/below")}
"""It makes the file."""
BAD_FOLDERS = ("file", "file/below", "x" * 300, "circle")
BAD_FILES = ("none", "folder", "bytes", "broken.json", "broken.zip", "file/below", "circle", "x" * 300, "a\x1b[2Jb\nc")
IN_ARGUMENTS = {"SERIAL": "F319", "BUNDLE": "nosuch", "B": "nosuch", "NAME": "A1", "JSON": "{}"}
ONE_LINE = re.compile(r"[a-z_]+(\.[a-z_0-9]+)+: \S.*[.?!] \S.*\n")
LOOKED_UP = {
    "--bundle",
    "--batch",
    "--station",
    "--slot",
    "--operator",
    "--purpose",
    "--since",
    "--until",
    "--format",
    "--map",
}
NO_CONFIG = ("sim", "doctor")
WITHOUT_LOG = LINE_COMMANDS | {"test", "dashboard", "web", "sim", "doctor", "slots", "bundle", "operators-page"}
"""These wait for cameras or need no log: a folder that holds none is not what ends them."""


@pytest.fixture
def wrong(tmp_path: Path, data_dir: Path) -> Path:
    """The files that the names above mean."""
    (tmp_path / "file").write_text("x\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00\n")
    (tmp_path / "broken.toml").write_text("[run\nx = ")
    (tmp_path / "kinds.toml").write_text('run = 7\n[line]\nx = "y"\n')
    (tmp_path / "numbers.toml").write_text("[run]\nmax_attempts = -1\nboot_timeout_s = nan\n")
    (tmp_path / "broken.json").write_text("[\n")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 broken")
    (tmp_path / "circle").symlink_to("circle")
    return tmp_path


def values_of(command: Any) -> list[str]:
    """What its required arguments need, so that what comes behind them is looked at."""
    return [IN_ARGUMENTS.get(param.metavar, "none") for param in arguments_of(command) if param.required]


def arguments_of(command: Any) -> list[Any]:
    return [param for param in command.params if param.param_type_name == "argument"]


def options_of(command: Any) -> Iterator[tuple[str, Any]]:
    """Those that take a value."""
    for param in command.params:
        if param.param_type_name == "option" and not param.is_flag and param.name != "help":
            yield param.opts[0], param


def is_number(param: Any) -> bool:
    return "range" in param.type.name or param.type.name in ("integer", "float")


def is_path(param: Any) -> bool:
    return param.type.name in ("a_path", "path")


def wrong_words(command: Any) -> Iterator[list[str]]:
    """Command lines that no command can carry out, whatever the machine is."""
    given = values_of(command)
    yield [*given, "--nosuch"]
    yield from (given[:count] for count in range(len(given)))
    for option, param in options_of(command):
        yield [*given, option]
        if is_number(param):
            yield from ([*given, option, value] for value in NO_NUMBERS)
            if param.type.max is not None:
                yield [*given, option, "9" * 40]
        if is_path(param):
            yield from ([*given, option, value] for value in ("", " "))
    for place, param in enumerate(arguments_of(command)):
        if param.required and is_path(param):
            yield [*given[:place], "", *given[place + 1 :]]


def complaint(words: list[str], told: Told, *, codes: tuple[int, ...] = (2,)) -> str | None:
    """What is wrong with the answer."""
    found = [word for word in PYTHONS_WORDS if word in told.err + told.out]
    steering = [char for char in told.err[:-1] + told.out.replace("\n", "") if not char.isprintable()]
    fine = told.exit_code in codes and not found and not steering
    if fine and ONE_LINE.fullmatch(told.err):
        return None
    return f"{words}: {told.exit_code} {told.err!r} {found}"


@pytest.mark.parametrize("path", ALL)
def test_what_is_wrong_on_a_command_line(station: Station, wrong: Path, path: str) -> None:
    lines = [[*path.split(), *words] for words in wrong_words(ALL[path])]
    assert not [found for words in lines if (found := complaint(words, station(*words)))]


@pytest.mark.parametrize("path", [path for path in ALL if path != "bundle demo" and path.split()[0] not in NO_CONFIG])
def test_a_configuration_that_cannot_be_used(station: Station, wrong: Path, path: str) -> None:
    names = [name for name in BAD_CONFIGS if (path, name) not in NEEDS_NONE]
    lines = [[*path.split(), *values_of(ALL[path]), "--config", name] for name in names]
    answers = [(words, station(*words)) for words in lines]
    assert all(told.err.startswith("settings.") for _, told in answers)
    assert not [found for words, told in answers if (found := complaint(words, told))]


@pytest.mark.parametrize("path", [path for path in ALL if path.split()[0] not in WITHOUT_LOG])
def test_a_data_folder_that_is_none(station: Station, wrong: Path, path: str) -> None:
    lines = [[*path.split(), *values_of(ALL[path]), "--data-dir", name] for name in BAD_FOLDERS]
    assert not [found for words in lines if (found := complaint(words, station(*words), codes=(2, 4)))]


@pytest.mark.parametrize(
    "path", [path for path, command in ALL.items() if values_of(command) and path.split()[0] not in LINE_COMMANDS]
)
def test_an_argument_that_means_nothing(station: Station, wrong: Path, path: str) -> None:
    command = ALL[path]
    lines = [
        [*path.split(), *values_of(command)[:place], value, *values_of(command)[place + 1 :]]
        for place, param in enumerate(arguments_of(command))
        for value in (BAD_FILES if is_path(param) else HOSTILE)
        if path not in ("bundle demo", "db backup", "sim serve") or value in ("file/below", "x" * 300)
    ]
    assert not [found for words in lines if (found := complaint(words, station(*words), codes=(2, 3, 4)))]


def looked_up(path: str) -> list[str]:
    return [option for option, _ in options_of(ALL[path]) if option in LOOKED_UP]


@pytest.mark.parametrize("path", [path for path in ALL if path.split()[0] not in WITHOUT_LOG and looked_up(path)])
def test_a_name_that_the_log_does_not_know(station: Station, wrong: Path, path: str) -> None:
    options = looked_up(path)
    lines = [[*path.split(), *values_of(ALL[path]), option, value] for option in options for value in HOSTILE]
    assert not [found for words in lines if (found := complaint(words, station(*words), codes=(2, 4)))]
