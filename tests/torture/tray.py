"""A tray of virtual cameras: ports, and in each the camera that a random hand put there.

Every camera keeps its truth here: what it is, how it was treated, and, when it is pulled out for good, what its memory
holds. The station is not asked.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from station.sim.faults import Fault
from station.sim.spec import CameraSpec
from station.sim.virtual_line import ControlClient

FAULTS: dict[str, tuple[dict[str, Any], ...]] = {
    "none": (),
    "lost in ROMFS0": ({"at": {"request": "WRITE", "alt": 6, "block": 20}, "do": "vanish"},),
    "lost in HP": ({"at": {"request": "DNLOAD", "alt": 1, "block": 3}, "do": "vanish"},),
    "gone and back": ({"at": {"request": "DNLOAD", "alt": 6, "block": 9}, "do": "vanish_and_return", "after_s": 0.6},),
    "back much later": ({"at": {"request": "WRITE", "alt": 1, "block": 2}, "do": "vanish_and_return", "after_s": 8},),
    "refuses a block": ({"at": {"request": "WRITE", "alt": 1, "block": 4}, "do": "err_write", "times": 3},),
    "stores another byte": ({"at": {"request": "WRITE", "alt": 6, "block": 30}, "do": "flip_byte", "times": None},),
    "stores another byte once": ({"at": {"request": "WRITE", "alt": 2, "block": 1}, "do": "flip_byte"},),
    "acknowledges and stores nothing": (
        {"at": {"request": "WRITE", "alt": 1}, "do": "ignore", "times": None, "skip": 5},
    ),
    "does not answer once": ({"at": {"request": "GETSTATUS"}, "do": "no_answer", "skip": 20},),
    "stalls": ({"at": {"request": "DNLOAD", "alt": 6}, "do": "stall", "skip": 10, "times": 2},),
    "a broken link": ({"at": {"request": "UPLOAD"}, "do": "eio", "skip": 30, "times": 3},),
    "short answers": ({"at": {"request": "UPLOAD", "alt": 6}, "do": "short", "skip": 5, "times": 2},),
    "never starts": ({"do": "boot_never"},),
    "crashes once": ({"do": "boot_crash", "after_s": 0.3, "times": 1},),
    "resets for ever": ({"do": "app_resets", "after_s": 0.1},),
}
"""What may be wrong with a camera, by a name for the summary."""
MIDDLE_BLOCKS, MIDDLE_LIMIT_S = 10, 10.0
PROFILES = ("instant", "mram", "nor")


@dataclass(slots=True)
class Absence:
    """From a pull until it was plugged in again, None where it never was."""

    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class Treated:
    """One camera of the tray."""

    spec: CameraSpec
    fault: str
    plugged_at: datetime
    superseded: bool = False
    """A later camera has its serial: what the log says last of it is the later one's."""
    memory: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each image's length in its partition, read when nothing could change it any more."""
    blocks_written: int = 0
    absences: list[Absence] = field(default_factory=list)
    """When a hand pulled it out."""


class Tray:
    """The ports of these places; every method is the hand of the person at the bench."""

    def __init__(
        self,
        folders: list[str],
        places: Sequence[CameraSpec],
        sizes: dict[str, int],
        dice: random.Random,
        first_serial: int = 0,
    ) -> None:
        self._clients = [ControlClient(folder) for folder in folders]
        self._sizes = sizes
        self._dice = dice
        self._serials = first_serial
        self._places = {place.port_path: place for place in places}
        self.ports = [*self._places]
        self.there: dict[str, Treated] = {}
        self.gone: list[Treated] = []
        self.faults: dict[str, int] = {}

    @property
    def cameras(self) -> list[Treated]:
        """Every camera that was ever plugged in."""
        return [*self.gone, *self.there.values()]

    def next_camera(self, port: str, *, sound: bool = False, serial: str | None = None) -> None:
        """Take the camera out for good, and put another one in its place, one of this serial or of a new one. A sound
        one has no hurry to be held."""
        self.take_out(port)
        fault = "none" if sound or self._dice.random() < 0.5 else self._dice.choice([*FAULTS][1:])
        self._put(port, serial or self._new_serial(), fault, forced=sound or self._places[port].forced)

    def twin(self, port: str) -> None:
        """Put a blank camera into the port that has the serial of one that is gone (seen in cheap lots)."""
        others = [camera for camera in self.gone if not camera.superseded]
        if others:
            first = self._dice.choice(others)
            self.take_out(port)
            first.superseded = True
            self._put(port, first.spec.serial, "twin", forced=self._places[port].forced)

    def _new_serial(self) -> str:
        self._serials += 1
        return f"{0xC0FFEE00_00000000_00000000 + self._serials * 0x9E3779B97F4A7C15 % (1 << 64):024X}"

    def _put(self, port: str, serial: str, fault: str, *, forced: bool = False) -> None:
        spec = self._places[port].with_(
            serial=serial,
            profile=self._dice.choice(PROFILES),
            scale=0.05,
            boot_s=0.05,
            plugged=True,
            forced=forced,
            faults=tuple(Fault.from_json(dict(one)) for one in FAULTS.get(fault, ())),
        )
        self.faults[fault] = self.faults.get(fault, 0) + 1
        self.there[port] = Treated(spec, fault, datetime.now(UTC))
        self._ask(port, "plug", camera=spec.to_json())

    def pull(self, port: str) -> None:
        """Unplug a camera that will be plugged in again."""
        if port in self.there:
            self._unplug(port, self.there[port])

    def pull_in_the_middle(self, port: str) -> None:
        """Another camera, sound, unplugged once it is being written; where it never is, after a while."""
        self.next_camera(port, sound=True)
        until_s = time.monotonic() + MIDDLE_LIMIT_S
        while time.monotonic() < until_s:
            if sum(self._ask(port, "state")["blocks_written"].values()) >= MIDDLE_BLOCKS:
                break
            time.sleep(0.02)
        self.pull(port)

    def plug_again(self, port: str) -> None:
        """Plug in what is in the port."""
        if port in self.there:
            if absences := self.there[port].absences:
                absences[-1].until = absences[-1].until or datetime.now(UTC)
            self._ask(port, "plug")

    def take_out(self, port: str) -> None:
        """Unplug the camera of a port and read its memory: from now on nobody can change it."""
        treated = self.there.pop(port, None)
        if treated is None:
            return
        self._unplug(port, treated)
        state = self._ask(port, "state")
        treated.blocks_written = sum(state["blocks_written"].values())
        treated.memory = {
            partition: self._ask(port, "memory", partition=partition, length=size)["sha256"]
            for partition, size in self._sizes.items()
        }
        self.gone.append(treated)

    def _unplug(self, port: str, treated: Treated) -> None:
        if not treated.absences or treated.absences[-1].until:
            treated.absences.append(Absence(datetime.now(UTC)))
        self._ask(port, "unplug")

    def _ask(self, port: str, do: str, **keys: Any) -> dict[str, Any]:
        return self._clients[self.ports.index(port) % len(self._clients)].ask(do, port_path=port, **keys)

    def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            client.close()
