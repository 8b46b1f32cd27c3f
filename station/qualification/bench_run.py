"""What a qualification is made of: the runs of each slot, and what the line saw there besides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from station.board.board import Board
from station.model.functional_tests import FunctionalTests
from station.model.measurements import Measurement, Value
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunOptions, RunRecord


@dataclass(frozen=True, slots=True)
class Expectations:
    """What this station takes for granted: its board, and the settings that a bench can be taught."""

    board: Board
    options: RunOptions
    tests: FunctionalTests
    bootloader_timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class SlotCycles:
    """One slot: its finished runs in order, and how its cameras came back between them.

    `entered_s` are the seconds from each request to go into the bootloader until the camera was there, `not_entered`
    how often it did not come. `gave_up` says why the slot has fewer runs than asked for; "" where it has all.
    """

    slot: str
    port_path: str
    runs: tuple[RunRecord, ...]
    entered_s: tuple[float, ...] = ()
    not_entered: int = 0
    gave_up: str = ""

    @property
    def serials(self) -> tuple[str, ...]:
        """The cameras that were in this slot."""
        return tuple(dict.fromkeys(run.serial for run in self.runs))

    @property
    def passed(self) -> int:
        """How many runs passed."""
        return sum(run.outcome is Outcome.PASS for run in self.runs)

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every attempt of every run."""
        return tuple(attempt for run in self.runs for attempt in run.attempts)

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """Every image of every attempt."""
        return tuple(image for attempt in self.attempts for image in attempt.images)

    def measured(self, name: str) -> tuple[Measurement, ...]:
        """Every measurement of that name, those without a value too."""
        return tuple(one for attempt in self.attempts for one in attempt.measurements if one.name == name)

    def values(self, name: str) -> tuple[Value, ...]:
        """Every value that was measured under that name."""
        return tuple(one.value for one in self.measured(name) if one.value is not None)

    def numbers(self, name: str) -> tuple[float, ...]:
        """The same, of numbers alone."""
        return tuple(float(value) for value in self.values(name) if isinstance(value, int | float))


Kind = Literal["as expected", "differs", "not seen"]
AS_EXPECTED: Kind = "as expected"
DIFFERS: Kind = "differs"
NOT_SEEN: Kind = "not seen"
