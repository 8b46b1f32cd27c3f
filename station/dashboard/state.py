"""What the dashboard knows now: values only, replaced as they come."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from station.control.wire import LineAbout, LineStatus, Snapshot
from station.dashboard.eta import Pace
from station.model.slots import SlotView
from station.problem import restored, sentence_from_json
from station.yields.counting import YieldReport

LOG_LENGTH = 2000


def utc_now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log screen."""

    at: datetime
    kind: str
    slot: str
    serial: str
    text: str
    message: str = ""
    """What the line said of it."""


@dataclass(slots=True)
class State:
    """The newest of everything. `slots` are in the order of their tiles."""

    snapshot: Snapshot = field(default_factory=lambda: Snapshot(LineStatus(), ()))
    about: LineAbout | None = None
    report: YieldReport | None = None
    pace: Pace = field(default_factory=Pace)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    signals: bool = True
    """Whether sounds and flashes are on."""
    now: Callable[[], datetime] = utc_now

    @property
    def slots(self) -> tuple[SlotView, ...]:
        """The slots by their names, numbers in them as numbers; ports that are no slots come last."""
        return tuple(sorted(self.snapshot.slots, key=_place))

    @property
    def selection(self) -> tuple[str | None, datetime | None]:
        """Which runs are this line's: those of its batch; without one, those since it was started."""
        if self.about is None or self.about.batch:
            return (self.about.batch if self.about else None), None
        return None, self.about.started_at

    @property
    def images(self) -> tuple[tuple[str, int], ...]:
        """Partition and size of every image of the line's recipe."""
        return self.about.images if self.about else ()


def _place(view: SlotView) -> tuple[bool, list[tuple[int, str]]]:
    parts = re.split(r"(\d+)", view.slot)
    return view.state == "not_a_slot", [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def event_of_run(run: Mapping[str, Any]) -> Event:
    """The line of the log screen for a finished run, as the line's socket tells it."""
    at = datetime.fromisoformat(run["finished_at"] or run["started_at"])
    took = f"{run['duration_s']:.1f} s" if run["duration_s"] is not None else ""
    text = " ".join(part for part in (took, run["code"] or "") if part)
    message = restored(run["message"], run.get("message_form"), run.get("message_values"))
    return Event(at, run["outcome"], run["slot"], run["serial"], text, message)


def event_of_notice(notice: Mapping[str, Any], at: datetime) -> Event:
    """The line of the log screen for a device that is seen and not run, as the line's socket tells it."""
    return Event(at, "NOTICE", str(notice["slot"]), "", str(notice["code"]), sentence_from_json(notice["message"]))
