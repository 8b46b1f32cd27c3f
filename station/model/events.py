"""Facts, in the past tense: what the line reports to the ledger and the screens, and what the ledger answers.

The line opens a run when a camera is held, tells each attempt as it ends and closes the run once. The ledger answers an
opening with `OpeningCommitted` or `OpeningNotCommitted`; no camera is changed before the former. It answers a close
with `RunCommitted` or `RunNotCommitted`; a slot turns green only on the former. A batch is answered only where
the ledger could not take it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from station.model.batches import Batch
from station.model.runs import AttemptRecord, RunRecord
from station.model.unit_values import UnitBinding
from station.problem import Problem


@dataclass(frozen=True, slots=True)
class RunOpened:
    """A camera was held (or was set aside untouched): its run exists from now on."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """One attempt of an open run ended."""

    run_id: str
    attempt: AttemptRecord


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended; `run` is complete, all attempts included."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class OpeningCommitted:
    """The ledger has the open run, durably: whatever happens from now on, it is known that the camera was touched."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class OpeningNotCommitted:
    """The ledger could not take the open run; `reason` is one line for the operator."""

    run: RunRecord
    reason: str


@dataclass(frozen=True, slots=True)
class RunCommitted:
    """The ledger has the finished run, durably."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class RunNotCommitted:
    """The ledger could not take the finished run; `reason` is one line for the operator."""

    run: RunRecord
    reason: str


@dataclass(frozen=True, slots=True)
class BatchNoted:
    """A batch was begun, changed, continued or ended; `batch` is how it stands now."""

    batch: Batch


@dataclass(frozen=True, slots=True)
class BatchNotCommitted:
    """The ledger could not take how a batch stands: after a restart it would not go on as it was left."""

    batch: Batch
    reason: str


@dataclass(frozen=True, slots=True)
class LogLocked:
    """Another program locks the ledger: what was handed in is kept and waits. Sent again and again until it is free."""


@dataclass(frozen=True, slots=True)
class DiskFull:
    """The ledger's disk is full: results are kept in what was reserved, openings wait. Sent again and again until there
    is room."""


@dataclass(frozen=True, slots=True)
class BindingSaid:
    """Somebody said what a unit's product serial or values are; `ticket` is whose question it is."""

    ticket: str
    binding: UnitBinding


@dataclass(frozen=True, slots=True)
class BindingCommitted:
    """The ledger has it, durably; `unit` is all that the unit has now."""

    ticket: str
    unit: UnitBinding


@dataclass(frozen=True, slots=True)
class BindingRefused:
    """The ledger knows otherwise, or could not take it."""

    ticket: str
    problem: Problem


LedgerFact = RunOpened | AttemptFinished | RunFinished | BatchNoted | BindingSaid
LedgerReply = (
    OpeningCommitted
    | OpeningNotCommitted
    | RunCommitted
    | RunNotCommitted
    | BatchNotCommitted
    | LogLocked
    | DiskFull
    | BindingCommitted
    | BindingRefused
)


@dataclass(frozen=True, slots=True)
class TouchingRun:
    """A run that may have changed its camera: which, where, and its place in time among the unit's runs."""

    run_id: str
    station_id: str
    ordered_at: datetime


@dataclass(frozen=True, slots=True)
class UnitHistory:
    """What the interlock must know of a unit before it is touched.

    `touched_*` describe the newest run that may have changed the camera (any outcome but SKIPPED, open ones included);
    None where there is none. `touched_is_newest` is False where the clock was set back since, and a run that was
    recorded after that one seems older: then what the camera holds is not known. `failed_runs` counts the unit's FAIL
    runs in the batch since its last PASS or release.
    """

    touched_outcome: str | None = None
    touched_bundle_sha256: str | None = None
    touched_recipe: str | None = None
    touched_verified: bool = False
    touched_boot_confirmed: bool = False
    failed_runs: int = 0
    touched_is_newest: bool = True
    product_serial: str | None = None
    """The one that the unit is bound to."""
    central_wait_s: float | None = field(default=None, compare=False)
    """How long the answer of the database of all stations was waited for, None where there is none to ask."""
    touched_by: TouchingRun | None = field(default=None, compare=False)
    """That newest run; for the comparison of two logs."""
    notes: tuple[str, ...] = ()
    """What the record of a run is to say of how this was learned."""
