"""The audit: rows are added, read and checked. Works beside a running station.

Only one process adds at a time: who adds holds `audit.lock` in the data folder, and the log's write lock within it. The
second place of the chain's head is `audit.head` beside the log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, inspect, select

from station.atomic_write import write_durably
from station.errors import LedgerError
from station.file_lock import locked
from station.ledger import audit_due, schema_version
from station.ledger.audit_chain import BROKEN, AuditRow, Head, against_head, canonical_json, hash_of, problems
from station.ledger.columns import storable
from station.ledger.database import log_file, open_reader, open_writer, translated
from station.ledger.tables import AUDIT
from station.problem import sentence
from station.roles.guarded_acts import Done

HEAD_FILE, LOCK_FILE = schema_version.AUDIT_HEAD, "audit.lock"
LOCK_WAIT_S = 30.0
TRIGGERS = ("audit_no_delete", "audit_no_update")
Deed = Callable[[Connection], Mapping[str, Any] | None]


def _nothing(_connection: Connection) -> dict[str, Any]:
    return {}


def append(
    data_dir: Path,
    station_id: str,
    done: Done,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    deed: Deed = _nothing,
) -> int:
    """Add a row to a station's chain; its number. Errors: LedgerError, also where there is no log.

    `deed` is carried out in the row's own transaction: both are in the log, or none. What it returns is added to the
    row's details; None says that nothing was done: then there is no row, and the number is 0.
    """
    schema_version.require_current(data_dir, checked_bytes=0)
    with _alone(data_dir), _writer(data_dir) as engine:
        _add_due(engine, data_dir)
        return _add(engine, data_dir, station_id, done, now(), deed)


def add_later(data_dir: Path, station_id: str, done: Done) -> None:
    """The same for a log that has an older schema: it is a row once the log was upgraded. Errors: LedgerError."""
    with _alone(data_dir), translated(data_dir):
        audit_due.keep(data_dir, station_id, done, datetime.now(UTC))


def add_due(data_dir: Path) -> None:
    """Add what was kept for later; to be called once the log was upgraded. Errors: LedgerError."""
    if (data_dir / audit_due.FILE).exists():
        with _alone(data_dir), _writer(data_dir) as engine:
            _add_due(engine, data_dir)


@contextmanager
def _writer(data_dir: Path) -> Iterator[Engine]:
    engine = open_writer(data_dir)
    try:
        with translated(data_dir):
            yield engine
    finally:
        engine.dispose()


def _add_due(engine: Engine, data_dir: Path) -> None:
    """Again is the same as once: a station that was cut off between the rows and the end of the file does it again."""
    for station_id, done, at in audit_due.waiting(data_dir):
        query = select(AUDIT.c.number).where(
            AUDIT.c.station_id == storable(station_id), AUDIT.c.act == str(done.act), AUDIT.c.at == at.isoformat()
        )
        with engine.connect() as connection:
            there = connection.execute(query).first() is not None
        if not there:
            _add(engine, data_dir, station_id, done, at, _nothing)
    audit_due.settle(data_dir)


def _add(engine: Engine, data_dir: Path, station_id: str, done: Done, at: datetime, deed: Deed) -> int:
    heads = _heads(data_dir)
    with engine.begin() as connection:
        more = deed(connection)
        if more is None:
            return 0
        said = replace(done, details={**done.details, **more})
        row = _next(connection, storable(station_id), said, at, heads)
        _keep(data_dir, {**heads, row.station_id: Head(row.number - 1, row.previous_hash, row.hash)})
        connection.execute(insert(AUDIT), asdict(row))
    _keep(data_dir, {**heads, row.station_id: Head(row.number, row.hash)})
    return row.number


def rows(data_dir: Path, station_id: str | None = None, act: str | None = None) -> list[AuditRow]:
    """The rows, by station and number, of all stations and acts or of one. Errors: LedgerError."""
    query = select(AUDIT).order_by(AUDIT.c.station_id, AUDIT.c.number)
    if station_id is not None:
        query = query.where(AUDIT.c.station_id == station_id)
    if act is not None:
        query = query.where(AUDIT.c.act == act)
    schema_version.require_current(data_dir, checked_bytes=0)
    engine = open_reader(data_dir)
    try:
        with translated(data_dir), engine.connect() as connection:
            return [AuditRow(**row._mapping) for row in connection.execute(query)]
    finally:
        engine.dispose()


def last(data_dir: Path, station_id: str, act: str, subject: str | None = None) -> AuditRow | None:
    """The newest row of an act, about a subject or any; None without one, or without a log. Errors: LedgerError."""
    query = select(AUDIT).where(AUDIT.c.station_id == station_id, AUDIT.c.act == act)
    query = query if subject is None else query.where(AUDIT.c.subject == subject)
    if not log_file(data_dir).exists():
        return None
    engine = open_reader(data_dir)
    try:
        with translated(data_dir), engine.connect() as connection:
            found = connection.execute(query.order_by(AUDIT.c.number.desc()).limit(1)).one_or_none()
            return None if found is None else AuditRow(**found._mapping)
    finally:
        engine.dispose()


def audit_problems(data_dir: Path, connection: Connection) -> list[str]:
    """What is wrong with the audit of an open log, one line each."""
    query = select(AUDIT).order_by(AUDIT.c.station_id, AUDIT.c.number)
    found = problems([AuditRow(**row._mapping) for row in connection.execute(query)], _heads(data_dir))
    if connection.dialect.name == "sqlite":
        listed = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
        for name in sorted({*TRIGGERS} - set(listed)):
            found.append(f"the audit can be changed: its trigger {name} was taken away")
    return found


def chain_ends(connection: Connection) -> tuple[tuple[str, int, str], ...]:
    """Of each station of an open log: the number of its last row, and the row's hash."""
    newest = (
        select(AUDIT.c.station_id, func.max(AUDIT.c.number).label("number")).group_by(AUDIT.c.station_id).subquery()
    )
    both = (AUDIT.c.station_id == newest.c.station_id) & (AUDIT.c.number == newest.c.number)
    query = select(AUDIT.c.station_id, AUDIT.c.number, AUDIT.c.hash).join(newest, both)
    return tuple((str(name), int(number), str(last)) for name, number, last in connection.execute(query))


def accept_as_it_is(data_dir: Path) -> None:
    """A backup was put in the log's place: its rows are the chains' ends. Errors: LedgerError."""
    with _alone(data_dir), translated(data_dir):
        engine = open_reader(data_dir)
        try:
            with engine.connect() as connection:
                found = inspect(connection).has_table(AUDIT.name)  # a backup may be of an older schema
                ends = chain_ends(connection) if found else ()
            _keep(data_dir, {name: Head(number, last) for name, number, last in ends})
        finally:
            engine.dispose()


def _next(connection: Connection, station_id: str, done: Done, now: datetime, heads: dict[str, Head]) -> AuditRow:
    query = select(AUDIT).where(AUDIT.c.station_id == station_id)
    found = connection.execute(query.order_by(AUDIT.c.number.desc()).limit(1)).one_or_none()
    before = None if found is None else AuditRow(**found._mapping)
    # The second place is written anew: what it says against the log now would be forgotten.
    broken = against_head(station_id, before, heads.get(station_id))
    details = {**done.details, BROKEN: broken} if broken else done.details
    row = AuditRow(
        station_id=station_id,
        number=before.number + 1 if before else 1,
        at=now.astimezone(UTC).isoformat(),
        who=storable(done.who.name),
        role=done.who.role,
        act=str(done.act),
        subject=storable(done.subject),
        details=storable(canonical_json(details)),
        previous_hash=before.hash if before else "",
    )
    return replace(row, hash=hash_of(row))


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    try:
        with locked(data_dir / LOCK_FILE, LOCK_WAIT_S):
            yield
    except TimeoutError as error:
        text = sentence("another program holds the audit of {folder}", folder=data_dir)
        raise LedgerError("ledger.write_failed", text) from error
    except OSError as error:
        text = sentence("the data folder {folder} cannot be used: {reason}", folder=data_dir, reason=error)
        raise LedgerError("ledger.not_writable", text) from error


def _heads(data_dir: Path) -> dict[str, Head]:
    """By station. What is no such file is as good as none: then only the chain itself is checked."""
    try:
        given: Any = json.loads((data_dir / HEAD_FILE).read_bytes())
        return {str(name): Head(int(head["number"]), head["hash"], head["next_hash"]) for name, head in given.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _keep(data_dir: Path, heads: dict[str, Head]) -> None:
    text = json.dumps({name: asdict(head) for name, head in heads.items()}, indent=1)
    write_durably(data_dir / HEAD_FILE, text.encode(), 0o660)
