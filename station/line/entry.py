"""How a camera is asked into its bootloader, and how that ends where it does not come. `entering` has what is between.

1. Its application is asked first (its protocol, else its REPL: a worker knows how). The power of its port is cycled
   where that did not help and the setting names a command; else only a hand on the cable does.
2. By itself, a camera is taken once an insertion (`Slot.settled`): one that passed, failed or cannot be taken is not
   taken again and again.
"""

from __future__ import annotations

from dataclasses import replace

from station.line.left_alone import APPLICATION, NOT_ACCEPTING
from station.line.line_terms import Terms
from station.line.run_end import shown
from station.line.slot import Entry, Moment, Phase, Slot
from station.line.slot_events import AskApplication, CyclePower, Effect, GiveNotice
from station.model.devices import DeviceMode
from station.problem import joined, sentence

Stepped = tuple[Slot, tuple[Effect, ...]]

HINT_READ_S = 2.0
"""Nobody pulls a camera out sooner after the hint to replug it: one that leaves sooner left by itself, and its answer
was heard before its departure."""
ANSWER_S = 90.0
"""A worker's answer comes within its own limits, which are far shorter; this is for one that hangs."""


def begun(slot: Slot, now: Moment, terms: Terms) -> Stepped:
    """Have the camera here brought into its bootloader, in the way that is open."""
    slot = replace(slot, fickle=False, settled=True, undecided=False, noticed="")
    if slot.device is None:
        return _power_asked(slot, None, "", now, terms)
    return _enters(slot, Entry(slot.device, now.at_s + ANSWER_S)), (AskApplication(slot.device),)


def failed(slot: Slot, reason: str, now: Moment, terms: Terms, *, power: bool = True) -> Stepped:
    """It did not work in this way: the next one, or the hint to replug it."""
    assert slot.entry is not None
    if power and terms.setup.power_cycle and not slot.entry.power:
        return _power_asked(slot, slot.entry, reason, now, terms)
    reasons = joined(dict.fromkeys(text for text in (slot.entry.reason, reason) if text))
    text = not_entered(reasons)
    slot = stays(slot, text)
    if slot.last is None:
        slot = replace(slot, code="usb.not_entered")
    slot = replace(slot, noticed="notice.not_entered", hinted_at_s=now.at_s)
    return slot, (GiveNotice("notice.not_entered", text),)


def not_entered(reason: str) -> str:
    """The sentence about a camera that did not come into its bootloader."""
    return sentence("it did not come into its bootloader: unplug it and plug it in again ({reason})", reason=reason)


def left_behind_hint(slot: Slot, now: Moment) -> Slot | None:
    """The slot of a camera that left by itself with the answer that it cannot be asked: the hint stays."""
    if now.at_s - slot.hinted_at_s >= HINT_READ_S:
        return None
    gone = replace(slot, device=None, left_at_s=now.at_s, left_mode=DeviceMode.DFU, hinted_at_s=float("-inf"))
    return gone.enters(Phase.EMPTY, None, slot.code, slot.message) if slot.phase is Phase.APPLICATION else gone


def given_up(slot: Slot) -> Slot:
    """The line takes no camera any more: it is not waited for."""
    return stays(slot, NOT_ACCEPTING)


def stays(slot: Slot, message: str = APPLICATION) -> Slot:
    """Nobody is waited for any more: the slot shows what it showed before, and `message`."""
    slot = replace(slot, entry=None)
    if slot.last is not None:
        return replace(shown(slot, slot.last), message=message)
    return slot.enters(Phase.APPLICATION if slot.device else Phase.EMPTY, message=message)


def _power_asked(slot: Slot, entry: Entry | None, reason: str, now: Moment, terms: Terms) -> Stepped:
    device = entry.device if entry else None
    entry = Entry(device, now.at_s + ANSWER_S, power=True, reason=reason)
    return _enters(slot, entry), (CyclePower(terms.setup.power_cycle),)


def _enters(slot: Slot, entry: Entry) -> Slot:
    return replace(slot, entry=entry).enters(Phase.ENTERING)
