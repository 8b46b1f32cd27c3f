"""A bench that is treated badly: random plugs, pulls and faults of cameras, kills of the station and its processes, a
log that somebody locks; until the time is up. Then the station is left in peace once, and the auditor looks."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from station.sim.spec import CameraSpec
from station.sim.virtual_line import VirtualLine
from tests.harness import FILES, Station, wait_for
from tests.harness import station as command
from tests.torture.auditor import violations
from tests.torture.tray import Tray

LIMIT_S = 120.0
ENVIRONMENT = {
    "STATION_LINE__SAME_FAILURES_IN_A_ROW": "0",
    "STATION_LINE__SLOT_FAILURES_IN_A_ROW": "0",
    "STATION_LINE__ERRORS_IN_A_ROW": "0",
    "STATION_RUN__BOOT_TIMEOUT_S": "3",
    "STATION_RUN__BOOT_STAYS_S": "0.2",
    "STATION_RUN__MAX_RUNS": "1000",
}


@dataclass(slots=True)
class Result:
    """What was done, and what the auditor found."""

    seed: int
    seconds: float
    cameras: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The summary, for a person."""
        lines = [f"seed {self.seed}, {self.seconds:.0f} s, {self.cameras} cameras"]
        for name, counts in (("faults", self.faults), ("acts", self.acts), ("outcomes", self.outcomes)):
            lines.append(f"{name}: " + ", ".join(f"{key} {count}" for key, count in sorted(counts.items())))
        return "\n".join([*lines, f"violations: {len(self.violations)}", *self.violations])


class Tortured:
    """One bench, one data folder, one station at a time."""

    def __init__(self, folder: Path, release: Path, slots: int, seed: int, path: Path | None = None) -> None:
        self._data_dir = folder / "data"
        self._release = release
        self._dice = random.Random(seed)
        self._slots = slots
        self._environment = {**ENVIRONMENT, **({"PYTHONPATH": str(path), "PYTHONSAFEPATH": "1"} if path else {})}
        self._result = Result(seed, 0.0)
        self._printed: list[dict[str, Any]] = []
        self._station: Station | None = None
        images = {partition: (release / name).read_bytes() for partition, name in FILES.items()}
        self._sizes = {partition: len(content) for partition, content in images.items()}
        self._sha256 = {partition: hashlib.sha256(content).hexdigest() for partition, content in images.items()}

    def run(self, seconds: float) -> Result:
        """Treat it badly for so long, then account for every camera."""
        began_s = time.monotonic()
        ports = [CameraSpec(serial=f"{0:024X}", port_path=f"1-1.{n + 1}", plugged=False) for n in range(self._slots)]
        with VirtualLine(ports, shards=2) as line:
            tray = Tray(line.addresses, self._slots, self._sizes, self._dice)
            folders = line.addresses
            self._start(folders)
            while time.monotonic() - began_s < seconds:
                self._act(tray, folders)
                threading.Event().wait(self._dice.expovariate(1 / 0.08))
            self._account(tray, folders)
            tray.close()
        self._result.seconds = time.monotonic() - began_s
        return self._result

    # --- what is done to it -----------------------------------------------------------------------------------------

    def _act(self, tray: Tray, folders: list[str]) -> None:
        port = self._dice.choice(tray.ports)
        acts: dict[str, tuple[int, Callable[[], None]]] = {
            "next camera": (50, lambda: tray.next_camera(port)),
            "pull": (12, lambda: tray.pull(port)),
            "plug in again": (20, lambda: tray.plug_again(port)),
            "twin": (4, lambda: tray.twin(port)),
            "kill a worker": (3, lambda: self._kill("station-worker")),
            "kill the holder": (1, lambda: self._kill("station-holder")),
            "lock the log": (2, self._lock_log),
            "kill the station": (2, lambda: self._restart(folders, signal.SIGKILL)),
            "end the station": (1, lambda: self._restart(folders, signal.SIGTERM)),
        }
        (name,) = self._dice.choices([*acts], [weight for weight, _ in acts.values()])
        self._result.acts[name] = self._result.acts.get(name, 0) + 1
        acts[name][1]()

    def _kill(self, name: str) -> None:
        assert self._station
        if processes := self._station.processes(name):
            with suppress(ProcessLookupError):
                os.kill(self._dice.choice(processes), signal.SIGKILL)

    def _lock_log(self) -> None:
        """Somebody's SQL browser holds the log, for a moment or for longer than its answer is waited for elsewhere."""
        file = self._data_dir / "station.sqlite3"

        def hold(seconds: float) -> None:
            with suppress(sqlite3.Error):
                browser = sqlite3.connect(file, timeout=1)
                browser.execute("BEGIN IMMEDIATE")
                threading.Event().wait(seconds)
                browser.close()

        threading.Thread(
            target=hold, args=(self._dice.choice([1.0, 2.0, 15.0]) * self._dice.random(),), daemon=True
        ).start()

    # --- the station ------------------------------------------------------------------------------------------------

    def _start(self, folders: list[str]) -> None:
        sims = [word for folder in folders for word in ("--sim", folder)]
        words: list[str | Path] = ["--bundle", self._release, "--data-dir", self._data_dir, "--batch", "T1", *sims]
        started = self._station = Station(words, self._environment)

        def is_up() -> bool:
            return any("ready" in line for line in started.talk) or started.process.poll() is not None

        wait_for(is_up, "the station is up", LIMIT_S)
        assert started.process.poll() is None, started.talk

    def _restart(self, folders: list[str], number: int) -> None:
        self._end(number)
        self._start(folders)

    def _end(self, number: int) -> None:
        assert self._station
        self._station.interrupt(number)
        self._station.end(LIMIT_S)
        self._printed += self._station.rest
        self._station = None

    # --- the account ------------------------------------------------------------------------------------------------

    def _account(self, tray: Tray, folders: list[str]) -> None:
        """Once in peace: every slot passes a sound camera, the station ends, and all is compared."""
        self._restart(folders, signal.SIGTERM)
        assert self._station
        for port in tray.ports:
            tray.next_camera(port, sound=True)
        waiting = {tray.there[port].spec.serial: port for port in tray.ports}
        until_s = time.monotonic() + LIMIT_S
        while waiting and time.monotonic() < until_s:
            with suppress(Exception):
                run = self._station.run(until_s - time.monotonic())
                self._printed.append(run)
                if run["outcome"] == "PASS":
                    waiting.pop(run["serial"], None)
        self._end(signal.SIGTERM)
        for port in tray.ports:
            tray.take_out(port)
        logged = self._logged()
        self._result.cameras, self._result.faults = len(tray.cameras), tray.faults
        self._result.violations = [
            *(f"slot {port} does not work any more" for port in waiting.values()),
            *violations(tray.cameras, logged, self._printed, self._sha256),
        ]
        for run in logged:
            key = f"{run['outcome']} {run['code'] or ''}".strip()
            self._result.outcomes[key] = self._result.outcomes.get(key, 0) + 1

    def _logged(self) -> list[dict[str, Any]]:
        done = command("export", "--data-dir", self._data_dir, limit_s=LIMIT_S)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
