"""A centre of a million runs: what a report of a batch and the interlock's question take there, and what a unit takes.

    python -m tests.bench.big_centre LOG_FOLDER [RUNS]

LOG_FOLDER gets a log of so many runs (`tests.bench.big_log`) where there is none; its rows are copied into a PostgreSQL
made for this, which goes afterwards. The last 20,000 runs are then sent once more as a station sends them.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from station.ledger import central, shipper
from station.ledger.database import log_file
from station.ledger.reader import Reader
from station.ledger.shipper import Pusher
from station.ledger.tables import (
    ATTEMPTS,
    HOUR_IMAGES,
    HOUR_RUNS,
    IMAGES,
    RUNS,
    UNITS,
)
from station.model.units import RunFilter
from tests.bench.big_log import UNITS_PER_BATCH, batch_name, make, serial_of
from tests.postgres import Postgres, binaries, running_postgres

TABLES = (UNITS, RUNS, ATTEMPTS, IMAGES, HOUR_RUNS, HOUR_IMAGES)
SENT = 20_000
BOOLEANS = ("identified", "verified", "boot_confirmed", "may_have_written", "passed_at_once", "mram_initialized")


def copy(log: Path, server: Postgres, name: str) -> None:
    """All rows, as they are."""
    with closing(sqlite3.connect(log)) as source, server.connect(name) as target:
        for table in TABLES:
            names = [column.name for column in table.c]
            truth = [place for place, column in enumerate(names) if column in BOOLEANS]
            columns = ", ".join(names)
            with target.cursor().copy(f"COPY {table.name} ({columns}) FROM STDIN".encode()) as into:
                for row in source.execute(f"SELECT {columns} FROM {table.name}"):
                    cells = list(row)
                    for place in truth:
                        cells[place] = bool(cells[place])
                    into.write_row(cells)
        target.execute("VACUUM ANALYZE")


def took(ask: Callable[[], Any], times: int = 1) -> dict[str, float]:
    """Milliseconds of so many calls."""
    found = []
    for _ in range(times):
        began_s = time.perf_counter()
        ask()
        found.append(1000 * (time.perf_counter() - began_s))
    found.sort()
    return {"p50": round(found[len(found) // 2], 2), "p99": round(found[int(0.99 * (times - 1))], 2), "n": times}


def bytes_of(server: Postgres, name: str) -> dict[str, int]:
    """What the tables take with their indexes."""
    with server.connect(name) as connection:
        rows = connection.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
            "'public'::regnamespace AND pg_total_relation_size(oid) > 100000"
        ).fetchall()
    return {str(table): int(str(size)) for table, size in rows}


def send_again(folder: Path, url: str) -> float:
    """Runs in a second that a station sends, of which all are new at the centre."""
    with closing(sqlite3.connect(log_file(folder))) as log, log:
        log.execute("DELETE FROM changes")
        log.execute(
            "INSERT INTO changes SELECT 'run', run_id, row_number() OVER (ORDER BY run_id) FROM "
            f"(SELECT run_id FROM runs WHERE outcome IS NOT NULL ORDER BY run_id DESC LIMIT {SENT})"
        )
        keys = f"(SELECT run_id FROM runs ORDER BY run_id DESC LIMIT {SENT})"
    engine = central.central_engine(url, statement_s=0)
    with engine.begin() as connection:
        mine = f"(SELECT attempt_id FROM attempts WHERE run_id IN {keys})"
        connection.exec_driver_sql(f"DELETE FROM images WHERE attempt_id IN {mine}")
        connection.exec_driver_sql(f"DELETE FROM attempts WHERE run_id IN {keys}")
        connection.exec_driver_sql(f"DELETE FROM runs WHERE run_id IN {keys}")
    engine.dispose()
    began_s = time.perf_counter()
    with closing(Pusher(folder, "bench-1", url)) as pusher:
        sent = 0
        while count := shipper.push(pusher):
            sent += count
    return sent / (time.perf_counter() - began_s)


def main(folder: Path, runs: int = 1_000_000) -> None:
    programs = binaries()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed")
    if not log_file(folder).exists():
        make(folder, runs)
    figures: dict[str, Any] = {}
    with running_postgres(programs) as server:
        name = server.new_database()
        url = server.url(name)
        central.upgrade(url)
        copy(log_file(folder), server, name)
        with closing(Reader.of_central(url)) as reader:
            figures["runs"] = reader.run_count()
            batches = figures["runs"] // (UNITS_PER_BATCH + 100)
            dice = random.Random(3)
            some = [batch_name(dice.randrange(batches)) for _ in range(5)]
            figures["report of a batch, ms"] = took(lambda: reader.report(RunFilter(batch=dice.choice(some))), 9)
            figures["failed of a batch, ms"] = took(lambda: reader.failed(dice.choice(some)), 9)
            figures["report of all, ms"] = took(reader.report)
            serials = [serial_of(dice.randrange(batches * UNITS_PER_BATCH)) for _ in range(500)]
            reader.history(serials[0], some[0])
            figures["interlock's question, ms"] = took(lambda: reader.history(dice.choice(serials), some[0]), 2000)
            figures["a unit's story, ms"] = took(lambda: reader.unit(dice.choice(serials)), 200)
        sizes = bytes_of(server, name)
        figures["bytes a run"] = round(sum(sizes.values()) / figures["runs"])
        figures["bytes"] = sizes
        figures["runs sent in a second"] = round(send_again(folder, url))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
