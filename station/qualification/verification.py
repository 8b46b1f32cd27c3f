"""Whether a slot was shown at the start of a shift to pass a good camera and to refuse a wrong one.

A slot is verified by two runs in a row of the recipe `verify-slots`, made for that purpose: one with a deliberately
wrong expectation, which must fail with `verify.mismatch`, and then one that passes. Anything else there is none. It
holds from the pass on for so many hours, until another verification of the slot ends otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from station.model.runs import Outcome, Purpose, RunRecord

RECIPE: Final = "verify-slots"
REFUSED: Final = "verify.mismatch"
"""How the wrong expectation must end."""
RUNS: Final = 2
ANY_SLOT: Final = "any slot"
"""What is due where no slots are configured and none was verified."""


def complaint(runs: Sequence[RunRecord]) -> str:
    """Why these runs of one slot, in order, verify nothing; "" where they verify it."""
    refused, passed = runs[:1], runs[1:2]
    if not refused:
        return "no run was made"
    if refused[0].outcome is Outcome.PASS:
        return "A WRONG EXPECTATION PASSED: take no green of this slot for good, and call the engineer"
    if refused[0].code != REFUSED:
        return f"the wrong expectation was not refused with {REFUSED}, it ended {_ended(refused[0])}"
    if not passed:
        return "the run that should have passed was not made"
    return "" if passed[0].outcome is Outcome.PASS else f"the reference camera did not pass: {_ended(passed[0])}"


def _ended(run: RunRecord) -> str:
    return f"{run.outcome} {run.code or ''}: {run.message}".strip().rstrip(":")


def valid_until(runs: Iterable[RunRecord], valid_h: float) -> dict[str, datetime]:
    """Until when each slot is verified, by runs of any kind, the oldest first. A slot without is not named."""
    of_slot: dict[str, list[RunRecord]] = {}
    for run in runs:
        if run.purpose is Purpose.VERIFICATION and run.recipe == RECIPE and run.outcome is not None:
            of_slot.setdefault(run.slot, []).append(run)
    return {
        slot: (made[-1].finished_at or made[-1].started_at) + timedelta(hours=valid_h)
        for slot, made in of_slot.items()
        if not complaint(made[-RUNS:])
    }


def due(slots: Sequence[str], until: dict[str, datetime], now: datetime) -> tuple[str, ...]:
    """The slots that are to be verified. Where none are configured, one that is verified is enough."""
    valid = {slot for slot, moment in until.items() if moment > now}
    if not slots:
        return () if valid else (ANY_SLOT,)
    return tuple(slot for slot in slots if slot not in valid)
