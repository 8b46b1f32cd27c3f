"""Five stations of eight slots on one PostgreSQL that is stopped, crashes, is cut off and falls silent at random, while
stations are killed too; then peace, and every row of every log must be in the centre, once.

    python -m tests.torture.many_stations FOLDER [SECONDS [SEED]]

The stations have the real recorder, shipper and interlock's question, each in a process of its own, and no cameras:
what is measured is what the network can do to a flash. FOLDER gets figures.json and lag.svg.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import selectors
import signal
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from station.ledger import central, schema_version, shipper
from station.ledger.database import open_reader
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.shipper import Pusher, Shipper
from station.ledger.tables import ATTEMPTS, IMAGES, MEASUREMENTS, RUNS
from station.model.events import LedgerReply, OpeningCommitted, RunCommitted, RunFinished, RunOpened
from station.model.ids import new_id
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord
from station.settings import Settings
from station.wiring.central import NOT_ASKED, asking_both
from tests.postgres import Postgres, binaries, running_postgres

STATIONS, SLOTS, UNITS = 5, 8, 600
TABLES = (RUNS, ATTEMPTS, IMAGES, MEASUREMENTS)
PEACE_S = 180.0


class Wire:
    """The network between the stations and the server: it can be cut, and it can swallow what is sent."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self.silent = self.is_cut = False
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self) -> None:
        while True:
            ready = self._selector.select(0.1)
            if self.is_cut:
                for end in list(self._pairs):
                    self._drop(end)
            if self.silent:
                time.sleep(0.05)
                continue
            for key, _ in ready:
                if key.fileobj is self._listening:
                    self._accept()
                else:
                    self._pass(key.fileobj)

    def _accept(self) -> None:
        near, _ = self._listening.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            if self.is_cut:
                raise ConnectionError
            far.connect(str(self._server))
        except OSError:
            near.close()
            far.close()
            return
        for one, other in ((near, far), (far, near)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass(self, end: Any) -> None:
        if end not in self._pairs:
            return
        try:
            data = end.recv(1 << 16)
            if not data:
                raise ConnectionError
            self._pairs[end].sendall(data)
        except OSError:
            self._drop(end)

    def _drop(self, end: socket.socket) -> None:
        for one in (end, self._pairs.get(end)):
            if one is not None and one in self._pairs:
                self._selector.unregister(one)
                del self._pairs[one]
                one.close()


# --- a station ------------------------------------------------------------------------------------------------------


def run_station(folder: Path, number: int, url: str, until_s: float) -> None:
    """Record runs in eight slots until the time is up, or somebody kills this process."""
    station_id = f"bench-{number}"
    samples = (folder.parent / f"{station_id}.jsonl").open("a", buffering=1)
    schema_version.create_or_check(folder)
    committed: dict[str, threading.Event] = {}

    def heard(reply: LedgerReply) -> None:
        if isinstance(reply, OpeningCommitted | RunCommitted) and (event := committed.get(reply.run.run_id)):
            event.set()

    settings = Settings(station={"id": station_id, "data_dir": str(folder)}, central={"url": url})  # type: ignore[arg-type]
    with ExitStack() as opened:
        sender = Shipper(Pusher(folder, station_id, url))
        opened.callback(sender.close, 1.0)
        recorder = Recorder(folder, heard)
        opened.callback(recorder.close, 15.0)
        recorder.close_interrupted()
        reader = opened.enter_context(closing(Reader(folder)))
        history = asking_both(settings, reader.history, opened)
        sender.start(lambda state: print(json.dumps({"at": time.time(), "waiting": state.waiting}), file=samples))
        questions = threading.Lock()

        def flash(slot: int) -> None:
            dice = random.Random(f"{number} {slot} {os.getpid()}")
            while time.time() < until_s:
                serial = f"{dice.randrange(UNITS):024X}"
                with questions:  # as the line's one thread for questions does
                    began_s = time.perf_counter()
                    own = reader.history(serial, "T1")
                    own_s = time.perf_counter() - began_s
                    asked_s = time.perf_counter()
                    found = history(serial, "T1")
                    took_s = time.perf_counter() - asked_s
                run = opened_run(station_id, f"A{slot}", serial)
                done = committed[run.run_id] = threading.Event()
                began_s = time.perf_counter()
                recorder.submit(RunOpened(run))
                done.wait(60)
                commit_s = time.perf_counter() - began_s
                done.clear()
                time.sleep(dice.uniform(0.5, 3.0))
                recorder.submit(RunFinished(finished(run, dice)))
                done.wait(60)
                del committed[run.run_id]
                fact = {
                    "at": time.time(), "asked_s": took_s, "own_s": own_s, "commit_s": commit_s,
                    "away": NOT_ASKED in found.notes, "known": found.touched_outcome is not None,
                    "own_knows": own.touched_outcome is not None,
                }  # fmt: skip
                print(json.dumps(fact), file=samples)

        threads = [threading.Thread(target=flash, args=(slot,)) for slot in range(1, SLOTS + 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def opened_run(station_id: str, slot: str, serial: str) -> RunRecord:
    return RunRecord(
        run_id=new_id(), station_id=station_id, serial=serial, identified=True, slot=slot, port_path="1-1.1",
        batch="T1", operator="Ada", recipe="full", bundle="v1", bundle_sha256="b1", bootloader="1.0.3",
        started_at=datetime.now(UTC),
    )  # fmt: skip


def finished(run: RunRecord, dice: random.Random) -> RunRecord:
    outcome = dice.choice([Outcome.PASS, Outcome.PASS, Outcome.PASS, Outcome.FAIL, Outcome.ABORTED])
    images = tuple(
        ImageRecord(name, alt, 4096 * 640, "0" * 64, "0" * 64, 640, 640, 2.0, 1.0)
        for alt, name in enumerate(("HP", "HE", "ROMFS1", "ROMFS0"), 1)
    )
    code = None if outcome is Outcome.PASS else "usb.io"
    attempt = AttemptRecord(new_id(), 1, outcome, code, "boot", run.started_at, 1.0, images=images)
    return replace(
        run,
        outcome=outcome,
        code=code,
        finished_at=run.started_at + timedelta(seconds=1),
        duration_s=1.0,
        attempts=(attempt,),
        verified=outcome is Outcome.PASS,
        boot_confirmed=outcome is Outcome.PASS,
    )


# --- what is done to them -------------------------------------------------------------------------------------------


class Torment:
    """The server, the wire, and the stations' processes."""

    def __init__(self, folder: Path, server: Postgres, name: str, seconds: float, seed: int) -> None:
        self._server = server
        self.wire = Wire(server.folder / ".s.PGSQL.5432")
        self._dice = random.Random(seed)
        self.until_s = time.time() + seconds
        self.url = f"postgresql+psycopg://station@127.0.0.1:{self.wire.port}/{name}"
        self.folders = {number: folder / f"bench-{number}" for number in range(1, STATIONS + 1)}
        self._processes: dict[int, SpawnProcess] = {}
        self.acts: Counter[str] = Counter()
        self.away: list[tuple[float, float, str]] = []

    def run(self) -> None:
        for number in self.folders:
            self._start(number)
        while time.time() < self.until_s:
            time.sleep(self._dice.uniform(4, 12))
            self._act(self._dice.choice(["stop", "crash", "cut", "silence", "kill a station"]))
        for process in self._processes.values():
            process.join(120)

    def _start(self, number: int) -> None:
        folder = self.folders[number]
        folder.mkdir(exist_ok=True)
        given = (folder, number, self.url, self.until_s)
        process = multiprocessing.get_context("spawn").Process(target=run_station, args=given)
        process.start()
        self._processes[number] = process

    def _act(self, act: str) -> None:
        self.acts[act] += 1
        began_s = time.time()
        if act == "kill a station":
            number = self._dice.choice([*self._processes])
            self._processes[number].kill()
            self._processes[number].join()
            self._start(number)
            return
        if act in ("stop", "crash"):
            self._server.stop(signal.SIGINT if act == "stop" else signal.SIGQUIT)
        elif act == "cut":
            self.wire.is_cut = True
        else:
            self.wire.silent = True
        time.sleep(self._dice.uniform(0.5, 8))
        if act in ("stop", "crash"):
            self._server.start()
        self.wire.is_cut = self.wire.silent = False
        self.away.append((began_s, time.time(), act))


# --- the account ----------------------------------------------------------------------------------------------------


def rows_of(connection: Any, table: Table) -> Counter[str]:
    """The rows of a table but the unit's key; open runs are not sent."""
    query = select(table)
    if table is RUNS:
        query = query.where(RUNS.c.outcome.is_not(None))
    return Counter(
        repr(sorted((name, str(value)) for name, value in row.items() if name != "unit_id"))
        for row in connection.execute(query).mappings()
    )


def account(torment: Torment, figures: dict[str, Any]) -> bool:
    """Send what waits, in peace; compare."""
    local: dict[str, Counter[str]] = {table.name: Counter() for table in TABLES}
    for number, folder in torment.folders.items():
        recorder = Recorder(folder, lambda _reply: None)
        recorder.close_interrupted()
        recorder.close(60)
        with closing(Pusher(folder, f"bench-{number}", torment.url)) as pusher:
            end_s = time.monotonic() + PEACE_S
            while pusher.has_more() and time.monotonic() < end_s:
                with suppress(Exception):
                    shipper.push(pusher)
        engine = open_reader(folder)
        with engine.connect() as connection:
            for table in TABLES:
                local[table.name] += rows_of(connection, table)
        engine.dispose()
    engine = central.central_engine(torment.url)
    with engine.connect() as connection:
        there = {table.name: rows_of(connection, table) for table in TABLES}
        sums = connection.exec_driver_sql("SELECT sum(runs) FROM hour_runs").scalar_one()
    engine.dispose()
    figures["rows in the logs"] = {name: sum(rows.values()) for name, rows in local.items()}
    figures["rows in the centre"] = {name: sum(rows.values()) for name, rows in there.items()}
    figures["runs by the centre's sums by the hour"] = int(sums)
    figures["equal, none twice"] = local == there and int(sums) == sum(there["runs"].values())
    return bool(figures["equal, none twice"])


def told(folder: Path) -> tuple[dict[str, list[tuple[float, int]]], list[dict[str, Any]]]:
    """What the stations wrote down: how much waited, and what each flash saw."""
    lags: dict[str, list[tuple[float, int]]] = {}
    flashes: list[dict[str, Any]] = []
    for file in sorted(folder.glob("bench-*.jsonl")):
        for line in file.read_text().splitlines():
            try:
                fact = json.loads(line)
            except ValueError:
                continue  # its station was killed while it wrote
            if "waiting" in fact:
                lags.setdefault(file.stem, []).append((fact["at"], fact["waiting"]))
            else:
                flashes.append(fact)
    return lags, flashes


def draw(file: Path, lags: dict[str, list[tuple[float, int]]], began_s: float) -> None:
    """How many changes waited at each station."""
    import pygal

    chart = pygal.XY(show_dots=False, title="runs that wait for the central log", x_title="seconds", y_title="runs")
    for name, points in lags.items():
        chart.add(name, [(at - began_s, waiting) for at, waiting in points])
    file.write_bytes(chart.render())


def main(folder: Path, seconds: float = 120.0, seed: int = 1) -> int:
    programs = binaries()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with running_postgres(programs) as server:
        name = server.new_database()
        central.upgrade(server.url(name))
        began_s = time.time()
        torment = Torment(folder, server, name, seconds, seed)
        torment.run()
        figures: dict[str, Any] = {"seconds": seconds, "seed": seed, "acts": dict(torment.acts)}
        figures["away, in all s"] = round(sum(end - begin for begin, end, _ in torment.away), 1)
        well = account(torment, figures)
    lags, flashes = told(folder)
    asked = sorted(fact["asked_s"] for fact in flashes)
    commits = sorted(fact["commit_s"] for fact in flashes)
    figures["flashes"] = len(flashes)
    figures["centre not asked"] = sum(fact["away"] for fact in flashes)
    figures["known only by the centre"] = sum(fact["known"] and not fact["own_knows"] for fact in flashes)
    for name, values in (("both logs asked, ms", asked), ("opening committed, ms", commits)):
        marks = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "largest": 1.0}
        last = len(values) - 1
        figures[name] = {mark: round(1000 * values[round(part * last)], 1) for mark, part in marks.items()}
    figures["own log asked, ms, largest"] = round(1000 * max(fact["own_s"] for fact in flashes), 1)
    figures["most that waited"] = max(waiting for points in lags.values() for _, waiting in points)
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    draw(folder / "lag.svg", lags, began_s)
    print(json.dumps(figures, indent=2))
    return 0 if well else 1


if __name__ == "__main__":
    words = sys.argv[1:]
    seconds, seed = [*words[1:], *("120", "1")[len(words) - 1 :]]
    sys.exit(main(Path(words[0]), float(seconds), int(seed)))
