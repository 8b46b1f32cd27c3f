"""When failures speak against the set-up: pure counting over finished runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.line.setup import LineSetup
from station.line.stop_policy import WHAT_TO_CHECK, SameFailures, SlotFailures, what_to_check
from station.line.stopping import Stopping
from station.model.recipes import Recipe
from station.model.runs import Outcome, RunOptions, RunRecord
from tests.unit.line.test_stopping import RUN

SETUP = LineSetup("s1", Recipe("full", ()), "b", "b1", (), RunOptions(), same_failures_in_a_row=3)


def fail(unit: int, code: str = "boot.timeout", place: str = "1-1", outcome: Outcome = Outcome.FAIL) -> RunRecord:
    return replace(RUN, run_id=f"r{unit}", serial=f"S{unit}", port_path=place, outcome=outcome, code=code)


def passed(place: str = "1-2") -> RunRecord:
    return replace(RUN, outcome=Outcome.PASS, code=None, port_path=place)


def test_different_units_in_a_row_with_one_code_are_counted() -> None:
    counting = SameFailures(3)
    assert [counting.count(fail(unit)) for unit in (1, 2, 2, 2, 3)] == [False, False, False, False, True]


@pytest.mark.parametrize("between", [passed(), fail(9, "usb.io")])
def test_a_pass_or_another_code_begins_anew(between: RunRecord) -> None:
    counting = SameFailures(3)
    assert not any(counting.count(run) for run in (fail(1), fail(2), between, fail(3), fail(4)))


@pytest.mark.parametrize("outcome", [Outcome.ABORTED, Outcome.SKIPPED, Outcome.ERROR])
def test_what_says_nothing_of_a_camera_neither_counts_nor_clears(outcome: Outcome) -> None:
    counting = SameFailures(2)
    assert [counting.count(run) for run in (fail(1), fail(2, outcome=outcome), fail(3))] == [False, False, True]


def test_cameras_without_a_serial_count_each_and_not_as_station_errors() -> None:
    stopping = Stopping(replace(SETUP, errors_in_a_row=2))
    for number in range(3):
        run = fail(number, "identity.default_serial", outcome=Outcome.ERROR)
        stopping.count(replace(run, serial="0" * 24, identified=False))
    assert stopping.reason is not None
    assert stopping.reason.code == "line.same_failures"


def test_without_a_screen_the_line_stops_and_says_what_to_check() -> None:
    stopping = Stopping(SETUP)
    for unit in range(3):
        stopping.count(fail(unit))
    assert not stopping.accepting
    assert stopping.reason is not None
    assert (stopping.reason.code, stopping.reason.exit_code) == ("line.same_failures", 1)
    assert stopping.reason.message == (
        f"3 cameras in a row failed with boot.timeout, the last one in A1: check {WHAT_TO_CHECK['boot.']}"
    )


def test_with_a_screen_the_line_pauses_and_goes_on_when_somebody_says_so() -> None:
    stopping = Stopping(replace(SETUP, attended=True))
    for unit in range(3):
        stopping.count(fail(unit))
    assert stopping.accepting
    assert stopping.pause_reason is not None
    stopping.resumed()
    stopping.count(fail(4))
    assert stopping.pause_reason is None


def test_zero_turns_both_off() -> None:
    same, slot = SameFailures(0), SlotFailures(0)
    for unit in range(20):
        assert not same.count(fail(unit))
        assert slot.count(fail(unit)) == slot.count(passed()) == []


def test_a_slot_in_which_units_fail_while_others_pass_is_taken_out() -> None:
    counting = SlotFailures(3)
    runs = [fail(1), passed(), fail(2, "usb.io"), fail(2), fail(3)]
    assert [counting.count(run) for run in runs] == [[], [], [], [], ["1-1"]]


def test_where_all_slots_fail_none_is_to_blame_until_another_passes() -> None:
    counting = SlotFailures(2)
    assert [counting.count(run) for run in (fail(1), fail(2), fail(3, place="1-2"))] == [[], [], []]
    assert counting.count(passed("1-3")) == ["1-1"]


def test_a_pass_in_the_slot_clears_it() -> None:
    counting = SlotFailures(2)
    runs = [passed(), fail(1), passed("1-1"), fail(2), passed()]
    assert [counting.count(run) for run in runs] == [[]] * 5


def test_every_code_has_something_to_check() -> None:
    assert what_to_check("mram.wrapped") == WHAT_TO_CHECK["mram."]
    assert what_to_check("x.y")
