"""An engineer's acts over a real socket: refused without the PIN, done with it, and in the audit. Real hashes."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from station.clock import monotonic_s
from station.control.client import ask
from station.control.requests import ProveEngineer, RestoreSlot
from station.control.server import LineService
from station.control.socket_path import noted_socket
from station.errors import UsageError
from station.ledger import audit, schema_version
from station.roles import wrong_pins
from station.roles.pin_file import set_pin
from station.wiring.authority import LineAuthority
from tests.fuzz.test_any_request import ABOUT
from tests.harness import wait_for
from tests.unit.control.test_roles import Line, Raw

PIN = "2580"


class Bench:
    def __init__(self, data_dir: Path, line: Line, opened: ExitStack) -> None:
        self.data_dir, self.line, self._opened = data_dir, line, opened

    def connect(self, role: str = "steer") -> Raw:
        link = self._opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        link.settimeout(60)
        link.connect(str(noted_socket(self.data_dir)))
        raw = Raw(link, self._opened.enter_context(link.makefile("rb")))
        raw.send({"role": role})
        return raw

    def acts(self, count: int) -> list[tuple[str, str, str, str]]:
        """The audit's rows, once there are so many."""
        wait_for(lambda: len(audit.rows(self.data_dir)) >= count, f"{count} rows")
        return [(row.act, row.subject, row.who, row.role) for row in audit.rows(self.data_dir)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    schema_version.create_or_check(tmp_path)
    line = Line()
    authority = LineAuthority(tmp_path, "bench-3", 600.0)
    with ExitStack() as opened:
        opened.enter_context(authority.noting())
        opened.enter_context(LineService(tmp_path, ABOUT, line, authority).serving(line))
        yield Bench(tmp_path, line, opened)


RESTORE = {"do": "restore_slot", "port_path": "1-1.1"}
PROVE = {"do": "prove_engineer", "pin": PIN, "name": "Ada"}


def test_without_a_pin_everybody_may(bench: Bench) -> None:
    raw = bench.connect()
    assert raw.send(RESTORE) == {"done": "restore_slot"}
    assert raw.code(PROVE) == "role.no_pin"
    assert bench.acts(1) == [("slot.restored", "1-1.1", "", "anybody")]


def test_with_a_pin_an_engineer_may_and_for_some_time(bench: Bench) -> None:
    set_pin(bench.data_dir, "engineer", PIN)
    raw, other = bench.connect(), bench.connect()
    refused = raw.send(RESTORE)["refused"]
    assert (refused["code"], refused["asked"]) == ("role.engineer_needed", RESTORE)
    assert raw.send(PROVE)["engineer"]["name"] == "Ada"
    assert raw.send(RESTORE)["done"] == "restore_slot"
    assert other.code(RESTORE) == "role.engineer_needed"
    assert raw.send({"do": "end_engineer"})["engineer"] == {"name": "", "seconds": 0.0}
    assert raw.code(RESTORE) == "role.engineer_needed"
    assert bench.line.asked == [("restore_slot", "1-1.1")]
    assert bench.acts(1) == [("slot.restored", "1-1.1", "Ada", "engineer")]


def test_an_engineer_is_one_no_longer_when_the_time_is_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    set_pin(bench.data_dir, "engineer", PIN)
    raw = bench.connect()
    raw.send(PROVE)
    late_s = monotonic_s() + 601.0
    monkeypatch.setattr("station.control.authority.monotonic_s", lambda: late_s)
    assert raw.code(RESTORE) == "role.engineer_needed"


@pytest.mark.parametrize("new", ["1357", None], ids=["changed", "taken away and set again"])
def test_an_engineer_is_one_no_longer_than_the_pin_is_the_same(bench: Bench, new: str | None) -> None:
    set_pin(bench.data_dir, "engineer", PIN)
    raw = bench.connect()
    raw.send(PROVE)
    assert raw.send(RESTORE)["done"] == "restore_slot"
    set_pin(bench.data_dir, "engineer", new)
    if new is None:
        set_pin(bench.data_dir, "engineer", PIN)
    assert raw.code(RESTORE) == "role.engineer_needed"
    assert raw.send({**PROVE, "pin": new or PIN})["engineer"]["name"] == "Ada"
    assert raw.send(RESTORE)["done"] == "restore_slot"


def test_only_an_end_that_is_too_early_needs_an_engineer(bench: Bench) -> None:
    set_pin(bench.data_dir, "engineer", PIN)
    raw = bench.connect()
    assert raw.send({"do": "end_batch", "name": "L1"})["done"] == "end_batch"
    bench.line.short = True
    assert raw.code({"do": "end_batch", "name": "L1"}) == "role.engineer_needed"
    assert raw.code({"do": "begin_batch", "name": "L2", "operator": None, "planned": 3}) == "role.engineer_needed"
    assert raw.send({"do": "begin_batch", "name": "L1", "operator": None, "planned": 3})["done"] == "begin_batch"


def test_who_looks_proves_nothing(bench: Bench) -> None:
    set_pin(bench.data_dir, "engineer", PIN)
    raw = bench.connect("look")
    assert raw.code(PROVE) == "request.read_only"
    assert raw.code(RESTORE) == "request.read_only"


def test_wrong_pins_wait_longer_and_are_a_row(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_pins, "FIRST_WAIT_S", 300.0)  # longer than any machine takes for the next try
    set_pin(bench.data_dir, "engineer", PIN)
    raw = bench.connect()
    codes = [raw.code({**PROVE, "pin": "9999"}) for _ in range(4)]
    assert codes == ["role.wrong_pin"] * 3 + ["role.too_many_tries"]
    refused = raw.send(PROVE)["refused"]
    assert refused["code"] == "role.too_many_tries"
    assert refused["text"].endswith(" s")
    assert bench.connect().code(PROVE) == "role.too_many_tries", "another connection gets no more tries"
    assert bench.acts(2) == [("pin.refused", "", "Ada", "operator")] * 2
    assert [json.loads(row.details)["wrong_in_a_row"] for row in audit.rows(bench.data_dir)] == [1, 3]


def test_no_screen_waits_while_a_pin_is_tried(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    set_pin(bench.data_dir, "engineer", PIN)
    trying, go_on = threading.Event(), threading.Event()

    def slow(*_given: Any) -> str:
        trying.set()
        assert go_on.wait(60)
        return "engineer"

    monkeypatch.setattr("station.roles.pin_file.holder_of", slow)
    raw, other = bench.connect(), bench.connect()
    raw.link.sendall(json.dumps(PROVE).encode() + b"\n")
    assert trying.wait(60)
    assert other.send({"do": "pause"}) == {"done": "pause"}
    go_on.set()
    assert json.loads(raw._stream.readline())["engineer"]["name"] == "Ada"


def test_the_pin_is_in_no_file_and_no_row(bench: Bench) -> None:
    secret = "correct horse"
    set_pin(bench.data_dir, "engineer", secret)
    ask(bench.data_dir, RestoreSlot("A1"), ProveEngineer(secret, "Ada"))
    with pytest.raises(UsageError) as refused:
        ask(bench.data_dir, RestoreSlot("A1"))
    assert refused.value.code == "role.engineer_needed"
    assert bench.acts(1) == [("slot.restored", "A1", "Ada", "engineer")]
    for file in bench.data_dir.iterdir():
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file
    assert secret not in repr(ProveEngineer(secret, "Ada"))
    assert (bench.data_dir / "pins.json").stat().st_mode & 0o077 == 0


def test_a_pin_file_that_cannot_be_read_opens_nothing(bench: Bench) -> None:
    (bench.data_dir / "pins.json").write_text("{")
    raw = bench.connect()
    assert raw.code(RESTORE) == "role.pins_unreadable"
    assert raw.code(PROVE) == "role.pins_unreadable"
    assert bench.line.asked == []


def test_the_row_is_in_the_log(bench: Bench) -> None:
    bench.connect().send(RESTORE)
    bench.acts(1)
    with closing(sqlite3.connect(bench.data_dir / "station.sqlite3")) as log:
        assert log.execute("SELECT number, act FROM audit").fetchall() == [(1, "slot.restored")]
