"""Slots: the named physical ports of a bench."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Slot:
    """A physical port with the name that is written on the bench. With no allow-list the name is the port path."""

    name: str
    port_path: str


BenchSlot = tuple[str, str]
"""A station's id and the name of one of its slots: every bench may have an A1."""


def bench_slot_order(place: BenchSlot) -> tuple[Any, ...]:
    """Orders slots of several benches: a bench after the other."""
    return place[0], slot_order(place[1])


def slot_label(place: BenchSlot, *, several_stations: bool) -> str:
    """A slot for people: its name, and before it the station's where there are several."""
    return " ".join(place) if several_stations else place[1]


def slot_order(name: str) -> tuple[tuple[tuple[int, str], ...], str]:
    """Orders slots as people count: 1-1.2 before 1-1.10, A2 before A10."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in parts if part), name


class SlotState(StrEnum):
    """What a slot shows now. A state is not a record: only the newest one exists."""

    EMPTY = "empty"
    APPLICATION = "application"
    ENTERING = "entering"
    """Its application was asked into the bootloader, or its port's power is being cycled for that."""
    NOT_A_SLOT = "not_a_slot"
    TAKEN_OUT = "taken_out"
    HOLDING = "holding"
    WAITING = "waiting"
    RUNNING = "running"
    RECORDING = "recording"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    ABORTED = "aborted"
    SKIPPED = "skipped"


class RerunWay(StrEnum):
    """What becomes of a request to run the camera in a slot once more."""

    RERUN = "rerun"
    """It is in its bootloader: its run begins."""
    ENTERING = "entering"
    """It is asked into its bootloader, or its port's power is cycled. Whether it comes is seen in the slot."""
    REPLUG = "replug"
    """It is off the bus, and only a hand on its cable helps."""
    RUNNING = "running"
    """Its run has begun already, or is not in the log yet."""
    LEFT_ALONE = "left_alone"
    """No slot, a slot that was taken out, another board, or a line that takes no camera."""
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The bench's slots: an allow-list when `names` (port path -> name) is not empty, else every port is a slot."""

    names: tuple[tuple[str, str], ...] = ()

    def slot_at(self, port_path: str) -> Slot | None:
        """The slot at a port, or None where an allow-list exists and does not name the port."""
        if not self.names:
            return Slot(port_path, port_path)
        for path, name in self.names:
            if path == port_path:
                return Slot(name, port_path)
        return None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running attempt is: image `image_number` of `image_count`, `done_bytes` of `total_bytes` in it."""

    phase: str
    attempt: int
    partition: str = ""
    image_number: int = 0
    image_count: int = 0
    done_bytes: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SlotView:
    """The newest state of one slot, for screens: pulled by a timer, never queued."""

    slot: str
    port_path: str
    state: SlotState
    serial: str = ""
    run_id: str = ""
    code: str | None = None
    message: str = ""
    progress: Progress | None = None
    started_at_s: float | None = None
    """`time.monotonic()` seconds of the run's start, for elapsed time; None where none is open."""
    duration_s: float | None = None
    """Of the finished run that is shown."""
    attempts: int = 0
    """Of the finished run that is shown."""
    product_serial: str = ""
    """The serial on the product's label; "" where the unit has none, or nobody asked the log yet."""
    unit_values: tuple[tuple[str, str], ...] = ()
    """What was noted of the unit, by key."""
