"""The line as systemd runs it: it says when it is ready and that it is alive, and SIGTERM lets cameras finish."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness import wait_for
from tests.integration.conftest import MakeBench, camera, serial

SLOW = {"profile": "nor", "scale": 0.5}


class Systemd:
    """The socket that a service speaks to, and what it said."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self.run_time = folder / "run"
        self.run_time.mkdir()
        self.environment = {"NOTIFY_SOCKET": str(folder / "notify"), "RUNTIME_DIRECTORY": str(self.run_time)}
        self.said: list[str] = []

    def listen(self) -> None:
        """Read until somebody says `end`."""
        while (word := self._socket.recv(4096)) != b"end":
            self.said.extend(word.decode().splitlines())

    def close(self) -> None:
        """Stop listening."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"end", self.environment["NOTIFY_SOCKET"])

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen until the end of the block."""
        listener = threading.Thread(target=self.listen, daemon=True)
        listener.start()
        try:
            yield
        finally:
            self.close()
            listener.join(60)
            self._socket.close()

    def heard(self, word: str) -> int:
        """How often this was said so far."""
        return self.said.count(word)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    found = Systemd(tmp_path)
    with found.listening():
        yield found


def test_it_says_that_it_is_ready_and_then_that_it_is_alive(make_bench: MakeBench, systemd: Systemd) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "1", plug=False, environment=systemd.environment) as running:
        wait_for(lambda: systemd.heard("READY=1"), "ready")
        alive = systemd.heard("WATCHDOG=1")
        wait_for(lambda: systemd.heard("WATCHDOG=1") > alive + 1, "alive, again and again, while nothing happens")
        bench.line.plug_all()
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    assert systemd.heard("READY=1") == 1


def test_sigterm_lets_running_cameras_finish(make_bench: MakeBench, systemd: Systemd) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOW)])
    with bench.station(environment=systemd.environment) as running:
        wait_for(lambda: all(bench.blocks_written(serial(number)) > 30 for number in (1, 2)), "both in the middle")
        running.interrupt(signal.SIGTERM)
        assert [run["outcome"] for run in running.runs(2)] == ["PASS", "PASS"]
        assert running.end() == 130


@pytest.mark.parametrize(("words", "is_open"), [(["--batch", "L1"], True), ([], False)])
def test_the_machine_can_see_whether_a_batch_is_open(
    make_bench: MakeBench, systemd: Systemd, words: list[str], is_open: bool
) -> None:
    bench = make_bench([camera(1)])
    with bench.station(*words, plug=False, environment=systemd.environment) as running:
        assert [file.name for file in systemd.run_time.glob("batch*")] == ["batch-open"] * is_open
        running.interrupt()
        assert running.end() == 130
    assert os.listdir(systemd.run_time) == []
