"""What the log says about units: selections of runs, one camera's story, the list to re-run, releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from station.errors import HINTS
from station.model.runs import Outcome, Purpose, RunRecord
from station.model.scrapping import SCRAPPED
from station.model.serials import canonical_serial
from station.model.unit_values import NO_VALUES, UnitValue, UnitValues


def unit_key(serial: str, identified: bool, run_id: str) -> str:
    """What a unit is counted by: its serial, or where that names no unit the one run that it stands for."""
    return canonical_serial(serial) if identified else run_id


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs: None, and no purposes, mean any. `since` is inclusive, `until` exclusive, both of `started_at` and
    timezone-aware. Where units and yields are counted, no purposes mean those that count."""

    batch: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    serial: str | None = None
    station_id: str | None = None
    slot: str | None = None
    operator: str | None = None
    bundle: str | None = None
    purposes: tuple[Purpose, ...] = ()
    product_serial: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    """Keys and values of units, all of which the run's record has."""

    @property
    def is_of_units(self) -> bool:
        """Whether it picks units by what a factory calls them: no sums are kept for these."""
        return self.product_serial is not None or bool(self.where)

    @property
    def names_firmware(self) -> bool:
        """Whether its report names each bundle and recipe: where a batch or a time is meant, not all that ever was."""
        return (self.batch, self.since, self.until) != (None, None, None)

    @property
    def whole_batch(self) -> str | None:
        """The batch, where all runs of one are meant and no others; else None."""
        return self.batch if self == RunFilter(batch=self.batch, purposes=self.purposes) else None


@dataclass(frozen=True, slots=True)
class Release:
    """A unit that was set aside was released by name: earlier failures in `batch`, or anywhere, count no more."""

    serial: str
    batch: str | None
    released_at: datetime
    released_by: str

    def to_json(self) -> dict[str, Any]:
        """The release as an element of a unit's `releases`."""
        return {
            "serial": self.serial,
            "batch": self.batch,
            "released_at": self.released_at.isoformat(),
            "released_by": self.released_by,
        }


@dataclass(frozen=True, slots=True)
class UnitStory:
    """Everything the log knows of one serial, oldest run first. `serial` is spelt as the bootloader spells it."""

    serial: str
    runs: tuple[RunRecord, ...]
    releases: tuple[Release, ...] = ()
    product_serial: str | None = None
    value_history: tuple[UnitValue, ...] = ()
    """What it was given by keys of the factory's own, the oldest first."""

    @property
    def values(self) -> UnitValues:
        """The values that it has now."""
        return UnitValues.of({one.key: one.value for one in self.value_history})

    @property
    def application_serials(self) -> tuple[str, ...]:
        """What its application called itself, as found, the first seen first."""
        return tuple(dict.fromkeys(run.application_serial for run in self.runs if run.application_serial))

    def to_json(self) -> dict[str, Any]:
        """The story as `unit --json` prints it."""
        return {
            "serial": self.serial,
            "application_serials": list(self.application_serials),
            "product_serial": self.product_serial,
            "unit_values": self.values.to_json(),
            "value_history": [one.to_json() for one in self.value_history],
            "runs": [run.to_json() for run in self.runs],
            "releases": [release.to_json() for release in self.releases],
        }


@dataclass(frozen=True, slots=True)
class RunLine:
    """One line of a list of runs; `outcome` is None while it is open."""

    run_id: str
    serial: str
    outcome: Outcome | None
    code: str | None
    slot: str
    started_at: datetime
    station_id: str = ""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """How a run ended: one line of what happened at a station."""

    run_id: str
    serial: str
    slot: str
    outcome: Outcome
    code: str | None
    message: str
    finished_at: datetime
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class FailedUnit:
    """A unit of the selection that is not done (`station.model.done`): one line of the list to re-run.

    All but `runs` and `passed_before` is of the run that tells why: the latest that left it not done, or where none did
    the newest that touched it. `outcome` is None where that run is open. `runs` counts its runs in the selection (all
    outcomes but SKIPPED), `failed_at` is when the telling run ended, `passed_before` is True where it passed earlier in
    the selection. Where `identified` is False the serial names no unit, and the line stands for that one run.
    """

    serial: str
    identified: bool
    batch: str | None
    code: str | None
    message: str
    slot: str
    port_path: str
    failed_at: datetime | None
    runs: int
    bundle: str
    recipe: str
    run_id: str
    outcome: Outcome | None = Outcome.FAIL
    passed_before: bool = False
    set_aside: bool = False
    """True where it failed so often in its batch that it is skipped until it is released."""
    station_id: str = ""
    product_serial: str | None = None
    unit_values: UnitValues = NO_VALUES

    @property
    def scrapped(self) -> bool:
        """Whether an engineer booked it as scrapped: there is nothing to run again."""
        return self.code == SCRAPPED

    @property
    def hint(self) -> str:
        """What to do now, in one line."""
        return hint_for("unit.set_aside" if self.set_aside and not self.scrapped else self.code)

    @property
    def why(self) -> str:
        """Why it is not done, in a few words."""
        return why_open(self.outcome, self.passed_before, self.code)

    def to_json(self) -> dict[str, Any]:
        """The unit as `failed --json` prints it."""
        return {
            "serial": self.serial,
            "product_serial": self.product_serial,
            "unit_values": self.unit_values.to_json(),
            "identified": self.identified,
            "batch": self.batch,
            "outcome": None if self.outcome is None else str(self.outcome),
            "code": self.code,
            "why": self.why,
            "passed_before": self.passed_before,
            "message": self.message,
            "hint": self.hint,
            "station_id": self.station_id,
            "slot": self.slot,
            "port_path": self.port_path,
            "failed_at": self.failed_at.isoformat() if self.failed_at else None,
            "runs": self.runs,
            "bundle": self.bundle,
            "recipe": self.recipe,
            "run_id": self.run_id,
            "set_aside": self.set_aside,
            "scrapped": self.scrapped,
        }


def hint_for(code: str | None, hints: Mapping[str, str] = HINTS) -> str:
    """The operator's hint for a code, "" where there is none."""
    return hints.get(code or "", "")


def why_open(outcome: Outcome | None, passed_before: bool, code: str | None = None) -> str:
    """Why a unit is not done, from the run that left it so."""
    if code == SCRAPPED:
        what = "scrapped"
    elif outcome is None:
        what = "a run is open"
    elif outcome is Outcome.PASS:
        what = "run for another purpose"
    elif outcome is Outcome.FAIL:
        what = "failed"
    else:
        what = "cut short" if outcome is Outcome.ABORTED else "station error"
    return f"{what}, after it had passed" if passed_before else what
