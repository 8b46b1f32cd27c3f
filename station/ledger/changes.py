"""What the database of all stations has to hear of, numbered.

1. A change is noted in the transaction that makes it; a row has one entry, which takes a new number with each change.
2. Numbers rise, and are the microseconds since 1970 where the clock allows: a log that was put back from a backup goes
   on above the numbers that it had given before.
3. Nobody takes an entry away. How far the centre has got is written in the centre, with the rows.

Only a station's own log has entries.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert

from station.ledger.tables import CHANGES, LOG_IDENTITY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_TIME = 10**15
"""Numbers below (September 2001) are of a log that was upgraded: they say nothing of the time."""


class Kind(StrEnum):
    """Which table the row of a change is in."""

    RUN = "run"
    RELEASE = "release"
    BATCH = "batch"
    PRODUCT = "product"
    """A product's serial, bound to a unit."""
    VALUE = "value"
    """A value that a unit was given by a key."""


@dataclass(frozen=True, slots=True)
class Change:
    """The newest change of a row."""

    kind: str
    key: str
    number: int


def note(connection: Connection, kind: Kind, keys: Sequence[str]) -> None:
    """These rows were changed."""
    if not keys:
        return
    first = max(newest(connection) + 1, time.time_ns() // 1000)
    entries = [{"kind": str(kind), "key": key, "number": first + place} for place, key in enumerate(keys)]
    statement = insert(CHANGES)
    renumbered = {"number": statement.excluded.number}
    connection.execute(statement.on_conflict_do_update(index_elements=["kind", "key"], set_=renumbered), entries)


def newest(connection: Connection) -> int:
    """The number of the newest change; 0 where there is none."""
    return connection.scalar(select(func.max(CHANGES.c.number))) or 0


def after(connection: Connection, number: int, limit: int) -> list[Change]:
    """The changes after a number, the oldest first, at most `limit`."""
    query = select(CHANGES.c.kind, CHANGES.c.key, CHANGES.c.number).where(CHANGES.c.number > number)
    return [Change(*row) for row in connection.execute(query.order_by(CHANGES.c.number).limit(limit))]


def waiting(connection: Connection, number: int) -> tuple[int, datetime | None]:
    """How many changes came after a number, and when the first of them did; None where nobody knows."""
    count, first = connection.execute(
        select(func.count(), func.min(CHANGES.c.number)).where(CHANGES.c.number > number)
    ).one()
    return count, (_EPOCH + timedelta(microseconds=first) if first and first >= _FIRST_TIME else None)


def log_id(connection: Connection) -> str:
    """The key of this log."""
    return str(connection.execute(select(LOG_IDENTITY.c.log_id)).scalar_one())
