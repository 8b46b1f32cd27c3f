"""The rules for a camera that was asked into its bootloader and is waited for.

It may leave and come back in any mode, and so may another one in its place. Every wait ends: the worker that asks has
its limit, and so has the bootloader that is to come.
"""

from __future__ import annotations

from dataclasses import replace

from station.flash.messages import STAYED, BootloaderEntered, BootloaderNotEntered, PowerCycled, PowerNotCycled
from station.line import admission, entry
from station.line.line_terms import Terms
from station.line.slot import Entry, Moment, Slot
from station.line.slot_events import Arrived, Effect, Left, LineStopped, Ticked, UnitFound
from station.model.devices import Device, DeviceMode
from station.model.serials import canonical_serial
from station.problem import sentence

Stepped = tuple[Slot, tuple[Effect, ...]]

NO_ANSWER = sentence("whoever was to ask it did not answer")
CAME_AGAIN = sentence("its application came again")


def left(slot: Slot, _event: Left, now: Moment, _terms: Terms) -> Stepped:
    """It is off the bus, as it should be. That its application left says nothing of a hand on the cable."""
    return replace(slot, device=None, left_at_s=now.at_s, left_mode=DeviceMode.DFU), ()


def arrived(slot: Slot, event: Arrived, now: Moment, terms: Terms) -> Stepped:
    """A device is on the port: the bootloader that is waited for, the application once more, or something else."""
    asked = slot.entry
    assert asked is not None
    device = event.device
    if device.mode is DeviceMode.APPLICATION and _is_same(asked, device.serial):
        return entry.failed(replace(slot, device=device), CAME_AGAIN, now, terms)
    if device.mode is DeviceMode.DFU and terms.returning and _is_meant(slot, device, terms):
        slot = replace(slot, entry=None, device=device, known_serial="")
        return admission.taken(slot, device, now, terms)
    return admission.received(replace(slot, entry=None, left_mode=DeviceMode.APPLICATION), event, now, terms)


def _is_same(asked: Entry, serial: str) -> bool:
    """Whether an application is taken for the one that was asked. Nobody was where the port was empty."""
    return asked.device is None or asked.device.serial == serial


def _is_meant(slot: Slot, device: Device, terms: Terms) -> bool:
    """Whether this camera is to be run, where only certain ones are. The one that was asked may have been chosen by its
    application's serial: its port says that it is that one, unless the log knows that unit by another serial."""
    known = slot.known_serial
    return terms.setup.accepts(device) or not known or canonical_serial(known) == canonical_serial(device.serial)


def entered(slot: Slot, event: BootloaderEntered, now: Moment, terms: Terms) -> Stepped:
    """The application took the request: the bootloader has its time to come from now on."""
    if not _is_of(slot, event):
        return slot, ()
    return _awaited(slot, now, terms), ()


def not_entered(slot: Slot, event: BootloaderNotEntered, now: Moment, terms: Terms) -> Stepped:
    """The application could not be asked. Where it left meanwhile, a hand pulled it: its port needs no power."""
    if not _is_of(slot, event):
        return slot, ()
    return entry.failed(slot, event.problem.message, now, terms, power=slot.device is not None)


def power_cycled(slot: Slot, _event: PowerCycled, now: Moment, terms: Terms) -> Stepped:
    """The power is back: the bootloader has its time to come."""
    return (_awaited(slot, now, terms), ()) if _waits_for_power(slot) else (slot, ())


def power_not_cycled(slot: Slot, event: PowerNotCycled, now: Moment, terms: Terms) -> Stepped:
    """The command failed."""
    return entry.failed(slot, event.message, now, terms) if _waits_for_power(slot) else (slot, ())


def ticked(slot: Slot, _event: Ticked, now: Moment, terms: Terms) -> Stepped:
    """Nobody is waited for without end."""
    asked = slot.entry
    assert asked is not None
    if not terms.returning:
        return entry.given_up(slot), ()
    if now.at_s < asked.until_s:
        return slot, ()
    if not asked.answered:
        return entry.failed(slot, NO_ANSWER, now, terms)
    seconds = f"{terms.setup.bootloader_timeout_s:g}"
    nothing = sentence("nothing came back within {seconds} s", seconds=seconds)
    return entry.failed(slot, STAYED if slot.device else nothing, now, terms)


def stopped(slot: Slot, _event: LineStopped, _now: Moment, _terms: Terms) -> Stepped:
    """The line takes no camera any more."""
    return entry.given_up(slot), ()


def unit_found(slot: Slot, event: UnitFound, _now: Moment, _terms: Terms) -> Stepped:
    """The log's answer comes late: it is only shown."""
    return (replace(slot, known_serial=event.serial), ()) if slot.device == event.device else (slot, ())


def _awaited(slot: Slot, now: Moment, terms: Terms) -> Slot:
    assert slot.entry is not None
    until_s = now.at_s + terms.setup.bootloader_timeout_s
    return replace(slot, entry=replace(slot.entry, answered=True, until_s=until_s))


def _is_of(slot: Slot, event: BootloaderEntered | BootloaderNotEntered) -> bool:
    asked = slot.entry
    return asked is not None and asked.device == event.device and not asked.answered and not asked.power


def _waits_for_power(slot: Slot) -> bool:
    return slot.entry is not None and slot.entry.power and not slot.entry.answered
