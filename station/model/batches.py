"""A batch as it is begun and ended at the bench."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

NAME_LIMIT = 80
"""A batch's or an operator's name has no more characters than this, wherever it is given: settings, command, screen."""
PLANNED_LIMIT = 999_999
"""No more units than this are planned: more is a serial scanned into the wrong field."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch at one station. Times are UTC.

    `planned` is how many units it is to have, None where nobody said. `continued_at` is when somebody let it go on
    although every planned unit had its result; `ended_at` is None while it is open.
    """

    batch_id: str
    station_id: str
    name: str
    planned: int | None
    operator: str | None
    begun_at: datetime
    continued_at: datetime | None = None
    ended_at: datetime | None = None
