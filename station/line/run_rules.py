"""The rules for a run that is open: queued, given to a worker, ended, and reported when the log has it."""

from __future__ import annotations

from dataclasses import replace

from station.flash.messages import AttemptEnded, CameraHeld, CancelRun, HoldWanted, PortChanged, Progressed, RunEnded
from station.line import admission, left_alone, mark_rules
from station.line.line_terms import Terms
from station.line.opened_run import found_attempt
from station.line.run_end import closed, closed_unrun, shown, unidentified_refusal
from station.line.slot import Moment, Phase, Slot
from station.line.slot_events import (
    Arrived,
    BatchChanged,
    CancelAsked,
    Doubled,
    Effect,
    FreeWorker,
    Hold,
    HolderAnswered,
    HubLost,
    Left,
    LineStopped,
    MovedAway,
    Report,
    StartWorker,
    Submit,
    TellWorker,
    Ticked,
    WorkerDied,
    WorkerGiven,
)
from station.model.devices import Device, DeviceMode
from station.model.events import (
    AttemptFinished,
    DiskFull,
    LogLocked,
    OpeningCommitted,
    OpeningNotCommitted,
    RunCommitted,
    RunNotCommitted,
    RunOpened,
)
from station.model.runs import Outcome, RunRecord
from station.model.serials import canonical_serial
from station.model.slots import SlotState
from station.model.verdicts import Verdict, ended_by
from station.problem import sentence

Effects = tuple[Effect, ...]
Stepped = tuple[Slot, Effects]

HUB_DECISION_S = 0.5
"""How long a camera that left before its run may turn out to have left with its hub."""
BLAMED_ON_CAMERA = ("usb.", "boot.", "operator.unplugged")
"""Beginnings of the codes of what a lost hub looks like to one camera."""
LOG_LOCKED = sentence(
    "another program has locked the log: close it. Results are kept, and shown when they are in the log"
)
DISK_FULL = sentence(
    "the disk of the log is full: free room on it. Results are kept, and no camera is begun until there is room again"
)
ANOTHER = sentence("the camera was unplugged during the run, and another one plugged in")
MOVED = sentence("the camera was unplugged before its application came, and is in another slot")
CANCELLED = CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", sentence("the run was cancelled")))


# --- before a worker has it -------------------------------------------------------------------------------------------


def opening_committed(slot: Slot, event: OpeningCommitted, now: Moment, terms: Terms) -> Stepped:
    """The opening is on the disk: as far as the station is concerned the camera may be changed from now on."""
    if slot.run is None or slot.run.run_id != event.run.run_id:
        return slot, ()
    known = event.run
    run = replace(slot.run, product_serial=known.product_serial, unit_values=known.unit_values)
    return mark_rules.may_start(replace(slot, run=run), now, terms)


def opening_refused(slot: Slot, event: OpeningNotCommitted, now: Moment, _terms: Terms) -> Stepped:
    """The log cannot take the opening: the camera is left as it is."""
    if slot.run is None or slot.run.run_id != event.run.run_id:
        return slot, ()
    text = sentence("the log could not be written: {reason}; the camera was not touched", reason=event.reason)
    return closed_unrun(slot, ended_by(Outcome.ERROR, "ledger.write_failed", text), now)


def left_before_worker(slot: Slot, _event: Left, now: Moment, _terms: Terms) -> Stepped:
    """The camera is gone before its run: pulled out, or its hub left."""
    slot = replace(slot, device=None, left_at_s=now.at_s, left_mode=admission.mode_of(slot))
    return slot.enters(Phase.PULLED), ()


def pulled_ticked(slot: Slot, _event: Ticked, now: Moment, terms: Terms) -> Stepped:
    """No hub was lost meanwhile."""
    return pulled_out(slot, _event, now, terms) if now.at_s - slot.left_at_s >= HUB_DECISION_S else (slot, ())


def came_after_pulled(slot: Slot, event: Arrived, now: Moment, terms: Terms) -> Stepped:
    """A device is back where a camera left before its run."""
    slot, ended_run = pulled_out(slot, event, now, terms)
    slot, held = admission.received_early(slot, event, now, terms)
    return slot, ended_run + held


def hub_lost_before_worker(slot: Slot, event: HubLost, now: Moment, _terms: Terms) -> Stepped:
    """Nobody pulled the camera out: its hub left."""
    return closed_unrun(slot, _lost_with(event), now)


def pulled_out(slot: Slot, _event: object, now: Moment, _terms: Terms) -> Stepped:
    """The camera was pulled out before its run."""
    text = sentence("the camera was unplugged before its run")
    return closed_unrun(slot, ended_by(Outcome.ABORTED, "operator.unplugged", text), now)


def cancelled_before_worker(slot: Slot, _event: CancelAsked, now: Moment, _terms: Terms) -> Stepped:
    """A request to end the run before it started."""
    text = sentence("the run was cancelled before it started")
    return closed_unrun(slot, ended_by(Outcome.ABORTED, "operator.cancelled", text), now)


def stopped_before_worker(slot: Slot, _event: LineStopped, now: Moment, _terms: Terms) -> Stepped:
    """The line ends before the run started."""
    text = sentence("the station was stopped before the run")
    return closed_unrun(slot, ended_by(Outcome.ABORTED, "operator.cancelled", text), now)


def batch_changed(slot: Slot, event: BatchChanged, now: Moment, terms: Terms) -> Stepped:
    """Held and not begun: it will run under what is said now, if the factory's system allows that too."""
    assert slot.run is not None
    run = replace(slot.run, batch=event.batch, operator=event.operator)
    slot, effects = replace(slot, run=run), (Submit(RunOpened(run)),)
    if slot.phase is Phase.OPENING or terms.setup.permission is None:
        return slot, effects
    slot, asked = mark_rules.may_start(slot, now, terms)
    return slot, (*effects, *asked)


def doubled_before_worker(slot: Slot, event: Doubled, now: Moment, terms: Terms) -> Stepped:
    """Two cameras with one serial: neither result could be distinguished from the other's."""
    if not _is_of(slot, event.serial):
        return slot, ()
    assert slot.run is not None
    slot = replace(slot, run=replace(slot.run, identified=False))
    if refusal := unidentified_refusal(event.serial, event.places, terms):
        return closed_unrun(slot, Verdict(Outcome.ERROR, refusal), now)
    return slot, ()


def started(slot: Slot, _event: WorkerGiven, now: Moment, terms: Terms) -> Stepped:
    """A worker takes the run; unless what its unit had to have was taken from it while it waited for one."""
    assert slot.run is not None
    if mark_rules.lacks_something(slot, terms):
        return mark_rules.may_start(slot, now, terms)
    assert slot.device is not None
    start = StartWorker(slot.run, slot.device, slot.bootloader, slot.check, slot.hold_s)
    return slot.enters(Phase.RUNNING), (start,)


# --- while a worker has it --------------------------------------------------------------------------------------------


def left_worker(slot: Slot, _event: Left, now: Moment, _terms: Terms) -> Stepped:
    """The camera is off the bus: asked to leave, or not."""
    slot = replace(slot, device=None, arrival=None, left_at_s=now.at_s, left_mode=admission.mode_of(slot))
    phase = Phase.AWAY if slot.phase is Phase.AWAY else Phase.GONE
    return replace(slot, phase=phase), (TellWorker(PortChanged(None, at_s=now.at_s)),)


def came_back(slot: Slot, event: Arrived, now: Moment, terms: Terms) -> Stepped:
    """A device is on the port of a running camera."""
    device = event.device
    slot = replace(slot, device=device)
    if slot.hub_lost:
        return admission.held_at_once(slot, device, now, terms)
    if is_another(slot, device):
        # A hand was quicker than the return window. The run is not this camera's, and must not end as if it were.
        slot, held = admission.held_at_once(slot, device, now, terms)
        return slot, (TellWorker(CancelRun(ended_by(Outcome.ABORTED, "operator.unplugged", ANOTHER))), *held)
    effects: Effects = (TellWorker(PortChanged(device, at_s=now.at_s)), *admission.twins_found(slot))
    if slot.phase is Phase.AWAY:
        return slot, effects
    slot = replace(slot, phase=Phase.RUNNING)
    return slot, (*effects, Hold(device)) if device.mode is DeviceMode.DFU else effects


def is_another(slot: Slot, device: Device) -> bool:
    """Whether a camera in its bootloader is another one than the run's. An application's serial proves nothing."""
    return device.mode is DeviceMode.DFU and not _is_of(slot, device.serial)


def held_again(slot: Slot, event: HolderAnswered, now: Moment, terms: Terms) -> Stepped:
    """The run's own camera is held again; or the one that took its place is."""
    if slot.arrival is not None:
        return admission.held_early(slot, event, now, terms)
    answer = event.answer
    if answer.device != slot.device or not isinstance(answer, CameraHeld):
        return slot, ()
    change = PortChanged(answer.device, held=True, bootloader=answer.bootloader)
    return replace(slot, bootloader=answer.bootloader), (TellWorker(change),)


def doubled_working(slot: Slot, event: Doubled, now: Moment, terms: Terms) -> Stepped:
    """Another camera with this serial was plugged in."""
    if slot.arrival is not None:
        return admission.doubled(slot, event, now, terms)
    if not _is_of(slot, event.serial):
        return slot, ()
    assert slot.run is not None
    slot = replace(slot, run=replace(slot.run, identified=False))
    refusal = unidentified_refusal(event.serial, event.places, terms)
    return slot, (TellWorker(CancelRun(Verdict(Outcome.ERROR, refusal))),) if refusal else ()


def moved_away(slot: Slot, _event: MovedAway, _now: Moment, _terms: Terms) -> Stepped:
    """The camera is in another slot: its application will not come back here."""
    if not slot.lost:
        return slot, ()
    return replace(slot, moved=True), (TellWorker(CancelRun(ended_by(Outcome.ABORTED, "operator.unplugged", MOVED))),)


def hub_lost_working(slot: Slot, event: HubLost, _now: Moment, _terms: Terms) -> Stepped:
    """The camera's hub left. The run ends, whatever it would have come to; the camera gets a new one."""
    verdict = _lost_with(event)
    return replace(slot, hub_lost=verdict), (TellWorker(CancelRun(verdict)),)


def _lost_with(event: HubLost) -> Verdict:
    text = sentence(
        "the hub at {hub} left the bus with {count} cameras at one moment", hub=event.hub, count=event.count
    )
    return ended_by(Outcome.ERROR, "usb.hub_lost", text)


def progressed(slot: Slot, event: Progressed, _now: Moment, _terms: Terms) -> Stepped:
    """The newest progress."""
    return replace(slot, progress=event.progress), ()


def hold_wanted(slot: Slot, event: HoldWanted, _now: Moment, _terms: Terms) -> Stepped:
    """Whether the camera was asked to leave its bootloader."""
    if not event.wanted:
        return replace(slot, phase=Phase.AWAY), ()
    # One that was asked to leave, and is here: it came back sooner than the worker heard, or never left.
    here = slot.device if slot.phase is Phase.AWAY and slot.arrival is None else None
    held: Effects = (Hold(here),) if here and here.mode is DeviceMode.DFU and not is_another(slot, here) else ()
    return replace(slot, phase=Phase.RUNNING if slot.device is not None else Phase.GONE), held


def attempt_ended(slot: Slot, event: AttemptEnded, _now: Moment, _terms: Terms) -> Stepped:
    """An attempt is complete, the run goes on."""
    assert slot.run is not None
    fact = AttemptFinished(slot.run.run_id, event.attempt)
    return replace(slot, attempts=(*slot.attempts, event.attempt)), (Submit(fact),)


def ended(slot: Slot, event: RunEnded, now: Moment, terms: Terms) -> Stepped:
    """The worker is done with the run."""
    assert slot.run is not None
    run = replace(
        slot.run,
        verified=event.verified,
        boot_confirmed=event.boot_confirmed,
        application_serial=event.application_serial,
        notes=(*slot.run.notes, *event.notes),
    )
    slot = replace(slot, run=run, fickle=event.left_by_itself and not slot.hub_lost)
    verdict = event.verdict
    if slot.hub_lost and (verdict.code or "").startswith(BLAMED_ON_CAMERA):
        # The worker had come to its verdict before it heard.
        verdict = slot.hub_lost
    elif terms.stalled_s and verdict.outcome is Outcome.FAIL and (verdict.code or "").startswith(BLAMED_ON_CAMERA):
        # It waited for news of its port while there was nobody to tell them.
        slot, verdict = replace(slot, fickle=False), _unheard(verdict, terms.stalled_s)
    slot, effects = closed(slot, slot.attempts, verdict, now)
    return slot, (FreeWorker(), *effects)


def _unheard(verdict: Verdict, stalled_s: float) -> Verdict:
    text = sentence(
        "the station stalled for {seconds} s: what came at the port meanwhile was not heard ({reason})",
        seconds=f"{stalled_s:.1f}",
        reason=verdict.message,
    )
    return ended_by(Outcome.ERROR, "station.stalled", text)


def worker_died(slot: Slot, _event: WorkerDied, now: Moment, _terms: Terms) -> Stepped:
    """The worker's process ended in the middle of the run."""
    text = sentence("the worker process of this slot ended unexpectedly")
    verdict = CANCELLED.verdict if slot.cancelled else ended_by(Outcome.ERROR, "worker.died", text)
    attempts = (*slot.attempts, found_attempt(slot, verdict, now))
    slot, effects = closed(slot, attempts, verdict, now)
    return slot, (FreeWorker(dead=True), *effects)


def cancelled_working(slot: Slot, _event: CancelAsked, _now: Moment, _terms: Terms) -> Stepped:
    """End the run at its next block."""
    return replace(slot, cancelled=True), (TellWorker(CANCELLED),)


def stopped_working(slot: Slot, event: LineStopped, _now: Moment, _terms: Terms) -> Stepped:
    """The line ends: the run finishes, or is ended at its next block."""
    slot = replace(slot, arrival=None)
    return (replace(slot, cancelled=True), (TellWorker(CANCELLED),)) if event.abort else (slot, ())


def _is_of(slot: Slot, serial: str) -> bool:
    return slot.run is not None and canonical_serial(slot.run.serial) == canonical_serial(serial)


# --- its end ----------------------------------------------------------------------------------------------------------


def waits_for_log(slot: Slot, _event: LogLocked, _now: Moment, _terms: Terms) -> Stepped:
    """Its opening or its result is kept, and waits. Nothing of it is shown as done before the log has it."""
    return replace(slot, message=LOG_LOCKED), ()


def waits_for_room(slot: Slot, _event: DiskFull, _now: Moment, _terms: Terms) -> Stepped:
    """The same on a full disk."""
    return replace(slot, message=DISK_FULL), ()


def committed(slot: Slot, event: RunCommitted, now: Moment, terms: Terms) -> Stepped:
    """The log has the run: now it is shown."""
    if slot.run is None or slot.run.run_id != event.run.run_id:
        return slot, ()
    return _reported(slot, event.run, now, terms)


def not_committed(slot: Slot, event: RunNotCommitted, now: Moment, terms: Terms) -> Stepped:
    """The log could not take the run: whatever it came to, it is no result."""
    if slot.run is None or slot.run.run_id != event.run.run_id:
        return slot, ()
    run = event.run
    itself = f"{run.outcome} {run.code or ''}".strip()
    text = sentence("{reason} (the run itself: {outcome})", reason=event.reason, outcome=itself)
    failed = replace(run, outcome=Outcome.ERROR, code="ledger.write_failed", message=text)
    return _reported(slot, failed, now, terms)


def _reported(slot: Slot, run: RunRecord, now: Moment, terms: Terms) -> Stepped:
    slot = shown(replace(slot, run=None, last=run, started_s=None), run)
    report = Report(run)
    if slot.taken_out:
        slot = replace(slot, arrival=None).enters(
            Phase.EMPTY if slot.device is None else Phase.FOREIGN, SlotState.TAKEN_OUT, None, left_alone.OUT
        )
        return slot, (report,)
    if slot.arrival is not None:
        slot, effects = admission.admit(slot, now, terms)
        return slot, (report, *effects)
    # A camera that failed and is off the bus still sits in its slot: what to do with it stays to be read.
    if slot.device is None and run.outcome in (Outcome.PASS, Outcome.SKIPPED):
        slot = slot.enters(Phase.EMPTY)
    return slot, (report,)
