"""Children that hang, and a line that stalled: what came at a port is judged in the order in which it happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from station.flash.messages import CameraHeld, CancelRun, HoldCamera, HoldWanted, Progressed, RunCamera, RunEnded
from station.line import hung_children
from station.line.dispatcher import Dispatcher
from station.line.holds import LONGEST_HOLD_S, Holds
from station.line.hung_children import STALL_S, HungChildren, silence_limit_s
from station.line.line_terms import Terms
from station.line.listeners import Listeners
from station.line.pool import Child, Pool
from station.line.run_rules import CANCELLED
from station.line.run_workers import CANCELLED_S, RunWorkers
from station.line.slot import Moment, Phase, Slot
from station.line.slot_events import Submit, WorkerDied, WorkerFact
from station.line.transitions import step
from station.model.devices import Device, DeviceLeft, DeviceMode
from station.model.events import RunFinished
from station.model.runs import Outcome
from station.model.slots import Progress
from station.model.verdicts import PASSED, Verdict, ended_by
from station.problem import Sentence
from tests.unit.ledger.builders import a_run, opened
from tests.unit.line.quiet_line import NO_LOG, PROGRAMS, SETUP

PROGRESS = Progressed(Progress("write", 1, "HP", 1, 4, 1, 2))
START = cast(RunCamera, None)


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at_s = 1000.0
        for module in ("run_workers", "holds", "hung_children"):
            monkeypatch.setattr(f"station.line.{module}.monotonic_s", lambda: self.at_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class FakePool:
    """Children that are pipes; `killed` and `theirs` (their ends) as they were made."""

    def __init__(self) -> None:
        self.killed: list[str] = []
        self.theirs: list[Connection] = []
        self.idle: tuple[Child, ...] = ()
        self.holder: Child | None = None

    def take(self) -> Child:
        ours, theirs = Pipe()
        self.theirs.append(theirs)
        name = f"child {len(self.theirs)}"
        process = SimpleNamespace(kill=lambda: self.killed.append(name), join=lambda _s: None, is_alive=lambda: False)
        return Child(cast(Any, process), ours)

    def give_back(self, child: Child) -> None:
        raise AssertionError("not given back")

    def replace_holder(self) -> None:
        self.holder = self.take()

    def hold(self, device: Device) -> None:
        if self.holder is None:
            self.replace_holder()
        assert self.holder
        self.holder.send(HoldCamera(device))


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def facts() -> list[tuple[str, WorkerFact | WorkerDied]]:
    return []


@pytest.fixture
def workers(pool: FakePool, facts: list[Any], clock: Clock) -> RunWorkers:
    made = RunWorkers(cast(Pool, pool), lambda path, fact: facts.append((path, fact)), 100.0)
    made.start("1-1", START)
    return made


def test_a_worker_that_tells_nothing_any_more_is_ended_and_its_run_with_it(
    workers: RunWorkers, pool: FakePool, facts: list[Any], clock: Clock
) -> None:
    clock.at_s += 99
    pool.theirs[0].send(PROGRESS)
    workers.catch_up()
    clock.at_s += 99
    workers.kill_silent(0)
    assert pool.killed == []
    clock.at_s += 2
    workers.kill_silent(0)
    assert (pool.killed, facts) == (["child 1"], [("1-1", PROGRESS), ("1-1", WorkerDied())])
    workers.free("1-1", dead=True)
    workers.kill_silent(0)
    assert len(facts) == 2


def test_one_that_does_not_hear_its_cancellation_has_less_time(
    workers: RunWorkers, pool: FakePool, clock: Clock
) -> None:
    workers.send("1-1", CANCELLED)
    assert isinstance(CANCELLED, CancelRun)
    clock.at_s += CANCELLED_S + 1
    workers.kill_silent(0)
    assert pool.killed == ["child 1"]


def test_a_line_that_stalled_itself_blames_no_child(workers: RunWorkers, pool: FakePool, clock: Clock) -> None:
    """A terminal that was stopped (Ctrl-Z), a machine that slept: nobody listened."""
    hung = HungChildren(workers, Holds(cast(Pool, pool), lambda _: None))
    clock.at_s += 90
    workers.kill_silent(0)
    hung.turned()
    hung.turned()
    clock.at_s += 3600
    hung.turned()
    hung.look()
    assert (pool.killed, hung.stalled_s) == ([], 3600)
    while not pool.killed:
        clock.at_s += STALL_S / 2
        hung.turned()
        hung.look()
    assert hung.stalled_s == 0
    assert 1000 + 90 + 3600 < clock.at_s < 1000 + 100 + 3600 + STALL_S
    assert pool.killed == ["child 1"]


def test_no_camera_is_waited_for_as_long_as_a_worker_that_hangs() -> None:
    initialization_s = 2 * 120 + 10
    assert initialization_s < hung_children.LONGEST_STEP_S
    patient = replace(SETUP, options=replace(SETUP.options, boot_timeout_s=3600))
    assert silence_limit_s(patient) > silence_limit_s(SETUP) + 3500


def test_a_holder_that_hangs_is_replaced_also_where_its_cameras_have_left(pool: FakePool, clock: Clock) -> None:
    held: list[object] = []
    holds = Holds(cast(Pool, pool), held.append)
    first, second = (Device(f"1-{n}", 1, n, 0x37C5, 0x96E3, f"S{n}", 0x0103, DeviceMode.DFU) for n in (1, 2))
    holds.ask(first)
    holds.forget("1-1")
    clock.at_s += LONGEST_HOLD_S - 1
    holds.ask(second)
    holds.replace_silent(0)
    assert pool.killed == []
    clock.at_s += 2
    holds.replace_silent(0)
    assert pool.killed == ["child 1"]
    assert pool.theirs[1].recv() == HoldCamera(second), "asked for again"
    assert not pool.theirs[1].poll(), "and the one that left is not"
    clock.at_s += LONGEST_HOLD_S - 1
    holds.answered(CameraHeld(second, "1.0.3", 0.1))
    clock.at_s += LONGEST_HOLD_S
    holds.replace_silent(0)
    assert (pool.killed, len(held)) == (["child 1"], 1)


def two_being_run() -> tuple[Dispatcher, FakePool]:
    """A line with two cameras on one hub, each with a worker whose part the test plays."""
    dispatcher = Dispatcher(SETUP, NO_LOG, Pool(PROGRAMS, 0), Listeners(lambda run: None))
    pool = FakePool()
    for number in (1, 2):
        path = f"1-1.{number}"
        device = Device(path, 1, number, 0x37C5, 0x96E3, f"S{number}", 0x0103, DeviceMode.DFU)
        run = opened(a_run(serial=device.serial))
        dispatcher._slots[path] = Slot(path, path, phase=Phase.RUNNING, device=device, run=run)
        dispatcher._workers._workers[path] = pool.take()
        dispatcher._workers._until_s[path] = float("inf")
    return dispatcher, pool


def test_two_that_left_because_they_were_told_to_have_lost_no_hub_however_late_the_line_hears() -> None:
    """Both workers told that their cameras would leave, behind other news, while the line stalled."""
    dispatcher, pool = two_being_run()
    for theirs in pool.theirs:
        for fact in (PROGRESS, PROGRESS, HoldWanted(False)):
            theirs.send(fact)
    for number in (1, 2):
        left = DeviceLeft(f"1-1.{number}")
        dispatcher.post(lambda left=left: dispatcher.device_event(left, 5.0))  # type: ignore[misc]
    dispatcher.turn()
    slots = list(dispatcher._slots.values())
    assert [(slot.phase, slot.device, slot.hub_lost) for slot in slots] == [(Phase.AWAY, None, None)] * 2
    dispatcher.close()


@pytest.mark.parametrize(
    ("verdict", "stalled_s", "told"),
    [
        (ended_by(Outcome.FAIL, "boot.timeout", Sentence("no application")), 9.5, ("ERROR", "station.stalled")),
        (ended_by(Outcome.FAIL, "usb.disconnected", Sentence("it left")), 3.0, ("ERROR", "station.stalled")),
        (ended_by(Outcome.FAIL, "boot.timeout", Sentence("no application")), 0.0, ("FAIL", "boot.timeout")),
        (ended_by(Outcome.FAIL, "verify.mismatch", Sentence("wrong")), 9.5, ("FAIL", "verify.mismatch")),
        (PASSED, 9.5, ("PASS", None)),
    ],
    ids=["no application was heard of", "nor that it left", "nothing stalled", "bytes speak for themselves", "passed"],
)
def test_a_camera_is_not_failed_for_news_that_nobody_could_tell(
    verdict: Verdict, stalled_s: float, told: tuple[str, str | None]
) -> None:
    device = Device("1-1", 1, 1, 0x37C5, 0x96E3, "S1", 0x0103, DeviceMode.DFU)
    slot = Slot("1-1", "1-1", phase=Phase.AWAY, device=device, run=opened(a_run(serial="S1")))
    moment = Moment(5.0, datetime(2026, 11, 29, tzinfo=UTC), "r", "a")
    ended = RunEnded(verdict, verified=True, boot_confirmed=False, left_by_itself=True)
    after, effects = step(slot, ended, moment, Terms(SETUP, stalled_s=stalled_s))
    (run,) = (
        effect.fact.run for effect in effects if isinstance(effect, Submit) and isinstance(effect.fact, RunFinished)
    )
    assert (str(run.outcome), run.code) == told
    assert after.fickle is (run.code != "station.stalled")


def test_departures_are_as_far_apart_as_they_were_seen() -> None:
    """Both are taken in at once; the second left a second later."""
    dispatcher, _ = two_being_run()
    dispatcher.device_event(DeviceLeft("1-1.1"), 5.0)
    dispatcher.device_event(DeviceLeft("1-1.2"), 6.0)
    assert {slot.hub_lost for slot in dispatcher._slots.values()} == {None}
    dispatcher.close()
