"""What people and the line as a whole ask of a slot: run again, stop, take out, restore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from station.line import admission, entry
from station.line.left_alone import NOT_ACCEPTING
from station.line.line_terms import Terms
from station.line.slot import Moment, Phase, Slot
from station.line.slot_events import Arrived, Effect, GiveNotice, LineStopped, RerunAsked, Restored, TakenOut
from station.model.devices import DeviceMode
from station.model.slots import RerunWay, SlotState
from station.problem import sentence

Stepped = tuple[Slot, tuple[Effect, ...]]

REPLUG = sentence("it is off the bus: unplug it and plug it in again, that runs it")


def rerun_way(slot: Slot, terms: Terms) -> RerunWay:
    """What a request to run the camera here once more comes to now."""
    if slot.phase is Phase.ENTERING:
        return RerunWay.ENTERING
    if slot.busy or slot.arrival is not None:
        return RerunWay.RUNNING
    device = slot.device
    if not slot.in_line or slot.taken_out or not terms.accepting or (device and not terms.setup.accepts(device)):
        return RerunWay.LEFT_ALONE
    if device is None:
        return _way_off_the_bus(slot, terms)
    ways = {DeviceMode.DFU: RerunWay.RERUN, DeviceMode.APPLICATION: RerunWay.ENTERING}
    return ways.get(device.mode, RerunWay.LEFT_ALONE)


def rerun_ways(slots: Mapping[str, Slot], paths: Iterable[str], terms: Terms) -> dict[RerunWay, list[str]]:
    """The same for several ports: the names of their slots by what becomes of them."""
    ways: dict[RerunWay, list[str]] = {way: [] for way in RerunWay}
    for path in paths:
        slot = slots.get(path)
        way = rerun_way(slot, terms) if slot else RerunWay.EMPTY
        ways[way].append(slot.name if slot else path)
    return ways


def _way_off_the_bus(slot: Slot, terms: Terms) -> RerunWay:
    """Nothing is on the bus; but a camera that failed, or never came, may still sit in its slot."""
    if slot.phase is not Phase.DONE and not slot.code:
        return RerunWay.EMPTY
    return RerunWay.ENTERING if terms.setup.power_cycle else RerunWay.REPLUG


def rerun_asked(slot: Slot, _event: RerunAsked, now: Moment, terms: Terms) -> Stepped:
    """Run the camera that is here once more; one that is out of its bootloader is brought there first."""
    way = rerun_way(slot, terms)
    if way is RerunWay.REPLUG:
        return replace(slot, message=REPLUG), ()
    if way is RerunWay.ENTERING:
        return entry.begun(slot, now, terms)
    if way is not RerunWay.RERUN or slot.device is None:
        return slot, ()
    return admission.taken(replace(slot, fickle=False), slot.device, now, terms)


def line_stopped(slot: Slot, _event: LineStopped, _now: Moment, _terms: Terms) -> Stepped:
    """A camera that has no run yet gets none."""
    slot = replace(slot, undecided=False)
    if slot.arrival is None:
        return slot, ()
    return replace(slot, arrival=None).enters(Phase.FOREIGN, SlotState.WAITING, None, NOT_ACCEPTING), ()


def taken_out(slot: Slot, event: TakenOut, _now: Moment, _terms: Terms) -> Stepped:
    """The slot takes no camera any more; a run that is open goes on."""
    slot = replace(slot, taken_out=True, undecided=False)
    said = (GiveNotice("notice.slot_taken_out", event.message),)
    if slot.busy or slot.arrival is not None:
        return slot, said
    phase = Phase.EMPTY if slot.device is None else Phase.FOREIGN
    return replace(slot, entry=None).enters(phase, SlotState.TAKEN_OUT, None, event.message), said


def restored(slot: Slot, _event: Restored, now: Moment, terms: Terms) -> Stepped:
    """The slot is used again; a camera that waits in it is taken as one that was plugged in now: a person asked."""
    if not slot.taken_out:
        return slot, ()
    slot = replace(slot, taken_out=False)
    if slot.busy or slot.arrival is not None:
        return slot, ()
    if slot.device is None:
        return slot.enters(Phase.EMPTY), ()
    return admission.received(replace(slot, settled=False), Arrived(slot.device), now, terms)
