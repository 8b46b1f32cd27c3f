"""What a report is made of: sums over runs, units and images, filled from runs here or by the log itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from station.model.runs import Outcome
from station.model.slots import BenchSlot
from station.yields.figures import BundleCount, OpenUnit
from station.yields.measurement_spread import MeasurementSum, Place


@dataclass(slots=True)
class RunSum:
    """Runs that ended alike in one slot; seconds of the timed ones among those that passed."""

    runs: int = 0
    timed_runs: int = 0
    duration_s: float = 0.0

    def add(self, runs: int, timed_runs: int, duration_s: float) -> None:
        """Add more of them."""
        self.runs += runs
        self.timed_runs += timed_runs
        self.duration_s += duration_s


@dataclass(slots=True)
class ImageSum:
    """Written images of one partition in one slot; `write_s` and `written_bytes` of those that tell a write rate."""

    images: int = 0
    total_s: float = 0.0
    write_s: float = 0.0
    written_bytes: float = 0.0
    retries: int = 0

    def add(self, images: int, total_s: float, write_s: float, written_bytes: float, retries: int) -> None:
        """Add more of them."""
        self.images += images
        self.total_s += total_s
        self.write_s += write_s
        self.written_bytes += written_bytes
        self.retries += retries

    def add_all(self, others: Iterable[ImageSum]) -> ImageSum:
        """Add other sums; returns itself."""
        for other in others:
            self.add(other.images, other.total_s, other.write_s, other.written_bytes, other.retries)
        return self


@dataclass(slots=True)
class Counts:
    """What a report is made of. `runs` by slot, outcome and code; `images` by partition and slot; `firsts` counts
    units by the slot of their first counted run and whether that passed at once; `hours` counts runs by the hour in
    which they started and whether they passed, of those that count. Open runs are in `open_runs` only."""

    runs: defaultdict[tuple[BenchSlot, Outcome, str], RunSum] = field(default_factory=lambda: defaultdict(RunSum))
    code_units: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    images: defaultdict[tuple[str, BenchSlot], ImageSum] = field(default_factory=lambda: defaultdict(ImageSum))
    measurements: defaultdict[Place, MeasurementSum] = field(default_factory=lambda: defaultdict(MeasurementSum))
    firsts: Counter[tuple[BenchSlot, bool]] = field(default_factory=Counter)
    hours: Counter[tuple[datetime, bool]] = field(default_factory=Counter)
    units_started: int = 0
    units_passed: int = 0
    units_passed_earlier: int = 0
    units_failed: int = 0
    units_with_result: int = 0
    units_retested: int = 0
    units_recovered: int = 0
    open_runs: int = 0
    unproven_runs: int = 0
    durations_s: list[float] = field(default_factory=list)
    open_details: list[OpenUnit] = field(default_factory=list)
    bundles: list[BundleCount] = field(default_factory=list)
    first_start: datetime | None = None
    last_end: datetime | None = None

    def add_span(self, start: datetime, end: datetime) -> None:
        """Runs that touched a camera went on from `start` to `end`."""
        self.first_start = min(self.first_start or start, start)
        self.last_end = max(self.last_end or end, end)

    def add_units(self, number: int, first: Outcome | None, last: Outcome | None, *, several: bool, done: bool) -> None:
        """So many units more, by the outcomes of their first and last counted runs (None: there is none), whether these
        are two, and whether the units are done."""
        passed = done and last is Outcome.PASS
        self.units_passed += number * passed
        self.units_passed_earlier += number * (done and not passed)
        self.units_failed += number * (not done and last is Outcome.FAIL)
        self.units_with_result += number * (done or last is not None)
        if several and first is Outcome.FAIL:
            self.units_retested += number
            self.units_recovered += number * passed
