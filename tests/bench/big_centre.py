"""A centre of ten million runs: what a report of a batch and the interlock's question take, and what a unit takes.

    python -m tests.bench.big_centre LOG_FOLDER [--runs N] [--stations N] [--by-month] [--send] [--output F]

LOG_FOLDER gets a log of so many runs (`tests.bench.big_log`) where there is none; its rows are copied into a PostgreSQL
made for this, which goes afterwards: once for each station, with other cameras, 90 days later each time. Measured after
1, 3 and 10 of them. `--send`: the last 20,000 runs of the log are then sent once more as a station sends them.
`--by-month`: the large tables in parts of one month each.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from station.ledger import central, shipper
from station.ledger.database import log_file
from station.ledger.history import HistoryQuestion
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
from tests.bench.big_log import START, UNITS_PER_BATCH, batch_name, make, serial_of
from tests.postgres import Postgres, binaries, running_postgres

TABLES = (UNITS, RUNS, ATTEMPTS, IMAGES, HOUR_RUNS, HOUR_IMAGES)
SENT = 20_000
APART_DAYS = 90
STATION = "bench-1"
OTHERS_AT = START + timedelta(days=APART_DAYS)
FIRST_KEY_OF_OTHERS = UUID(f"{round(1000 * OTHERS_AT.timestamp()):012x}{'0' * 20}")
MARKS = (1, 3, 10)
"""Measured where so many stations are in it."""
BY_MONTH = Path(__file__).parents[2] / "deploy/central/by_month.sql"
LATER = """CREATE OR REPLACE FUNCTION later(key uuid, days int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(('x' || substr(replace(key::text, '-', ''), 1, 12))::bit(48)::bigint + days * 86400000::bigint),
            12, '0') || substr(replace(key::text, '-', ''), 13))::uuid
$$"""
"""A time-ordered UUID as it would have been so many days later."""
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


def copy_as(server: Postgres, name: str, station: int) -> None:
    """The first station's rows once more as another's: other keys, cameras and batches, and later."""
    days = station * APART_DAYS
    as_another = {
        "station_id": f"'bench-{station + 1}'",
        "serial": f"'C{station}' || substr(serial, 3)",
        "batch": f"'C{station}' || substr(batch, 2)",
        **{key: f"later({key}, {days})" for key in ("unit_id", "run_id", "attempt_id")},
    }
    first = f"station_id = '{STATION}'"
    mine = {
        "units": "serial LIKE 'BE%'",
        "attempts": f"attempt_id < '{FIRST_KEY_OF_OTHERS}'",
        "images": f"attempt_id < '{FIRST_KEY_OF_OTHERS}'",
    }
    with server.connect(name) as connection:
        connection.execute(LATER.encode())
        # What they refer to is there: each reference would be looked up.
        connection.execute("SET session_replication_role = replica")
        for table in TABLES:
            names = [column.name for column in table.c]
            at = {one: f"{one} + interval '{days} days'" for one in names if one.endswith("_at")}
            chosen = ", ".join(as_another.get(one, at.get(one, one)) for one in names)
            columns, where = ", ".join(names), mine.get(table.name, first)
            query = f"INSERT INTO {table.name} ({columns}) SELECT {chosen} FROM {table.name} WHERE {where}"
            connection.execute(query.encode())


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


def measured(url: str, stations: int) -> dict[str, Any]:
    """What questions take, asked of the cameras and batches of all stations."""
    figures: dict[str, Any] = {}
    with closing(Reader.of_central(url)) as reader:
        figures["runs"] = reader.run_count()
        batches = figures["runs"] // stations // (UNITS_PER_BATCH + 100)
        dice = random.Random(3)
        some = [_as(dice.randrange(stations), batch_name(dice.randrange(batches)), 1) for _ in range(9)]
        figures["report of a batch, ms"] = took(lambda: reader.report(RunFilter(batch=dice.choice(some))), 9)
        figures["failed of a batch, ms"] = took(lambda: reader.failed(dice.choice(some)), 9)
        units = batches * UNITS_PER_BATCH
        serials = [_as(dice.randrange(stations), serial_of(dice.randrange(units)), 2) for _ in range(5000)]
        engine = central.central_engine(url)
        with closing(HistoryQuestion(engine)) as question:
            question.ask("", some[0])
            asked = iter(serials)
            figures["interlock's question, each unit once, ms"] = took(lambda: question.ask(next(asked), some[0]), 5000)
        engine.dispose()
        figures["a unit's story, ms"] = took(lambda: reader.unit(dice.choice(serials)), 200)
    return figures


def _as(station: int, name: str, length: int) -> str:
    """A serial or a batch of the first station as `copy_as` names it for another."""
    return f"C{station}{name[length:]}" if station else name


def plans(server: Postgres, name: str, url: str) -> list[str]:
    """How the server answers the interlock's question: one line for each step that reads a table."""
    engine = central.central_engine(url)
    prepared = HistoryQuestion(engine).statement(in_batch=True)
    values = prepared.parameters({"serial": _as(0, serial_of(1000), 2), "batch": batch_name(0)})
    engine.dispose()
    with server.connect(name) as connection:
        rows = connection.execute(("EXPLAIN ANALYZE " + prepared.statement).encode(), values).fetchall()
    lines = [str(row[0]).strip() for row in rows]
    return [line for line in lines if " on " in line or "Time" in line]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.big_centre")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--stations", type=int, default=1)
    parser.add_argument("--by-month", action="store_true")
    parser.add_argument("--send", action="store_true")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    programs = binaries()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed")
    if not log_file(given.folder).exists():
        make(given.folder, given.runs)
    figures: dict[str, Any] = {}

    def tell() -> None:
        print(json.dumps(figures, indent=2), flush=True)
        if given.output:
            given.output.write_text(json.dumps(figures, indent=2) + "\n")

    with running_postgres(programs) as server:
        name = server.new_database()
        url = server.url(name)
        central.upgrade(url)
        with server.connect() as connection:
            connection.execute("ALTER SYSTEM SET max_wal_size = '4GB'")
            connection.execute("SELECT pg_reload_conf()")
        if given.by_month:
            with server.connect(name) as connection:
                connection.execute(BY_MONTH.read_bytes())
        for station in range(given.stations):
            began_s = time.perf_counter()
            if station:
                copy_as(server, name, station)
            else:
                copy(log_file(given.folder), server, name)
            print(f"{station + 1} stations; {time.perf_counter() - began_s:.0f} s", flush=True)
            if station + 1 in MARKS or station + 1 == given.stations:
                with server.connect(name) as connection:
                    connection.execute("VACUUM ANALYZE")
                of_all = figures[f"{station + 1} stations"] = measured(url, station + 1)
                of_all["plans"] = plans(server, name, url)
                sizes = bytes_of(server, name)
                of_all["bytes a run"] = round(sum(sizes.values()) / of_all["runs"])
                of_all["bytes"] = sum(sizes.values())
                tell()
        with closing(Reader.of_central(url)) as reader:
            figures["report of all, ms"] = took(reader.report)
        tell()
        if given.send:
            figures["runs sent in a second"] = round(send_again(given.folder, url))
            tell()


if __name__ == "__main__":
    main()
