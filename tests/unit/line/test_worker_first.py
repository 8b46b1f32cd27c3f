"""What a worker says before it lets its camera go is heard before the camera's leaving, however late the line looks."""

from __future__ import annotations

from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, cast

import pytest

from station.flash.messages import CameraHeld, CancelRun, HoldWanted, PortChanged, RunCamera, RunEnded
from station.line.dispatcher import Dispatcher
from station.line.listeners import Listeners
from station.line.pool import Child, Pool
from station.line.setup import OpenLog
from station.model.devices import Device, DeviceArrived, DeviceLeft, DeviceMode
from station.model.events import OpeningCommitted, RunFinished, RunOpened, UnitHistory
from station.model.runs import Outcome, RunRecord
from station.model.verdicts import PASSED
from tests.unit.line.quiet_line import PROGRAMS, SETUP

PATHS = ("1-1.1", "1-1.2")
SERIALS = dict(zip(PATHS, ("0829C140112233445566AAB1", "0829C140112233445566AAB2"), strict=True))


class Processes(Pool):
    """A holder and workers whose part the test plays."""

    def __init__(self) -> None:
        super().__init__(PROGRAMS, 0)
        self.holder, self._to_holder = _child()
        self.workers: list[Connection] = []

    def hold(self, device: Device) -> None:
        self._to_holder.send(CameraHeld(device, "1.0.3", 0.1))

    def take(self) -> Child:
        child, theirs = _child()
        self.workers.append(theirs)
        return child

    def close(self) -> None:
        """Nothing runs."""


def _child() -> tuple[Child, Connection]:
    ours, theirs = Pipe()
    return Child(cast(Any, None), ours), theirs


class Bench:
    """A line with two cameras that are being run, their workers played by the test, and what it told the log."""

    def __init__(self) -> None:
        self.processes = Processes()
        self.finished: list[RunRecord] = []
        log = OpenLog(submit=self._note, history=lambda serial, batch: UnitHistory())
        self.line = Dispatcher(SETUP, log, self.processes, Listeners(lambda run: None))
        for path in PATHS:
            self.line.device_event(DeviceArrived(device(path)))
        self.until(lambda: len(self.processes.workers) == len(PATHS))
        self.by_path: dict[str, Connection] = {}
        for worker in self.processes.workers:
            said = worker.recv()
            assert isinstance(said, RunCamera)
            self.by_path[said.device.port_path] = worker

    def _note(self, fact: object) -> None:
        if isinstance(fact, RunOpened):
            self.line.post(lambda: self.line.ledger_replied(OpeningCommitted(fact.run)))
        elif isinstance(fact, RunFinished):
            self.finished.append(fact.run)

    def until(self, done: Any) -> None:
        for _ in range(1000):
            if done():
                return
            self.line.turn()
        raise AssertionError("it does not come")

    def both_leave(self) -> None:
        """Both cameras are off the bus at one moment, as a line that was busy elsewhere hears of it."""
        for path in PATHS:
            self.line.device_event(DeviceLeft(path))

    def heard(self, path: str) -> list[object]:
        """What a worker was told since."""
        found = []
        while self.by_path[path].poll():
            found.append(self.by_path[path].recv())
        return found


def device(path: str) -> Device:
    return Device(path, 1, 1, 0x37C5, 0x96E3, SERIALS[path], 0x0103, DeviceMode.DFU)


@pytest.fixture
def bench() -> Any:
    bench = Bench()
    yield bench
    bench.line.close()


def test_cameras_that_were_let_go_at_one_moment_lost_no_hub(bench: Bench) -> None:
    for path in PATHS:
        bench.by_path[path].send(HoldWanted(wanted=False))
    bench.both_leave()
    assert [bench.heard(path) for path in PATHS] == [[PortChanged(None)]] * 2
    for path in PATHS:
        bench.by_path[path].send(RunEnded(PASSED, verified=True, boot_confirmed=True, left_by_itself=False))
    bench.until(lambda: len(bench.finished) == len(PATHS))
    assert [run.outcome for run in bench.finished] == [Outcome.PASS] * 2


def test_cameras_that_were_not_let_go_lost_one(bench: Bench) -> None:
    bench.both_leave()
    for path in PATHS:
        told = bench.heard(path)
        assert any(isinstance(one, CancelRun) and one.verdict.code == "usb.hub_lost" for one in told), told
