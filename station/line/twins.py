"""One serial in two places: a camera that was moved in the middle of its run, or two cameras that name no single unit.

Pure: what to feed to which slot is returned.
"""

from __future__ import annotations

from collections.abc import Mapping

from station.line.slot import Slot
from station.line.slot_events import Doubled
from station.model.devices import Device
from station.model.serials import canonical_serial


def moved_from(slots: Mapping[str, Slot], device: Device) -> list[str]:
    """The ports that lost this camera in the middle of its run: it is on another one now."""
    serial = canonical_serial(device.serial)
    others = [slot for slot in slots.values() if slot.path != device.port_path]
    return [slot.path for slot in others if slot.lost and slot.run and canonical_serial(slot.run.serial) == serial]


def doubled(slots: Mapping[str, Slot], path: str, serial: str) -> list[tuple[str, Doubled]]:
    """What the camera at `path` and every other one with its serial hear: together they name no single unit."""
    mine = slots[path]
    others = [slot for slot in slots.values() if slot.path != path and slot.has_serial(serial)]
    if not others or not mine.in_line:
        return []
    places = " and ".join(sorted(slot.name for slot in (mine, *others)))
    return [(slot.path, Doubled(serial, places)) for slot in (*others, mine)]
