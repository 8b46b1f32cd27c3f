"""Which program has a camera open: named with its process, so that somebody can close it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from station.errors import UsbBusyError
from station.process_facts import processes_with
from station.usb.busy_device import busy
from station.usb.tty import open_tty

_HOLDS = """
import fcntl, os, sys
held = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
open("/proc/self/comm", "w").write("openmv-ide")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_program(node: str) -> Iterator[int]:
    """A program that has the node open for itself, as an IDE: its process."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, node], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        assert process.stdout.readline() == "held\n"
        yield process.pid
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def node() -> Iterator[str]:
    here, there = os.openpty()
    yield os.ttyname(there)
    os.close(here)
    os.close(there)


def test_a_serial_port_names_who_has_it(node: str) -> None:
    with another_program(node) as pid, pytest.raises(UsbBusyError) as caught:
        open_tty(node)
    assert caught.value.code == "usb.busy"
    assert f"openmv-ide (process {pid})" in caught.value.message
    assert node in caught.value.message


def test_a_file_under_another_name_is_the_same(tmp_path: Path) -> None:
    file, other = tmp_path / "node", tmp_path / "link"
    file.touch()
    other.hardlink_to(file)
    with another_program(str(file)) as pid:
        assert [one.pid for one in processes_with(str(other))] == [pid]
    assert processes_with(str(other)) == []


def test_nobody_can_be_seen(tmp_path: Path) -> None:
    """Another user's program: it is said all the same that there is one."""
    assert busy(str(tmp_path / "gone")).message == f"another program is using the camera ({tmp_path / 'gone'})"


def test_this_process_is_not_named(node: str) -> None:
    port = serial.Serial(node, exclusive=True)
    with pytest.raises(UsbBusyError) as caught:
        open_tty(node)
    port.close()
    assert str(os.getpid()) not in caught.value.message.replace(node, "")
