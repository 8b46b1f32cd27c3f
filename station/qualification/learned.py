"""What a bench can be taught by known-good cameras: settings, each with the value that they suggest and why.

Only runs that passed teach. A list is never made shorter than what was seen, and `sensor_ids` only grows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from station.board.serial_rule import SerialForm
from station.model import bench_facts
from station.model.runs import Outcome, RunRecord
from station.qualification.bench_run import Expectations, SlotCycles
from station.terminal_text import printable

BOOT_FACTOR = 2
BOOT_LEAST_S = 30.0
"""A first boot formats the filesystem, and people report up to so long: no bench teaches a shorter limit."""
ANSWER_LEAST_S = 1.0
BRIGHTNESS_SLACK = 0.2
FEWEST = 3
"""Fewer values than this teach no range."""

Value = float | int | list[int] | list[str]


@dataclass(frozen=True, slots=True)
class Learned:
    """One setting; `key` is dotted, as in `run.boot_timeout_s`."""

    key: str
    now: Value
    suggested: Value
    why: str

    @property
    def differs(self) -> bool:
        """Whether the configuration says otherwise."""
        return self.now != self.suggested

    @property
    def now_text(self) -> str:
        """What the configuration says, as it would stand there."""
        return _setting_text(self.key, self.now)

    @property
    def suggested_text(self) -> str:
        """What these runs suggest, as it would stand in the configuration."""
        return _setting_text(self.key, self.suggested)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        return {"key": self.key, "now": self.now, "suggested": self.suggested, "why": self.why}


def _setting_text(key: str, value: Value) -> str:
    if not isinstance(value, list):
        return f"{value:g}"
    hexadecimal = key == "test.sensor_ids"
    return f"[{', '.join(f'0x{int(each):04X}' if hexadecimal else json.dumps(each) for each in value)}]"


def learned(wanted: Expectations, slots: Sequence[SlotCycles]) -> tuple[Learned, ...]:
    """Every setting that these runs teach, those too that are right already."""
    runs = [run for each in slots for run in each.runs if run.outcome is Outcome.PASS]
    found = (_boot_timeout(wanted, runs), _serial_forms(wanted, runs), _sensor_ids(wanted, slots))
    return tuple(each for each in (*found, *_brightness(wanted, runs), _core_answer(wanted, runs)) if each is not None)


def _numbers(runs: Iterable[RunRecord], name: str) -> list[float]:
    return [
        one.number
        for run in runs
        for attempt in run.attempts
        for one in attempt.measurements
        if one.name == name and one.number is not None
    ]


def _boot_timeout(wanted: Expectations, runs: Sequence[RunRecord]) -> Learned | None:
    took = _numbers(runs, bench_facts.BOOT_S)
    if not took:
        return None
    suggested = float(max(BOOT_LEAST_S, math.ceil(BOOT_FACTOR * max(took))))
    why = f"the slowest of {len(took)} boots took {max(took):.1f} s; twice that, and {BOOT_LEAST_S:g} s at least"
    return Learned("run.boot_timeout_s", wanted.options.boot_timeout_s, suggested, why)


def _serial_forms(wanted: Expectations, runs: Sequence[RunRecord]) -> Learned | None:
    rule = wanted.board.serial
    pairs = {(run.application_serial, run.serial) for run in runs if run.application_serial}
    if not pairs:
        return None
    forms = {shown: rule.forms_of(*shown) for shown in pairs}
    now = [str(form) for form in rule.forms]
    if not all(forms.values()):
        odd = next(shown for shown, found in forms.items() if not found)
        why = f"{odd[0]} beside {odd[1]} has no form that the station knows"
        return Learned("run.serial_forms", now, [str(SerialForm.ANY)], why)
    seen = {form for found in forms.values() for form in found}
    suggested = [str(form) for form in SerialForm if form in seen]
    return Learned("run.serial_forms", now, suggested, f"the forms that {len(pairs)} applications showed")


def _sensor_ids(wanted: Expectations, slots: Sequence[SlotCycles]) -> Learned | None:
    seen: dict[int, list[str]] = {}
    for each in slots:
        passed = [run for run in each.runs if run.outcome is Outcome.PASS]
        for number in {int(number) for number in _numbers(passed, bench_facts.SENSOR_ID) if number}:
            seen.setdefault(number, []).append(each.slot)
    now = list(wanted.tests.sensor_ids)
    if not seen or not now:  # an empty list allows any
        return None
    suggested = now + sorted(set(seen) - set(now))
    # One camera that differs from its neighbours may be the one that is wrong: who accepts has to see where it was.
    why = "; ".join(f"0x{number:04X} in {printable(', '.join(where))}" for number, where in sorted(seen.items()))
    return Learned("test.sensor_ids", now, suggested, f"seen: {why}")


def _brightness(wanted: Expectations, runs: Sequence[RunRecord]) -> tuple[Learned, ...]:
    """Of the sensor's own ramp alone: what a camera sees depends on the light."""
    tests = wanted.tests
    means = _numbers([run for run in runs if _showed_ramp(run)], "picture_mean")
    if tests.picture_of != "ramp" or len(means) < FEWEST:
        return ()
    low = float(max(0, math.floor(min(means) * (1 - BRIGHTNESS_SLACK))))
    high = float(min(255, math.ceil(max(means) * (1 + BRIGHTNESS_SLACK))))
    why = f"{len(means)} pictures of the ramp had means from {min(means):.1f} to {max(means):.1f}; a fifth to each side"
    return (
        Learned("test.brightness_low", tests.brightness_low, low, why),
        Learned("test.brightness_high", tests.brightness_high, high, why),
    )


def _showed_ramp(run: RunRecord) -> bool:
    return any(one.name == "picture_of" and one.value == "ramp" for each in run.attempts for one in each.measurements)


def _core_answer(wanted: Expectations, runs: Sequence[RunRecord]) -> Learned | None:
    took = _numbers(runs, "he_answer_s")
    if len(took) < FEWEST:
        return None
    suggested = float(max(ANSWER_LEAST_S, math.ceil(2 * max(took))))
    why = f"the slowest of {len(took)} answers took {max(took):.2f} s; twice that, and {ANSWER_LEAST_S:g} s at least"
    return Learned("test.he_answer_s", wanted.tests.he_answer_s, suggested, why)
