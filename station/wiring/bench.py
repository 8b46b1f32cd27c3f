"""Where the cameras are: the machine's own bus, or virtual cameras. Heavy packages are imported where they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from station.board.board import Board
from station.board.chosen import BOARD
from station.control.steered import Hands
from station.errors import UsageError
from station.line.setup import Watcher
from station.usb.access import UsbAccess


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the cameras are: the bus, and what announces them."""

    access: UsbAccess
    watcher: Watcher
    board: Board = BOARD
    """What kind of cameras they are."""
    ready: Callable[[], None] = lambda: None
    """Called once the line is up: plugs virtual cameras in."""
    served: bool = False
    """Virtual cameras that somebody else serves: whoever does that chooses the log, too."""
    hands: Hands | None = None
    """What moves its cameras at the request of a screen; only the demo has it."""
    check: Callable[[], object] = lambda: None
    """Raises UsbAccessError where this machine cannot do it; takes its time on a slow one."""
    controllers: Mapping[int, str] = field(default_factory=dict)
    """The USB controller of each bus; none for virtual cameras."""


@contextmanager
def real_bench() -> Iterator[Bench]:
    """The machine's own USB, for this station alone."""
    from station.usb.bus_lock import BusLock
    from station.usb.controllers import controllers
    from station.usb.libusb import libusb_backend
    from station.usb.watcher import UdevWatcher

    with BusLock():
        yield Bench(UsbAccess(), UdevWatcher(BOARD.ids), check=libusb_backend, controllers=controllers())


@contextmanager
def simulated_bench(cameras: int, *, sound: bool = False, movable: bool = False) -> Iterator[Bench]:
    """A bench of virtual cameras, served by processes of their own; all are plugged in when the line is ready.

    One fails on purpose and one needs its MRAM initialized, unless they are to be `sound`. `movable`: screens may plug
    them in and pull them out.
    """
    from station.sim.demo_cameras import demo_specs
    from station.sim.virtual_line import VirtualLine
    from station.usb.watcher import VirtualWatcher
    from station.wiring.virtual_hands import VirtualHands

    with VirtualLine(demo_specs(cameras, plugged=False, sound=sound)) as line:
        access = UsbAccess("usbip", tuple(str(path) for path in line.addresses))
        hands = VirtualHands(line) if movable else None
        yield Bench(access, VirtualWatcher(access, BOARD.ids), ready=line.plug_all, hands=hands)


@contextmanager
def served_bench(directories: Sequence[Path]) -> Iterator[Bench]:
    """A bench of virtual cameras that `station sim` serves in these folders, for this station alone."""
    from station.usb.bus_lock import BusLock
    from station.usb.watcher import VirtualWatcher

    for directory in directories:
        if not (directory / "control.sock").exists():
            raise UsageError("usage.no_sim", f"no virtual cameras are served in {directory}")
    access = UsbAccess("usbip", tuple(str(directory.absolute()) for directory in directories))
    with ExitStack() as stack:
        for directory in sorted({directory.resolve() for directory in directories}):
            stack.enter_context(BusLock.of_virtual(directory))
        yield Bench(access, VirtualWatcher(access, BOARD.ids), served=True)


@contextmanager
def bench_for(simulate: int | None, served: Sequence[Path] | None = None) -> Iterator[Bench]:
    """The real bench, one that `station sim` serves, or a simulated one of `simulate` cameras."""
    if served:
        chosen = served_bench(served)
    elif simulate is not None:
        chosen = simulated_bench(simulate, sound=True)
    else:
        chosen = real_bench()
    with chosen as bench:
        yield bench
