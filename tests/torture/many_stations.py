"""Five stations of eight virtual cameras on one PostgreSQL that is stopped, crashes, is cut off and falls silent at
random, while stations are killed too; then peace, and every row of every log must be in the centre, once.

    python -m tests.torture.many_stations FOLDER [--seconds N] [--seed N] [--stations N] [--slots N]

The stations are whole ones (`station run`), and their cameras are changed as by hands; one in four was on another
station before. FOLDER gets figures.json and lag.svg.
"""

from __future__ import annotations

import argparse
import json
import random
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from station.ledger import central, shipper
from station.ledger.database import open_reader
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.shipper import Pusher
from station.ledger.tables import ATTEMPTS, IMAGES, MEASUREMENTS, RUNS
from station.model.runs import RunRecord
from station.wiring.central import NOT_ASKED
from tests.postgres import Postgres, binaries, running_postgres
from tests.releases import make_demo_release
from tests.torture.__main__ import SIZES
from tests.torture.whole_station import Drawer, WholeStation

ACTS = ("stop", "crash", "cut", "silence", "kill a station")
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


# --- what is done to them -------------------------------------------------------------------------------------------


class Torment:
    """The server, the wire, and the stations."""

    def __init__(self, folder: Path, server: Postgres, name: str, given: argparse.Namespace) -> None:
        self._server = server
        self.wire = Wire(server.folder / ".s.PGSQL.5432")
        self._dice = random.Random(given.seed)
        self._seconds = given.seconds
        self.url = f"postgresql+psycopg://station@127.0.0.1:{self.wire.port}/{name}"
        release = folder / "release"
        release.mkdir()
        make_demo_release(release, version="4.7.0", **SIZES)
        drawer = Drawer(self._dice)
        self.stations = [
            WholeStation(number, folder, release, self.url, given.slots, drawer)
            for number in range(1, given.stations + 1)
        ]
        self.acts: Counter[str] = Counter()
        self.away: list[tuple[float, float, str]] = []

    def run(self) -> None:
        for station in self.stations:
            station.start()
        until_s = time.time() + self._seconds
        while time.time() < until_s:
            time.sleep(self._dice.uniform(4, 12))
            self._act(self._dice.choice(ACTS))
        for station in self.stations:
            station.end()

    def _act(self, act: str) -> None:
        self.acts[act] += 1
        began_s = time.time()
        if act == "kill a station":
            self._dice.choice(self.stations).kill()
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
    for station in torment.stations:
        folder = station.data_dir
        recorder = Recorder(folder, lambda _reply: None)
        recorder.close_interrupted()
        recorder.close(60)
        with closing(Pusher(folder, f"bench-{station.number}", torment.url)) as pusher:
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


LATENESS = """
import sys, time
late = []
try:
    while True:
        began_s = time.monotonic()
        time.sleep(0.05)
        late.append(time.monotonic() - began_s - 0.05)
except KeyboardInterrupt:
    print(*late)
"""
"""A program that only sleeps 50 ms again and again, and says how much later it woke: what the load alone does
to whoever waits."""


def flashes(torment: Torment) -> list[RunRecord]:
    """What every run of every log says."""
    found: list[RunRecord] = []
    for station in torment.stations:
        with closing(Reader(station.data_dir)) as reader:
            found += reader.runs()
    return found


def marks(values: Sequence[float]) -> dict[str, float]:
    """Milliseconds: the middle, and those that few are longer than."""
    ordered = sorted(values)
    places = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "largest": 1.0}
    return {name: round(1000 * ordered[round(place * (len(ordered) - 1))], 1) for name, place in places.items()}


def draw(file: Path, torment: Torment, began_s: float) -> None:
    """How many changes waited at each station, and when the centre was away."""
    import pygal

    title = "changes that wait for the central log"
    chart = pygal.XY(show_dots=False, title=title, x_title="seconds", y_title="changes", width=1100, height=600)
    for station in torment.stations:
        chart.add(f"bench-{station.number}", [(at - began_s, waiting) for at, waiting in station.lag])
    away = [(at_s - began_s, y) for begin, end, _ in torment.away for at_s, y in ((begin, 0), (end, 0), (end, None))]
    chart.add("centre away", away, stroke_style={"width": 8})
    file.write_bytes(chart.render())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.many_stations")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stations", type=int, default=5)
    parser.add_argument("--slots", type=int, default=8)
    given = parser.parse_args()
    programs = binaries()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed")
    folder: Path = given.folder
    folder.mkdir(parents=True)
    with running_postgres(programs) as server:
        name = server.new_database()
        central.upgrade(server.url(name))
        began_s = time.time()
        torment = Torment(folder, server, name, given)
        sleeper = subprocess.Popen([sys.executable, "-c", LATENESS], stdout=subprocess.PIPE)
        torment.run()
        sleeper.send_signal(signal.SIGINT)
        late, _ = sleeper.communicate(timeout=60)
        figures: dict[str, Any] = {"seconds": given.seconds, "seed": given.seed, "acts": dict(torment.acts)}
        figures["away, in all s"] = round(sum(end - begin for begin, end, _ in torment.away), 1)
        well = account(torment, figures)
    runs = flashes(torment)
    asked = [run for run in runs if run.central_wait_s is not None]
    figures["cameras"] = len({run.serial for run in runs})
    figures["outcomes"] = dict(Counter(str(run.outcome) for run in runs))
    figures["runs that asked"] = len(asked)
    figures["centre not asked"] = sum(str(NOT_ASKED) in run.notes for run in asked)
    figures["other station last"] = sum("had this camera last" in " ".join(run.notes) for run in asked)
    figures["waited for the centre, ms"] = marks([run.central_wait_s or 0.0 for run in asked])
    figures["a sleep of 50 ms was late by, ms"] = marks([float(word) for word in late.split()])
    figures["most that waited"] = max(waiting for station in torment.stations for _, waiting in station.lag)
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    draw(folder / "lag.svg", torment, began_s)
    print(json.dumps(figures, indent=2))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
