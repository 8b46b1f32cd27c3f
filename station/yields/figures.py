"""The figures of a yield report: the values, and their JSON form. `counting` counts them, `definitions` says what each
means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from station.model.runs import Outcome, Purpose
from station.model.scrapping import SCRAPPED
from station.model.units import hint_for, why_open
from station.yields.definitions import DEFINITIONS
from station.yields.inference import wilson_interval
from station.yields.measurement_spread import MeasurementSpread

TELLS_A_RATE = timedelta(minutes=15)
"""A rate of fewer minutes than that says nothing of an hour."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often a code ended a run, and on how many units. Only codes of FAIL speak of cameras.

    `cumulative` is the share, 0 to 1, of this and all more frequent codes among all runs that ended with that outcome.
    """

    code: str
    outcome: Outcome
    count: int
    units: int
    cumulative: float

    def to_json(self) -> dict[str, Any]:
        """The code as an element of `failures`."""
        return {
            "code": self.code,
            "outcome": str(self.outcome),
            "count": self.count,
            "units": self.units,
            "cumulative_share": self.cumulative,
            "hint": hint_for(self.code),
        }


@dataclass(frozen=True, slots=True)
class SlotYield:
    """One slot: `runs` touched a camera; `mean_s` is of those that passed; `codes` counts FAIL and ERROR codes.

    `p_value` says how likely the slot's first failures are if it is like the others, corrected for the number of slots;
    None where there is nothing to compare. `suspect` is True where that is too unlikely to be chance.
    """

    slot: str
    runs: int
    units_counted: int
    units_passed_first: int
    mean_s: float | None
    mib_per_s: float | None
    codes: tuple[tuple[str, int], ...]
    p_value: float | None
    suspect: bool
    station_id: str = ""
    label: str = ""
    """The slot for people; with its station where the report has several."""

    @property
    def first_pass_yield(self) -> float | None:
        """Of the units that were first counted in this slot, 0 to 1."""
        return ratio(self.units_passed_first, self.units_counted)

    @property
    def first_pass_interval(self) -> Interval | None:
        """Its 95 % interval."""
        return wilson_interval(self.units_passed_first, self.units_counted)

    def to_json(self) -> dict[str, Any]:
        """The slot as an element of `slots`."""
        return {
            "station_id": self.station_id,
            "slot": self.slot,
            "runs": self.runs,
            "units_counted": self.units_counted,
            "units_passed_first": self.units_passed_first,
            "first_pass_yield": self.first_pass_yield,
            "first_pass_interval": _pair(self.first_pass_interval),
            "mean_s": self.mean_s,
            "mib_per_s": self.mib_per_s,
            "codes": dict(self.codes),
            "p_value": self.p_value,
            "suspect": self.suspect,
        }


@dataclass(frozen=True, slots=True)
class HourCount:
    """What one hour brought: runs that started in it and ended PASS or FAIL. `hour_at` is its first moment."""

    hour_at: datetime
    passed: int
    failed: int

    def to_json(self) -> dict[str, Any]:
        """The hour as an element of `hours`."""
        return {"hour_at": self.hour_at.isoformat(), "passed": self.passed, "failed": self.failed}


@dataclass(frozen=True, slots=True)
class ImageRate:
    """One partition's images that were written, wholly or in part; `mean_s` is None where none passed."""

    partition: str
    count: int
    mean_s: float | None
    mib_per_s: float | None
    retries: int

    def to_json(self) -> dict[str, Any]:
        """The partition as an element of `images`."""
        return {
            "partition": self.partition,
            "count": self.count,
            "mean_s": self.mean_s,
            "mib_per_s": self.mib_per_s,
            "retries": self.retries,
        }


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast a station is: its images, and the mean seconds of a run that passed (None where none did)."""

    images: tuple[ImageRate, ...] = ()
    run_mean_s: float | None = None


@dataclass(frozen=True, slots=True)
class OpenUnit:
    """A unit that is not done. `runs` touched it; `last_at` is when the newest of them started; `outcome` (None: it is
    open), `code` and `slot` are of the run that tells why."""

    serial: str
    code: str | None
    slot: str
    runs: int
    last_at: datetime
    outcome: Outcome | None = Outcome.FAIL
    passed_before: bool = False
    station_id: str = ""

    @property
    def hint(self) -> str:
        """What to do now, in one line."""
        return hint_for(self.code)

    @property
    def why(self) -> str:
        """Why it is not done, in a few words."""
        return why_open(self.outcome, self.passed_before, self.code)

    def to_json(self) -> dict[str, Any]:
        """The unit as an element of `open_unit_details`."""
        return {
            "serial": self.serial,
            "outcome": None if self.outcome is None else str(self.outcome),
            "code": self.code,
            "why": self.why,
            "hint": self.hint,
            "slot": self.slot,
            "station_id": self.station_id,
            "runs": self.runs,
            "last_at": self.last_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class BundleCount:
    """One bundle and recipe of a selection: its runs that touched a camera, and their units."""

    bundle: str
    bundle_sha256: str
    bundle_version: str
    recipe: str
    units: int
    runs: int

    def to_json(self) -> dict[str, Any]:
        """As an element of `bundles`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class YieldReport:
    """The figures of a selection of runs. Yields are None where no run was counted.

    `planned` is how many units the batch is to have; None where nobody said, or where not all of one batch is selected.
    """

    batch: str | None
    since: datetime | None
    until: datetime | None
    bundle: str | None
    station_id: str | None
    slot: str | None
    operator: str | None
    planned: int | None
    units_started: int
    units_counted: int
    units_passed: int
    units_passed_first: int
    units_retested: int
    units_recovered: int
    first_started_at: datetime | None
    last_ended_at: datetime | None
    units_per_hour: float | None
    duration_p50_s: float | None
    duration_p95_s: float | None
    outcomes: tuple[tuple[Outcome, int], ...]
    open_runs: int
    failures: tuple[CodeCount, ...]
    slots: tuple[SlotYield, ...]
    images: tuple[ImageRate, ...]
    hours: tuple[HourCount, ...]
    open_details: tuple[OpenUnit, ...]
    purposes: tuple[Purpose, ...] = ()
    units_passed_earlier: int = 0
    units_failed: int = 0
    units_with_result: int = 0
    """Units with a counted run, or skipped because they passed earlier: how many of the planned ones are through."""
    unproven_runs: int = 0
    """Runs that passed while the configuration turned a proof off: nothing read back, or no start waited for."""
    bundles: tuple[BundleCount, ...] = ()
    measurements: tuple[MeasurementSpread, ...] = ()

    @property
    def units_begun(self) -> int:
        """Units of which the selection says anything: those started, and those that had passed earlier."""
        return self.units_passed + self.units_passed_earlier + len(self.open_details)

    @property
    def telling_rate(self) -> float | None:
        """Units passed in an hour, once so much time has passed that it means something."""
        first, last = self.first_started_at, self.last_ended_at
        if first is None or last is None or last - first < TELLS_A_RATE:
            return None
        return self.units_per_hour

    @property
    def mixed(self) -> bool:
        """Whether there are several bundles or recipes in the selection."""
        return len(self.bundles) > 1

    @property
    def units_scrapped(self) -> int:
        """Of the failed units those that an engineer booked as scrapped."""
        return sum(unit.code == SCRAPPED for unit in self.open_details)

    @property
    def open_units(self) -> tuple[str, ...]:
        """The serials still to pass, the longest untouched first; serials that name no unit repeat."""
        return tuple(unit.serial for unit in self.open_details if unit.code != SCRAPPED)

    @property
    def first_pass_yield(self) -> float | None:
        """Units that passed at once over units with a counted run, 0 to 1."""
        return ratio(self.units_passed_first, self.units_counted)

    @property
    def final_yield(self) -> float | None:
        """Units that passed and are done over units with a counted run, 0 to 1."""
        return ratio(self.units_passed, self.units_counted)

    @property
    def retest_yield(self) -> float | None:
        """Units that passed in the end over units that failed first and were counted again, 0 to 1."""
        return ratio(self.units_recovered, self.units_retested)

    @property
    def first_pass_interval(self) -> Interval | None:
        """The first-pass yield's 95 % interval."""
        return wilson_interval(self.units_passed_first, self.units_counted)

    @property
    def final_interval(self) -> Interval | None:
        """The final yield's 95 % interval."""
        return wilson_interval(self.units_passed, self.units_counted)

    @property
    def suspects(self) -> tuple[SlotYield, ...]:
        """The slots that are worse than chance explains."""
        return tuple(slot for slot in self.slots if slot.suspect)

    @property
    def camera_failures(self) -> tuple[CodeCount, ...]:
        """Of `failures` those that speak of cameras: FAIL."""
        return tuple(row for row in self.failures if row.outcome is Outcome.FAIL)

    @property
    def station_errors(self) -> tuple[CodeCount, ...]:
        """Of `failures` those that speak of the station: ERROR."""
        return tuple(row for row in self.failures if row.outcome is not Outcome.FAIL)

    def to_json(self) -> dict[str, Any]:
        """The report as `report --format json` prints it."""
        return {
            **self._selection_json(),
            "planned": self.planned,
            "units_started": self.units_started,
            "units_counted": self.units_counted,
            "units_passed": self.units_passed,
            "units_passed_first": self.units_passed_first,
            "units_passed_earlier": self.units_passed_earlier,
            "units_failed": self.units_failed,
            "units_scrapped": self.units_scrapped,
            "units_retested": self.units_retested,
            "units_recovered": self.units_recovered,
            "first_pass_yield": self.first_pass_yield,
            "first_pass_interval": _pair(self.first_pass_interval),
            "final_yield": self.final_yield,
            "final_interval": _pair(self.final_interval),
            "retest_yield": self.retest_yield,
            "first_started_at": _iso(self.first_started_at),
            "last_ended_at": _iso(self.last_ended_at),
            "units_per_hour": self.units_per_hour,
            "duration_s": {"p50": self.duration_p50_s, "p95": self.duration_p95_s},
            "outcomes": {str(outcome): count for outcome, count in self.outcomes},
            "open_runs": self.open_runs,
            "unproven_runs": self.unproven_runs,
            "mixed": self.mixed,
            "bundles": [bundle.to_json() for bundle in self.bundles],
            "failures": [failure.to_json() for failure in self.failures],
            "slots": [slot.to_json() for slot in self.slots],
            "suspect_slots": [slot.label for slot in self.suspects],
            "images": [image.to_json() for image in self.images],
            "measurements": [one.to_json() for one in self.measurements],
            "hours": [hour.to_json() for hour in self.hours],
            "open_units": list(self.open_units),
            "open_unit_details": [unit.to_json() for unit in self.open_details],
            "definitions": DEFINITIONS,
        }

    def _selection_json(self) -> dict[str, Any]:
        return {
            "batch": self.batch,
            "since": _iso(self.since),
            "until": _iso(self.until),
            "bundle": self.bundle,
            "station_id": self.station_id,
            "slot": self.slot,
            "operator": self.operator,
            "purposes": [str(purpose) for purpose in self.purposes],
        }


def ratio(part: float, whole: float) -> float | None:
    """`part` / `whole`, None of nothing."""
    return part / whole if whole else None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)
