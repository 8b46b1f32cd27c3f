"""Errands of a line: one process does all of them, each is answered once, and its death costs only those under way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from station.board.chosen import BOARD
from station.flash.messages import BootloaderNotEntered, CyclePortPower, EnterBootloader, ErrandAnswer, PowerCycled
from station.line.errands import DIED, Errands
from station.line.pool import Pool
from station.model.devices import Device, DeviceMode
from station.usb.access import UsbAccess
from station.wiring.line import programs_for

LIMIT_S = 120.0
Answers = list[tuple[str, ErrandAnswer]]


@pytest.fixture
def answers() -> Answers:
    return []


@pytest.fixture
def errands(answers: Answers) -> Iterator[Errands]:
    pool = Pool(programs_for(UsbAccess(), BOARD), 0)
    made = Errands(pool, lambda path, answer: answers.append((path, answer)))
    yield made
    made.close()
    pool.close()


def heard(errands: Errands, done: Callable[[], bool]) -> None:
    """Read what the process says until it is done."""
    until_s = time.monotonic() + LIMIT_S
    while not done():
        ready = wait(errands.connections, max(0.0, until_s - time.monotonic()))
        assert ready, "no answer"
        for connection in errands.connections:
            errands.read(connection)


def power(port_path: str, command: str) -> CyclePortPower:
    return CyclePortPower(port_path, f"sh -c '{command}' {{port_path}}")


def test_one_that_takes_its_time_keeps_no_other_waiting(errands: Errands, answers: Answers, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    nowhere = Device("9-1.3", 9, 3, 0x37C5, 0x16E3, "", 0x100, DeviceMode.APPLICATION)
    errands.ask("9-1.1", power("9-1.1", f"read line < {gate}"))
    errands.ask("9-1.2", power("9-1.2", "true"))
    errands.ask("9-1.3", EnterBootloader(nowhere))
    while errands.waiting:
        errands.start_next()
    assert errands.come_first
    assert len(errands.connections) == 1, "one process for all"
    heard(errands, lambda: len(answers) == 2)
    gate.write_text("now\n")
    heard(errands, lambda: len(answers) == 3)
    assert {path for path, _ in answers[:2]} == {"9-1.2", "9-1.3"}
    assert answers[2][0] == "9-1.1"
    found = dict(answers)
    assert found["9-1.1"] == PowerCycled("9-1.1")
    refused = found["9-1.3"]
    assert isinstance(refused, BootloaderNotEntered)
    assert refused.problem.code == "test.no_port"
    assert not errands.come_first


def test_where_the_process_dies_those_under_way_are_answered_and_the_next_is_done(
    errands: Errands, answers: Answers, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    errands.ask("9-1.1", power("9-1.1", f"echo $PPID $$ > {told}; exec sleep 60"))
    errands.start_next()
    process, command = map(int, told.read_text().split())
    os.kill(process, signal.SIGKILL)
    os.kill(command, signal.SIGKILL)
    heard(errands, lambda: bool(answers))
    ((path, answer),) = answers
    assert (path, getattr(answer, "message", None)) == ("9-1.1", DIED)
    errands.ask("9-1.2", power("9-1.2", "true"))
    errands.start_next()
    heard(errands, lambda: len(answers) == 2)
    assert answers[1] == ("9-1.2", PowerCycled("9-1.2"))
