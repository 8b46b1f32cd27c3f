"""What is done to single slots with the keys of the line screen, and how slots that are not run look."""

from __future__ import annotations

from pathlib import Path

from station.dashboard.screens.question import Question
from station.sim.faults import Fault
from tests.dashboard.driving import Operator, dashboard
from tests.harness import Bench
from tests.integration.conftest import MakeBench, camera, serial

REFUSES = Fault("err_write", "WRITE", alt=1, times=2)
SLOW = {"profile": "mram", "scale": 6.0}


def _runs(bench: Bench) -> dict[str, list[str]]:
    runs: dict[str, list[str]] = {}
    for run in bench.export():
        runs.setdefault(run["serial"], []).append(run["outcome"])
    return runs


async def _select(operator: Operator, slot: str) -> None:
    """Move the selection to a slot's tile."""
    await operator.until(lambda: slot in operator.faces, slot)
    await operator.press(*["left"] * len(operator.faces), *["right"] * list(operator.faces).index(slot))


async def test_a_waiting_slot_is_cancelled_without_a_question(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1), camera(2)])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("No camera yet")
            await operator.press("p")
            await operator.until_text("PAUSED")
            bench.line.plug_all()
            await operator.until_word("1-1.1", "WAITING")
            await operator.until_word("1-1.2", "WAITING")
            await _select(operator, "1-1.2")
            await operator.press("c")
            await operator.until_word("1-1.2", "ABORTED")
            assert not isinstance(operator.app.screen, Question)
            assert operator.faces["1-1.1"].word == "WAITING"
            await operator.press("p")
            await operator.until_word("1-1.1", "PASS")
            await operator.press("c")
            await operator.until_text("Nothing runs in this slot.")
        running.interrupt()
        running.end()
    assert bench.blocks_written(serial(2)) == 0
    assert _runs(bench) == {serial(1): ["PASS"], serial(2): ["ABORTED"]}


async def test_a_cancelled_slot_leaves_the_others_alone(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOW)])
    with bench.station() as running:
        async with dashboard(bench) as operator:
            await operator.until_word("1-1.1", "WRITING")
            await operator.until_word("1-1.2", "WRITING")
            await _select(operator, "1-1.2")
            await operator.press("c", "escape")
            assert not isinstance(operator.app.screen, Question)
            await operator.press("c", "y")
            await operator.until_word("1-1.2", "ABORTED")
            await operator.until_word("1-1.1", "PASS")
        running.interrupt()
        running.end()
    assert _runs(bench) == {serial(1): ["PASS"], serial(2): ["ABORTED"]}


async def test_all_that_failed_and_are_still_in_run_again_and_no_other(make_bench: MakeBench) -> None:
    bench = make_bench([camera(n, faults=(REFUSES,)) for n in (1, 2, 3)] + [camera(4)])
    with bench.station() as running:
        async with dashboard(bench) as operator:
            for slot in ("1-1.1", "1-1.2", "1-1.3"):
                await operator.until_word(slot, "FAIL")
            await operator.until_word("1-1.4", "PASS")
            bench.line.unplug(serial(3))
            await operator.until_word("1-1.3", "empty")
            await operator.press("R")
            await operator.until_text("2 re-run.")
            for slot in ("1-1.1", "1-1.2"):
                await operator.until_word(slot, "PASS")
        running.interrupt()
        running.end()
    again = ["FAIL", "PASS"]
    assert _runs(bench) == {serial(1): again, serial(2): again, serial(3): ["FAIL"], serial(4): ["PASS"]}


async def test_enter_on_a_slot_runs_its_camera_again(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1), camera(2, faults=(REFUSES,))])
    with bench.station() as running:
        async with dashboard(bench) as operator:
            await operator.until_word("1-1.1", "PASS")
            await operator.until_word("1-1.2", "FAIL")
            await _select(operator, "1-1.2")
            await operator.press("enter")
            await operator.until_word("1-1.2", "PASS")
        running.interrupt()
        running.end()
    assert _runs(bench) == {serial(1): ["PASS"], serial(2): ["FAIL", "PASS"]}


async def test_an_unknown_port_a_skipped_unit_and_one_that_waits_look_different(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[slots]\nA1 = "1-1.1"\nA2 = "1-1.2"\nA3 = "1-1.3"\n')
    bench = make_bench([camera(1), camera(2), camera(4)])
    with bench.station("--config", config, plug=False) as running:
        async with dashboard(bench, (120, 30)) as operator:
            await operator.until_word("A1", "empty")
            bench.line.plug(serial(1))
            await operator.until_word("A1", "PASS")
            bench.line.replug(serial(1))
            skipped = await operator.until_word("A1", "SKIPPED")
            await operator.press("p")
            bench.line.plug(serial(2))
            waiting = await operator.until_word("A2", "WAITING")
            bench.line.plug(serial(4))
            unknown = await operator.until_word("1-1.4", "not a slot")
            faces = (skipped, waiting, unknown, operator.faces["A3"])
            for what in ("glyph", "word", "tone"):
                assert len({getattr(face.look, what) for face in faces[:3]}) == 3
            assert faces[3].look != unknown.look
            assert "already passed" in skipped.details[0]
            assert "left alone" in unknown.details[0]
            bench.line.unplug(serial(4))
            await operator.until(lambda: "1-1.4" not in operator.faces, "an empty port that is no slot is not shown")
        running.interrupt()
        running.end()
    assert bench.blocks_written(serial(4)) == 0
