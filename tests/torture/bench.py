"""A bench that is treated badly: random plugs, pulls and faults of cameras, kills of the station and its processes, a
log that somebody locks; until the time is up. Then the station is left in peace once, and the auditor looks."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from station.sim.spec import CameraSpec
from station.sim.vhci import kernel_port_path, spread
from station.sim.virtual_line import VirtualLine
from tests.harness import FILES, Station, wait_for
from tests.harness import station as command
from tests.rig.small_disk import SmallDisk
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
PEACE_LIMIT_S = 240.0
PEACE_OF_A_DEFECT_S = 60.0
"""So long no run of any slot has ended: those that are still waited for do not work."""
LONGEST_PEACE_S = 1200.0
GONE_S = 20.0
"""Longer than a station waits for a camera that may come back."""


def _virtual_place(number: int) -> CameraSpec:
    return CameraSpec(serial=f"{0:024X}", port_path=f"1-1.{number + 1}", plugged=False)


def _kernel_place(number: int) -> CameraSpec:
    """A port of the kernel. A camera there has no hurry: what is asked is not whether it is held in time."""
    port = spread(number)
    return CameraSpec(
        serial=f"{0:024X}",
        port_path=kernel_port_path(port),
        vhci_port=port,
        forced=True,
        configure_window_s=30.0,
        plugged=False,
    )


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

    def __init__(
        self,
        folder: Path,
        release: Path,
        slots: int,
        seed: int,
        path: Path | None = None,
        *,
        kernel: bool = False,
        disk: SmallDisk | None = None,
    ) -> None:
        self._data_dir = folder / "data"
        self._release = release
        self._dice = random.Random(seed)
        self._kernel = kernel
        self._places = [_kernel_place(number) if kernel else _virtual_place(number) for number in range(slots)]
        self._disk = disk
        self._environment = {**ENVIRONMENT, **({"PYTHONPATH": str(path), "PYTHONSAFEPATH": "1"} if path else {})}
        self._result = Result(seed, 0.0)
        self._printed: list[dict[str, Any]] = []
        self._station: Station | None = None
        self._sims: tuple[str, ...] = ()
        self._left_alone: dict[str, float] = {}
        self._peace_s = PEACE_LIMIT_S
        images = {partition: (release / name).read_bytes() for partition, name in FILES.items()}
        self._sizes = {partition: len(content) for partition, content in images.items()}
        self._sha256 = {partition: hashlib.sha256(content).hexdigest() for partition, content in images.items()}

    def run(self, seconds: float, account_every_s: float = 300.0, *, until_found: bool = False) -> Result:
        """Treat it badly for so long; account for every camera every so often and at the end.

        `until_found`: end with the first account that finds a violation.
        """
        began_s = time.monotonic()
        if until_found:
            self._peace_s = PEACE_OF_A_DEFECT_S
        with VirtualLine(self._places, shards=2, kernel=self._kernel) as line:
            tray = Tray(line.addresses, self._places, self._sizes, self._dice)
            self._sims = () if self._kernel else tuple(line.addresses)
            while (left_s := seconds - (time.monotonic() - began_s)) > 0:
                self._start()
                self._torment(tray, min(left_s, account_every_s))
                self._account(tray)
                self._result.seconds = time.monotonic() - began_s
                print(self._result.text(), file=sys.stderr, flush=True)
                if until_found and self._result.violations:
                    break
            tray.close()
        return self._result

    def _torment(self, tray: Tray, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self._act(tray)
            threading.Event().wait(self._dice.expovariate(1 / 0.08))

    # --- what is done to it -----------------------------------------------------------------------------------------

    def _act(self, tray: Tray) -> None:
        now_s = time.monotonic()
        port = self._dice.choice([port for port in tray.ports if self._left_alone.get(port, now_s) <= now_s])
        acts: dict[str, tuple[int, Callable[[], None]]] = {
            "next camera": (50, lambda: tray.next_camera(port)),
            "pull": (8, lambda: tray.pull(port)),
            "pull and go away": (4, lambda: self._pull_and_go(tray, port)),
            "plug in again": (20, lambda: tray.plug_again(port)),
            "twin": (4, lambda: tray.twin(port)),
            "kill a worker": (3, lambda: self._kill("station-worker")),
            "kill the holder": (1, lambda: self._kill("station-holder")),
            "lock the log": (2, self._lock_log),
            "kill the station while the log is locked": (1, self._kill_while_locked),
            **({"fill the disk": (2, self._fill_disk)} if self._disk else {}),
            "kill the station": (2, lambda: self._restart(signal.SIGKILL)),
            "end the station": (1, lambda: self._restart(signal.SIGTERM)),
        }
        (name,) = self._dice.choices([*acts], [weight for weight, _ in acts.values()])
        self._result.acts[name] = self._result.acts.get(name, 0) + 1
        acts[name][1]()

    def _pull_and_go(self, tray: Tray, port: str) -> None:
        """In the middle of a run; nobody touches the port before the station must have noticed."""
        tray.pull_in_the_middle(port)
        self._left_alone[port] = time.monotonic() + GONE_S

    def _kill(self, name: str) -> None:
        assert self._station
        if processes := self._station.processes(name):
            with suppress(ProcessLookupError):
                os.kill(self._dice.choice(processes), signal.SIGKILL)

    def _kill_while_locked(self) -> None:
        """With results in its journal, where there were any: the next start has to bring them into the log."""
        self._lock_log(8.0)
        threading.Event().wait(4.0)
        self._restart(signal.SIGKILL)

    def _lock_log(self, least_s: float = 0.0) -> None:
        """Somebody's SQL browser holds the log, for a moment or for longer than its answer is waited for elsewhere."""
        file = self._data_dir / "station.sqlite3"

        def hold(seconds: float) -> None:
            with suppress(sqlite3.Error):
                browser = sqlite3.connect(file, timeout=1)
                browser.execute("BEGIN IMMEDIATE")
                threading.Event().wait(seconds)
                browser.close()

        seconds = max(least_s, self._dice.choice([1.0, 2.0, 15.0]) * self._dice.random())
        threading.Thread(target=hold, args=(seconds,), daemon=True).start()

    def _fill_disk(self) -> None:
        """Nothing more can be written where the log is, for a moment or for longer than a run takes."""
        assert self._disk
        seconds = self._dice.choice([1.0, 8.0]) * self._dice.random()
        wait_for(partial(self._disk.fill, seconds), "a full disk")

    # --- the station ------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        sims = [word for folder in self._sims for word in ("--sim", folder)]
        words: list[str | Path] = ["--bundle", self._release, "--data-dir", self._data_dir, "--batch", "T1", *sims]
        started = self._station = Station(words, self._environment)

        def is_up() -> bool:
            return any("ready" in line for line in started.talk) or started.process.poll() is not None

        wait_for(is_up, "the station is up", LIMIT_S)
        assert started.process.poll() is None, started.talk

    def _restart(self, number: int) -> None:
        self._end(number)
        if self._disk:
            self._disk.free()  # as a person does who reads what the station said
        self._start()

    def _end(self, number: int) -> None:
        assert self._station
        self._station.interrupt(number)
        try:
            self._station.end(LIMIT_S)
        except subprocess.TimeoutExpired:
            self._result.violations.append(f"the station did not end within {LIMIT_S:g} s of signal {number}")
            self._station.process.kill()
            self._station.end(LIMIT_S)
        self._printed += self._station.rest
        self._station = None

    # --- the account ------------------------------------------------------------------------------------------------

    def _account(self, tray: Tray) -> None:
        """In peace: the station that went through all this passes a sound camera in every slot; it is started once
        more and ended; and all is compared."""
        if self._disk:
            self._disk.free()
        assert self._station
        for port in tray.ports:
            tray.next_camera(port, sound=True)
        waiting = {tray.there[port].spec.serial: port for port in tray.ports}
        came_to: dict[str, str] = {}
        ends_s = time.monotonic() + LONGEST_PEACE_S
        until_s = time.monotonic() + self._peace_s
        while waiting and time.monotonic() < until_s:
            if self._station.process.poll() is not None:
                self._result.violations.append(f"the station ended by itself: {self._station.talk[-1:]}")
                break
            with suppress(Exception):
                run = self._station.run(until_s - time.monotonic())
                self._printed.append(run)
                until_s = min(time.monotonic() + self._peace_s, ends_s)
                if run["serial"] not in waiting:
                    continue
                port = waiting.pop(run["serial"])
                if run["outcome"] != "PASS":
                    # A machine with other work may be slower than a camera's time: the next one shows it.
                    came_to[port] = f"{came_to.get(port, '')} {run['outcome']} {run['code'] or ''}"
                    tray.next_camera(port, sound=True)
                    waiting[tray.there[port].spec.serial] = port
        self._restart(signal.SIGTERM)
        self._end(signal.SIGTERM)
        for port in tray.ports:
            tray.take_out(port)
        logged = self._logged()
        self._result.cameras, self._result.faults = len(tray.cameras), tray.faults
        found = [
            *(f"slot {port} does not work any more: {came_to.get(port, 'no run')}" for port in waiting.values()),
            *violations(tray.cameras, logged, self._printed, self._sha256),
        ]
        self._result.violations += [line for line in found if line not in self._result.violations]
        self._result.outcomes = dict(Counter(f"{run['outcome']} {run['code'] or ''}".strip() for run in logged))

    def _logged(self) -> list[dict[str, Any]]:
        done = command("export", "--data-dir", self._data_dir, limit_s=LIMIT_S)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
