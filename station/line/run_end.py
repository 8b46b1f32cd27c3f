"""How a slot's run gets its outcome, and how that is shown; and which cameras are refused for their serial."""

from __future__ import annotations

from dataclasses import replace

from station.line.line_terms import Terms
from station.line.opened_run import closed_run, found_attempt
from station.line.slot import STATE_OF_OUTCOME, Moment, Phase, Slot
from station.line.slot_events import Effect, Submit
from station.model.events import RunFinished
from station.model.runs import AttemptRecord, Outcome, RunRecord
from station.model.serials import is_identity

Stepped = tuple[Slot, tuple[Effect, ...]]


def unidentified_refusal(serial: str, places: str, terms: Terms) -> tuple[str, str] | None:
    """Code and message for a camera whose serial names no single unit, where such cameras are refused."""
    if terms.setup.options.unidentified != "refuse":
        return None
    if places:
        return "identity.duplicate_serial", f"the serial {serial} is plugged in more than once: {places}"
    if not is_identity(serial):
        return "identity.default_serial", f"the serial {serial!r} names no single unit"
    return None


def closed_unrun(slot: Slot, outcome: Outcome, code: str, message: str, now: Moment) -> Stepped:
    """End an open run that no worker has."""
    return closed(slot, (found_attempt(slot, outcome, code, message, now),), outcome, code, message, now)


def closed(
    slot: Slot, attempts: tuple[AttemptRecord, ...], outcome: Outcome, code: str | None, message: str, now: Moment
) -> Stepped:
    """The run has its outcome; nobody sees it before the log has it."""
    run = closed_run(slot, attempts, outcome, code, message, now)
    return replace(slot, run=run).enters(Phase.CLOSING), (Submit(RunFinished(run)),)


def shown(slot: Slot, run: RunRecord) -> Slot:
    """How a run ended, on the slot."""
    assert run.outcome is not None
    return slot.enters(Phase.DONE, STATE_OF_OUTCOME[run.outcome], run.code, run.message)
