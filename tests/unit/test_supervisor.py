"""What systemd hears, and that hearing nobody costs nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from station import supervisor as module
from station.supervisor import Supervisor, supervisor


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def said_to(systemd: socket.socket) -> list[bytes]:
    words = []
    while True:
        try:
            words.append(systemd.recv(4096).strip())
        except BlockingIOError:
            return words


@pytest.fixture
def told(systemd: socket.socket) -> Iterator[Supervisor]:
    with supervisor() as found:
        assert found is not None
        yield found


def test_nobody_is_told_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with supervisor() as found:
        assert found is None


def test_a_loop_that_turns_often_is_passed_on_once_a_second(
    systemd: socket.socket, told: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(module, "monotonic_s", lambda: now_s[0])
    told.ready()
    for _ in range(5):
        told.alive()
    assert said_to(systemd) == [b"READY=1", b"WATCHDOG=1"]
    now_s[0] += module.ALIVE_EVERY_S
    told.alive()
    assert said_to(systemd) == [b"WATCHDOG=1"]


def test_a_clock_that_is_set_back_changes_nothing(
    systemd: socket.socket, told: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(module, "monotonic_s", lambda: now_s[0])
    told.alive()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    now_s[0] += module.ALIVE_EVERY_S
    told.alive()
    assert said_to(systemd) == [b"WATCHDOG=1", b"WATCHDOG=1"]


def test_a_systemd_that_does_not_read_holds_up_nothing(
    systemd: socket.socket, told: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALIVE_EVERY_S", 0.0)
    for _ in range(10_000):
        told.alive()
    assert 0 < len(said_to(systemd)) < 10_000
