"""Runs put into a station's log, and the log sent to a centre."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection

from station.ledger import central, shipper, transactions
from station.ledger.database import FILE_NAME, open_writer
from station.ledger.shipper import Pusher
from station.model.ids import new_id
from station.model.runs import RunRecord


@contextmanager
def writing(data_dir: Path) -> Iterator[Connection]:
    engine = open_writer(data_dir)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def put(data_dir: Path, *runs: RunRecord) -> None:
    with writing(data_dir) as connection:
        for run in runs:
            transactions.put_run(connection, run)


def push(data_dir: Path, url: str, station_id: str = "bench-1") -> int:
    with closing(Pusher(data_dir, station_id, url)) as pusher:
        total = 0
        while sent := shipper.push(pusher):
            total += sent
        return total


@contextmanager
def asking(url: str) -> Iterator[Connection]:
    engine = central.central_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def new_identity(data_dir: Path) -> None:
    with writing(data_dir) as connection:
        connection.exec_driver_sql("UPDATE log_identity SET log_id = ?", (new_id(),))


def another_log(data_dir: Path, folder: Path) -> Path:
    """The folder, with a log like that of `data_dir` but for its key."""
    folder.mkdir()
    shutil.copy(data_dir / FILE_NAME, folder)
    new_identity(folder)
    return folder
