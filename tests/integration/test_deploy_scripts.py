"""The scripts that stand on the station's machine: what they do unseen, and that nothing is behind the kiosk."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from station.cli.dispatch import EXIT_INTERNAL
from station.ledger import schema_version
from tests.harness import wait_for

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SCRIPTS = ("install", "bundle-offline", "station", "station.bash", "backup", "kiosk", "setup-venv", "demo")
STATION = Path(sys.executable).parent / "station"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not on this machine")
@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_finds_nothing(name: str) -> None:
    words = ["shellcheck", *(["--shell=bash"] if name.endswith(".bash") else []), str(DEPLOY / name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout == ""


def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize(
    "words", [("--frobnicate",), ("--offline",), ("--offline", "/no/such/folder"), ("more", "words")]
)
def test_the_installer_changes_nothing_on_a_wrong_command_line(words: tuple[str, ...]) -> None:
    done = run(DEPLOY / "install", *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_the_installer_says_how_it_is_used() -> None:
    done = run(DEPLOY / "install", "--help")
    assert done.returncode == 0
    for option in ("--offline", "--kiosk", "--web", "--uninstall"):
        assert option in done.stdout


def test_a_folder_that_could_not_be_finished_is_not_there(tmp_path: Path) -> None:
    """Its environment is not made, in the middle of the work."""
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "python3").write_text('#!/bin/sh\n[ "$1" = -c ] || { echo "no space left" >&2; exit 1; }\n')
    (commands / "python3").chmod(0o755)
    wanted = tmp_path / "made/release"
    done = run(DEPLOY / "bundle-offline", wanted, PATH=f"{commands}:{os.environ['PATH']}")
    assert done.returncode != 0
    assert "no space left" in done.stderr
    assert list((tmp_path / "made").iterdir()) == []


def test_a_folder_with_something_in_it_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").touch()
    done = run(DEPLOY / "bundle-offline", tmp_path / "theirs")
    assert done.returncode == 2
    assert [file.name for file in (tmp_path / "theirs").iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("bun", {"bundle"}),
        ("oper", {"operators-page"}),
        ("bundle s", {"show", "sign"}),
        ("run --ba", {"--batch"}),
        ("run --json --ba", {"--batch"}),
        ("bundle sign v5 --k", {"--key"}),
    ],
)
def test_a_shell_completes_the_station_s_words(typed: str, offered: set[str]) -> None:
    words = ["station", *typed.split(" ")]
    script = (
        f"source {DEPLOY / 'station.bash'}; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; "
        'COMPREPLY=(); _station; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = run("bash", "-c", script, PATH=f"{STATION.parent}:{os.environ['PATH']}")
    assert set(done.stdout.split()) == offered, done.stderr


def of_installer(names: str, call: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """Some functions of deploy/install, by their names, and then a call."""
    text = (DEPLOY / "install").read_text()
    found = [re.search(rf"(?ms)^{name}\(\) (\{{ .*?\}}$|\{{$.*?^\}}$)", text) for name in names.split()]
    assert all(found), names
    given = [f"{name}={shlex.quote(str(value))}" for name, value in variables.items()]
    functions = [function.group() for function in found if function]
    return run("bash", "-euo", "pipefail", "-c", "\n".join([*given, *functions, call]))


def test_copies_of_before_an_upgrade_are_kept_for_the_last_ones_only(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    for day in range(1, 8):
        copy = tmp_path / f"backups/before-{9 - day}.0-x-2026010{day}T000000Z.sqlite3"
        copy.touch()
        os.utime(copy, (day, day))
    (tmp_path / "backups/by-hand.sqlite3").touch()
    done = of_installer("forget_old_backups", "forget_old_backups", DATA=tmp_path, KEEP_BEFORE=2)
    assert done.returncode == 0, done.stderr
    kept = sorted(file.name for file in (tmp_path / "backups").iterdir())
    assert kept == [
        "before-2.0-x-20260107T000000Z.sqlite3",
        "before-3.0-x-20260106T000000Z.sqlite3",
        "by-hand.sqlite3",
    ], "by their age, not by their names"


def test_what_pip_says_is_shown_and_no_tampering_is_claimed(tmp_path: Path) -> None:
    for name in ("deploy", "config", "wheels"):
        (tmp_path / "source" / name).mkdir(parents=True)
    for name in ("README.md", "LICENSE", "requirements.txt"):
        (tmp_path / "source" / name).touch()
    pip = tmp_path / "source/wheels/pip-1.whl"
    pip.mkdir()
    (pip / "pip").write_text("import sys; sys.exit('No space left on device')\n")
    given = {"OPT": tmp_path / "opt", "source": tmp_path / "source", "scratch": tmp_path}
    done = of_installer("say refuse make_release", "make_release 1.0", **given)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "is not what it was" not in done.stderr
    assert list((tmp_path / "opt/releases").iterdir()) == []
    (pip / "pip").write_text("import sys; sys.exit('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM ...')\n")
    assert "is not what it was" in of_installer("say refuse make_release", "make_release 1.0", **given).stderr


def test_a_mistake_of_ours_is_restarted_and_what_a_person_must_fix_is_not() -> None:
    """Of the line as a service."""
    unit = (DEPLOY / "systemd/openmv-ae3-station.service").read_text()
    said = dict(re.findall(r"(?m)^(SuccessExitStatus|RestartPreventExitStatus)=(.*)$", unit))
    stays_down = {int(code) for words in said.values() for code in words.split()}
    assert stays_down == {1, 130, 2, 3, 4}
    assert EXIT_INTERNAL not in stays_down
    assert re.search(r"(?m)^Restart=on-failure$", unit)


# --- the nightly backup -----------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A data folder with a log."""
    data = tmp_path / "data"
    data.mkdir()
    schema_version.create_or_check(data)
    return data


def back_up(data: Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    given = {"STATION": str(STATION), "STATION_DATA_DIR": str(data), "BACKUP_DIR": str(folder), **environment}
    return run(DEPLOY / "backup", **given)


def test_a_backup_is_restored_once_and_the_oldest_are_removed(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for day in range(1, 4):
        (folder / f"nightly-2026010{day}T000000Z.sqlite3").touch()
    (folder / "by-hand.sqlite3").touch()
    done = back_up(log, folder, BACKUP_KEEP="2")
    assert done.returncode == 0, done.stderr
    assert "restored the log from" in done.stderr
    assert "the log is sound" in done.stdout
    kept = sorted(file.name for file in folder.iterdir())
    assert kept[0] == "by-hand.sqlite3", "only nightly ones are removed"
    assert kept[1] == "nightly-20260103T000000Z.sqlite3"
    assert len(kept) == 3


def test_a_copy_that_cannot_be_restored_is_a_failure(log: Path, tmp_path: Path) -> None:
    """The station's command, but its copy is damaged while it is written."""
    faulty = tmp_path / "station"
    faulty.write_text(
        f'#!/bin/sh\n"{STATION}" "$@" || exit\n'
        '[ "$2" != backup ] || dd if=/dev/zero of="$3" bs=1 seek=100 count=2000 conv=notrunc 2>/dev/null\n'
    )
    faulty.chmod(0o755)
    done = back_up(log, tmp_path / "copies", STATION=str(faulty))
    assert done.returncode != 0
    assert "ledger." in done.stderr


def test_before_the_first_run_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    done = back_up(tmp_path / "data", tmp_path / "copies")
    assert done.returncode == 0
    assert list((tmp_path / "copies").iterdir()) == []


# --- the kiosk --------------------------------------------------------------------------------------------------------


class Kiosk:
    """The kiosk on a terminal of its own, with a command in the station's place that says when it was called."""

    def __init__(self, folder: Path, dashboard: str) -> None:
        self.run_time = folder / "run"
        self.run_time.mkdir()
        self.calls = folder / "calls"
        self.calls.touch()
        stub = folder / "station"
        stub.write_text(f'#!/bin/sh\necho "$*" >>"{self.calls}"\n{dashboard}\n')
        stub.chmod(0o755)
        given = {"STATION": str(stub), "STATION_DATA_DIR": str(folder), "RUNTIME_DIRECTORY": str(self.run_time)}
        self.terminal, theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", str(DEPLOY / "kiosk")],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, **given, "TERM": "linux"},
            cwd=folder,
        )
        os.close(theirs)
        self.shown = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):
            while said := os.read(self.terminal, 4096):
                self.shown += said.decode(errors="replace")

    def type(self, keys: bytes) -> None:
        """As somebody in front of it does."""
        os.write(self.terminal, keys)

    @property
    def looked(self) -> int:
        """How often it has opened the dashboard."""
        return len(self.calls.read_text().splitlines())


@contextmanager
def kiosk(folder: Path, dashboard: str) -> Iterator[Kiosk]:
    shown = Kiosk(folder, dashboard)
    try:
        yield shown
    finally:
        shown.process.kill()
        shown.process.wait(60)
        os.close(shown.terminal)


def test_who_leaves_the_dashboard_comes_back_to_it(tmp_path: Path) -> None:
    with kiosk(tmp_path, "sleep 0.1; exit 0") as shown:
        wait_for(lambda: shown.looked >= 3, "the dashboard again")
        assert shown.process.poll() is None
    assert list(shown.run_time.iterdir()) == []


@pytest.mark.parametrize("keys", [b"\x03", b"\x1a", b"\x1c", b"\x04", b"\x1b", b"id; touch got-a-shell\n"], ids=repr)
def test_no_key_leads_behind_the_kiosk(tmp_path: Path, keys: bytes) -> None:
    with kiosk(tmp_path, "exit 2") as shown:
        wait_for(lambda: "No line works here" in shown.shown, "what to do")
        looked = shown.looked
        shown.type(keys * 3)
        wait_for(lambda: shown.looked > looked, "the next look")
        assert shown.process.poll() is None
    assert not (tmp_path / "got-a-shell").exists()


def test_what_the_dashboard_draws_is_seen(tmp_path: Path) -> None:
    """It draws on standard error."""
    with kiosk(tmp_path, "echo DRAWN >&2; sleep 1") as shown:
        wait_for(lambda: "DRAWN" in shown.shown, "the screen")


def test_enter_asks_for_the_line(tmp_path: Path) -> None:
    with kiosk(tmp_path, "exit 2") as shown:
        wait_for(lambda: "No line works here" in shown.shown, "what to do")
        assert list(shown.run_time.iterdir()) == []
        shown.type(b"\r")
        wait_for((shown.run_time / "start").exists, "the line asked for")
