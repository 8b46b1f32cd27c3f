from __future__ import annotations

import json
from typing import Any

import pytest

from station.model.measurements import Measurement, measurement_from_json, measurement_line, within

ONES = (
    Measurement("version", "OpenMV v5; MicroPython v1", passed=True),
    Measurement("sensor_id", 0x7936, passed=True),
    within("he_answer_s", 0.25, "s", high=5.0),
    Measurement("disk_bytes", None, "byte"),
)


@pytest.mark.parametrize("one", ONES, ids=lambda one: one.name)
def test_a_measurement_survives_json(one: Measurement) -> None:
    back = measurement_from_json(json.loads(json.dumps(one.to_json())))
    assert back == one
    assert type(back.value) is type(one.value)


@pytest.mark.parametrize(
    ("value", "low", "high", "passed"),
    [(5, None, None, None), (5, 5, 5, True), (4.9, 5, None, False), (5.1, None, 5, False), (0, None, 0, True)],
)
def test_limits_are_inclusive_and_without_any_nothing_is_judged(
    value: float, low: float | None, high: float | None, passed: bool | None
) -> None:
    assert within("x", value, low=low, high=high).passed is passed


@pytest.mark.parametrize(
    "change",
    [{"value": [1]}, {"value": True}, {"passed": "yes"}, {"low": "low"}, {"high": 10**400}, {"name": None}],
    ids=lambda change: next(iter(change)),
)
def test_json_that_is_no_measurement_is_refused(change: dict[str, Any]) -> None:
    data = ONES[1].to_json() | change
    if change == {"name": None}:
        del data["name"]
    with pytest.raises((ValueError, KeyError)):
        measurement_from_json(data)


def test_a_line_for_people_says_the_limits_and_what_was_not_passed() -> None:
    assert [measurement_line(one) for one in ONES] == [
        "version OpenMV v5; MicroPython v1",
        "sensor_id 31030",
        "he_answer_s 0.25 s (x <= 5)",
        "disk_bytes not measured",
    ]
    assert measurement_line(within("mean", 3, low=10, high=250)) == "mean 3 (10 <= x, x <= 250) NOT PASSED"
