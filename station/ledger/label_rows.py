"""Labels in the outbox: each is sent to its printer once at most, and one that is not wanted any more never.

1. A label's row is claimed, in the log, before its first byte is sent: it is dropped as "maybe printed". So a station
   that is killed in between, and a printer that hangs up in the middle, leave a label that may be there, and is not
   printed again by itself. Once the printer has it the row says "printed"; it stays, so that nothing puts it back.
2. A label that waited longer than its printer's `max_age_s` is dropped: its camera is gone by then, and the label would
   be put on another. So is one whose unit was run again since, whatever came of it.
3. A label that prints what nobody has said of its camera yet waits until somebody does, for any time: the camera is in
   a hand then, and its label gets as old as from that moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select, update

from station.ledger.tables import OUTBOX, RUNS
from station.model.runs import Outcome
from station.model.sinks import UNBOUND, LostLabel, Sink
from station.problem import Sentence, sentence

MAYBE_PRINTED, TOO_OLD, SUPERSEDED = "label.maybe_printed", "label.too_old", "label.superseded"
IN_HAND = timedelta(seconds=30)
"""So long a label that was claimed may still be on its way to the printer."""
THE_STATION = "the station"


def has_unwanted(connection: Connection, sink: Sink, at: datetime) -> bool:
    """Whether a label waits that is not to be printed any more."""
    waits = (OUTBOX.c.sink == sink.name, OUTBOX.c.dropped_at.is_(None))
    found = select(OUTBOX.c.run_id).where(*waits, or_(_is_old(sink, at), _is_superseded())).limit(1)
    return connection.execute(found).first() is not None


def drop_unwanted(connection: Connection, sink: Sink, at: datetime) -> None:
    """Those are never printed."""
    old = sentence("it waited longer than {seconds} s for the printer", seconds=f"{sink.max_age_s:g}")
    _drop(connection, sink, at, _is_old(sink, at), TOO_OLD, old)
    _drop(
        connection, sink, at, _is_superseded(), SUPERSEDED, sentence("the camera was run again before it was printed")
    )


def claim(connection: Connection, sink: Sink, run_id: str, at: datetime) -> bool:
    """From now on the label may be printed, and is not sent again. False where it is not to be printed any more."""
    drop_unwanted(connection, sink, at)
    maybe = sentence("the station was cut off while it was sent to the printer")
    return _drop(connection, sink, at, OUTBOX.c.run_id == run_id, MAYBE_PRINTED, maybe) > 0


def taken_by_hand(connection: Connection, sink: str, run_id: str, by: str, reason: str, at: datetime) -> None:
    """Somebody prints this label now: the outbox does not do it too, and it is not missed any more."""
    mine = and_(OUTBOX.c.sink == sink, OUTBOX.c.run_id == run_id)
    values = {"code": None, "dropped_at": at, "dropped_by": by, "dropped_reason": f"printed by hand: {reason}"}
    connection.execute(update(OUTBOX).where(mine).values(values))


def bound(connection: Connection, unit_id: Any, sinks: Sequence[Sink], at: datetime) -> None:
    """Something is known of a unit that was not: its labels that wait are tried now, with it."""
    printers = [sink.name for sink in sinks if sink.is_printer]
    mine = (OUTBOX.c.unit_id == unit_id, OUTBOX.c.sink.in_(printers), OUTBOX.c.dropped_at.is_(None))
    code, message = (
        case((OUTBOX.c.code == UNBOUND, nothing), else_=column)
        for column, nothing in ((OUTBOX.c.code, None), (OUTBOX.c.message, ""))
    )
    connection.execute(update(OUTBOX).where(*mine).values(queued_at=at, next_at=at, code=code, message=message))


def unbound(connection: Connection) -> dict[str, int]:
    """How many labels wait by rule 3, by printer."""
    waits = (OUTBOX.c.dropped_at.is_(None), OUTBOX.c.code == UNBOUND)
    query = select(OUTBOX.c.sink, func.count()).where(*waits).group_by(OUTBOX.c.sink).order_by(OUTBOX.c.sink)
    return {str(sink): int(count) for sink, count in connection.execute(query)}


def lost(connection: Connection, since: datetime | None, at: datetime, limit: int) -> Iterator[LostLabel]:
    """Labels that were dropped since, the newest first; without those that are being printed now."""
    codes = (MAYBE_PRINTED, TOO_OLD, SUPERSEDED)
    in_hand = and_(OUTBOX.c.code == MAYBE_PRINTED, OUTBOX.c.tries == 0, OUTBOX.c.dropped_at > at - IN_HAND)
    chosen: list[ColumnElement[bool]] = [OUTBOX.c.dropped_at.is_not(None), OUTBOX.c.code.in_(codes), ~in_hand]
    chosen += [OUTBOX.c.dropped_at >= since] if since else []
    query = select(OUTBOX, RUNS.c.serial).join(RUNS, RUNS.c.run_id == OUTBOX.c.run_id).where(*chosen)
    for row in connection.execute(query.order_by(OUTBOX.c.dropped_at.desc(), OUTBOX.c.run_id).limit(limit)):
        yield LostLabel(row.sink, row.run_id, row.serial, row.queued_at, row.dropped_at, row.code, row.message)


def _drop(
    connection: Connection, sink: Sink, at: datetime, which: ColumnElement[bool], code: str, message: Sentence
) -> int:
    # Tries count from here: one that failed behind this point is told from one that nobody noted.
    values = {"tries": 0, "code": code, "message": str(message), "dropped_at": at, "dropped_by": THE_STATION}
    waits = (OUTBOX.c.sink == sink.name, OUTBOX.c.dropped_at.is_(None))
    return int(connection.execute(update(OUTBOX).where(*waits, which).values(values)).rowcount)


def _is_old(sink: Sink, at: datetime) -> ColumnElement[bool]:
    """A label of the future waits since a clock was set back: nobody knows for how long."""
    allowed = timedelta(seconds=sink.max_age_s)
    is_bound = or_(OUTBOX.c.code.is_(None), OUTBOX.c.code != UNBOUND)
    return and_(is_bound, or_(OUTBOX.c.queued_at < at - allowed, OUTBOX.c.queued_at > at + allowed))


def _is_superseded() -> ColumnElement[bool]:
    """Whether the unit has a later run that wrote to it, or may have."""
    later = or_(
        RUNS.c.ordered_at > OUTBOX.c.ordered_at,
        and_(RUNS.c.ordered_at == OUTBOX.c.ordered_at, RUNS.c.run_id > OUTBOX.c.run_id),
    )
    decides = or_(
        RUNS.c.outcome.is_(None),
        RUNS.c.outcome.in_([str(Outcome.PASS), str(Outcome.FAIL)]),
        and_(RUNS.c.may_have_written, RUNS.c.outcome != str(Outcome.SKIPPED)),
    )
    return exists().where(RUNS.c.unit_id == OUTBOX.c.unit_id, later, decides)
