from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from station.file_lock import locked

HOLDER = """
import sys
from pathlib import Path
from station.file_lock import locked
with locked(Path(sys.argv[1])):
    print(flush=True)
    input()
"""


@pytest.fixture(params=["file", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path if request.param == "folder" else tmp_path / "station.lock"


def test_a_second_one_is_refused_and_the_first_keeps_it(place: Path) -> None:
    with locked(place):
        for wait_s in (0.0, 0.1):
            with pytest.raises(TimeoutError, match=f"{place} is held by another process"), locked(place, wait_s):
                raise AssertionError("held twice")


def test_it_is_free_after_the_block_however_that_ends(place: Path) -> None:
    with pytest.raises(KeyError), locked(place):
        raise KeyError
    with locked(place):
        pass


def test_a_process_that_was_killed_leaves_it_free(place: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(place)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(TimeoutError), locked(place):
            raise AssertionError("held twice")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with locked(place):
        pass


def test_who_waits_gets_it_when_the_other_ends(place: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(place)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        holder.stdin.close()
        with locked(place, wait_s=30):
            pass


def test_a_program_that_was_started_meanwhile_does_not_keep_it(place: Path) -> None:
    with locked(place):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with locked(place):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_place_that_cannot_be_opened_is_no_busy_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught, locked(tmp_path / "none" / "station.lock"):
        raise AssertionError("held")
    assert not isinstance(caught.value, TimeoutError)


def test_the_file_stays_and_others_of_the_group_may_take_it_too(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with locked(tmp_path / "station.lock"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "station.lock").stat().st_mode & 0o777 == 0o664
