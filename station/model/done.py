"""When a unit is done: the one place that says so. `station.ledger` says the same in SQL, and a test compares them.

1. A unit is done when the latest run that wrote to it, or may have, passed, and that run was made for a purpose that
   counts (by default production and rework).
2. PASS and FAIL speak of the camera and always decide, whatever was written.
3. A run that is open may be writing now. A run whose end nobody saw (the station or its worker was killed) may have
   written anything. Both take "done" away.
4. A run that ended ERROR or ABORTED wrote nothing only where each of its attempts ended before the first write or after
   the last, with no block written and no MRAM initialized. Then it leaves the unit as it was. A block that was on its
   way when the camera left is counted by nobody: so the phase decides too.
5. A unit that is skipped because it passed earlier is done: the line has just made sure of it.
6. A run for another purpose never makes a unit done. It takes "done" away where it wrote, even if it passed: what the
   camera holds now is not what was produced.
7. "Latest" is by `ordered_at`, which a clock that was set back does not turn round (`station.ledger.transactions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from station.model.runs import AttemptRecord, Outcome, Purpose, RunRecord

COUNTED_OUTCOMES = (Outcome.PASS, Outcome.FAIL)
COUNTED_PURPOSES = (Purpose.PRODUCTION, Purpose.REWORK)
"""What counts in yields, lists and quantities, unless another purpose is asked for."""
ALREADY_PASSED = "unit.already_passed"
NOT_WRITING = ("hold", "identify", "check", "test")
"""The phases in which nothing is written and nothing is on its way: before an attempt's first write, and the test."""
UNWITNESSED = ("station.interrupted", "worker.died")
"""Codes of runs whose end nobody saw."""


def may_have_written(run: RunRecord) -> bool:
    """Whether a run wrote to its camera, or may have (rules 3 and 4)."""
    if run.outcome is Outcome.SKIPPED:
        return False
    if run.outcome is None or run.code in UNWITNESSED or not run.attempts:
        return True
    return any(_attempt_may_have_written(attempt) for attempt in run.attempts)


def _attempt_may_have_written(attempt: AttemptRecord) -> bool:
    if attempt.mram_initialized or any(image.blocks_written for image in attempt.images):
        return True
    # An attempt that passed was seen to its end: what it counted is all that it wrote.
    return attempt.outcome is not Outcome.PASS and attempt.phase not in NOT_WRITING


def leaves_done(run: RunRecord, purposes: tuple[Purpose, ...] = COUNTED_PURPOSES) -> bool | None:
    """True where the run leaves its unit done, False where not done, None where it leaves it as it was."""
    if run.purpose in purposes and (run.outcome is Outcome.PASS or passed_earlier(run)):
        return True
    if run.outcome in (None, Outcome.FAIL) or may_have_written(run):
        return False
    return None


def passed_earlier(run: RunRecord) -> bool:
    """Whether the unit was left alone because it had passed before."""
    return run.outcome is Outcome.SKIPPED and run.code == ALREADY_PASSED


def has_result(run: RunRecord) -> bool:
    """Whether the run gives its unit a place among those that a batch has planned."""
    return run.purpose in COUNTED_PURPOSES and (run.outcome in COUNTED_OUTCOMES or passed_earlier(run))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a unit stands in a selection. `telling` is the run that tells why it is not done; None where it is."""

    done: bool
    telling: RunRecord | None = None


def standing_of(
    selected: Sequence[RunRecord], everything: Sequence[RunRecord], purposes: tuple[Purpose, ...]
) -> Standing:
    """How a unit stands in a selection, from its selected runs and from all its runs, both the oldest first.

    A pass counts in the selection that it is in. What takes "done" away counts wherever it was: another batch, slot or
    purpose. So a unit is done where its latest deciding run in the selection, and its latest of all, left it done.
    """
    own, latest = _latest_deciding(selected, purposes), _latest_deciding(everything, purposes)
    for run in (own, latest):
        if run is not None and leaves_done(run, purposes) is False:
            return Standing(False, run)
    if own is not None:
        return Standing(True)
    return Standing(False, [run for run in selected if run.outcome is not Outcome.SKIPPED][-1])


def _latest_deciding(runs: Sequence[RunRecord], purposes: tuple[Purpose, ...]) -> RunRecord | None:
    return next((run for run in reversed(runs) if leaves_done(run, purposes) is not None), None)
