"""Runs, attempts and images as they are recorded, and the plan that a worker is given.

The records are the one list of what is recorded: JSON, the CSV's columns and the rows follow from them, in their order.
What a program reads back (`run_json`) and the tables name the fields again, with their types; a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from station.model.functional_tests import FunctionalTests
from station.model.measurements import Measurement
from station.model.recipes import Recipe
from station.model.record_json import record_json
from station.model.recovery_limits import RecoveryLimits
from station.model.unit_values import NO_VALUES, UnitValues


class Outcome(StrEnum):
    """How a run or an attempt ended. Only PASS and FAIL speak of the camera, and only they count in a yield."""

    PASS = "PASS"
    FAIL = "FAIL"
    ERROR = "ERROR"
    ABORTED = "ABORTED"
    SKIPPED = "SKIPPED"


class Purpose(StrEnum):
    """Why a run was made. Only production and rework count in a yield."""

    PRODUCTION = "production"
    REWORK = "rework"
    ENGINEERING = "engineering"
    VERIFICATION = "verification"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The settings of `[run]` that change what a run means. Durations are seconds."""

    verify: bool = True
    confirm_boot: Literal["required", "optional", "off"] = "required"
    mram: Literal["auto", "always", "never"] = "auto"
    already_passed: Literal["check", "skip", "reflash"] = "check"
    write: Literal["changed", "all"] = "changed"
    max_attempts: int = 2
    attempt_limit_s: float = 7200.0
    """For writing and reading back, 0: none. It bounds a camera that answers each request late, and fails no sound one:
    a serial NOR flash at the limits of its data sheet (0.4 s to erase 4 KiB, 0.1 s to write them) needs 52 minutes for
    a full ROMFS0."""
    boot_timeout_s: float = 90.0
    boot_stays_s: float = 3.0
    return_window_s: float = 4.0
    max_runs: int = 3
    unidentified: Literal["refuse", "flash"] = "refuse"


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """One image to write: where its bytes are on disk and what they must hash to."""

    partition: str
    alt: int
    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RunPlan:
    """All that a worker needs to know to run one camera: picklable, and light to import."""

    run_id: str
    serial: str
    recipe: Recipe
    images: tuple[ImagePlan, ...]
    options: RunOptions
    check_first: bool = False
    """The log says that the unit passed with this bundle: leave it as it is where its memory says so too."""
    hold_notes: tuple[str, ...] = ()
    """What was noted of the camera when it was held."""
    tests: FunctionalTests = field(default_factory=FunctionalTests)
    """How the recipe's tests are made."""
    label: str = ""
    """What the application calls itself after this run, "" where nobody knows."""
    files_image: ImagePlan | None = None
    """The image whose files the application shows after this run, None where nobody knows."""
    read_only: bool = False
    """The images are only read back and compared: nothing is written."""
    qualifies: bool = False
    """Measure the bench too (`station.model.bench_facts`)."""
    hold_s: float | None = None
    """How long it took to hold the camera, where that is to be recorded."""
    recovery: RecoveryLimits = field(default_factory=RecoveryLimits)
    """How far the station goes to get it back where a transfer fails."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What happened to one image in one attempt. `readback_sha256` is None where nothing was read back to its end."""

    partition: str
    alt: int
    size_bytes: int
    sha256: str
    readback_sha256: str | None
    blocks_total: int
    blocks_written: int
    write_s: float
    verify_s: float

    def to_json(self) -> dict[str, Any]:
        """The image as an element of an attempt's `images`."""
        return record_json(self)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One pass through the phases. `phase` is the last entered; `notes` say what a code cannot (a reset retried)."""

    attempt_id: str
    number: int
    outcome: Outcome
    code: str | None
    phase: str
    started_at: datetime
    duration_s: float
    message: str = ""
    mram_initialized: bool = False
    notes: tuple[str, ...] = ()
    images: tuple[ImageRecord, ...] = ()
    measurements: tuple[Measurement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The attempt as an element of a run's `attempts`."""
        return record_json(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One insertion of a camera: its attempts and one outcome.

    `outcome` and `finished_at` are None while the run is open. `identified` is False where the serial names no single
    unit (empty, all zeros, the source's default, or two cameras with it at once): such runs are never merged.
    """

    run_id: str
    station_id: str
    serial: str
    identified: bool
    slot: str
    port_path: str
    batch: str | None
    operator: str | None
    recipe: str
    bundle: str
    bundle_sha256: str
    bundle_version: str = ""
    bootloader: str | None
    station_version: str = ""
    application_serial: str | None = None
    """As the application shows it on the bus, None where it was not seen or shows none."""
    product_serial: str | None = None
    part_number: str | None = None
    hardware_revision: str | None = None
    location: str | None = None
    """Where the station stands."""
    time_zone: str | None = None
    """The station's, by its IANA name; None where nobody knows it."""
    proofs_off: str | None = None
    """The proofs that the configuration turned off (`proof_settings`), with commas between; None where it turned off
    none."""
    central_wait_s: float | None = None
    """How long the camera waited for the database of all stations, in seconds; None where that was not to be asked."""
    unit_values: UnitValues = NO_VALUES
    """What the factory noted of the unit by keys of its own (`unit_value_rows` says as of when)."""
    purpose: Purpose = Purpose.PRODUCTION
    notes: tuple[str, ...] = ()
    """What was not as expected and decided nothing, one sentence each."""
    started_at: datetime
    finished_at: datetime | None = None
    duration_s: float | None = None
    outcome: Outcome | None = None
    code: str | None = None
    message: str = ""
    verified: bool = False
    boot_confirmed: bool = False
    attempts: tuple[AttemptRecord, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The run as one JSON line of `run --json`, `flash --json` and `export`."""
        return record_json(self)
