"""Runs out of the log with their attempts and images: a few questions for many runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from station.ledger.row_records import attempt_record, image_record, run_record
from station.ledger.tables import ATTEMPTS, IMAGES
from station.model.runs import AttemptRecord, ImageRecord, RunRecord

_CHUNK = 500
"""So many runs are in memory at once while all are read, and so many keys in one question."""


def load_runs(connection: Connection, query: Select[Any]) -> Iterator[RunRecord]:
    """The runs that a query of `RUNS` finds, in its order, in chunks. To be one moment, inside one transaction."""
    for chunk in connection.execute(query, execution_options={"yield_per": _CHUNK}).partitions():
        attempts = attempts_of(connection, [row.run_id for row in chunk])
        for row in chunk:
            yield run_record(row, attempts[row.run_id])


def attempts_of(connection: Connection, run_ids: Sequence[str]) -> defaultdict[str, list[AttemptRecord]]:
    """The attempts of these runs with their images, by run."""
    query = select(ATTEMPTS).where(ATTEMPTS.c.run_id.in_(run_ids)).order_by(ATTEMPTS.c.run_id, ATTEMPTS.c.number)
    rows = connection.execute(query).all()
    images = _images_of(connection, [row.attempt_id for row in rows])
    attempts: defaultdict[str, list[AttemptRecord]] = defaultdict(list)
    for row in rows:
        attempts[row.run_id].append(attempt_record(row, images[row.attempt_id]))
    return attempts


def _images_of(connection: Connection, attempt_ids: Sequence[str]) -> defaultdict[str, list[ImageRecord]]:
    images: defaultdict[str, list[ImageRecord]] = defaultdict(list)
    for first in range(0, len(attempt_ids), _CHUNK):
        chosen = IMAGES.c.attempt_id.in_(attempt_ids[first : first + _CHUNK])
        for row in connection.execute(select(IMAGES).where(chosen).order_by(IMAGES.c.attempt_id, IMAGES.c.position)):
            images[row.attempt_id].append(image_record(row))
    return images
