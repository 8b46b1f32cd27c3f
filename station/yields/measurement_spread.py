"""How far apart the values of one measurement are in each slot: one that differs in one slot is no camera's fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from station.model.measurements import Measurement
from station.model.slots import BenchSlot, slot_label

Place = tuple[str, str, BenchSlot]
"""A measurement's name and unit ("" where it has none), and the slot."""


@dataclass(slots=True)
class MeasurementSum:
    """The measurements of one name in one slot. Texts are counted, and only numbers have a spread."""

    measured: int = 0
    missing: int = 0
    failed: int = 0
    numbers: int = 0
    total: float = 0.0
    least: float | None = None
    most: float | None = None

    def add(
        self,
        measured: int,
        missing: int,
        failed: int,
        numbers: int,
        total: float,
        least: float | None,
        most: float | None,
    ) -> None:
        """Add more of them."""
        self.measured += measured
        self.missing += missing
        self.failed += failed
        self.numbers += numbers
        self.total += total
        self.least = min((each for each in (self.least, least) if each is not None), default=None)
        self.most = max((each for each in (self.most, most) if each is not None), default=None)

    def add_one(self, measurement: Measurement) -> None:
        """Add one."""
        number, is_missing = measurement.number, measurement.value is None
        failed, is_number = int(measurement.passed is False), int(number is not None)
        self.add(int(not is_missing), int(is_missing), failed, is_number, number or 0.0, number, number)


@dataclass(frozen=True, slots=True)
class MeasurementSpread:
    """What one slot measured under one name. `least`, `mean`, `most` are of the values; None where none is a number."""

    name: str
    unit: str | None
    slot: str
    measured: int
    missing: int
    failed: int
    least: float | None
    mean: float | None
    most: float | None
    station_id: str = ""
    label: str = ""
    """The slot for people; with its station where there are several."""

    def to_json(self) -> dict[str, Any]:
        """The spread as an element of `measurements`."""
        return {name: value for name, value in asdict(self).items() if name != "label"}


def spreads(sums: Mapping[Place, MeasurementSum]) -> tuple[MeasurementSpread, ...]:
    """By name, unit and slot."""
    several = len({place[0] for _, _, place in sums}) > 1
    return tuple(
        MeasurementSpread(
            name,
            unit or None,
            place[1],
            one.measured,
            one.missing,
            one.failed,
            one.least,
            one.total / one.numbers if one.numbers else None,
            one.most,
            place[0],
            slot_label(place, several_stations=several),
        )
        for (name, unit, place), one in sorted(sums.items())
    )
