"""The slot machine: `step` takes a slot, what happened, and says how the slot stands then and what is to be done.

Pure: no I/O, no clock, no thread. The rules, by the names of
`TABLE`'s functions in `admission`, `entering`, `mark_rules`, `permission_rules`, `run_rules` and `slot_requests`:

1.  A device that is announced twice is one device. A new one on a port that still has one means that the old one left.
2.  A camera in its bootloader is held at once, and asked about in the log then. Where the log alone decides which
    unit is left alone (`already_passed = "skip"`) it is asked first, and the camera held where no answer came within
    `ASK_LIMIT_S`. Nothing else is done to a camera before it is held.
3.  A run is opened when the camera is held (or cannot be) and the log has answered. It is submitted, and nothing is
    written to the camera before the log has it on the disk (`OpeningCommitted`): only then is it queued for a worker.
    Where the factory's system is to be asked, it is asked then, and the run queued when it allows it. Where the unit
    is to have a product serial or a value that it has not, the run waits for that before.
4.  A camera that the log says is to be left alone gets a run that is opened and closed in one record.
5.  A run that is open is closed exactly once, by the first of: its worker's end, its worker's death, the log's refusal
    of the opening, a cancellation or departure before it has a worker.
6.  The outcome is shown, and reported, only when the log has answered the close. A run that the log did not take is
    ERROR.
7.  While a worker has the run, what happens at the port is its business: it hears of it, and decides.
8.  A camera with another bootloader serial in the place of the run's own ends that run as pulled out; it is held at
    once, and gets its own run when the old one is in the log. A slot never has two runs.
9.  Two cameras with one serial at once are not identified: refused or run by their ports, as the setting says.
10. A camera that left the bus blocks nothing: the slot is empty, or waits only for a worker or the log to answer.
11. Cameras that left with their hub have runs that end ERROR `usb.hub_lost`; each is a new arrival when it comes back.
    A camera that leaves before its run is taken for pulled out when `HUB_DECISION_S` brought no such news.
12. A slot that was taken out, or a line that has stopped, leaves new cameras alone.
13. A camera that runs its application is asked into its bootloader where somebody wants it run again; by itself once
    an insertion, where the setting says so and it has not passed. It is waited for within limits.

What the table does not name changes nothing: late answers, facts of a run that is over, requests that come too late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from station.flash.messages import (
    AttemptEnded,
    BootloaderEntered,
    BootloaderNotEntered,
    HoldWanted,
    PowerCycled,
    PowerNotCycled,
    Progressed,
    RunEnded,
)
from station.line import admission, entering, mark_rules, permission_rules, run_rules, slot_requests
from station.line.line_terms import Terms
from station.line.slot import IDLE, WAITING, WORKING, Moment, Phase, Slot
from station.line.slot_events import (
    Arrived,
    BatchChanged,
    CancelAsked,
    Doubled,
    Effect,
    FactoryAnswered,
    HolderAnswered,
    HubLost,
    Left,
    LineStopped,
    LogAnswered,
    MovedAway,
    RerunAsked,
    Restored,
    SlotEvent,
    TakenOut,
    Ticked,
    UnitFound,
    UnitMarked,
    WorkerDied,
    WorkerGiven,
)
from station.model.events import (
    DiskFull,
    LogLocked,
    OpeningCommitted,
    OpeningNotCommitted,
    RunCommitted,
    RunNotCommitted,
)

Effects = tuple[Effect, ...]
Rule = Callable[[Slot, Any, Moment, Terms], tuple[Slot, Effects]]

TABLE: Mapping[type, Mapping[Phase, Rule]] = {
    Arrived: {
        **dict.fromkeys(IDLE, admission.received),
        Phase.PULLED: run_rules.came_after_pulled,
        **dict.fromkeys(WORKING, run_rules.came_back),
        Phase.ENTERING: entering.arrived,
        Phase.CLOSING: admission.received_early,
    },
    Left: {
        **dict.fromkeys(IDLE, admission.left),
        **dict.fromkeys(WAITING, run_rules.left_before_worker),
        **dict.fromkeys(WORKING, run_rules.left_worker),
        Phase.ENTERING: entering.left,
        Phase.CLOSING: admission.left_early,
    },
    LogAnswered: {Phase.ASKING: admission.log_answered, Phase.HOLDING: admission.log_answered},
    HolderAnswered: {
        Phase.HOLDING: admission.holder_answered,
        Phase.ASKING: admission.holder_answered,
        Phase.CLOSING: admission.held_early,
        **dict.fromkeys(WORKING, run_rules.held_again),
    },
    FactoryAnswered: {Phase.PERMISSION: permission_rules.answered},
    UnitMarked: dict.fromkeys(Phase, mark_rules.marked),
    UnitFound: {Phase.APPLICATION: admission.unit_found, Phase.ENTERING: entering.unit_found},
    BootloaderEntered: {Phase.ENTERING: entering.entered},
    BootloaderNotEntered: {Phase.ENTERING: entering.not_entered},
    PowerCycled: {Phase.ENTERING: entering.power_cycled},
    PowerNotCycled: {Phase.ENTERING: entering.power_not_cycled},
    Ticked: {
        Phase.ASKING: admission.ticked,
        Phase.ENTERING: entering.ticked,
        Phase.PERMISSION: permission_rules.ticked,
        Phase.PULLED: run_rules.pulled_ticked,
    },
    Doubled: {
        **dict.fromkeys(IDLE, admission.doubled),
        **dict.fromkeys((*WAITING, Phase.PULLED), run_rules.doubled_before_worker),
        **dict.fromkeys(WORKING, run_rules.doubled_working),
        Phase.CLOSING: admission.doubled,
    },
    MovedAway: {
        Phase.PULLED: run_rules.pulled_out,
        Phase.AWAY: run_rules.moved_away,
        Phase.GONE: run_rules.moved_away,
    },
    HubLost: {Phase.PULLED: run_rules.hub_lost_before_worker, **dict.fromkeys(WORKING, run_rules.hub_lost_working)},
    OpeningCommitted: {Phase.OPENING: run_rules.opening_committed},
    OpeningNotCommitted: {Phase.OPENING: run_rules.opening_refused},
    LogLocked: {Phase.OPENING: run_rules.waits_for_log, Phase.CLOSING: run_rules.waits_for_log},
    DiskFull: {Phase.OPENING: run_rules.waits_for_room, Phase.CLOSING: run_rules.waits_for_room},
    RunCommitted: {Phase.CLOSING: run_rules.committed},
    RunNotCommitted: {Phase.CLOSING: run_rules.not_committed},
    WorkerGiven: {Phase.QUEUED: run_rules.started},
    Progressed: dict.fromkeys(WORKING, run_rules.progressed),
    HoldWanted: dict.fromkeys(WORKING, run_rules.hold_wanted),
    AttemptEnded: dict.fromkeys(WORKING, run_rules.attempt_ended),
    RunEnded: dict.fromkeys(WORKING, run_rules.ended),
    WorkerDied: dict.fromkeys(WORKING, run_rules.worker_died),
    CancelAsked: {
        **dict.fromkeys((*WAITING, Phase.PULLED), run_rules.cancelled_before_worker),
        **dict.fromkeys(WORKING, run_rules.cancelled_working),
    },
    RerunAsked: dict.fromkeys(IDLE, slot_requests.rerun_asked),
    BatchChanged: dict.fromkeys(WAITING, run_rules.batch_changed),
    LineStopped: {
        **dict.fromkeys(IDLE, slot_requests.line_stopped),
        Phase.ENTERING: entering.stopped,
        **dict.fromkeys((*WAITING, Phase.PULLED), run_rules.stopped_before_worker),
        **dict.fromkeys(WORKING, run_rules.stopped_working),
        Phase.CLOSING: admission.forgotten,
    },
    TakenOut: dict.fromkeys(Phase, slot_requests.taken_out),
    Restored: dict.fromkeys(Phase, slot_requests.restored),
}
"""What follows from each kind of event in each phase. A pair that is not here changes nothing."""


def step(slot: Slot, event: SlotEvent, now: Moment, terms: Terms) -> tuple[Slot, Effects]:
    """The slot after the event, and what is to be done, in order."""
    if isinstance(event, Arrived) and slot.device is not None:
        if _same_enumeration(slot, event):
            return slot, ()
        slot, of_left = step(slot, Left(), now, terms)
        slot, of_arrival = step(slot, event, now, terms)
        return slot, of_left + of_arrival
    if isinstance(event, Left) and slot.device is None:
        return slot, ()
    rule = TABLE[type(event)].get(slot.phase)
    if rule is None:
        return slot, ()
    return rule(slot, event, now, terms)


def _same_enumeration(slot: Slot, event: Arrived) -> bool:
    known, new = slot.device, event.device
    if known is None:
        return False
    return (known.bus, known.address, known.product_id) == (new.bus, new.address, new.product_id)
