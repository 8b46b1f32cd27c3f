"""A number of changes of a station's log, taken out of it and put into the database of all stations.

1. Rows are copied column by column, so that a column that is new travels too.
2. Putting a shipment in again changes nothing. How far the log was sent is written in the same transaction: a station
   that was killed, or does not know whether its commit came through, asks the centre and goes on from there.
3. Only a run's own station corrects a run that the centre has; another one, which imported it, may add it.
4. Two stations may have made the same camera's unit, each with a key of its own: in the centre the first one's counts.
5. Whoever writes rows of a station holds that station's row of `stations`: its hours are summed up by one at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, insert, select, update

from station.clock import now
from station.ledger import changes, hourly_sums
from station.ledger.changes import Kind
from station.ledger.tables import (
    ATTEMPTS,
    BATCHES,
    IMAGES,
    MEASUREMENTS,
    PRODUCT_SERIALS,
    RELEASES,
    RUNS,
    SHIPMENTS,
    STATIONS,
    UNIT_VALUES,
    UNITS,
)
from station.model.ids import made_at
from station.yields.counting import hour_of

Row = dict[str, Any]
_CHUNK = 500
"""So many keys in one question."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Which log is sent, and the station that it is of now."""

    station_id: str
    log_id: str
    virtual: bool = False
    """The log is of virtual cameras."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """The changes after the number `after` until `upto`, and the rows as they are now."""

    after: int
    upto: int
    changes: int
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def of(self, table: Table) -> list[Row]:
        """The rows of a table."""
        return self.rows.get(table.name, [])

    def named(self) -> str:
        """The rows' keys, for a message."""
        keys = (
            (RUNS, "run_id"),
            (RELEASES, "release_id"),
            (BATCHES, "batch_id"),
            (PRODUCT_SERIALS, "binding_id"),
            (UNIT_VALUES, "value_id"),
        )
        return ", ".join(f"{name[:-3]} {row[name]}" for table, name in keys for row in self.of(table))


def taken(connection: Connection, after: int, limit: int) -> Shipment | None:
    """What changed in a log after a number, at most `limit` changes; None where nothing did. To be one moment."""
    found = changes.after(connection, after, limit)
    if not found:
        return None
    keys = {kind: [change.key for change in found if change.kind == kind] for kind in Kind}
    runs = _rows(connection, RUNS, RUNS.c.run_id, keys[Kind.RUN])
    attempts = _rows(connection, ATTEMPTS, ATTEMPTS.c.run_id, keys[Kind.RUN])
    parts = [row["attempt_id"] for row in attempts]
    rows = {
        "units": _rows(connection, UNITS, UNITS.c.unit_id, sorted({row["unit_id"] for row in runs})),
        "runs": runs,
        "attempts": attempts,
        "images": _rows(connection, IMAGES, IMAGES.c.attempt_id, parts),
        "measurements": _rows(connection, MEASUREMENTS, MEASUREMENTS.c.attempt_id, parts),
        "releases": _rows(connection, RELEASES, RELEASES.c.release_id, keys[Kind.RELEASE]),
        "batches": _rows(connection, BATCHES, BATCHES.c.batch_id, keys[Kind.BATCH]),
        "product_serials": _rows(connection, PRODUCT_SERIALS, PRODUCT_SERIALS.c.binding_id, keys[Kind.PRODUCT]),
        "unit_values": _rows(connection, UNIT_VALUES, UNIT_VALUES.c.value_id, keys[Kind.VALUE]),
    }
    return Shipment(after, found[-1].number, len(found), rows)


def sent_number(connection: Connection, sender: Sender) -> int:
    """Up to which change the centre has a log; 0 where it has none of it."""
    return connection.scalar(select(SHIPMENTS.c.sent_number).where(*_of(sender))) or 0


def progress(connection: Connection, sender: Sender) -> tuple[int, int]:
    """The same, and how many changes had rows that the centre could not hold."""
    query = select(SHIPMENTS.c.sent_number, SHIPMENTS.c.refused).where(*_of(sender))
    row = connection.execute(query).one_or_none()
    return (0, 0) if row is None else (row.sent_number, row.refused)


def twin_at(connection: Connection, sender: Sender) -> datetime | None:
    """When another log was last sent as this station's, if that was after this one was made: another machine has the
    same id. None where that was not seen for a week."""
    since = max(made_at(sender.log_id), now() - timedelta(days=7))
    others = (SHIPMENTS.c.station_id == sender.station_id, SHIPMENTS.c.log_id != sender.log_id)
    last: datetime | None = connection.scalar(select(func.max(SHIPMENTS.c.sent_at)).where(*others))
    return last if last is not None and last > since else None


def is_of(connection: Connection, *, virtual: bool) -> bool:
    """Whether the centre has stations whose cameras are virtual, or real ones."""
    return connection.scalar(select(STATIONS.c.station_id).where(STATIONS.c.virtual.is_(virtual)).limit(1)) is not None


def put(connection: Connection, sender: Sender, shipment: Shipment) -> bool:
    """Put a shipment into the centre; False where the centre has the log up to another number, and nothing was done."""
    writing = {row["station_id"] for table in (RUNS, BATCHES) for row in shipment.of(table)}
    _hold_stations(connection, sender, sorted({sender.station_id, *writing}))
    if sent_number(connection, sender) != shipment.after:
        return False
    unit_ids = _put_units(connection, shipment.of(UNITS))
    runs = [{**row, "unit_id": unit_ids[row["unit_id"]]} for row in shipment.of(RUNS)]
    hours = _put_runs(connection, sender, runs)
    _put_attempts(connection, shipment)
    _add_new(connection, RELEASES, RELEASES.c.release_id, shipment.of(RELEASES))
    _put_batches(connection, shipment.of(BATCHES))
    refused = _put_product_serials(connection, shipment.of(PRODUCT_SERIALS))
    _add_new(connection, UNIT_VALUES, UNIT_VALUES.c.value_id, shipment.of(UNIT_VALUES))
    hourly_sums.refresh_stations(connection, hours)
    note_sent(connection, sender, shipment, refused)
    return True


def note_sent(connection: Connection, sender: Sender, shipment: Shipment, refused: int = 0) -> None:
    """The centre has the log up to the end of a shipment; `refused`: of so many changes it could not hold the rows."""
    values: Row = {"sent_number": shipment.upto, "sent_at": now(), "refused": SHIPMENTS.c.refused + refused}
    if not connection.execute(update(SHIPMENTS).where(*_of(sender)).values(values)).rowcount:
        key = {"station_id": sender.station_id, "log_id": sender.log_id}
        connection.execute(insert(SHIPMENTS), {**key, **values, "refused": refused})


def forget_sent(connection: Connection, sender: Sender) -> None:
    """The whole log is to be sent again."""
    connection.execute(update(SHIPMENTS).where(*_of(sender)).values(sent_number=0, refused=0))


def _of(sender: Sender) -> tuple[ColumnElement[bool], ...]:
    return SHIPMENTS.c.station_id == sender.station_id, SHIPMENTS.c.log_id == sender.log_id


def _hold_stations(connection: Connection, sender: Sender, station_ids: Sequence[str]) -> None:
    """In one order, so that no two wait for each other."""
    from sqlalchemy.dialects.postgresql import insert as insert_or

    rows = [{"station_id": station_id, "heard_at": now(), "virtual": sender.virtual} for station_id in station_ids]
    connection.execute(insert_or(STATIONS).on_conflict_do_nothing(), rows)
    held = select(STATIONS.c.station_id).where(STATIONS.c.station_id.in_(station_ids))
    connection.execute(held.order_by(STATIONS.c.station_id).with_for_update()).all()


def _put_units(connection: Connection, units: Sequence[Row]) -> dict[str, str]:
    """The key in the centre of each unit's key in the log."""
    from sqlalchemy.dialects.postgresql import insert as insert_or

    if not units:
        return {}
    connection.execute(insert_or(UNITS).on_conflict_do_nothing(), sorted(units, key=lambda row: row["serial"]))
    serials = [row["serial"] for row in units if row["identified"]]
    found = select(UNITS.c.serial, UNITS.c.unit_id).where(UNITS.c.serial.in_(serials), UNITS.c.identified)
    known = {row.serial: row.unit_id for row in connection.execute(found)}
    return {row["unit_id"]: known[row["serial"]] if row["identified"] else row["unit_id"] for row in units}


def _put_runs(connection: Connection, sender: Sender, runs: Sequence[Row]) -> set[tuple[str, datetime]]:
    """Add and correct runs; returns the stations and hours whose sums are to be made again."""
    keys = [row["run_id"] for row in runs]
    query = select(RUNS.c.run_id, RUNS.c.station_id, RUNS.c.started_at).where(RUNS.c.run_id.in_(keys))
    there = {row.run_id: row for row in connection.execute(query)}
    corrected = [row for row in runs if row["run_id"] in there and row["station_id"] == sender.station_id]
    new = [row for row in runs if row["run_id"] not in there]
    if new:
        connection.execute(insert(RUNS), new)
    _update(connection, RUNS, "run_id", corrected)
    hours = {(row["station_id"], hour_of(row["started_at"])) for row in (*new, *corrected)}
    before = (there[row["run_id"]] for row in corrected)
    return hours | {(row.station_id, hour_of(row.started_at)) for row in before}


def _put_attempts(connection: Connection, shipment: Shipment) -> None:
    """Attempts never change: those that are there stay, with their parts."""
    new = _add_new(connection, ATTEMPTS, ATTEMPTS.c.attempt_id, shipment.of(ATTEMPTS))
    for table in (IMAGES, MEASUREMENTS):
        if rows := [row for row in shipment.of(table) if row["attempt_id"] in new]:
            connection.execute(insert(table), rows)


def _put_batches(connection: Connection, batches: Iterable[Row]) -> None:
    """By station and name: a log that took another's place has the same batch under another key."""
    for row in batches:
        mine = (BATCHES.c.station_id == row["station_id"], BATCHES.c.name == row["name"])
        values = {name: value for name, value in row.items() if name != "batch_id"}
        if not connection.execute(update(BATCHES).where(*mine).values(values)).rowcount:
            connection.execute(insert(BATCHES), row)


def _put_product_serials(connection: Connection, pairings: Sequence[Row]) -> int:
    """Each product and each unit has one of the other here too: of two stations that bound them, the first counts.
    How many of these are otherwise here; each is named in the program's log."""
    from sqlalchemy.dialects.postgresql import insert as insert_or

    if not pairings:
        return 0
    connection.execute(insert_or(PRODUCT_SERIALS).on_conflict_do_nothing(), pairings)
    here = _rows(
        connection, PRODUCT_SERIALS, PRODUCT_SERIALS.c.product_serial, [row["product_serial"] for row in pairings]
    )
    units = {row["product_serial"]: row["serial"] for row in here}
    others = [row for row in pairings if units.get(row["product_serial"]) != row["serial"]]
    for row in others:
        unit = units.get(row["product_serial"], "no unit: its own has another")
        _log.error(
            "product serial %s is bound to %s here; in the central database it is of %s",
            row["product_serial"], row["serial"], unit,
        )  # fmt: skip
    return len(others)


def _add_new(connection: Connection, table: Table, key: ColumnElement[str], rows: Sequence[Row]) -> set[str]:
    """Add the rows whose key is not there; returns these keys."""
    name = str(key.key)
    there = {row[name] for row in _rows(connection, table, key, [row[name] for row in rows])}
    if new := [row for row in rows if row[name] not in there]:
        connection.execute(insert(table), new)
    return {row[name] for row in new}


def _update(connection: Connection, table: Table, key: str, rows: Sequence[Row]) -> None:
    if rows:
        # SQLAlchemy keeps the columns' own names for itself.
        values: Row = {name: bindparam(f"new_{name}") for name in rows[0] if name != key}
        statement = update(table).where(table.c[key] == bindparam(f"new_{key}")).values(values)
        connection.execute(statement, [{f"new_{name}": value for name, value in row.items()} for row in rows])


def _rows(connection: Connection, table: Table, column: ColumnElement[str], keys: Sequence[str]) -> list[Row]:
    """The rows of a table whose column has one of these keys."""
    found: list[Row] = []
    for first in range(0, len(keys), _CHUNK):
        query = select(table).where(column.in_(keys[first : first + _CHUNK]))
        found += (dict(row) for row in connection.execute(query).mappings())
    return found
