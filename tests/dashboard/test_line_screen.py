"""The line screen over a real line: plug, watch, fail, re-run, pause, cancel, leave, come back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from station.control.client import is_served
from station.dashboard.app import Dashboard
from station.dashboard.exit_status import Leaving
from station.dashboard.screens.question import Question
from station.dashboard.tiles.tile_grid import SlotGrid
from station.sim.faults import Fault
from tests.dashboard.driving import dashboard
from tests.integration.conftest import MakeBench, camera, serial

SLOW = {"profile": "mram", "scale": 6.0}
"""A camera that takes some seconds, so that it can be looked at while it runs."""


async def test_plug_watch_fail_and_re_run(make_bench: MakeBench) -> None:
    refuses = Fault("err_write", "WRITE", alt=1, times=2)
    bench = make_bench([camera(1, faults=(refuses,)), camera(2, **SLOW)])
    with bench.station("--batch", "L42", "--operator", "ann", plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("batch L42 · ann")
            await operator.until_text("No camera yet")
            bench.line.plug_all()
            writing = await operator.until_word("1-1.2", "WRITING")
            assert writing.serial == serial(2)[-6:]
            await operator.until(lambda: (operator.faces["1-1.2"].filled or 0) > 0, "the bar moves")
            failed = await operator.until_word("1-1.1", "FAIL")
            assert "could not store a block" in failed.details[0]
            assert "dfu.err_write" in failed.details[1]
            passed = await operator.until_word("1-1.2", "PASS")
            assert (passed.serial, passed.details) == (serial(2)[-6:], ("Take it out.",))
            assert {run["outcome"] for run in bench.export()} == {"PASS", "FAIL"}, "green before the log has it"
            await operator.until_text("✓ 1 passed  ✗ 1 failed  first pass 50.0 %")
            await operator.press("left", "r")
            again = await operator.until_word("1-1.1", "PASS")
            assert again.serial == serial(1)[-6:]
            await operator.until_text("✓ 2 passed  ✗ 0 failed")
        running.interrupt()
        running.end()


async def test_a_pass_and_a_failure_sound_and_flash_differently_or_not_at_all(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench([camera(1), camera(2, faults=(Fault("err_write", "WRITE", alt=1, times=4),)), camera(3)])
    given: list[str] = []
    put_out = SlotGrid._put_out

    def flashed(grid: SlotGrid, numbers: Sequence[int], times: int) -> None:
        given.append("flash")
        put_out(grid, numbers, times)

    monkeypatch.setattr(Dashboard, "bell", lambda app: given.append("bell"))
    monkeypatch.setattr(SlotGrid, "_put_out", flashed)
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("No camera yet")
            bench.line.plug(serial(1))
            await operator.until(lambda: sorted(given) == ["bell", "flash"], "one of each for a pass")
            given.clear()
            bench.line.plug(serial(2))
            await operator.until(lambda: sorted(given) == ["bell", "bell", "flash", "flash"], "two for a failure")
            given.clear()
            await operator.press("s")
            await operator.until_text("are off")
            bench.line.plug(serial(3))
            await operator.until_word("1-1.3", "PASS")
            await operator.until_text("2 passed")
            assert given == []
        async with dashboard(bench) as later:
            await later.until_word("1-1.2", "FAIL")
            await later.until_text("2 passed")
            assert given == [], "what ended before somebody looked is no news"
        running.interrupt()
        running.end()


async def test_remaining_time_is_learned_from_the_log(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1), camera(2, **SLOW)])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            bench.line.plug(serial(1))
            await operator.until_word("1-1.1", "PASS")
            await operator.until(lambda: operator.app.state.pace.write_s, "the pace of the first camera")
            bench.line.plug(serial(2))
            await operator.until(lambda: "left" in getattr(operator.faces.get("1-1.2"), "times", ""), "remaining")
        running.interrupt()
        running.end()


async def test_a_paused_line_says_so_and_goes_on(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("No camera yet")
            await operator.press("p")
            await operator.until_text("PAUSED")
            bench.line.plug_all()
            await operator.until_word("1-1.1", "WAITING")
            await operator.press("p")
            await operator.until_word("1-1.1", "PASS")
            assert "PAUSED" not in operator.text()
        running.interrupt()
        running.end()


async def test_a_running_slot_is_cancelled_after_a_question(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW)])
    with bench.station() as running:
        async with dashboard(bench) as operator:
            await operator.until_word("1-1.1", "WRITING")
            await operator.press("c")
            await operator.until(lambda: isinstance(operator.app.screen, Question), "the question")
            await operator.press("n")
            await operator.until_word("1-1.1", "WRITING")
            await operator.press("c")
            await operator.until_text("half written")
            await operator.press("y")
            ended = await operator.until_word("1-1.1", "ABORTED")
            assert "operator.cancelled" in ended.details[1]
        running.interrupt()
        running.end()


async def test_leave_the_line_running_come_back_and_stop_it(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2)])
    with bench.station(plug=False) as running:
        bench.line.plug(serial(1))
        async with dashboard(bench) as operator:
            await operator.until_word("1-1.1", "WRITING")
            await operator.press("q")
            await operator.until_text("Leave it running")
            await operator.press("l")
        assert operator.app.return_value == Leaving(line_goes_on=True)
        assert running.run()["outcome"] == "PASS"
        async with dashboard(bench, (160, 45)) as operator:
            await operator.until_word("1-1.1", "PASS")
            await operator.press("q")
            await operator.until_text("Stop the line")
            await operator.press("s")
            await operator.until(lambda: operator.app.return_value is not None, "it left")
        assert operator.app.return_value == Leaving(line_goes_on=False)
        assert running.end() == 0
    assert not is_served(bench.data_dir)


async def test_why_the_line_stopped_stands_in_a_banner(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW)])
    with bench.station() as running:
        async with dashboard(bench) as operator:
            await operator.until_word("1-1.1", "WRITING")
            operator.app.line.ask("stop")
            await operator.until_text("The line is stopping")
            running.process.kill()
            await operator.until_text("THE LINE STOPPED: the line's process ended")
            await operator.press("q")
            await operator.until(lambda: operator.app.return_value is not None, "it left without a question")


async def test_a_screen_that_may_only_look_changes_nothing(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW)])
    with bench.station() as running:
        async with dashboard(bench, read_only=True) as operator:
            await operator.until_word("1-1.1", "WRITING")
            operator.app.line.ask("cancel", port_path="1-1.1")
            await operator.until_text("may only look")
            await operator.until_word("1-1.1", "PASS")
        running.interrupt()
        assert running.end() == 130


async def test_every_size_shows_every_slot(make_bench: MakeBench) -> None:
    bench = make_bench([camera(number, **SLOW) for number in range(1, 5)])
    with bench.station() as running:
        async with dashboard(bench) as operator:
            for size in ((40, 12), (240, 67), (20, 8), (80, 24)):
                await operator.pilot.resize_terminal(*size)
                await operator.until(lambda: len(operator.faces) == 4, "four tiles")
            for slot in ("1-1.1", "1-1.2", "1-1.3", "1-1.4"):
                await operator.until_word(slot, "PASS")
        running.interrupt()
        assert running.end() == 130
