"""What a factory notes of each unit besides its serials: values by a key of its own, such as the lens or the panel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from station.problem import Problem, sentence

LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class UnitValues:
    """Values by key, in the keys' order."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, str] | None) -> UnitValues:
        """The values of a mapping; None is none."""
        return cls(tuple(sorted((str(key), str(value)) for key, value in (values or {}).items())))

    def to_json(self) -> dict[str, str]:
        """The values as a JSON object."""
        return dict(self.pairs)

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def __str__(self) -> str:
        return "; ".join(f"{key}={value}" for key, value in self.pairs)


NO_VALUES = UnitValues()


@dataclass(frozen=True, slots=True)
class UnitKey:
    """A key that the configuration names. `pattern` is a regular expression for the whole of a value ("" for any text),
    `prefix` is how a label with such a value begins when it is scanned ("" where none does)."""

    name: str
    pattern: str = ""
    prefix: str = ""
    required: bool = False

    def problem_of(self, value: str) -> Problem | None:
        """What is wrong with a value; None where it may be one."""
        fits = 0 < len(value) <= LONGEST_VALUE and value.isprintable() and value == value.strip()
        if fits and (not self.pattern or re.fullmatch(self.pattern, value)):
            return None
        text = sentence("{value} has not the form of {key} here", value=value[:LONGEST_VALUE], key=self.name)
        return Problem("value.form", text)


def problem_of_values(values: Mapping[str, str], keys: Iterable[UnitKey]) -> Problem | None:
    """What is wrong with values for these keys; None where nothing is."""
    known = {key.name: key for key in keys}
    for name, value in values.items():
        if name not in known:
            allowed = ", ".join(sorted(known)) or "-"
            text = sentence("there is no key {key} for units; known: {known}", key=name[:LONGEST_VALUE], known=allowed)
            return Problem("value.unknown_key", text)
        if problem := known[name].problem_of(value):
            return problem
    return None


@dataclass(frozen=True, slots=True)
class UnitValue:
    """One value that a unit was given: the newest of a key counts, the others are its history."""

    serial: str
    key: str
    value: str
    station_id: str
    set_at: datetime
    set_by: str

    def to_json(self) -> dict[str, Any]:
        """The value as an element of a unit's `value_history`."""
        return {
            "key": self.key,
            "value": self.value,
            "station_id": self.station_id,
            "set_at": self.set_at.isoformat(),
            "set_by": self.set_by,
        }


@dataclass(frozen=True, slots=True)
class UnitBinding:
    """What is said of a unit: the serial on its label, and values by key. `serial` is its bootloader's.

    A product serial is never changed. A value that is there is changed only where `changes` says that this is meant.
    """

    serial: str
    station_id: str
    at: datetime
    by: str
    product_serial: str | None = None
    values: UnitValues = NO_VALUES
    changes: bool = False

    def to_json(self) -> dict[str, Any]:
        """What was said, as JSON."""
        return {
            "product_serial": self.product_serial,
            "serial": self.serial,
            "station_id": self.station_id,
            "bound_at": self.at.isoformat(),
            "bound_by": self.by,
            "unit_values": self.values.to_json(),
        }


@dataclass(frozen=True, slots=True)
class SaidOfUnit:
    """What somebody at the bench says of the camera with a serial in a slot; `port_path` "" for a unit that may be
    anywhere."""

    port_path: str
    serial: str
    product_serial: str | None
    values: UnitValues
    by: str


OnBound = Callable[[UnitBinding | Problem], None]
"""Takes all that a unit has now, or why it was refused."""
