"""What a screen may ask of the log: callables that are handed in. Each may take a while: call them in a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from station.model.balance import BatchSummary
from station.model.runs import RunRecord
from station.model.units import FailedUnit, UnitStory
from station.model.yields import YieldReport


@dataclass(frozen=True, slots=True)
class Records:
    """The log's answers. A batch or time of None means any."""

    summary: Callable[[str | None, datetime | None], YieldReport]
    unit: Callable[[str], UnitStory]
    failed: Callable[[str | None], list[FailedUnit]]
    batch_summary: Callable[[str], BatchSummary]
    runs: Callable[[str | None, datetime | None], list[RunRecord]]
