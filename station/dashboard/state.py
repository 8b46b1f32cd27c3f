"""What the dashboard knows now: values only, replaced as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from station.control.wire import CentralLag, LineAbout, LineStatus, Snapshot
from station.dashboard.eta import Pace
from station.dashboard.input.label_scans import Words
from station.model.slots import SlotState, SlotView, slot_order
from station.model.units import FinishedRun
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
    run_id: str = ""


@dataclass(slots=True)
class State:
    """The newest of everything. `slots` are in the order of their tiles."""

    snapshot: Snapshot = field(default_factory=lambda: Snapshot(LineStatus(), ()))
    about: LineAbout | None = None
    central: CentralLag | None = None
    """How far the database of all stations is behind; None where there is none."""
    report: YieldReport | None = None
    pace: Pace = field(default_factory=Pace)
    events: list[Event] = field(default_factory=list)
    """The oldest first; see `add` and `remember`."""
    yield_target: float | None = None
    """The first-pass yield that the line is to reach, 0 to 1; None where nobody set one."""
    signals: bool = True
    """Whether sounds and flashes are on."""
    now: Callable[[], datetime] = utc_now
    label_words: Callable[[], Words | None] = lambda: None
    """What there is to say of labels that were scanned."""
    engineer: str = ""
    engineer_until_s: float = 0.0
    """Of this process's monotonic clock: until then this screen is an engineer's. The line decides; this is shown."""

    @property
    def slots(self) -> tuple[SlotView, ...]:
        """The slots by their names, numbers in them as numbers; ports that are no slots come last."""
        views = self.snapshot.slots
        if self.snapshot.status.code == "line.gone":
            views = tuple(map(_cut_short, views))
        return tuple(sorted(views, key=_place))

    def add(self, event: Event) -> None:
        """One more event. The oldest go many at once: whoever lists them then begins anew."""
        self.events.append(event)
        if len(self.events) >= 2 * LOG_LENGTH:
            del self.events[:-LOG_LENGTH]

    def remember(self, earlier: Iterable[Event]) -> None:
        """Events of before this screen was opened; those that it has seen itself are not taken twice."""
        seen = {event.run_id for event in self.events if event.run_id}
        events = [*(event for event in earlier if event.run_id not in seen), *self.events]
        self.events = sorted(events, key=lambda event: event.at)[-LOG_LENGTH:]

    @property
    def selection(self) -> tuple[str | None, datetime | None]:
        """Which runs are this line's: those of its batch; without one, those since it was started."""
        if self.about is None or self.about.batch:
            return (self.about.batch if self.about else None), None
        return None, self.about.started_at

    def engineer_left_s(self) -> float:
        """How long this screen is an engineer's; 0 where it is none."""
        return max(0.0, self.engineer_until_s - time.monotonic())

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
    text = _time_and_code(run["duration_s"], run["code"])
    message = restored(run["message"], run.get("message_form"), run.get("message_values"))
    return Event(at, run["outcome"], run["slot"], run["serial"], text, message, run["run_id"])


def event_of_log(run: FinishedRun) -> Event:
    """The line of the log screen for a run that the log has."""
    text = _time_and_code(run.duration_s, run.code)
    return Event(run.finished_at, run.outcome, run.slot, run.serial, text, run.message, run.run_id)


def _time_and_code(duration_s: float | None, code: str | None) -> str:
    took = "" if duration_s is None else f"{duration_s:.1f} s"
    return f"{took} {code or ''}".strip()


def event_of_notice(notice: Mapping[str, Any]) -> Event:
    """The line of the log screen for a device that is seen and not run, as the line's socket tells it."""
    at = datetime.fromisoformat(notice["at"])
    return Event(at, "NOTICE", str(notice["slot"]), "", str(notice["code"]), sentence_from_json(notice["message"]))
