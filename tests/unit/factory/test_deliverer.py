"""The deliverer with a real log and real systems: dead, slow, refusing ones. Nothing is lost, each unit in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from station.errors import LedgerError
from station.factory.deliverer import Deliverer, SinkDelivery, pause_s
from station.factory.delivery_error import DeliveryError
from station.ledger import schema_version
from station.ledger.outbox import Outbox
from station.ledger.recorder import Recorder
from station.model.events import RunFinished
from station.model.runs import RunRecord
from station.model.sinks import DueRun, Sink, Tried
from tests.harness import wait_for
from tests.receivers import HttpSystem, Received, free_port
from tests.unit.ledger.builders import a_run

LIMIT_S = 60.0


class Station:
    """A log whose finished runs wait for these sinks."""

    def __init__(self, data_dir: Path, *sinks: Sink) -> None:
        schema_version.create_or_check(data_dir)
        self.sinks = sinks
        self.outbox = Outbox(data_dir)
        self._recorder = Recorder(data_dir, lambda reply: None, sinks=sinks)
        self.runs: list[RunRecord] = []

    def finish(self, serial: str, count: int = 1) -> None:
        for _ in range(count):
            self.runs.append(a_run(minute=len(self.runs), serial=serial))
            self._recorder.submit(RunFinished(self.runs[-1]))

    def close(self) -> None:
        assert self._recorder.close(LIMIT_S)
        self.outbox.close()

    @contextmanager
    def delivering(self) -> Iterator[Deliverer]:
        deliverer = Deliverer(self.sinks, self.outbox)
        deliverer.start()
        try:
            yield deliverer
        finally:
            assert deliverer.drain(LIMIT_S)

    def all_came(self, records: list[dict[str, Any]]) -> bool:
        return {record["run_id"] for record in records} >= {run.run_id for run in self.runs}

    def assert_in_order(self, received: Received) -> None:
        """Each unit's runs came in the order in which they were finished; repetitions count once."""
        came = list(dict.fromkeys(record["run_id"] for record in received.records))
        for serial in {run.serial for run in self.runs}:
            mine = [run.run_id for run in self.runs if run.serial == serial]
            assert [run_id for run_id in came if run_id in mine] == mine


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Callable[..., Station]]:
    made: list[Station] = []

    def make(*sinks: Sink) -> Station:
        made.append(Station(tmp_path / "data", *sinks))
        return made[-1]

    yield make
    for one in made:
        one.close()


def http(url: str, name: str = "mes", **further: Any) -> Sink:
    return Sink(name, "http", url, **{"retry_s": 0.05, "retry_limit_s": 0.2, **further})


def test_every_run_arrives_once_and_in_order(station: Callable[..., Station]) -> None:
    system = HttpSystem()
    with system.serving() as url:
        line = station(http(url))
        with line.delivering():
            for _ in range(10):
                for serial in ("3A0F01", "3A0F02", "3A0F03"):
                    line.finish(serial)
            system.wait_for(line.all_came)
        assert len(system.bodies) == 30
        line.assert_in_order(system)
    assert line.outbox.backlogs() == []


def test_a_system_that_was_dead_gets_everything(station: Callable[..., Station]) -> None:
    port = free_port()
    line = station(http(f"http://127.0.0.1:{port}/runs"))
    line.finish("3A0F01", 5)
    line.finish("3A0F02", 5)
    system = HttpSystem()
    with line.delivering():
        wait_until_tried(line)
        with system.serving(port):
            system.wait_for(line.all_came)
    line.assert_in_order(system)


def wait_until_tried(line: Station) -> None:
    wait_for(lambda: any(one.code == "outbox.unreachable" for one in line.outbox.backlogs()), "a try")


@pytest.mark.parametrize("status", [422, 404, 500])
def test_a_poisoned_record_holds_up_its_own_unit_alone(station: Callable[..., Station], status: int) -> None:
    """Whatever it is refused with: a system may fall over it as well."""
    system = HttpSystem()
    with system.serving() as url:
        line = station(http(url))
        line.finish("3A0F01", 2)
        poisoned = line.runs[0].run_id
        system.answer = lambda record: (status, b"") if record["run_id"] == poisoned else (200, b"")
        line.finish("3A0F02", 20)
        others = {run.run_id for run in line.runs[2:]}
        with line.delivering():
            system.wait_for(lambda records: {record["run_id"] for record in records} >= others)
            assert {record["run_id"] for record in system.records} == others
            system.answer = lambda record: (200, b"")
            system.wait_for(line.all_came)
    line.assert_in_order(system)


def test_a_system_that_fails_at_random_loses_nothing(station: Callable[..., Station]) -> None:
    system = HttpSystem()
    statuses = iter([500, 200, 422, 200, 429, 200, 200, 404] * 200)
    system.answer = lambda record: (next(statuses), b"")
    with system.serving() as url:
        line = station(http(url))
        for _ in range(8):
            for serial in ("3A0F01", "3A0F02", "3A0F03", "3A0F04"):
                line.finish(serial)
        with line.delivering():
            system.wait_for(line.all_came)
    line.assert_in_order(system)


def test_a_system_that_hangs_holds_up_no_other(station: Callable[..., Station]) -> None:
    slow, quick, release = HttpSystem(), HttpSystem(), threading.Event()
    slow.answer = lambda record: (200 if release.wait(LIMIT_S) else 500, b"")
    with slow.serving() as slow_url, quick.serving() as url:
        line = station(http(slow_url, "slow", timeout_s=LIMIT_S), http(url, "quick"))
        line.finish("3A0F01", 10)
        with line.delivering():
            quick.wait_for(line.all_came)
            assert slow.bodies == []
            release.set()
            slow.wait_for(line.all_came)


def test_a_dead_system_is_not_asked_about_every_record(station: Callable[..., Station]) -> None:
    line = station(http(f"http://127.0.0.1:{free_port()}/", retry_s=100.0, retry_limit_s=100.0))
    for number in range(10):
        line.finish(f"3A0F{number:02}")
    line.close()
    with line.delivering():
        wait_until_tried(line)
    assert sum(backlog.failing for backlog in line.outbox.backlogs()) == 1


class RefusingRows:
    """A log that takes no notes for a while."""

    def __init__(self) -> None:
        self.locked = True
        self.noted: list[Tried] = []
        self.asked = 0

    def due(self, sink: Sink, limit: int) -> list[DueRun]:
        self.asked += 1
        return [DueRun("r1", 0, {"run_id": "r1"})] if not self.noted else []

    def claim(self, sink: Sink, run_id: str) -> bool:
        raise AssertionError("no label is sent here")

    def note(self, tried: Any) -> None:
        if self.locked:
            raise LedgerError("ledger.write_failed", "locked")
        self.noted += tried


class CountingWay:
    def __init__(self, error: Exception | None = None) -> None:
        self.delivered = 0
        self._error = error

    def deliver(self, record: Any) -> None:
        self.delivered += 1
        if self._error:
            raise self._error

    def close(self) -> None:
        pass


def test_what_could_not_be_noted_is_not_sent_again_meanwhile() -> None:
    rows, way, stopping = RefusingRows(), CountingWay(), threading.Event()
    delivery = SinkDelivery(http("http://x/"), rows, way)
    for _ in range(3):
        delivery.turn(stopping)
    assert way.delivered == 1
    rows.locked = False
    delivery.turn(stopping)
    assert [(one.run_id, one.failure) for one in rows.noted] == [("r1", None)]
    assert way.delivered == 1


def test_a_mistake_of_ours_is_a_failure_like_any_other() -> None:
    rows, way = RefusingRows(), CountingWay(KeyError("x"))
    rows.locked = False
    SinkDelivery(http("http://x/"), rows, way).turn(threading.Event())
    (one,) = rows.noted
    assert one.failure is not None
    assert one.failure.code == "outbox.internal"


def test_refusals_in_a_row_make_the_sink_rest() -> None:
    class Endless(RefusingRows):
        def due(self, sink: Sink, limit: int) -> list[DueRun]:
            return [DueRun(f"r{number}", 0, {}) for number in range(limit)]

    rows = Endless()
    rows.locked = False
    way = CountingWay(DeliveryError("outbox.refused", "no", refused=True))
    delivery = SinkDelivery(http("http://x/", retry_s=1000.0, retry_limit_s=1000.0), rows, way)
    for _ in range(3):
        delivery.turn(threading.Event())
    assert way.delivered == 6


def test_pauses_double_up_to_the_limit() -> None:
    sink = http("http://x/", retry_s=1.0, retry_limit_s=10.0)
    for failures, longest_s in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (1000, 10)):
        assert 0.75 * longest_s <= pause_s(sink, failures) <= longest_s


def test_after_a_restart_a_pause_goes_on(station: Callable[..., Station]) -> None:
    system = HttpSystem()
    with system.serving() as url:
        line = station(http(url, retry_limit_s=1000.0))
        line.finish("3A0F01")
        line.close()
        failure = DeliveryError("outbox.refused", "no", refused=True).failure
        at = datetime.now(UTC)
        line.outbox.note([Tried("mes", line.runs[0].run_id, at, failure, at + timedelta(seconds=600))])
        with line.delivering():
            pass
        assert system.requests == 0
        line.outbox.try_now()
        with line.delivering():
            pass
        assert system.requests == 1
