"""`station slots learn`: name the slots by plugging a camera into one after another."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from string import digits
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, settings_for
from station.cli.output import say
from station.cli.run import SimOption
from station.errors import StationError, UsageError
from station.json_lines import text_line
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceMode

if TYPE_CHECKING:
    from station.settings import Settings
    from station.usb.access import UsbAccess

Ask = Callable[[Device, str], str]
"""Asks for the name of the slot in which a camera was just plugged; the second is the name that is proposed."""


def learn(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="The names, in the order of plugging; it ends after the last."),
    ] = None,
    how_many: Annotated[int | None, typer.Option("--count", metavar="N", min=1, help="End after N slots.")] = None,
    prefix: Annotated[str, typer.Option("--prefix", metavar="P", help="Name them P1, P2, … by itself.")] = "A",
    replace: Annotated[bool, typer.Option("--replace", help="Forget the slots that are there.")] = False,
    sim: SimOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name the slots by plugging a camera into one after another; one camera is enough. Nothing is written to it.

    Each slot is in the configuration at once, so that Ctrl-C, which ends it, loses none. On a terminal you are asked
    for each name; else, and where you only press Enter, they are A1, A2, … A port that has a name keeps it.
    """
    from station.settings import slots_file, write_slots
    from station.usb.access import UsbAccess

    file = slots_file(config)
    # A file that is there must be right before it is touched; one that is not is made.
    settings = settings_for(file, data_dir) if file.exists() else None
    known, places, now = _as_they_are_now(None if replace else settings, real=not sim)
    _check_names(names or (), known)
    ask = _asked if not as_json and sys.stdin.isatty() and not names else _taken
    access = UsbAccess("usbip", tuple(map(str, sim))) if sim else UsbAccess()
    wanted = len(names) if names else how_many
    for device, name in _learned(access, known, names or (), prefix, ask):
        known[name] = device.port_path
        if device.bus in now:
            places[str(device.bus)] = now[device.bus]
        write_slots(file, known, places if now else None)
        if as_json:
            print(text_line({"slot": name, "port_path": device.port_path, "serial": device.serial}), end="", flush=True)
        say(f"{name} is {device.port_path}, and in {file}")
        if wanted is not None and (wanted := wanted - 1) < 1:
            return


def _as_they_are_now(settings: Settings | None, *, real: bool) -> tuple[dict[str, str], dict[str, str], dict[int, str]]:
    """The slots that are there and their controllers under the bus numbers of now; and the controllers of all buses."""
    from station.usb.controllers import controllers, renumbered

    now = controllers() if real else {}
    if settings is None:
        return {}, {}, now
    if not now:
        return dict(settings.slots), dict(settings.controllers), now
    known, places = renumbered(settings.slots, settings.controllers, now)
    return known, places, now


def _learned(
    access: UsbAccess, known: Mapping[str, str], names: Sequence[str], prefix: str, ask: Ask
) -> Iterator[tuple[Device, str]]:
    """The slots, one after another, without end; `known` grows meanwhile."""
    given, name = iter(names), f"{prefix}0"
    for device in _plugged_in(access):
        named = {port_path: name for name, port_path in known.items()}
        if device.port_path in named:
            say(f"{device.port_path} is {named[device.port_path]} already")
            continue
        name = _checked(ask, device, next(given, None) or _next_name(name, prefix, known), known)
        yield device, name


def _next_name(last: str, prefix: str, known: Mapping[str, str]) -> str:
    """The name after the last one, counted on (B7, B8), else P1, P2, …; one that is free.

    >>> _next_name("B7", "A", {"B8": "1-1"})
    'B9'
    >>> _next_name("rear left", "A", {})
    'A1'
    """
    stem = last.rstrip(digits)
    if stem == last:
        stem, last = prefix, f"{prefix}0"
    taken = {name.casefold() for name in known}
    names = (f"{stem}{number}" for number in count(int(last[len(stem) :]) + 1))
    return next(name for name in names if name.casefold() not in taken)


def _plugged_in(access: UsbAccess) -> Iterator[Device]:
    """Each camera that is plugged in from now on, without end.

    A camera that is powered up shows its bootloader first: one that comes onto the bus as an application was there
    before and has only gone on.
    """
    from station.board.chosen import BOARD
    from station.usb.watcher import UdevWatcher, VirtualWatcher

    heard: queue.SimpleQueue[DeviceEvent | StationError | None] = queue.SimpleQueue()
    watcher = VirtualWatcher(access, BOARD.ids) if access.kind == "usbip" else UdevWatcher(BOARD.ids)
    with watcher:
        watcher.start(heard.put, heard.put)
        heard.put(None)
        there = sum(isinstance(event, DeviceArrived) for event in iter(heard.get, None))
        if there:
            say(f"{there} cameras are plugged in already: they count when they are plugged in again")
        say("plug a camera into one slot after another; Ctrl-C ends it")
        while True:
            event = heard.get()
            if isinstance(event, StationError):
                raise event
            if isinstance(event, DeviceArrived) and event.device.mode is DeviceMode.DFU:
                yield event.device


def _taken(_device: Device, proposed: str) -> str:
    return proposed


def _asked(device: Device, proposed: str) -> str:
    sys.stderr.write(f"name of the slot at {device.port_path} [{proposed}]: ")
    sys.stderr.flush()
    if not (line := sys.stdin.readline()):
        raise KeyboardInterrupt  # the end of the input is an answer too: no more
    return line.strip() or proposed


def _checked(ask: Ask, device: Device, proposed: str, known: Mapping[str, str]) -> str:
    """The answer, asked for again while it is no name."""
    from station.settings import name_problem

    while problem := name_problem(name := ask(device, proposed), known):
        if ask is _taken:
            raise UsageError("usage.slot_name", f"{name!r}: {problem}")
        say(f"{name!r}: {problem}")
    return name


def _check_names(names: Sequence[str], known: Mapping[str, str]) -> None:
    from station.settings import name_problem

    for i, name in enumerate(names):
        if problem := name_problem(name, [*known, *names[:i]]):
            raise UsageError("usage.slot_name", f"{name!r}: {problem}")
