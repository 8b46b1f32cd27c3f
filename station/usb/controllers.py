"""USB controllers by their own place in the machine, and slots that were learned under other bus numbers.

The kernel numbers buses in the order in which it finds their controllers: after a reboot, or with another card, bus 1
may be bus 3. A controller's place (its folder below /sys/devices, a PCI address for most) stays. So the configuration
notes which controller each bus number stood for when the slots were learned, and the numbers are looked up anew.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from station.model.slots import SlotMap

_ROOT_HUB = re.compile(r"usb([1-9][0-9]*)")
NOWHERE = "0"
"""The bus number of a slot whose controller is not there: no device ever has it."""


def controllers(root: Path = Path("/")) -> dict[int, str]:
    """The controller of each bus: its folder below sys/devices, with "#2" for the second bus of one (USB 3 has two).

    None where the machine has no USB. `root` is where sys is.
    """
    devices = root / "sys/bus/usb/devices"
    buses: dict[int, str] = {}
    with suppress(OSError):
        for name in os.listdir(devices):
            if match := _ROOT_HUB.fullmatch(name):
                buses[int(match[1])] = os.path.relpath((devices / name).resolve().parent, root / "sys/devices")
    seen: Counter[str] = Counter()
    named: dict[int, str] = {}
    for bus, place in sorted(buses.items()):
        seen[place] += 1
        named[bus] = place if seen[place] == 1 else f"{place}#{seen[place]}"
    return named


@dataclass(frozen=True, slots=True)
class FoundSlots:
    """The slots under the bus numbers of now; `absent` says, a line each, which have no controller or bus here."""

    names: SlotMap
    absent: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    """Port paths that are others now: as configured, and now."""


def find_slots(slots: Mapping[str, str], learned: Mapping[str, str], now: Mapping[int, str]) -> FoundSlots:
    """The configured slots (name to port path) on this machine.

    `learned` is which controller each bus number stood for, `now` which it stands for: empty on a virtual bench, where
    nothing has a controller and every path is as it is configured.
    """
    bus_now = {place: bus for bus, place in now.items()}
    names: list[tuple[str, str]] = []
    absent: list[str] = []
    moved: list[tuple[str, str]] = []
    for name, port_path in slots.items():
        bus, _, ports = port_path.partition("-")
        place, path = learned.get(bus), port_path
        if now and place is None and int(bus) not in now:
            absent.append(_no_bus(name, port_path, bus))
        elif now and place is not None:
            path = f"{bus_now.get(place, NOWHERE)}-{ports}"
            if place not in bus_now:
                absent.append(_no_controller(name, port_path, place))
            elif path != port_path:
                moved.append((port_path, path))
        names.append((path, name))
    return FoundSlots(SlotMap(tuple(names)), tuple(absent), tuple(moved))


def _no_bus(name: str, port_path: str, bus: str) -> str:
    return f"slot {name} ({port_path}) takes no camera: this machine has no bus {bus}"


def _no_controller(name: str, port_path: str, place: str) -> str:
    return f"slot {name} ({port_path}) takes no camera: its USB controller {place} is not in this machine"


def renumbered(
    slots: Mapping[str, str], learned: Mapping[str, str], now: Mapping[int, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Slots and controllers as they are to be written, under the bus numbers of now.

    A slot whose controller is not here keeps it, under a number that no bus has.
    """
    found = find_slots(slots, learned, now)
    kept = {name: path for path, name in found.names.names}
    places = {str(bus): place for bus, place in now.items()}
    taken = {*places, *learned, *(path.partition("-")[0] for path in slots.values())}
    free = iter(str(number) for number in range(1, 1000) if str(number) not in taken)
    numbers: dict[str, str] = {}
    for name, path in list(kept.items()):
        bus, _, ports = slots[name].partition("-")
        if path.startswith(f"{NOWHERE}-"):
            if bus not in numbers:
                numbers[bus] = bus if bus not in places else next(free)
            kept[name] = f"{numbers[bus]}-{ports}"
            places[numbers[bus]] = learned[bus]
    used = {path.partition("-")[0] for path in kept.values()}
    return kept, {bus: place for bus, place in places.items() if bus in used}
