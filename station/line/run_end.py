"""How a slot's run gets its outcome, and how that is shown; and which cameras are refused for their serial."""

from __future__ import annotations

from dataclasses import replace

from station.line.line_terms import Terms
from station.line.opened_run import closed_run, found_attempt
from station.line.slot import STATE_OF_OUTCOME, Moment, Phase, Slot
from station.line.slot_events import Effect, Submit
from station.model.events import RunFinished
from station.model.runs import AttemptRecord, RunRecord
from station.model.serials import is_identity
from station.model.verdicts import Verdict
from station.problem import Problem, sentence

Stepped = tuple[Slot, tuple[Effect, ...]]


def unidentified_refusal(serial: str, places: str, terms: Terms) -> Problem | None:
    """The problem of a camera whose serial names no single unit, where such cameras are refused."""
    if terms.setup.options.unidentified != "refuse":
        return None
    if places:
        text = sentence("the serial {serial} is plugged in more than once: {slots}", serial=serial, slots=places)
        return Problem("identity.duplicate_serial", text)
    if not is_identity(serial):
        text = sentence("the serial {serial} names no single unit", serial=repr(serial))
        return Problem("identity.default_serial", text)
    return None


def closed_unrun(slot: Slot, verdict: Verdict, now: Moment) -> Stepped:
    """End an open run that no worker has."""
    return closed(slot, (found_attempt(slot, verdict, now),), verdict, now)


def closed(slot: Slot, attempts: tuple[AttemptRecord, ...], verdict: Verdict, now: Moment) -> Stepped:
    """The run has its outcome; nobody sees it before the log has it."""
    run = closed_run(slot, attempts, verdict, now)
    return replace(slot, run=run).enters(Phase.CLOSING), (Submit(RunFinished(run)),)


def shown(slot: Slot, run: RunRecord) -> Slot:
    """How a run ended, on the slot."""
    assert run.outcome is not None
    return slot.enters(Phase.DONE, STATE_OF_OUTCOME[run.outcome], run.code, run.message)
