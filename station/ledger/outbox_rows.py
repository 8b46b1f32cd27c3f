"""The outbox: for each sink the finished runs that it has not taken yet, in the log beside the runs themselves.

A row is made in the transaction that finishes its run: there is no moment at which a run is in the log and nobody knows
that it is to be delivered. It is taken out when the sink has the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from station.ledger.columns import UtcTime, Words
from station.ledger.tables import OUTBOX, RUNS
from station.model.sinks import UNBOUND, Backlog, Sink, Tried, WaitingRun


def queue(connection: Connection, run_ids: Sequence[str], sinks: Sequence[Sink], at: datetime) -> None:
    """These runs wait for every sink that is to hear of them, where they are finished. Again is the same as once."""
    for sink in sinks:
        there = exists().where(OUTBOX.c.sink == sink.name, OUTBOX.c.run_id == RUNS.c.run_id)
        wanted = RUNS.c.outcome.in_([str(outcome) for outcome in sink.outcomes])
        moment = literal(at, UtcTime)
        columns = ("sink", "run_id", "unit_id", "ordered_at", "queued_at", "next_at")
        rows = select(
            literal(sink.name, Words), RUNS.c.run_id, RUNS.c.unit_id, RUNS.c.ordered_at, moment, moment
        ).where(RUNS.c.run_id.in_(run_ids), wanted, ~there)
        connection.execute(insert(OUTBOX).from_select(columns, rows))


def queue_again(connection: Connection, run_ids: Sequence[str], sinks: Sequence[Sink], at: datetime) -> None:
    """The same for runs that were told before, and of which something is known now that was not. A label that was
    printed, or is of a time without a printer, is not printed for that."""
    queue(connection, run_ids, [sink for sink in sinks if not sink.is_printer], at)


def due(connection: Connection, sink: Sink, at: datetime, limit: int) -> Sequence[Row[Any, Any, Any]]:
    """The runs that are to be delivered now, of each unit the oldest: `run_id`, `queued_at` and how many `tries`.

    What was to be tried later than any pause allows was put off by a clock that was set back since.
    """
    other = OUTBOX.alias("other")
    before = or_(
        other.c.ordered_at < OUTBOX.c.ordered_at,
        and_(other.c.ordered_at == OUTBOX.c.ordered_at, other.c.run_id < OUTBOX.c.run_id),
    )
    older = exists().where(other.c.sink == OUTBOX.c.sink, other.c.unit_id == OUTBOX.c.unit_id, _is_open(other), before)
    latest = at + timedelta(seconds=sink.retry_limit_s)
    is_due = or_(OUTBOX.c.next_at <= at, OUTBOX.c.next_at > latest)
    query = (
        select(OUTBOX.c.run_id, OUTBOX.c.tries, OUTBOX.c.queued_at)
        .where(OUTBOX.c.sink == sink.name, is_due, _is_open(OUTBOX), ~older)
        .order_by(OUTBOX.c.next_at, OUTBOX.c.ordered_at, OUTBOX.c.run_id)
        .limit(limit)
    )
    return connection.execute(query).all()


def _is_open(outbox: FromClause) -> ColumnElement[bool]:
    """Whether it waits for its sink, and not until something of its unit is known."""
    return and_(outbox.c.dropped_at.is_(None), or_(outbox.c.code.is_(None), outbox.c.code != UNBOUND))


def note(connection: Connection, tried: Sequence[Tried]) -> None:
    """How tries ended. After a failure the later runs of that unit wait as long as the one that failed."""
    for one in tried:
        mine = and_(OUTBOX.c.sink == one.sink, OUTBOX.c.run_id == one.run_id)
        if one.failure is not None and one.failure.is_unbound:
            # Only as it was read: what it waits for may have been bound meanwhile.
            why = {"code": one.failure.code, "message": one.failure.message}
            connection.execute(update(OUTBOX).where(mine, OUTBOX.c.queued_at == one.queued_at).values(why))
            continue
        if one.failure is None:
            connection.execute(delete(OUTBOX).where(mine))
        else:
            failed = {"tries": OUTBOX.c.tries + 1, "tried_at": one.at}
            why = {"code": one.failure.code, "message": one.failure.message}
            connection.execute(update(OUTBOX).where(mine).values(failed | why))
        unit = select(RUNS.c.unit_id).where(RUNS.c.run_id == one.run_id).scalar_subquery()
        same_unit = or_(OUTBOX.c.unit_id == unit, OUTBOX.c.run_id == one.run_id)
        connection.execute(
            update(OUTBOX).where(OUTBOX.c.sink == one.sink, same_unit).values(next_at=one.again_at or one.at)
        )


def try_now(connection: Connection, sink: str | None, at: datetime) -> int:
    """Everything that waits for a sink (or for any) is tried at once, as if for the first time; how many that are."""
    chosen = [OUTBOX.c.dropped_at.is_(None), *([OUTBOX.c.sink == sink] if sink else [])]
    unbound = case((OUTBOX.c.code == UNBOUND, None), else_=OUTBOX.c.code)
    changed = connection.execute(update(OUTBOX).where(*chosen).values(next_at=at, tries=0, code=unbound))
    return int(changed.rowcount)


def drop(connection: Connection, sink: str, run_id: str | None, reason: str, by: str, at: datetime) -> int:
    """One run that waits for a sink, or all, will not be delivered; the rows stay, with the reason. How many."""
    chosen = _waits(sink, run_id)
    values = {"dropped_at": at, "dropped_by": by, "dropped_reason": reason}
    return int(connection.execute(update(OUTBOX).where(*chosen).values(values)).rowcount)


def waits_for(connection: Connection, sink: str, run_id: str | None) -> bool:
    """Whether this run, or any, waits for a sink."""
    return connection.execute(select(OUTBOX.c.run_id).where(*_waits(sink, run_id)).limit(1)).first() is not None


def _waits(sink: str, run_id: str | None) -> list[ColumnElement[bool]]:
    chosen = [OUTBOX.c.sink == sink, OUTBOX.c.dropped_at.is_(None)]
    return chosen + ([OUTBOX.c.run_id == run_id] if run_id else [])


def backlogs(connection: Connection) -> list[Backlog]:
    """What waits, by sink, also for sinks that are configured no more; without labels that cannot be printed yet."""
    failing = func.count().filter(OUTBOX.c.tries > 0)
    query = (
        select(OUTBOX.c.sink, func.count(), func.min(OUTBOX.c.queued_at), failing, func.max(OUTBOX.c.tries))
        .where(_is_open(OUTBOX))
        .group_by(OUTBOX.c.sink)
        .order_by(OUTBOX.c.sink)
    )
    return [
        Backlog(sink, count, oldest, tried, tries, *_last_failure(connection, sink))
        for sink, count, oldest, tried, tries in connection.execute(query)
    ]


def _last_failure(connection: Connection, sink: str) -> tuple[str | None, str]:
    query = select(OUTBOX.c.code, OUTBOX.c.message).where(
        OUTBOX.c.sink == sink, _is_open(OUTBOX), OUTBOX.c.code.is_not(None)
    )
    row = connection.execute(query.order_by(OUTBOX.c.tried_at.desc()).limit(1)).one_or_none()
    return (row.code, row.message) if row else (None, "")


def waiting(connection: Connection, sink: str | None, limit: int) -> Iterator[WaitingRun]:
    """What waits, the oldest first; for one sink or for all."""
    chosen = [OUTBOX.c.dropped_at.is_(None), *([OUTBOX.c.sink == sink] if sink else [])]
    query = (
        select(OUTBOX, RUNS.c.serial, RUNS.c.outcome)
        .join(RUNS, RUNS.c.run_id == OUTBOX.c.run_id)
        .where(*chosen)
        .order_by(OUTBOX.c.queued_at, OUTBOX.c.run_id, OUTBOX.c.sink)
        .limit(limit)
    )
    for row in connection.execute(query):
        yield WaitingRun(
            row.sink,
            row.run_id,
            row.serial,
            row.outcome,
            row.queued_at,
            row.tries,
            row.tried_at,
            row.next_at,
            row.code,
            row.message,
        )
