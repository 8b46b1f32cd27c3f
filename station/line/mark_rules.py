"""The rules for what marks a unit: its run waits for what is required, and its record has what was said of it.

1. A run for production or rework whose unit lacks what the configuration requires waits when its opening is on the
   disk, with its camera held. The factory's system is asked, and the camera written to, only when nothing is missing.
2. What the log has of a unit is taken into its run and into the run that is shown, whatever the slot is at.
"""

from __future__ import annotations

from dataclasses import replace

from station.line import permission_rules
from station.line.line_terms import Terms
from station.line.slot import Moment, Phase, Slot
from station.line.slot_events import Effect, GiveNotice, UnitMarked
from station.model.done import COUNTED_PURPOSES
from station.model.runs import RunRecord
from station.model.serials import canonical_serial
from station.problem import sentence

Stepped = tuple[Slot, tuple[Effect, ...]]

UNBOUND = "product.unbound"
PRODUCT = sentence("it waits until its product serial is scanned: nothing is written to it before")


def may_start(slot: Slot, now: Moment, terms: Terms) -> Stepped:
    """The opening is on the disk, and nothing else keeps the run: unless something of its unit is missing."""
    missing = _missing(slot, terms)
    if not missing:
        return permission_rules.may_start(slot, now, terms)
    text = PRODUCT if missing[0] == "" else sentence("it waits until its {key} is scanned", key=missing[0])
    said: tuple[Effect, ...] = () if slot.phase is Phase.UNBOUND else (GiveNotice("notice.unbound", text),)
    return slot.enters(Phase.UNBOUND, code=UNBOUND, message=text), said


def lacks_something(slot: Slot, terms: Terms) -> bool:
    """Whether the run of a slot must not begin yet."""
    return bool(_missing(slot, terms))


def _missing(slot: Slot, terms: Terms) -> tuple[str, ...]:
    run, setup = slot.run, terms.setup
    assert run is not None
    if not run.identified or setup.read_only or setup.qualifies or setup.purpose not in COUNTED_PURPOSES:
        return ()
    return setup.marks.missing(run.product_serial, run.unit_values)


def marked(slot: Slot, event: UnitMarked, now: Moment, terms: Terms) -> Stepped:
    """The log has what was said of a unit."""
    run, last = _with_marks(slot.run, event), _with_marks(slot.last, event)
    if canonical_serial(slot.known_serial) == canonical_serial(event.unit.serial):
        slot = replace(slot, known_product_serial=event.unit.product_serial or "")
    slot = replace(slot, run=run, last=last)
    return may_start(slot, now, terms) if slot.phase is Phase.UNBOUND else (slot, ())


def _with_marks(run: RunRecord | None, event: UnitMarked) -> RunRecord | None:
    unit = event.unit
    if run is None or not run.identified or canonical_serial(run.serial) != canonical_serial(unit.serial):
        return run
    return replace(run, product_serial=unit.product_serial, unit_values=unit.values)
