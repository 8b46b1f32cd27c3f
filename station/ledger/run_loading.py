"""Runs out of the log with their attempts, images and measurements: a few questions for many runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, select

from station.ledger.row_records import attempt_record, image_record, measurement_record, run_record
from station.ledger.tables import ATTEMPTS, IMAGES, MEASUREMENTS
from station.model.runs import AttemptRecord, RunRecord

Part = TypeVar("Part")

_CHUNK = 500
"""So many runs are in memory at once while all are read, and so many keys in one question."""


def load_runs(connection: Connection, query: Select[Any]) -> Iterator[RunRecord]:
    """The runs that a query of `RUNS` finds, in its order, in chunks. To be one moment, inside one transaction."""
    for chunk in connection.execute(query, execution_options={"yield_per": _CHUNK}).partitions():
        attempts = attempts_of(connection, [row.run_id for row in chunk])
        for row in chunk:
            yield run_record(row, attempts[row.run_id])


def attempts_of(connection: Connection, run_ids: Sequence[str]) -> defaultdict[str, list[AttemptRecord]]:
    """The attempts of these runs with their images and measurements, by run."""
    query = select(ATTEMPTS).where(ATTEMPTS.c.run_id.in_(run_ids)).order_by(ATTEMPTS.c.run_id, ATTEMPTS.c.number)
    rows = connection.execute(query).all()
    keys = [row.attempt_id for row in rows]
    images = _parts_of(connection, keys, IMAGES, image_record)
    measurements = _parts_of(connection, keys, MEASUREMENTS, measurement_record)
    attempts: defaultdict[str, list[AttemptRecord]] = defaultdict(list)
    for row in rows:
        key = row.attempt_id
        attempts[row.run_id].append(attempt_record(row, images[key], measurements[key]))
    return attempts


def _parts_of(
    connection: Connection, attempt_ids: Sequence[str], table: Table, record: Callable[[Any], Part]
) -> defaultdict[str, list[Part]]:
    """The rows of a table of attempts' parts, in their order, by attempt."""
    parts: defaultdict[str, list[Part]] = defaultdict(list)
    for first in range(0, len(attempt_ids), _CHUNK):
        chosen = table.c.attempt_id.in_(attempt_ids[first : first + _CHUNK])
        for row in connection.execute(select(table).where(chosen).order_by(table.c.attempt_id, table.c.position)):
            parts[row.attempt_id].append(record(row))
    return parts
