"""The line's socket lies where nobody else can put one."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.control.client import is_served
from station.control.server import listening_socket
from station.control.socket_path import ADDRESS_LIMIT_BYTES, note_socket, socket_path


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short one, in which a socket's address has room whatever the folder of all tests is."""
    with tempfile.TemporaryDirectory(prefix="ae3-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temp folder of the test's own, and neither of the variables."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return folder


def test_the_services_folder_comes_before_the_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service, session = tmp_path / "service", tmp_path / "session"
    for folder in (service, session):
        folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    assert socket_path(tmp_path).parent == session
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{service}:{tmp_path}")
    assert socket_path(tmp_path).parent == service
    assert socket_path(tmp_path) != socket_path(service), "two data folders"


@pytest.mark.parametrize("value", ["", "relative", "/no/such/folder", "/" + "x" * 100])
def test_a_folder_that_cannot_be_used_is_passed_over(temp: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    assert socket_path(temp).parent.parent == temp


def test_without_a_variable_it_is_in_a_folder_that_only_this_user_may_enter(temp: Path) -> None:
    folder = socket_path(temp).parent
    assert folder.parent == temp
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert socket_path(temp).parent == folder, "the second line of this user has it too"


def test_a_long_path_of_a_folder_that_is_there_is_passed_over(temp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = temp / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(long))
    path = socket_path(temp)
    assert path.parent != long
    assert len(os.fsencode(path)) <= ADDRESS_LIMIT_BYTES


@pytest.mark.parametrize("what", ["open to all", "link", "file", "of somebody else"])
def test_a_folder_that_is_not_this_users_own_is_refused(temp: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    folder = temp / f"ae3-station-{os.geteuid()}"
    if what == "link":
        elsewhere = temp / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        folder.symlink_to(elsewhere)
    elif what == "file":
        folder.touch(mode=0o600)
    else:
        folder.mkdir(mode=0o700)
    if what == "open to all":
        folder.chmod(0o777)
    elif what == "of somebody else":
        owner = os.geteuid()
        folder.rename(temp / f"ae3-station-{owner + 1}")
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(PermissionError, match="not a folder of this user's own"):
        socket_path(temp)
    with pytest.raises(PermissionError):
        listening_socket(temp)


def test_screens_find_the_line_by_its_data_folder_whatever_their_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_served(tmp_path)
    session = tmp_path / "session"
    session.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    with listening_socket(tmp_path) as listener:
        assert Path(listener.getsockname()).parent == session
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        assert is_served(tmp_path)
    assert not is_served(tmp_path), "a note that is left over"


def test_a_note_that_names_something_else_is_no_line(tmp_path: Path) -> None:
    for noted in (tmp_path, tmp_path / "nothing", tmp_path / ("x" * 200)):
        note_socket(tmp_path, noted)
        assert not is_served(tmp_path)
