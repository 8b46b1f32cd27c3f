"""Several cameras of one hub that leave the bus at one moment: the hub left, and none of them is to blame.

1. A hub that goes takes everything on it along. So it is one only where nothing is left on it, and where at least two
   left, each within `MOMENT_S` of the one before. A hand takes longer from one cable to the next.
2. A camera that was asked to leave its bootloader, and one whose application comes and goes, leave by themselves: that
   is no sign of anything. At least one was in the middle of a run.
3. A hub is known by its port path: 1-1.4 has the ports 1-1.4.1 to 1-1.4.n, and all that is behind them. What is plugged
   into the machine itself (1-4) is on no hub that could leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from station.line.slot import WAITING, Phase, Slot

MOMENT_S = 0.3
"""How far the departures of two cameras may be apart that a hub took along: the kernel reports one after the other."""

_IN_A_RUN = (*WAITING, Phase.RUNNING)
_STAYING = (*_IN_A_RUN, Phase.ASKING, Phase.HOLDING, Phase.CLOSING, Phase.APPLICATION, Phase.DONE)
"""A camera leaves a slot of these phases only where it is made to."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A hub that left, and the ports whose cameras left with it."""

    hub: str
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Departure:
    port: str
    at_s: float
    staying: bool
    in_a_run: bool


class HubLosses:
    """The departures of one line, as they come."""

    def __init__(self) -> None:
        self._recent: list[_Departure] = []

    def left(self, before: Slot, slots: Iterable[Slot], at_s: float) -> Loss | None:
        """A device left: `before` is its slot as it was then, `slots` are all as they are now. The hub that left with
        it, as soon as that is known."""
        if self._recent and at_s - self._recent[-1].at_s > MOMENT_S:
            self._recent.clear()
        staying = before.phase in _STAYING and not before.fickle
        self._recent.append(_Departure(before.path, at_s, staying, before.phase in _IN_A_RUN))
        there = [slot.path for slot in slots if slot.device is not None]
        for hub in _hubs_above(before.path):
            lost = [departure for departure in self._recent if _is_on(departure.port, hub)]
            if _is_loss(lost, hub) and not any(_is_on(path, hub) for path in there):
                return Loss(hub, tuple(dict.fromkeys(departure.port for departure in lost)))
        return None


def _is_loss(lost: list[_Departure], hub: str) -> bool:
    """Whether so many left a hub, one of them from a port of its own, as only it could make them."""
    made_to = {departure.port for departure in lost if departure.staying}
    own = any(_parent(port) == hub for port in made_to)
    return len(made_to) > 1 and own and any(departure.in_a_run for departure in lost)


def _hubs_above(path: str) -> Iterable[str]:
    """The hubs between a port and the machine, the one next to the machine first."""
    first, *ports = path.split(".")
    for count in range(len(ports)):
        yield ".".join([first, *ports[:count]])


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _is_on(path: str, hub: str) -> bool:
    return path.startswith(f"{hub}.")
