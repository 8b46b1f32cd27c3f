"""SIGKILL between a scan and its commit: the unit is bound or it is not, and the same scan again gives the right
answer. Never two bindings."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from station.control.client import ask
from station.control.requests import BindUnit
from station.control.socket_path import noted_socket
from station.errors import UsageError
from tests.harness import PROGRAM, Bench, Station, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial
from tests.integration.test_unit_marks import rows, settings_in, waits

SCAN = {"do": "bind_unit", "port_path": "1-1.1", "serial": serial(1), "product_serial": "P-0001"}
BOUND = "SELECT product_serial, serial FROM product_serials"


@contextmanager
def locked_log(bench: Bench) -> Iterator[None]:
    """Nothing can be committed meanwhile."""
    with closing(sqlite3.connect(bench.data_dir / "station.sqlite3", isolation_level=None)) as log:
        log.execute("BEGIN IMMEDIATE")
        yield
        log.execute("ROLLBACK")


@contextmanager
def screen(bench: Bench) -> Iterator[socket.socket]:
    """A screen's connection, as it is when the line has said hello."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(60)
        link.connect(str(noted_socket(bench.data_dir)))
        link.sendall(json.dumps({"role": "steer"}).encode() + b"\n")
        yield link


def scan(link: socket.socket) -> None:
    """A label is scanned; what the line sends of it and of other things is taken, until it has taken the scan in."""
    link.sendall(json.dumps(SCAN).encode() + b"\n" + json.dumps({"do": "snapshot"}).encode() + b"\n")
    heard = b""
    while b'{"snapshot"' not in heard:
        part = link.recv(65536)
        assert part, heard
        heard += part


def kill(running: Station) -> None:
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait(60)


def same_scan_again(bench: Bench, config: Path, *, bound: bool) -> None:
    """The line is started again, the camera plugged in, and its label scanned: it passes, bound to this label alone."""
    bench.line.unplug(serial(1))  # first: the line would take it, and its pull would be an ABORTED run
    with bench.station("--config", config, plug=False) as running:
        bench.line.plug(serial(1))
        run = running.run() if bound else None
        if not bound:
            wait_for(partial(waits, bench, 1), "it waits for its label")
        answer = ask(bench.data_dir, BindUnit("1-1.1", serial(1), "P-0001"))
        assert answer["bound"]["product_serial"] == "P-0001"
        with pytest.raises(UsageError) as refused:
            ask(bench.data_dir, BindUnit("1-1.1", serial(1), "P-0002"))
        assert refused.value.code == "product.unit_has_another"
        run = run or running.run()
        assert (run["outcome"], run["product_serial"]) == ("PASS", "P-0001")
        running.interrupt()
        running.end()
    assert rows(bench, BOUND) == [("P-0001", serial(1))]
    assert {row[0] for row in rows(bench, "SELECT product_serial FROM runs")} == {"P-0001"}
    assert station("db", "check", "--data-dir", bench.data_dir).returncode == 0


def test_before_the_commit_it_is_not_bound(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    config = settings_in(tmp_path, required=True)
    with bench.station("--config", config) as running:
        wait_for(partial(waits, bench, 1), "it waits")
        with locked_log(bench), screen(bench) as link:
            scan(link)
            kill(running)
    assert rows(bench, BOUND) == []
    assert bench.blocks_written(serial(1)) == 0
    same_scan_again(bench, config, bound=False)


def test_behind_the_commit_it_is_bound_although_nobody_was_told(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    config = settings_in(tmp_path, required=True)
    with bench.station("--config", config) as running:
        wait_for(partial(waits, bench, 1), "it waits")
        with screen(bench) as link:
            link.sendall(json.dumps(SCAN).encode() + b"\n")
            wait_for(lambda: rows(bench, BOUND), "it is in the log")
            kill(running)
    assert rows(bench, BOUND) == [("P-0001", serial(1))]
    same_scan_again(bench, config, bound=True)


@pytest.mark.parametrize("commits", [False, True])
def test_the_command_is_killed(make_bench: MakeBench, tmp_path: Path, commits: bool) -> None:
    bench = make_bench([camera(1)])
    config = settings_in(tmp_path, required=True)
    words = ("bind", serial(1), "P-0001", "--config", str(config), "--data-dir", str(bench.data_dir))
    with bench.station("--config", config) as running:
        wait_for(partial(waits, bench, 1), "it waits")
        with ExitStack() as stack:
            if not commits:
                stack.enter_context(locked_log(bench))
            command = stack.enter_context(subprocess.Popen([*PROGRAM, *words], stderr=subprocess.DEVNULL))
            if commits:
                wait_for(lambda: rows(bench, BOUND), "it is in the log")
            else:
                wait_for(partial(_writes, bench, command.pid), "it waits for the lock")
            command.kill()
        assert rows(bench, BOUND) == ([("P-0001", serial(1))] if commits else [])
        again = station(*words)
        assert again.returncode == 0, again.stderr
        run = running.run()
        assert (run["outcome"], run["product_serial"]) == ("PASS", "P-0001")
        assert station(*words[:2], "P-0002", *words[3:]).stderr.startswith("product.unit_has_another: ")
        running.interrupt()
        running.end()
    assert rows(bench, BOUND) == [("P-0001", serial(1))]


def _writes(bench: Bench, pid: int) -> bool:
    """Whether a process has opened the log to write to it, and not only to read it."""
    log = str(bench.data_dir / "station.sqlite3")
    with suppress(OSError):  # one was closed meanwhile
        for number in Path(f"/proc/{pid}/fd").iterdir():
            flags = Path(f"/proc/{pid}/fdinfo/{number.name}").read_text().split("flags:")[1].split()[0]
            if os.readlink(number) == log and int(flags, 8) & os.O_ACCMODE == os.O_RDWR:
                return True
    return False
