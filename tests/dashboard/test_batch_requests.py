"""Batches through the line's socket: every screen sees the same one, and runs keep what they started under."""

from __future__ import annotations

import pytest

from station.control.requests import BeginBatch, parsed
from station.errors import UsageError
from station.model.batches import NAME_LIMIT
from tests.dashboard.conftest import Watch
from tests.dashboard.screenless import Screenless
from tests.harness import Bench, Station, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial

SLOW = {"profile": "mram", "scale": 6.0}


def _begin(screen: Screenless, name: str, operator: str | None = None, planned: int | None = None) -> None:
    screen.ask("begin_batch", name=name, operator=operator, planned=planned)
    wait_for(lambda: _about(screen) == (name, operator, planned), f"batch {name}")


def _about(screen: Screenless) -> tuple[object, ...]:
    newest = [fact["about"] for fact in screen.facts if "about" in fact][-1]
    return newest["batch"], newest["operator"], newest["planned"]


def _under(bench: Bench) -> dict[str, tuple[object, ...]]:
    return {run["serial"]: (run["batch"], run["operator"], run["outcome"]) for run in bench.export()}


def test_a_batch_begun_on_one_screen_is_on_all_and_a_run_under_way_keeps_its_own(
    make_bench: MakeBench, watch: Watch
) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2)])
    with bench.station("--batch", "L1", "--operator", "ann", "--stop-after", "2", plug=False) as running:
        screen, other = watch(bench), watch(bench)
        screen.fact("about")
        other.fact("about")
        bench.line.plug(serial(1))
        screen.wait_for_state("1-1.1", "running")
        _begin(screen, "L2", "bob", 40)
        wait_for(lambda: _about(other) == ("L2", "bob", 40), "the other screen")
        latecomer = watch(bench)
        latecomer.fact("about")
        assert _about(latecomer) == ("L2", "bob", 40)
        bench.line.plug(serial(2))
        assert {run["outcome"] for run in running.runs(2)} == {"PASS"}
        assert running.end() == 0
    assert _under(bench) == {serial(1): ("L1", "ann", "PASS"), serial(2): ("L2", "bob", "PASS")}


def test_a_quantity_reached_holds_new_cameras_until_somebody_says_how_to_go_on(
    make_bench: MakeBench, watch: Watch
) -> None:
    bench = make_bench([camera(number) for number in (1, 2, 3, 4)])
    with bench.station("--stop-after", "4", plug=False) as running:
        screen = watch(bench)
        screen.fact("about")
        _begin(screen, "L1", "ann", 1)
        bench.line.plug(serial(1))
        running.run()
        wait_for(lambda: screen.snapshot()["status"]["plan_reached"], "the plan is reached")
        bench.line.plug(serial(2))
        screen.wait_for_state("1-1.2", "waiting")
        assert bench.held(serial(2))
        screen.ask("resume")
        screen.ask("go_on_with_batch", name="an other")
        screen.ask("end_batch", name="an other")
        assert screen.snapshot()["status"]["plan_reached"], "only an answer about this batch lets it go on"
        screen.ask("go_on_with_batch", name="L1")
        assert running.run()["serial"] == serial(2)

        screen.ask("end_batch", name="L1")
        wait_for(lambda: screen.snapshot()["status"]["paused"], "paused after the batch")
        bench.line.plug(serial(3))
        screen.wait_for_state("1-1.3", "waiting")
        _begin(screen, "L2", "bob", None)
        assert running.run()["serial"] == serial(3)
        screen.ask("end_batch", name="L2")
        wait_for(lambda: _about(screen) == (None, "bob", None), "no batch")
        screen.ask("resume")
        bench.line.plug(serial(4))
        running.run()
        assert running.end() == 0
    assert _under(bench) == {
        serial(1): ("L1", "ann", "PASS"),
        serial(2): ("L1", "ann", "PASS"),
        serial(3): ("L2", "bob", "PASS"),
        serial(4): (None, "bob", "PASS"),
    }


def test_a_line_without_a_screen_says_why_cameras_wait_and_how_to_let_them_on(
    make_bench: MakeBench, watch: Watch
) -> None:
    bench = make_bench([camera(1), camera(2)])
    with bench.station(plug=False) as running:
        screen = watch(bench)
        screen.fact("about")
        _begin(screen, "L42", "ann", 1)
        bench.line.plug(serial(1))
        running.run()
        wait_for(lambda: _said(running, "L42"), "that the quantity is reached")
        running.interrupt()
        running.end()
    bench.line.unplug(serial(1))
    with bench.station(plug=False) as running:
        wait_for(lambda: _said(running, "L42"), "that the quantity had been reached before")
        bench.line.plug(serial(2))
        wait_for(lambda: bench.held(serial(2)), "held")
        running.interrupt()
        assert running.end() == 130
    (line,) = _said(running, "L42")
    assert "(1)" in line
    assert f"station dashboard --data-dir {bench.data_dir}" in line
    assert "station run --batch NAME" in line
    assert all(run["outcome"] == "ABORTED" for run in running.rest), "stdout has runs, and nothing else"
    assert bench.blocks_written(serial(2)) == 0
    bench.line.unplug(serial(2))
    with bench.station("--batch", "L43", "--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(2))
        run = running.run()
        assert (run["batch"], run["outcome"]) == ("L43", "PASS")


def _said(running: Station, text: str) -> list[str]:
    return [line for line in running.talk if text in line]


def test_a_batch_goes_on_after_the_station_was_started_again(make_bench: MakeBench, watch: Watch) -> None:
    bench = make_bench([camera(1), camera(2), camera(3), camera(4)])
    with bench.station(plug=False) as running:
        screen = watch(bench)
        screen.fact("about")
        _begin(screen, "L1", "ann", 2)
        bench.line.plug(serial(1))
        running.run()
        running.process.kill()
    with bench.station("--batch", "other", "--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(2))
        assert (running.run()["batch"], running.end()) == ("other", 0)
    with bench.station("--operator", "bob", plug=False) as running:
        screen = watch(bench)
        screen.fact("about")
        assert _about(screen) == ("L1", "bob", 2)
        bench.line.plug(serial(3))
        assert (running.run()["batch"], screen.snapshot()["status"]["plan_reached"]) == ("L1", True)
        screen.ask("end_batch", name="L1")
        wait_for(lambda: _about(screen)[0] is None, "ended")
        running.interrupt()
        running.end()
    with bench.station("--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(4))
        assert (running.run()["batch"], running.end()) == (None, 0)


def test_the_longest_name_that_is_started_can_be_ended_and_one_longer_is_not_started(
    make_bench: MakeBench, watch: Watch
) -> None:
    bench = make_bench([])
    longest = "x" * NAME_LIMIT
    for option, key in (("--batch", "run.batch"), ("--operator", "run.operator")):
        refused = station("run", "--headless", option, longest + "x", *bench.words)
        assert refused.returncode == 2
        (line,) = refused.stderr.splitlines()
        assert f"command line: {key}: found" in line
        assert f"allowed: text of at most {NAME_LIMIT} characters" in line
    with bench.station("--batch", longest, "--operator", longest, plug=False) as running:
        screen = watch(bench)
        screen.fact("about")
        assert _about(screen) == (longest, longest, None)
        screen.ask("end_batch", name=longest)
        wait_for(lambda: _about(screen)[0] is None, "ended")
        running.interrupt()
        running.end()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": "", "operator": None, "planned": None},
        {"name": "L\n1", "operator": None, "planned": None},
        {"name": "L1", "operator": " ", "planned": None},
        {"name": "L1", "operator": "x" * (NAME_LIMIT + 1), "planned": None},
        {"name": "L1", "operator": None, "planned": 0},
        {"name": "L1", "operator": None, "planned": 1_000_000},
        {"name": "L1", "operator": None, "planned": "5"},
        {"name": "L1", "operator": None, "planned": True},
    ],
)
def test_a_batch_that_is_none_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(UsageError) as refused:
        parsed({"do": "begin_batch", **given})
    assert refused.value.code == "request.invalid"
    wanted = parsed({"do": "begin_batch", "name": " L1 ", "operator": None, "planned": 999_999})
    assert wanted == BeginBatch("L1", None, 999_999)
