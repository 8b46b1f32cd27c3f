"""The one word that a stack light shows: the most pressing thing about a line."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from station.control.line_signal import Signal, signal_of
from station.control.wire import LineStatus, Snapshot
from station.model.slots import SlotState, SlotView

S = SlotState
GOOD = LineStatus()


def line(*states: SlotState, status: LineStatus = GOOD) -> Snapshot:
    return Snapshot(status, tuple(SlotView(f"A{n}", f"1-{n}", state) for n, state in enumerate(states)))


@pytest.mark.parametrize(
    ("states", "signal"),
    [
        ((), Signal.READY),
        ((S.EMPTY, S.APPLICATION, S.NOT_A_SLOT, S.TAKEN_OUT), Signal.READY),
        ((S.HOLDING, S.EMPTY), Signal.RUNNING),
        ((S.PASSED, S.RUNNING), Signal.RUNNING),
        ((S.PASSED, S.RECORDING), Signal.RUNNING),
        ((S.PASSED, S.SKIPPED, S.EMPTY), Signal.TAKE_OUT),
        ((S.PASSED, S.FAILED, S.RUNNING), Signal.ATTENTION),
        ((S.ERROR,), Signal.ATTENTION),
    ],
)
def test_what_stands_in_the_slots(states: tuple[SlotState, ...], signal: Signal) -> None:
    assert signal_of(line(*states)) is signal


@pytest.mark.parametrize(
    "changes",
    [
        {"paused": True},
        {"ended": True},
        {"accepting": False},
        {"plan_reached": True},
        {"code": "ledger.write_failed"},
        {"paused_code": "boot.timeout"},
    ],
)
def test_a_line_that_takes_no_cameras_is_stopped_whatever_is_in_its_slots(changes: dict[str, object]) -> None:
    for states in itertools.combinations(SlotState, 2):
        assert signal_of(line(*states, status=replace(GOOD, **changes))) is Signal.STOPPED  # type: ignore[arg-type]


def test_green_is_never_said_while_something_is_wrong() -> None:
    for states in itertools.product(SlotState, repeat=2):
        if {S.FAILED, S.ERROR} & set(states):
            assert signal_of(line(*states)) is Signal.ATTENTION
