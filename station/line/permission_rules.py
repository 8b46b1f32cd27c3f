"""The rules for a run that waits for the factory's system to allow it. Its camera is held, and was not written to.

1. It is asked when the opening of the run is on the disk, and anew when the batch changes before a worker has the run.
2. An answer counts for the question that was asked last: each has its ticket.
3. Where it is silent the setting says what follows: the run goes on with a note, or the camera stays held and the
   question is asked again, as long as nobody cancels the run or takes the camera out.
"""

from __future__ import annotations

from dataclasses import replace

from station.line.line_terms import Terms
from station.line.run_end import closed
from station.line.slot import Moment, PermissionAsked, Phase, Slot
from station.line.slot_events import AskFactory, Effect, FactoryAnswered, Ticked
from station.model.permission import Answer, FlashQuestion, Permission
from station.model.runs import Outcome, RunRecord
from station.model.verdicts import ended_by
from station.problem import sentence

Stepped = tuple[Slot, tuple[Effect, ...]]

ASKED = sentence("the factory's system is asked whether it may be flashed")
NO_REASON = sentence("it gave no reason")
LATE_S = 2.0
"""A question has a time limit of its own; so much later nobody waits for who asks it any more."""


def may_start(slot: Slot, now: Moment, terms: Terms) -> Stepped:
    """The run may begin as far as the station is concerned: it is queued, or the factory's system asked first.

    Not about a camera that is only read, or that measures the bench.
    """
    setup = terms.setup
    if setup.permission is None or setup.read_only or setup.qualifies:
        return slot.enters(Phase.QUEUED), ()
    return _ask(slot, ASKED, now)


def answered(slot: Slot, event: FactoryAnswered, now: Moment, terms: Terms) -> Stepped:
    """The system's answer."""
    if slot.permission is None or not slot.permission.open or slot.permission.ticket != event.ticket:
        return slot, ()
    return _take(slot, event.permission, now, terms)


def ticked(slot: Slot, _event: Ticked, now: Moment, terms: Terms) -> Stepped:
    """Nobody answered in time; or it is time to ask again."""
    asked, setup = slot.permission, terms.setup.permission
    if asked is None or setup is None:
        return slot, ()
    if asked.open and now.at_s - asked.at_s > setup.timeout_s + LATE_S:
        return _take(slot, Permission(Answer.SILENT, sentence("it did not answer in time")), now, terms)
    if not asked.open and now.at_s - asked.at_s > setup.again_s:
        return _ask(slot, slot.message, now)
    return slot, ()


def _ask(slot: Slot, message: str, now: Moment) -> Stepped:
    assert slot.run is not None
    question = AskFactory(now.run_id, question_of(slot.run))
    slot = replace(slot, permission=PermissionAsked(now.run_id, now.at_s))
    return slot.enters(Phase.PERMISSION, message=message), (question,)


def question_of(run: RunRecord) -> FlashQuestion:
    """The question about a run."""
    return FlashQuestion(
        run.run_id,
        run.station_id,
        run.serial,
        run.product_serial,
        run.part_number,
        run.slot,
        run.batch,
        run.operator,
        run.recipe,
        run.bundle,
        run.bundle_sha256,
        run.bundle_version,
    )


def _take(slot: Slot, permission: Permission, now: Moment, terms: Terms) -> Stepped:
    assert slot.run is not None
    assert terms.setup.permission is not None
    if permission.answer is Answer.YES:
        return slot.enters(Phase.QUEUED), ()
    if permission.answer is Answer.NO:
        text = sentence("the factory's system does not allow it: {words}", words=permission.words or NO_REASON)
        return closed(slot, (), ended_by(Outcome.SKIPPED, "mes.refused", text), now)
    if terms.setup.permission.silent == "allow":
        note = sentence("the factory's system did not say whether it may be flashed: {why}", why=permission.words)
        run = replace(slot.run, notes=(*slot.run.notes, note))
        return replace(slot, run=run).enters(Phase.QUEUED), ()
    text = sentence("held: the factory's system does not answer, and is asked again ({why})", why=permission.words)
    asked = PermissionAsked("", now.at_s, open=False)
    return replace(slot, permission=asked).enters(Phase.PERMISSION, message=text), ()
