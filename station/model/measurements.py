"""What a functional test measured of a camera: one figure or one text, with its limits and what they say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value. `low` and `high` are inclusive, None where there is no such limit.

    `value` is None where nothing could be measured. `passed` is None where there is nothing to compare it with; a text,
    or one of several numbers that are allowed, has no limits and is judged all the same.
    """

    name: str
    value: Value
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    passed: bool | None = None

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits as "0.5 <= x" and "x <= 5"."""
        low = () if self.low is None else (f"{self.low:g} <= x",)
        return low if self.high is None else (*low, f"x <= {self.high:g}")

    @property
    def number(self) -> float | None:
        """The value, where it is a number."""
        return None if isinstance(self.value, str) else self.value

    def to_json(self) -> dict[str, Any]:
        """The measurement as an element of an attempt's `measurements`."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "passed": self.passed,
        }


def measurement_line(one: Measurement) -> str:
    """A measurement in one line for people: "sensor_id 31030", "he_answer_s 0.04 s (x <= 5)", "… NOT PASSED"."""
    value = "not measured" if one.value is None else f"{one.value:g}" if isinstance(one.value, float) else one.value
    unit = f" {one.unit}" if one.unit and one.value is not None else ""
    said = f" ({', '.join(one.limits)})" if one.limits else ""
    return f"{one.name} {value}{unit}{said}{' NOT PASSED' if one.passed is False else ''}"


def within(
    name: str, value: float | int, unit: str | None = None, *, low: float | None = None, high: float | None = None
) -> Measurement:
    """A number, judged by its limits; without any there is nothing to judge."""
    passed = None
    if low is not None or high is not None:
        passed = (low is None or value >= low) and (high is None or value <= high)
    return Measurement(name, value, unit, low, high, passed)


def measurement_from_json(data: Mapping[str, Any]) -> Measurement:
    """The reverse of `Measurement.to_json`; KeyError, TypeError and ValueError for what is none."""
    value, unit, passed = data["value"], data.get("unit"), data.get("passed")
    if not isinstance(value, float | int | str | None) or isinstance(value, bool):
        raise ValueError(f"a measured value is a number or a text, not {value!r}")
    if passed not in (True, False, None):
        raise ValueError(f"a measurement passed or not, or is not judged: {passed!r}")
    low, high = _limit(data.get("low")), _limit(data.get("high"))
    return Measurement(str(data["name"]), value, None if unit is None else str(unit), low, high, passed)


def _limit(given: Any) -> float | None:
    try:
        return None if given is None else float(given)
    except OverflowError:
        raise ValueError(f"a limit is too large: {str(given)[:20]}…") from None
