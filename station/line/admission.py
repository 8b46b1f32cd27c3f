"""The rules for a camera that has no run yet: left alone, asked about, held, and then given a run or skipped."""

from __future__ import annotations

from dataclasses import replace

from station.errors import UsbAccessError
from station.flash.messages import CameraHeld, CameraNotHeld
from station.line import entry
from station.line.interlock import Skip
from station.line.left_alone import (
    APPLICATION,
    COMES_AND_GOES,
    NOT_A_SLOT,
    NOT_ACCEPTING,
    NOT_HELD,
    OUT,
    left_alone,
    noticed,
    other_board,
)
from station.line.line_terms import Terms
from station.line.log_decisions import Go
from station.line.opened_run import opened_run
from station.line.run_end import closed, closed_unrun, shown, unidentified_refusal
from station.line.slot import Arrival, Moment, Phase, Slot
from station.line.slot_events import (
    Arrived,
    AskLog,
    Doubled,
    Effect,
    FindUnit,
    FoundTwin,
    Hold,
    HolderAnswered,
    Left,
    LineStopped,
    LogAnswered,
    StopLine,
    Submit,
    Ticked,
    UnitFound,
)
from station.model.devices import Device, DeviceMode
from station.model.events import RunOpened
from station.model.runs import Outcome
from station.model.serials import canonical_serial
from station.model.slots import SlotState
from station.model.verdicts import Verdict
from station.problem import sentence

Effects = tuple[Effect, ...]
Stepped = tuple[Slot, Effects]

ASK_LIMIT_S = 0.25
"""How long the log may take to say what it knows of a unit before the camera is held: it waits 1.5 s and no longer."""
BOOTED_S = 60.0
"""For how long a camera that comes up as an application is taken for the one that was run on this port."""

NO_HEADER_NOTE = sentence("block 1 of BOOT holds no bootloader header, though bcdDevice says that there is one")
"""No refusal: names and sizes of the partitions prove what the device is, and a newer bootloader may keep its header
elsewhere, or none. What is written is read back all the same."""


# --- arriving and leaving -------------------------------------------------------------------------------------------


def received(slot: Slot, event: Arrived, now: Moment, terms: Terms) -> Stepped:
    """A device is on an idle port."""
    if now.at_s - slot.left_at_s >= terms.setup.options.return_window_s:
        # An application that comes behind its bootloader belongs to the same insertion, however long it takes.
        same = event.device.mode is DeviceMode.APPLICATION and slot.left_mode is DeviceMode.DFU
        slot = replace(slot, noticed="", settled=slot.settled and same)
    slot = replace(slot, device=event.device, arrival=None, known_serial="", undecided=False)
    if not slot.in_line:
        return left_alone(slot, SlotState.NOT_A_SLOT, "notice.not_a_slot", NOT_A_SLOT)
    if event.device.mode is DeviceMode.OTHER:
        return left_alone(slot, SlotState.NOT_A_SLOT, "notice.other_board", other_board(event.device))
    if slot.taken_out:
        return left_alone(slot, SlotState.TAKEN_OUT, "notice.slot_taken_out", OUT)
    if terms.accepting and terms.setup.accepts(event.device) and (refusal := terms.setup.refuses(event.device)):
        return slot.enters(Phase.FOREIGN, SlotState.WAITING, refusal.code, refusal.message), (StopLine(refusal),)
    if event.device.mode is DeviceMode.APPLICATION:
        twins = twins_found(slot)
        slot, effects = _booted(slot, now, terms)
        return slot, effects + twins
    return in_bootloader(slot, event.device, now, terms)


def in_bootloader(slot: Slot, device: Device, now: Moment, terms: Terms) -> Stepped:
    """A camera in its bootloader: it is taken, unless the line takes none, or it comes and goes by itself."""
    if not terms.accepting or not terms.setup.accepts(device):
        return slot.enters(Phase.FOREIGN, SlotState.WAITING, None, NOT_ACCEPTING), ()
    if came_back_by_itself(slot, device, now, terms):
        shown = show_last(slot)
        return noticed(shown, "notice.comes_and_goes", COMES_AND_GOES)
    return taken(slot, device, now, terms)


def taken(slot: Slot, device: Device, now: Moment, terms: Terms) -> Stepped:
    """It is held, and gets its run."""
    return admit(replace(slot, arrival=Arrival(device, now.at_s)), now, terms)


def _booted(slot: Slot, now: Moment, terms: Terms) -> Stepped:
    """The application of the camera that was just run here, or of one that nobody has seen in its bootloader."""
    if _is_of_last_run(slot, now):
        return show_last(slot), ()
    device = slot.device
    assert device is not None
    slot = replace(slot, last=None).enters(Phase.APPLICATION, message=APPLICATION)
    asked = (FindUnit(device),)
    wanted = terms.accepting and terms.setup.accepts(device) and not slot.settled
    if wanted and terms.setup.application == "enter":
        slot, effects = entry.begun(slot, now, terms)
        return slot, asked + effects
    if wanted and terms.setup.application == "take":
        return replace(slot, undecided=True), asked
    slot, notice = noticed(slot, "notice.application", APPLICATION)
    return slot, asked + notice


def unit_found(slot: Slot, event: UnitFound, now: Moment, terms: Terms) -> Stepped:
    """The slot shows the unit by the serial that it is recorded under; one that is to be taken is, unless it passed."""
    if slot.device != event.device:
        return slot, ()
    was_undecided = slot.undecided
    slot = replace(slot, known_serial=event.serial, undecided=False)
    if not was_undecided:
        return slot, ()
    if event.is_left or not terms.returning:
        return noticed(slot, "notice.application", APPLICATION)
    return entry.begun(slot, now, terms)


def _is_of_last_run(slot: Slot, now: Moment) -> bool:
    """Whether the application here belongs to the last run: its camera left its bootloader here a moment ago, and a
    camera that was plugged in since would have shown its own bootloader first. After an application left, only the same
    application's serial says so."""
    if slot.last is None or slot.device is None or now.at_s - slot.left_at_s >= BOOTED_S:
        return False
    if slot.left_mode is DeviceMode.DFU:
        return True
    return bool(slot.device.serial) and slot.device.serial == slot.last.application_serial


def twins_found(slot: Slot) -> Effects:
    """A camera that was taken for moved shows its application here, with no other bootloader on this port since.

    It never left: the one in the other slot is its twin.
    """
    run = slot.run or slot.last
    here = slot.device is not None and slot.device.mode is DeviceMode.APPLICATION
    if not slot.moved or not here or run is None or slot.left_mode is not DeviceMode.DFU:
        return ()
    return (FoundTwin(run.serial),)


def show_last(slot: Slot) -> Slot:
    """How the last run ended is shown again."""
    return shown(slot, slot.last) if slot.last else slot.enters(Phase.EMPTY)


def came_back_by_itself(slot: Slot, device: Device, now: Moment, terms: Terms) -> bool:
    """A camera of a run that ended in coming and going, back too soon for a hand to have replugged it."""
    last = slot.run or slot.last
    same = last is not None and canonical_serial(last.serial) == canonical_serial(device.serial)
    return slot.fickle and same and now.at_s - slot.left_at_s < terms.setup.options.return_window_s


def mode_of(slot: Slot) -> DeviceMode | None:
    """What the device on the port is."""
    return slot.device.mode if slot.device else None


def left(slot: Slot, _event: Left, now: Moment, _terms: Terms) -> Stepped:
    """The port is empty. A camera that was not held by then has left its bootloader, or was pulled out."""
    if slot.phase in (Phase.APPLICATION, Phase.DONE) and (hinted := entry.left_behind_hint(slot, now)):
        return hinted, ()
    unheld = slot.phase in (Phase.ASKING, Phase.HOLDING)
    slot = replace(slot, device=None, arrival=None, undecided=False, left_at_s=now.at_s, left_mode=mode_of(slot))
    if slot.taken_out:
        return slot.enters(Phase.EMPTY, SlotState.TAKEN_OUT, None, OUT), ()
    if unheld:
        gone = slot.enters(Phase.EMPTY, None, "usb.not_held", NOT_HELD)
        return noticed(replace(gone, last=None), "notice.not_held", NOT_HELD)
    return slot.enters(Phase.EMPTY), ()


# --- while the run before it is on its way into the log ---------------------------------------------------------------


def received_early(slot: Slot, event: Arrived, now: Moment, terms: Terms) -> Stepped:
    """A camera comes while the run before it is not in the log yet: it is held at once, everything else waits."""
    slot = replace(slot, device=event.device)
    twins = twins_found(slot)
    slot, effects = held_at_once(slot, event.device, now, terms)
    return slot, effects + twins


def held_at_once(slot: Slot, device: Device, now: Moment, terms: Terms) -> Stepped:
    """Hold a camera that will get its run when the slot is free; nothing for one that would be left alone."""
    fresh = device.mode is DeviceMode.DFU and terms.accepting and not slot.taken_out
    if not fresh or not terms.setup.accepts(device) or came_back_by_itself(slot, device, now, terms):
        return slot, ()
    return replace(slot, arrival=Arrival(device, now.at_s, hold_asked=True)), (Hold(device),)


def left_early(slot: Slot, _event: Left, now: Moment, _terms: Terms) -> Stepped:
    """What was there while the run is written is gone."""
    return replace(slot, device=None, arrival=None, left_at_s=now.at_s, left_mode=mode_of(slot)), ()


def held_early(slot: Slot, event: HolderAnswered, _now: Moment, _terms: Terms) -> Stepped:
    """The holder answers for a camera whose run must wait."""
    return _with_answer(slot, event) or slot, ()


def forgotten(slot: Slot, _event: LineStopped, _now: Moment, _terms: Terms) -> Stepped:
    """A camera without a run gets none any more."""
    return replace(slot, arrival=None), ()


# --- asking, holding, deciding ----------------------------------------------------------------------------------------


def admit(slot: Slot, now: Moment, terms: Terms) -> Stepped:
    """Take the next step with the arrival of a slot that has no run: ask, hold, open or skip."""
    arrival = slot.arrival
    assert arrival is not None
    if not arrival.identified and arrival.decision is None:
        arrival = replace(arrival, decision=Go())
        slot = replace(slot, arrival=arrival)
    if arrival.decision is None:
        if arrival.log_asked:
            return slot, ()
        return _ask(replace(slot, arrival=replace(arrival, log_asked=True)), terms)
    if isinstance(arrival.decision, Skip):
        return _skipped(slot, arrival.decision, now, terms)
    if arrival.answer is not None:
        return _concluded(slot, now, terms)
    if arrival.hold_asked:
        return slot.enters(Phase.HOLDING), ()
    return _hold(slot)


def _ask(slot: Slot, terms: Terms) -> Stepped:
    """Hold the camera, which waits 1.5 s for that, and ask the log.

    Only where the log alone decides that a unit is left alone is the log asked first: such a camera boots by itself.
    """
    assert slot.arrival is not None
    asked = AskLog(slot.arrival.device)
    if slot.arrival.hold_asked:
        return slot.enters(Phase.ASKING), (asked,)
    if terms.setup.options.already_passed == "skip":
        return slot.enters(Phase.ASKING), (asked,)
    slot, held = _hold(slot)
    return slot, (*held, asked)


def _hold(slot: Slot) -> Stepped:
    assert slot.arrival is not None
    slot = replace(slot, arrival=replace(slot.arrival, hold_asked=True))
    assert slot.arrival is not None
    return slot.enters(Phase.HOLDING), (Hold(slot.arrival.device),)


def ticked(slot: Slot, _event: Ticked, now: Moment, _terms: Terms) -> Stepped:
    """The log is slow: the camera is held meanwhile."""
    arrival = slot.arrival
    if arrival is None or arrival.hold_asked or now.at_s - arrival.at_s < ASK_LIMIT_S:
        return slot, ()
    return _hold(slot)


def log_answered(slot: Slot, event: LogAnswered, now: Moment, terms: Terms) -> Stepped:
    """What follows from the log is known."""
    arrival = slot.arrival
    if arrival is None or arrival.device != event.device or arrival.decision is not None:
        return slot, ()
    return admit(replace(slot, arrival=replace(arrival, decision=event.decision)), now, terms)


def holder_answered(slot: Slot, event: HolderAnswered, now: Moment, terms: Terms) -> Stepped:
    """The camera is held, or cannot be."""
    answered = _with_answer(slot, event)
    if answered is None:
        return slot, ()
    stop: Effects = ()
    if isinstance(event.answer, CameraNotHeld) and event.answer.verdict.code == "usb.access_denied":
        # No other camera of this bus may be opened either.
        stop = (StopLine(UsbAccessError(event.answer.verdict.code, event.answer.verdict.message)),)
    slot, effects = admit(answered, now, terms)
    return slot, stop + effects


def _with_answer(slot: Slot, event: HolderAnswered) -> Slot | None:
    arrival = slot.arrival
    if arrival is None or not arrival.hold_asked or arrival.answer is not None:
        return None
    if arrival.device != event.answer.device:
        return None
    return replace(slot, arrival=replace(arrival, answer=event.answer))


def doubled(slot: Slot, event: Doubled, now: Moment, terms: Terms) -> Stepped:
    """The serial of the camera here names no single unit any more."""
    arrival = slot.arrival
    if arrival is None or canonical_serial(arrival.device.serial) != canonical_serial(event.serial):
        return slot, ()
    slot = replace(slot, arrival=replace(arrival, places=event.places, decision=Go()))
    return (slot, ()) if slot.busy else admit(slot, now, terms)


def _skipped(slot: Slot, skip: Skip, now: Moment, terms: Terms) -> Stepped:
    """Leave a unit alone; noted once, however often the same camera comes and goes by itself."""
    arrival, last = slot.arrival, slot.last
    assert arrival is not None
    same = last is not None and canonical_serial(last.serial) == canonical_serial(arrival.device.serial)
    repeated = same and last is not None and last.code == skip.problem.code
    if repeated and now.at_s - slot.left_at_s < terms.setup.options.return_window_s:
        return show_last(replace(slot, arrival=None)), ()
    slot = _begun(slot, arrival, now, terms, identified=True)
    return closed(slot, (), Verdict(Outcome.SKIPPED, skip.problem), now)


def _concluded(slot: Slot, now: Moment, terms: Terms) -> Stepped:
    """The holder has answered and the log too: the camera gets its run."""
    arrival = slot.arrival
    assert arrival is not None
    answer = arrival.answer
    if isinstance(answer, CameraNotHeld) and answer.gone:
        slot = replace(slot, arrival=None, last=None)
        return noticed(slot.enters(Phase.EMPTY, None, "usb.not_held", NOT_HELD), "notice.not_held", NOT_HELD)
    held = answer if isinstance(answer, CameraHeld) else None
    slot = replace(slot, bootloader=held.bootloader if held else "", hold_s=held.hold_s if held else None)
    slot = _begun(slot, arrival, now, terms, identified=arrival.identified)
    assert slot.run is not None
    opening = Submit(RunOpened(slot.run))
    if isinstance(answer, CameraNotHeld):
        slot, effects = closed_unrun(slot, answer.verdict, now)
        return slot, (opening, *effects)
    if refusal := unidentified_refusal(arrival.device.serial, arrival.places, terms):
        slot, effects = closed_unrun(slot, Verdict(Outcome.ERROR, refusal), now)
        return slot, (opening, *effects)
    return slot.enters(Phase.OPENING), (opening,)


def _begun(slot: Slot, arrival: Arrival, now: Moment, terms: Terms, *, identified: bool) -> Slot:
    """The slot with a run that begins now."""
    check = isinstance(arrival.decision, Go) and arrival.decision.check
    slot = replace(
        slot,
        arrival=None,
        attempts=(),
        progress=None,
        cancelled=False,
        fickle=False,
        settled=True,
        moved=False,
        hub_lost=None,
        noticed="",
        check=check,
    )
    run = opened_run(terms.setup, slot, arrival.device, now, identified=identified)
    if arrival.decision is not None:
        run = replace(run, notes=(*run.notes, *arrival.decision.notes))
        run = replace(run, central_wait_s=arrival.decision.central_wait_s)
    if isinstance(arrival.answer, CameraHeld) and arrival.answer.bad_boot_header:
        run = replace(run, notes=(*run.notes, NO_HEADER_NOTE))
    if arrival.decision is not None and identified:
        run = replace(run, product_serial=arrival.decision.product_serial)
    return replace(slot, run=run, started_s=now.at_s)
