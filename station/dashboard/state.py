"""What the dashboard knows now: values only, replaced as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from station.control.wire import LineAbout, LineStatus, Snapshot
from station.dashboard.eta import Pace
from station.model.slots import SlotState, SlotView, slot_order
from station.problem import restored, sentence, sentence_from_json
from station.yields.counting import YieldReport

LOG_LENGTH = 2000
AT_WORK = frozenset({SlotState.ENTERING, SlotState.HOLDING, SlotState.WAITING, SlotState.RUNNING, SlotState.RECORDING})
GONE = sentence("the line's process ended")


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
        views = self.snapshot.slots
        if self.snapshot.status.code == "line.gone":
            views = tuple(map(_cut_short, views))
        return tuple(sorted(views, key=_place))

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


def _place(view: SlotView) -> tuple[bool, object]:
    return view.state is SlotState.NOT_A_SLOT, slot_order(view.slot)


def _cut_short(view: SlotView) -> SlotView:
    """What a slot shows whose line is gone: what it was at is not done any more, and will be an ERROR in the log."""
    if view.state not in AT_WORK:
        return view
    return replace(
        view, state=SlotState.ERROR, code="station.interrupted", message=GONE, progress=None, started_at_s=None
    )


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
