from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from station.errors import BusyError
from station.usb.bus_lock import BusLock

HOLDER = """
import sys
from station.usb.bus_lock import BusLock
with BusLock(sys.argv[1]):
    print(flush=True)
    input()
"""


@pytest.fixture
def name() -> str:
    return f"station-test-{os.getpid()}"


def test_a_second_station_is_refused_and_told_who_has_the_bus(name: str) -> None:
    with BusLock(name), pytest.raises(BusyError, match=f"process {os.getpid()}") as refused:
        BusLock(name).acquire()
    assert refused.value.code == "station.busy"
    assert refused.value.exit_code == 6


def test_the_bus_is_free_after_release(name: str) -> None:
    lock = BusLock(name)
    for _ in range(2):
        lock.acquire()
        lock.acquire()
        lock.release()
        lock.release()


def test_a_station_that_was_killed_leaves_the_bus_free(name: str) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", HOLDER, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(BusyError, match=f"process {holder.pid}"):
            BusLock(name).acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with BusLock(name):
        pass
