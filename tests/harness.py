"""A station as its users drive it: the real command in a process of its own, virtual cameras behind real sockets."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from station.sim.virtual_line import VirtualLine

LIMIT_S = 120.0
"""For an event on a machine with other work: nothing is slower for it, only a failure."""
FILES = {"HP": "firmware_M55_HP.bin", "HE": "firmware_M55_HE.bin", "ROMFS1": "romfs1.img", "ROMFS0": "romfs0.img"}
QUICK_BOOT = {"STATION_RUN__BOOT_STAYS_S": "0.2"}
"""How long an application must stay costs every camera of every test that time; tests of it say their own."""
PROGRAM = (sys.executable, "-m", "station")


def wait_for(true: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """Ask until the answer is true and return it; fails after the limit, naming what was waited for."""
    until_s = time.monotonic() + limit_s
    while not (answer := true()):
        assert time.monotonic() < until_s, f"{what}: not within {limit_s} s"
        threading.Event().wait(0.005)
    return answer


def station(*words: str | Path, limit_s: float = LIMIT_S, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*PROGRAM, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=limit_s,
        env={**os.environ, **QUICK_BOOT, **environment},
        check=False,
    )


class Process(Protocol):
    """As much of a `subprocess.Popen` as a running station needs."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    @property
    def stdout(self) -> IO[str] | None:
        """What it prints."""
        ...

    @property
    def stderr(self) -> IO[str] | None:
        """Where it talks."""
        ...

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; subprocess.TimeoutExpired after `timeout` seconds."""
        ...

    def send_signal(self, number: int, /) -> None:
        """Send a signal to it alone."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...


Start = Callable[[Sequence[str], dict[str, str]], Process]
"""How a station is started: its words and its environment."""


def spawn(words: Sequence[str], environment: dict[str, str]) -> Process:
    """Start the command in a new interpreter."""
    return subprocess.Popen(
        [*PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


class Station:
    """A running `station run --headless --json`: its finished runs, as it prints them."""

    def __init__(self, words: Sequence[str | Path], environment: dict[str, str], start: Start = spawn) -> None:
        self.process = start(
            ["run", "--headless", "--json", *map(str, words)], {**os.environ, **QUICK_BOOT, **environment}
        )
        self._runs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.talk: list[str] = []
        self.rest: list[dict[str, Any]] = []
        self._ended = False
        self._threads = [threading.Thread(target=task, daemon=True) for task in (self._read_runs, self._read_talk)]
        for thread in self._threads:
            thread.start()

    def _read_runs(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._runs.put(json.loads(line))
        self._runs.put(None)

    def _read_talk(self) -> None:
        assert self.process.stderr
        self.talk.extend(iter(self.process.stderr.readline, ""))

    def run(self, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """The next finished run."""
        found = self._runs.get(timeout=limit_s)
        if found is None:
            self._runs.put(None)  # its end is waited for too
        assert found is not None, f"the station ended: {self.talk}"
        return found

    def runs(self, count: int, limit_s: float = LIMIT_S) -> list[dict[str, Any]]:
        """The next `count` finished runs."""
        return [self.run(limit_s) for _ in range(count)]

    def end(self, limit_s: float = LIMIT_S) -> int:
        """Wait for the end and return the exit code; anything printed and not asked for is a failure."""
        code = self.process.wait(limit_s)
        for thread in self._threads:
            thread.join(limit_s)
        if not self._ended:
            self.rest, self._ended = list(iter(self._runs.get, None)), True
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()
        return code

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Send a signal to the station alone."""
        self.process.send_signal(number)

    def processes(self, name: str) -> list[int]:
        """Descendants of this station whose name begins so."""
        return [pid for pid in descendants(self.process.pid) if _name(pid).startswith(name)]


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                parent = int(entry.joinpath("stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found[1:]


class Bench:
    """One data folder with one bundle, virtual cameras, and stations that work with both."""

    def __init__(self, line: VirtualLine, data_dir: Path, release: Path) -> None:
        self.line = line
        self.data_dir = data_dir
        self.release = release

    @property
    def words(self) -> list[str | Path]:
        """What every command on this bench is given."""
        sims = [word for folder in self.line.addresses for word in ("--sim", folder)]
        return ["--data-dir", self.data_dir, *sims]

    @contextmanager
    def station(
        self, *words: str | Path, plug: bool = True, environment: dict[str, str] | None = None, **more: str
    ) -> Iterator[Station]:
        """A station that runs while the block does, with every camera plugged in once it listens."""
        started = Station(["--bundle", self.release, *self.words, *words], {**(environment or {}), **more})
        try:
            wait_for(lambda: any("ready" in line for line in started.talk) or started.process.poll() is not None, "up")
            if plug:
                self.line.plug_all()
            yield started
        finally:
            if started.process.poll() is None:
                started.process.kill()
            started.end()

    def memory_is_release(self, serial: str) -> bool:
        """Whether the camera holds the four images, byte for byte."""
        import hashlib

        for partition, name in FILES.items():
            content = (self.release / name).read_bytes()
            if self.line.memory_sha256(serial, partition, len(content)) != hashlib.sha256(content).hexdigest():
                return False
        return True

    def blocks_written(self, serial: str) -> int:
        """How many blocks the camera has stored since it was made."""
        return sum(self.line.state(serial)["blocks_written"].values())

    def held(self, serial: str) -> bool:
        """Whether anybody held the camera in the newest life of its bootloader."""
        lives = [life for life in self.line.state(serial)["sessions"] if life["mode"] == "bootloader"]
        return lives[-1]["attached_s"] is not None

    def export(self) -> list[dict[str, Any]]:
        """Every run in the log."""
        done = station("export", "--data-dir", self.data_dir)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
