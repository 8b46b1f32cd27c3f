"""Any failure becomes one line on stderr and an exit code; no traceback reaches an operator."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import types
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest

from station import errors
from station.cli import dispatch as dispatching
from station.cli.dispatch import COMMANDS, Command, dispatch
from station.problem import Sentence


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Make `station fake` do what it is given."""

    def install(act: Callable[[], object]) -> None:
        module = types.ModuleType("a_command_for_tests")

        def app(_words: list[str], *, prog_name: str, standalone_mode: bool) -> object:
            assert prog_name == "station fake"
            assert not standalone_mode
            return act()

        module.__dict__["app"] = app
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, "fake", Command(module.__name__, "for tests"))

    return install


def raising(error: BaseException) -> Callable[[], object]:
    def act() -> object:
        raise error

    return act


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of stderr; nothing is on stdout."""
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (errors.UsageError("usage.no_bundle", "no bundle is chosen"), 2),
        (errors.SettingsError("settings.invalid", "no bundle is chosen"), 2),
        (errors.BundleError("bundle.x", "no bundle is chosen"), 3),
        (errors.LedgerError("ledger.corrupt", "no bundle is chosen"), 4),
        (errors.UsbAccessError("usb.access_denied", Sentence("no bundle is chosen")), 5),
        (errors.BusyError("station.busy", "no bundle is chosen"), 6),
        (errors.StationError("line.stopped", "no bundle is chosen"), 1),
    ],
)
def test_each_error_has_its_exit_code(
    command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    error: errors.StationError,
    exit_code: int,
) -> None:
    command(raising(error))
    assert dispatch(["fake"]) == exit_code
    assert one_line(capsys) == f"{error.code}: no bundle is chosen. {error.hint}".rstrip()


def test_too_many_open_files_are_no_mistake_of_the_program(
    command: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(OSError(errno.EMFILE, "Too many open files")))
    assert dispatch(["fake"]) == 70
    assert one_line(capsys).startswith("station.no_descriptors: ")


def test_a_message_can_neither_begin_a_line_nor_steer_the_terminal(
    command: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    command(raising(errors.BundleError("bundle.x", "a name\nwith \x1b[31mcolour")))
    assert dispatch(["fake"]) == 3
    assert one_line(capsys) == "bundle.x: a name with \\x1b[31mcolour."


@pytest.mark.parametrize(("returned", "exit_code"), [(None, 0), (0, 0), (1, 1), (4, 4), (130, 130)])
def test_what_a_command_returns_is_the_exit_code(
    command: Callable[[Callable[[], object]], None], returned: int | None, exit_code: int
) -> None:
    command(lambda: returned)
    assert dispatch(["fake"]) == exit_code


def test_ctrl_c(command: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]) -> None:
    command(raising(KeyboardInterrupt()))
    assert dispatch(["fake"]) == 130
    assert one_line(capsys) == "station.interrupted: interrupted."


@pytest.mark.parametrize("named_by", ["option", "joined option", "environment"])
def test_a_mistake_of_ours_goes_to_the_data_folder(
    command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    named_by: str,
) -> None:
    command(raising(ZeroDivisionError("oh no")))
    words = {"option": ["--data-dir", str(tmp_path)], "joined option": [f"--data-dir={tmp_path}"], "environment": []}
    if named_by == "environment":
        monkeypatch.setenv("STATION_DATA_DIR", str(tmp_path))
    assert dispatch(["fake", *words[named_by]]) == 70, "1 would say that a unit did not pass"
    line = one_line(capsys)
    (saved,) = (tmp_path / "logs").iterdir()
    assert line.startswith("station.internal: the station made a mistake (ZeroDivisionError: oh no); details are in ")
    assert str(saved) in line
    text = saved.read_text()
    assert "Traceback (most recent call last)" in text
    assert "command: station fake" in text


def test_a_mistake_with_no_data_folder_goes_to_the_temporary_folder(
    command: Callable[[Callable[[], object]], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    command(raising(ZeroDivisionError("oh no")))
    assert dispatch(["fake", "--data-dir", str(tmp_path / "missing")]) == 70
    (saved,) = tmp_path.glob("station-crash-*.txt")
    assert str(saved) in one_line(capsys)


def test_the_overview_names_every_command_and_every_module_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["--help"]) == 0
    overview = capsys.readouterr().out
    for name, command_ in COMMANDS.items():
        assert f"  {name} " in overview
        assert command_.summary in overview
        source = Path(dispatching.__file__).parent / f"{command_.module.rpartition('.')[2]}.py"
        assert source.is_file()


def test_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch([]) == 2
    assert capsys.readouterr().err.startswith("usage: station COMMAND")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["--version"]) == 0
    assert capsys.readouterr().out.startswith("station 0.")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bundel"], 'usage.unknown_command: there is no command "bundel". Did you mean: station bundle'),
        (["zzz"], 'usage.unknown_command: there is no command "zzz". station --help lists the commands.'),
        (["--foo"], "usage.unknown_command: there is no option --foo here. station --help lists the commands."),
        (
            ["db", "check", "--foo"],
            "usage.invalid: station db check: there is no option --foo here. station db check --help",
        ),
        (["db"], "usage.invalid: station db: a command is missing; --help lists them. station db --help"),
        (["unit"], "usage.invalid: station unit: SERIAL is missing. station unit --help"),
        (["export", "--format", "xml"], "usage.format: "),
        (["report", "--since", "soon"], 'usage.time: "soon" is no time. Examples: '),
    ],
)
def test_a_command_line_that_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], expected: str
) -> None:
    monkeypatch.setenv("STATION_DATA_DIR", str(tmp_path))
    if words[0] == "export":
        assert dispatch(["db", "upgrade"]) == 0
        capsys.readouterr()
    assert dispatch(words) == 2
    assert one_line(capsys).startswith(expected)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_help_shows_an_example_and_the_common_options(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert dispatch([name, "--help"]) == 0
    pages = [capsys.readouterr().out]
    if "Commands:" in pages[0]:
        rows = pages[0].partition("Commands:\n")[2].splitlines()
        for row in takewhile(str.strip, rows):
            assert dispatch([name, row.split()[0], "--help"]) == 0
            pages.append(capsys.readouterr().out)
        assert "Example" in pages.pop(0)
    for page in pages:
        assert "Example" in page
        assert "--config FILE" in page
        assert "--data-dir DIR" in page


def test_a_reader_that_leaves_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-c", "from station.cli import main; import sys; sys.argv[1:] = ['--help']; main()"],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-"])
def test_a_stream_that_is_closed_is_no_failure(tmp_path: Path, closed: str) -> None:
    command = f"exec {sys.executable} -m station bundle list --json --data-dir {tmp_path} {closed}"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stderr.startswith("station.internal")) == (0, False)


def test_what_finds_no_room_on_stdout_is_said(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m station --help > /dev/full"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stderr.split(":")[0]) == (2, "usage.output")


def test_a_current_folder_that_was_removed_is_said(tmp_path: Path) -> None:
    command = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -m station report --data-dir rel"
    result = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )
    assert (result.returncode, result.stderr.split(":")[0]) == (2, "usage.no_folder")
