"""What a screen gets from a line: what the line works on, how it stands, and the newest state of every slot.

The JSON forms are what goes over the line's socket. Clocks of two processes are not compared: elapsed seconds are sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from station.model.slots import Progress, SlotState, SlotView
from station.model.unit_marks import UnitMarks
from station.problem import as_json, sentence_from_json


@dataclass(frozen=True, slots=True)
class LineAbout:
    """What a line works on: the header of a screen. `images` are partition and size in bytes, in their order."""

    station_id: str
    bundle: str
    bundle_version: str
    recipe: str
    batch: str | None
    operator: str | None
    started_at: datetime
    images: tuple[tuple[str, int], ...] = ()
    planned: int | None = None
    movable: bool = False
    """Whether the cameras are the demo's, which a screen may plug in and pull out."""
    left_open: tuple[str, str] | None = None
    """A batch that is open under another id of this station, and that id, where no batch goes on."""
    unproven: tuple[str, ...] = ()
    """The proofs that the configuration turns off (`proof_settings`)."""
    marks: UnitMarks = field(default_factory=UnitMarks)
    """What tells units apart in the factory."""

    def to_json(self) -> dict[str, Any]:
        """The value as JSON."""
        return {**asdict(self), "started_at": self.started_at.isoformat(), "marks": self.marks.to_json()}

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> LineAbout:
        """The value from its JSON form."""
        images = tuple((str(name), int(size)) for name, size in given["images"])
        left = given.get("left_open")
        made = {
            "started_at": datetime.fromisoformat(given["started_at"]),
            "images": images,
            "left_open": (str(left[0]), str(left[1])) if left else None,
            "unproven": tuple(map(str, given.get("unproven", ()))),
            "marks": UnitMarks.from_json(given["marks"]) if "marks" in given else UnitMarks(),
        }
        return cls(**{**given, **made})


@dataclass(frozen=True, slots=True)
class CentralLag:
    """How many changes of the log are not in the database of all stations yet, and whether it is away."""

    waiting: int
    away: bool

    def to_json(self) -> dict[str, Any]:
        """The value as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> CentralLag:
        """The value from its JSON form."""
        return cls(int(given["waiting"]), bool(given["away"]))


@dataclass(frozen=True, slots=True)
class LineStatus:
    """How a line stands. `code` and `message` say why it stopped by itself; None and "" where it did not."""

    accepting: bool = True
    paused: bool = False
    ended: bool = False
    code: str | None = None
    message: str = ""
    plan_reached: bool = False
    """Every planned unit of the batch has its result: no camera starts until somebody says how to go on."""
    paused_code: str | None = None
    """The failure that paused the line because so many cameras in a row had it; None where somebody paused it."""
    paused_message: str = ""
    verification_due: str = ""
    """The slots that are to be verified again, "" where there are none or nobody wants it."""

    def to_json(self) -> dict[str, Any]:
        """The value as JSON."""
        given = asdict(self)
        return {**given, **{name: as_json(given[name]) for name in _STATUS_SENTENCES}}

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> LineStatus:
        """The value from its JSON form."""
        return cls(**{**given, **{name: sentence_from_json(given[name]) for name in _STATUS_SENTENCES}})


_STATUS_SENTENCES = ("message", "paused_message")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest state of a line and of all its slots: pulled, never queued."""

    status: LineStatus
    slots: tuple[SlotView, ...]

    def to_json(self, now_s: float) -> dict[str, Any]:
        """The value as JSON; `now_s` is this process's monotonic clock, which `started_at_s` was read from."""
        return {"status": self.status.to_json(), "slots": [_slot_json(view, now_s) for view in self.slots]}

    @classmethod
    def from_json(cls, given: dict[str, Any], now_s: float) -> Snapshot:
        """The value from its JSON form; `started_at_s` is put on this process's monotonic clock, `now_s`."""
        slots = tuple(_slot_view(slot, now_s) for slot in given["slots"])
        return cls(LineStatus.from_json(given["status"]), slots)


def _slot_json(view: SlotView, now_s: float) -> dict[str, Any]:
    given = asdict(view)
    started_s = given.pop("started_at_s")
    message = as_json(view.message)
    return {**given, "message": message, "elapsed_s": None if started_s is None else now_s - started_s}


def _slot_view(given: dict[str, Any], now_s: float) -> SlotView:
    fields = dict(given)
    elapsed_s = fields.pop("elapsed_s")
    progress = fields.pop("progress")
    return SlotView(
        **{
            **fields,
            "unit_values": tuple((str(key), str(value)) for key, value in fields.get("unit_values", ())),
            "state": SlotState(fields["state"]),
            "message": sentence_from_json(fields["message"]),
        },
        progress=None if progress is None else Progress(**progress),
        started_at_s=None if elapsed_s is None else now_s - elapsed_s,
    )
