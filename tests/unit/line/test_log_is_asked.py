"""When the log is asked about an arrival: not while another one is being held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest

from station.flash.messages import CameraHeld
from station.line import holds
from station.line.dispatcher import Dispatcher
from station.line.listeners import Listeners
from station.line.pool import Pool
from station.line.setup import OpenLog
from station.model.devices import Device, DeviceArrived, DeviceMode
from station.model.events import UnitHistory
from station.model.runs import RunOptions
from tests.harness import wait_for
from tests.unit.line.quiet_line import PROGRAMS, SETUP
from tests.unit.line.slot_world import SERIALS, SOUND

NAMELESS = replace(SOUND, serial="0" * 24)
OTHER = replace(SOUND, port_path="1-2", serial=SERIALS[1])
APPLICATION = replace(SOUND, port_path="1-3", product_id=0x16E3, serial="9fab9ab381000000", mode=DeviceMode.APPLICATION)


@dataclass
class HandHeld(Pool):
    """A pool whose holder is the test."""

    held: list[Device] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(PROGRAMS, 0)

    def hold(self, device: Device) -> None:
        self.held.append(device)


@contextmanager
def line_of(already_passed: Literal["check", "skip"]) -> Iterator[tuple[Dispatcher, HandHeld, list[str]]]:
    """A line without processes, and the serials that its log was asked about so far."""
    asked: list[str] = []

    def history(serial: str, _batch: str | None) -> UnitHistory:
        asked.append(serial)
        return UnitHistory()

    log = OpenLog(submit=lambda fact: None, history=history, unit_of_application=asked.append)
    pool = HandHeld()
    setup = replace(SETUP, options=RunOptions(already_passed=already_passed))
    dispatcher = Dispatcher(setup, log, pool, Listeners(lambda run: None))
    try:
        yield dispatcher, pool, asked
    finally:
        dispatcher.close()


def come(dispatcher: Dispatcher, *devices: Device) -> None:
    for device in devices:
        dispatcher.device_event(DeviceArrived(device), 0.0)
    dispatcher.post(lambda: None)
    dispatcher.turn()


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "HOLD_FIRST_S", 60.0)


def test_the_log_is_asked_when_all_are_held() -> None:
    with line_of("check") as (dispatcher, pool, asked):
        come(dispatcher, SOUND, OTHER)
        dispatcher.holds.answered(CameraHeld(SOUND, "1.0.3", 0.1))
        come(dispatcher, APPLICATION)
        wait_for(lambda: asked, "the question that is asked at once")
        assert asked == [APPLICATION.serial], "one camera is still being held"
        dispatcher.holds.answered(CameraHeld(OTHER, "1.0.3", 0.1))
        come(dispatcher)
        wait_for(lambda: asked[1:] == [SOUND.serial, OTHER.serial], "both questions")
        assert pool.held == [SOUND, OTHER]


def test_where_the_log_decides_it_is_asked_at_once() -> None:
    with line_of("skip") as (dispatcher, pool, asked):
        come(dispatcher, NAMELESS, OTHER)
        wait_for(lambda: asked == [OTHER.serial], "the question")
        assert NAMELESS in pool.held, "which is being held meanwhile"
