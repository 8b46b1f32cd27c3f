"""What a screen may ask of the log: callables that are handed in. Each may take a while: call them in a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from station.model.sinks import Backlog, LostLabel
from station.model.units import FailedUnit, FinishedRun, RunLine, UnitStory
from station.yields.balance import BatchSummary
from station.yields.counting import Rates, YieldReport

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Records:
    """The log's answers. A batch or time of None means any; lists are the newest first and no longer than asked."""

    summary: Callable[[str | None, datetime | None], YieldReport]
    """By batch and first moment."""
    rates: Callable[[datetime], Rates]
    """Of all runs since."""
    newest: Callable[[str | None, datetime | None, int], list[RunLine]]
    """Runs by batch and first moment."""
    found: Callable[[str, int], list[RunLine]]
    """Runs of the units that a serial, or a part of one, names."""
    finished: Callable[[str, datetime, int], list[FinishedRun]]
    """How runs ended, by station and first moment."""
    unit: Callable[[str], UnitStory]
    failed: Callable[[str | None, datetime | None], list[FailedUnit]]
    """By batch and first moment, the longest waiting first."""
    batch_summary: Callable[[str], BatchSummary]
    near_batches: Callable[[str], list[str]]
    """The batches whose name is nearly that of a new one."""
    backlogs: Callable[[], list[Backlog]] = list
    """What the factory's systems have not taken yet."""
    lost_labels: Callable[[datetime], list[LostLabel]] = lambda since: []
    unbound_labels: Callable[[], dict[str, int]] = dict
    """How many labels of each printer wait until something of their cameras is known."""


@dataclass(frozen=True, slots=True)
class AllStations:
    """The database of all stations. Its answers may take their time, or be a LedgerError: ask in a thread."""

    records: Callable[[str | None], Records]
    """Answers as the log gives them, of one station's runs or (None) of all."""
    stations: Callable[[], list[str]]
    """Who has runs there."""


class LogPort(Protocol):
    """The way to the log: a question is answered in a thread, and the answer is shown in the app's."""

    def ask(
        self, question: Callable[[Records], Answer], show: Callable[[Answer], None], *, at_once: bool = True
    ) -> None:
        """Ask, and show the answer; what only keeps a screen current is not asked `at_once`.

        Questions that are shown by the same function are of one kind: of several that wait, the newest is asked.
        """
        ...
