"""The figures of a report, from runs: pure, in any order, in one pass.

The definitions, which a report prints with its figures, stand in `DEFINITIONS`. The selection (a batch, a time range,
everything) is made before: what is "in the batch" here is what is among the runs given.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from station.model.runs import ImageRecord, Outcome, RunRecord
from station.model.units import canonical_serial

DEFINITIONS: dict[str, str] = {
    "unit": "A camera by its serial. A run whose serial names no single camera is a unit of its own.",
    "counted run": "A run that ended PASS or FAIL. ERROR, ABORTED, SKIPPED and open runs are shown and not counted.",
    "units started": "Units with at least one run that touched them (any but SKIPPED).",
    "units passed": "Units whose latest counted run passed.",
    "open units": "Units started that did not pass: the latest counted run failed, or none was counted yet.",
    "first-pass yield": "Units whose first counted run passed at its first attempt / units with a counted run.",
    "final yield": "Units whose latest counted run passed / units with a counted run.",
    "units per hour": "Units passed / hours from the first start to the last end of the runs that touched a camera.",
    "duration": "Seconds of the runs that passed; percentiles by nearest rank.",
    "slot": "A slot's first-pass yield is over the units whose first counted run was in that slot.",
    "image": "Seconds of write and read back, and MiB written per second of writing, where anything was written.",
}
"""What each figure means, by its name."""

_MIB = 1024 * 1024
_COUNTED = (Outcome.PASS, Outcome.FAIL)


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a code ended a run, and on how many units. Only codes of FAIL speak of cameras."""

    code: str
    outcome: Outcome
    count: int
    units: int


@dataclass(frozen=True, slots=True)
class SlotYield:
    """One slot: `runs` touched a camera; `mean_s` is of those that passed; `codes` counts FAIL and ERROR codes."""

    slot: str
    runs: int
    units_counted: int
    first_pass_yield: float | None
    mean_s: float | None
    codes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ImageRate:
    """One partition's images that were written, wholly or in part."""

    partition: str
    count: int
    mean_s: float
    mib_per_s: float | None


@dataclass(frozen=True, slots=True)
class YieldReport:
    """The figures of a selection of runs. Yields are None where no run was counted."""

    batch: str | None
    since: datetime | None
    until: datetime | None
    units_started: int
    units_counted: int
    units_passed: int
    units_passed_first: int
    units_per_hour: float | None
    duration_p50_s: float | None
    duration_p95_s: float | None
    outcomes: tuple[tuple[Outcome, int], ...]
    open_runs: int
    failures: tuple[CodeCount, ...]
    slots: tuple[SlotYield, ...]
    images: tuple[ImageRate, ...]
    open_units: tuple[str, ...]

    @property
    def first_pass_yield(self) -> float | None:
        """Units that passed at once over units with a counted run, 0 to 1."""
        return _ratio(self.units_passed_first, self.units_counted)

    @property
    def final_yield(self) -> float | None:
        """Units that passed in the end over units with a counted run, 0 to 1."""
        return _ratio(self.units_passed, self.units_counted)

    def to_json(self) -> dict[str, Any]:
        """The report as `report --format json` prints it."""
        return {
            "batch": self.batch,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            "units_started": self.units_started,
            "units_counted": self.units_counted,
            "units_passed": self.units_passed,
            "units_passed_first": self.units_passed_first,
            "first_pass_yield": self.first_pass_yield,
            "final_yield": self.final_yield,
            "units_per_hour": self.units_per_hour,
            "duration_s": {"p50": self.duration_p50_s, "p95": self.duration_p95_s},
            "outcomes": {str(outcome): count for outcome, count in self.outcomes},
            "open_runs": self.open_runs,
            "failures": [_code_json(failure) for failure in self.failures],
            "slots": [_slot_json(slot) for slot in self.slots],
            "images": [_image_json(image) for image in self.images],
            "open_units": list(self.open_units),
        }


def summarize(
    runs: Iterable[RunRecord],
    *,
    batch: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> YieldReport:
    """The report over `runs`, in whatever order they come. `batch`, `since` and `until` are only repeated in it."""
    tally = _Tally()
    for run in runs:
        tally.add(run)
    return tally.report(batch, since, until)


def unit_of(run: RunRecord) -> tuple[str, str]:
    """What tells one unit from another: the serial, or the run itself where the serial names no unit."""
    return ("serial", canonical_serial(run.serial)) if run.identified else ("run", run.run_id)


def passed_at_once(run: RunRecord) -> bool:
    """True for a run that passed at its first attempt."""
    if run.outcome is not Outcome.PASS:
        return False
    first = min(run.attempts, key=lambda attempt: attempt.number, default=None)
    return first is None or first.outcome is Outcome.PASS


_Moment = tuple[datetime, str]
"""Orders runs: when they started, then their key."""


@dataclass(slots=True)
class _Unit:
    """What is remembered of one unit while the runs go by."""

    serial: str
    touched: bool = False
    touched_last: _Moment | None = None
    first: tuple[_Moment, bool, str] | None = None
    last: tuple[_Moment, bool] | None = None

    def add(self, run: RunRecord, moment: _Moment) -> None:
        if run.outcome is not Outcome.SKIPPED:
            self.touched = True
            self.touched_last = max(self.touched_last or moment, moment)
        if run.outcome not in _COUNTED:
            return
        if self.first is None or moment < self.first[0]:
            self.first = (moment, passed_at_once(run), run.slot)
        if self.last is None or moment > self.last[0]:
            self.last = (moment, run.outcome is Outcome.PASS)

    @property
    def passed(self) -> bool:
        return self.last is not None and self.last[1]


@dataclass(slots=True)
class _Slot:
    runs: int = 0
    passed_s: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Images:
    count: int = 0
    total_s: float = 0.0
    write_s: float = 0.0
    written_bytes: float = 0.0

    def add(self, image: ImageRecord) -> None:
        self.count += 1
        self.total_s += image.write_s + image.verify_s
        self.write_s += image.write_s
        self.written_bytes += image.size_bytes * image.blocks_written / max(image.blocks_total, 1)

    def rate(self, partition: str) -> ImageRate:
        mib_per_s = _ratio(self.written_bytes / _MIB, self.write_s)
        return ImageRate(partition, self.count, self.total_s / self.count, mib_per_s)


@dataclass(slots=True)
class _Tally:
    """The running count over all runs."""

    units: dict[tuple[str, str], _Unit] = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    open_runs: int = 0
    codes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    code_units: defaultdict[tuple[str, Outcome], set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    slots: defaultdict[str, _Slot] = field(default_factory=lambda: defaultdict(_Slot))
    images: defaultdict[str, _Images] = field(default_factory=lambda: defaultdict(_Images))
    passed_s: list[float] = field(default_factory=list)
    first_start: datetime | None = None
    last_end: datetime | None = None

    def add(self, run: RunRecord) -> None:
        key = unit_of(run)
        unit = self.units.setdefault(key, _Unit(run.serial))
        unit.add(run, (run.started_at, run.run_id))
        if run.outcome is None:
            self.open_runs += 1
            return
        self.outcomes[run.outcome] += 1
        if run.outcome is not Outcome.SKIPPED:
            self._add_touched(run, key, run.outcome)

    def _add_touched(self, run: RunRecord, key: tuple[str, str], outcome: Outcome) -> None:
        self._add_span(run)
        slot = self.slots[run.slot]
        slot.runs += 1
        if outcome in (Outcome.FAIL, Outcome.ERROR):
            code = (run.code or "", outcome)
            self.codes[code] += 1
            self.code_units[code].add(key)
            slot.codes[code[0]] += 1
        if outcome is Outcome.PASS and run.duration_s is not None:
            slot.passed_s.append(run.duration_s)
            self.passed_s.append(run.duration_s)
        for attempt in run.attempts:
            for image in attempt.images:
                if image.blocks_written and attempt.outcome is Outcome.PASS:
                    self.images[image.partition].add(image)

    def _add_span(self, run: RunRecord) -> None:
        end = run.finished_at or run.started_at
        self.first_start = min(self.first_start or run.started_at, run.started_at)
        self.last_end = max(self.last_end or end, end)

    def report(self, batch: str | None, since: datetime | None, until: datetime | None) -> YieldReport:
        started = [unit for unit in self.units.values() if unit.touched]
        counted = [unit for unit in started if unit.first is not None]
        passed = sum(unit.passed for unit in counted)
        return YieldReport(
            batch=batch,
            since=since,
            until=until,
            units_started=len(started),
            units_counted=len(counted),
            units_passed=passed,
            units_passed_first=sum(unit.first is not None and unit.first[1] for unit in counted),
            units_per_hour=_ratio(passed, self._hours()),
            duration_p50_s=percentile(self.passed_s, 0.50),
            duration_p95_s=percentile(self.passed_s, 0.95),
            outcomes=tuple((outcome, self.outcomes[outcome]) for outcome in Outcome),
            open_runs=self.open_runs,
            failures=self._failures(),
            slots=tuple(self._slot(name, counted) for name in sorted(self.slots)),
            images=tuple(images.rate(name) for name, images in sorted(self.images.items())),
            open_units=_open_units(started),
        )

    def _hours(self) -> float:
        if self.first_start is None or self.last_end is None:
            return 0.0
        return (self.last_end - self.first_start).total_seconds() / 3600

    def _failures(self) -> tuple[CodeCount, ...]:
        rows = [
            CodeCount(code, outcome, count, len(self.code_units[code, outcome]))
            for (code, outcome), count in self.codes.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.count, row.code, row.outcome)))

    def _slot(self, name: str, counted: Sequence[_Unit]) -> SlotYield:
        slot = self.slots[name]
        firsts = [unit.first[1] for unit in counted if unit.first is not None and unit.first[2] == name]
        return SlotYield(
            slot=name,
            runs=slot.runs,
            units_counted=len(firsts),
            first_pass_yield=_ratio(sum(firsts), len(firsts)),
            mean_s=_ratio(math.fsum(slot.passed_s), len(slot.passed_s)),
            codes=tuple(sorted(slot.codes.items(), key=lambda item: (-item[1], item[0]))),
        )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: the smallest value that at least `share` (0 to 1) of all do not exceed."""
    if not values:
        return None
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def _open_units(started: Iterable[_Unit]) -> tuple[str, ...]:
    """The serials still to pass, the longest untouched first; one entry a unit, so serials that name none repeat."""
    waiting = [(unit.touched_last, unit.serial) for unit in started if not unit.passed and unit.touched_last]
    return tuple(serial for _, serial in sorted(waiting))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _code_json(row: CodeCount) -> dict[str, Any]:
    return {"code": row.code, "outcome": str(row.outcome), "count": row.count, "units": row.units}


def _slot_json(row: SlotYield) -> dict[str, Any]:
    return {
        "slot": row.slot,
        "runs": row.runs,
        "units_counted": row.units_counted,
        "first_pass_yield": row.first_pass_yield,
        "mean_s": row.mean_s,
        "codes": dict(row.codes),
    }


def _image_json(row: ImageRate) -> dict[str, Any]:
    return {"partition": row.partition, "count": row.count, "mean_s": row.mean_s, "mib_per_s": row.mib_per_s}
