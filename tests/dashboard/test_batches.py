"""A batch on the dashboard, over a real line: begun by hand and by scanner, reached, continued, closed."""

from __future__ import annotations

import asyncio

from textual.events import Key
from textual.widgets import Input

from station.dashboard.app import Dashboard
from station.dashboard.screens.batch_form import BatchDialog
from station.dashboard.screens.main_screen import Desk
from station.dashboard.screens.question import Question
from station.sim.faults import Fault
from station.wiring.log import open_records
from tests.dashboard.driving import Operator, dashboard
from tests.harness import station
from tests.integration.conftest import MakeBench, camera, serial


def scan(app: Dashboard, text: str) -> None:
    """All characters at once, and Enter: nobody waits for the screen."""
    for character in text:
        app.post_message(Key(character, character))
    app.post_message(Key("enter", "\r"))


async def until_dialog(operator: Operator) -> None:
    await operator.until(lambda: isinstance(operator.app.screen, BatchDialog), "the dialog")


async def until_question(operator: Operator, text: str) -> None:
    await operator.until(lambda: isinstance(operator.app.screen, Question) and text in operator.text(), text)


async def test_a_batch_is_scanned_reached_continued_and_closed(make_bench: MakeBench) -> None:
    refuses = Fault("err_write", "WRITE", alt=1, times=2)
    bench = make_bench([camera(1), camera(2, faults=(refuses,)), camera(3), camera(4)])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("no batch")
            app = operator.app
            await operator.press("b")
            for text in ("L42", "ann", "2"):
                scan(app, text)
            await operator.until_text("batch L42 (0 of 2) · ann")
            bench.line.plug(serial(1))
            await operator.until_word("1-1.1", "PASS")
            bench.line.plug(serial(2))
            await until_question(operator, "all 2 planned units have a result")
            bench.line.plug(serial(3))
            await operator.until(lambda: bench.held(serial(3)), "held")
            scan(app, "")
            await operator.press("escape")
            await operator.until_text("PLAN REACHED")
            await operator.until_word("1-1.3", "WAITING")

            await operator.press("b")
            await until_question(operator, "all 2 planned")
            await operator.press("g")
            await operator.until_word("1-1.3", "PASS")
            await operator.until_text("batch L42 (3 of 2)")

            await operator.press("b")
            await until_question(operator, "change operator")
            await operator.press("x")
            await until_question(operator, "Batch L42")
            await operator.until_text("final yield: 66.7 %")
            closing = [line.rpartition("┃")[0].partition("┃")[2].strip() for line in operator.text().splitlines()]
            for line in ("2  planned", "+  1  more than planned", "=  2  passed", "+  0  open", "+  1  failed"):
                assert line in closing
            await operator.press("x")
            await operator.until_text("no batch")
            await operator.until_text("PAUSED")

            await operator.press("b")
            await until_dialog(operator)
            assert app.screen.query_one("#operator", Input).value == "ann"
            await operator.press(*"L43", "enter", *"bob", "enter", "enter")
            await operator.until_text("batch L43 · bob")
            bench.line.plug(serial(4))
            await operator.until_word("1-1.4", "PASS")
        running.interrupt()
        running.end()
    batches = {run["serial"]: (run["batch"], run["operator"]) for run in bench.export()}
    assert batches == {serial(n): ("L42", "ann") for n in (1, 2, 3)} | {serial(4): ("L43", "bob")}


async def test_what_cannot_be_is_said_in_the_dialog_and_nothing_is_begun(make_bench: MakeBench) -> None:
    bench = make_bench([])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("no batch")
            await operator.press("b")
            await until_dialog(operator)
            await operator.press("enter")
            await operator.until_text("A batch has a name.")
            await operator.press(*"L1", "enter", "enter", *"a0b", "enter")  # no letter is passed over: it is no number
            await operator.until_text("Planned units: a whole number from 1 to 999999.")
            assert operator.app.screen.query_one("#planned", Input).value == "a0b"
            await operator.press("escape")
            await operator.until_text("no batch")
            assert not isinstance(operator.app.screen, BatchDialog)
        running.interrupt()
        running.end()


async def test_an_answer_on_one_screen_takes_the_question_from_the_others(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--batch", "L1", plug=False) as running:
        async with dashboard(bench) as first, dashboard(bench, read_only=True) as looker:
            await first.until_text("batch L1")
            first.app.line.ask("begin_batch", name="L1", operator="ann", planned=1)
            await looker.until_text("batch L1 (0 of 1) · ann")
            bench.line.plug(serial(1))
            await until_question(first, "all 1 planned")
            await looker.until_text("PLAN REACHED")
            assert not isinstance(looker.app.screen, Question), "who may only look is asked nothing"
            await looker.press("b")
            assert type(looker.app.screen) is Desk, "nor does it get the dialog"
            async with dashboard(bench) as second:
                await until_question(second, "all 1 planned")
                await second.press("g")
            await first.until(lambda: not isinstance(first.app.screen, Question), "the question is gone")
            await first.until_word("1-1.1", "PASS")
        running.interrupt()
        running.end()


async def test_nobody_who_types_a_serial_is_interrupted(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("no batch")
            operator.app.line.ask("begin_batch", name="L1", operator=None, planned=1)
            await operator.until_text("batch L1 (0 of 1)")
            await operator.press("2")
            bench.line.plug(serial(1))
            await operator.until_text("PLAN REACHED")
            await operator.press(*"ge1")
            await operator.until(lambda: operator.app.screen.query_one(Input).value == "ge1", "typed")
            await operator.press("escape")
            await until_question(operator, "all 1 planned")
        running.interrupt()
        running.end()


async def begin(operator: Operator, name: str) -> None:
    """Begin a batch where there is none, or another one."""
    await operator.press("b")
    await operator.until(lambda: isinstance(operator.app.screen, BatchDialog | Question), "a dialog")
    if isinstance(operator.app.screen, Question):
        await operator.press("c")
        await until_dialog(operator)
    operator.app.screen.query_one("#name", Input).value = name
    await operator.press("enter", "enter", "enter")


async def test_a_batch_that_is_nearly_another_is_asked_about(make_bench: MakeBench) -> None:
    """A scanner that types ' for -: it is the batch that was begun by hand, or it is not."""
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("no batch")
            for name in ("2026-47", "l42"):
                await begin(operator, name)
                await operator.until_text(f"batch {name}")
            for name, answer, begun in (("2026'47", "y", "2026-47"), ("L42", "n", "L42")):
                await begin(operator, name)
                await until_question(operator, f"There is no batch {name} yet")
                scan(operator.app, "")
                await operator.press(answer)
                await operator.until_text(f"batch {begun}")
            await begin(operator, "l42")
            await operator.until_text("batch l42")
        running.interrupt()
        running.end()
    with open_records(bench.data_dir) as records:
        assert records.near_batches("l-42") == ["L42", "l42"]
        assert records.near_batches("2026_47") == ["2026-47"]


async def test_a_scrapped_camera_is_the_last_of_the_plan(make_bench: MakeBench) -> None:
    """Two planned, one passed, one dead on arrival: the line that runs asks how to go on."""
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running:
        async with dashboard(bench) as operator:
            await operator.until_text("no batch")
            await operator.press("b")
            for text in ("L42", "ann", "2"):
                scan(operator.app, text)
            await operator.until_text("batch L42 (0 of 2)")
            bench.line.plug(serial(1))
            await operator.until_word("1-1.1", "PASS")
            scrapped = await asyncio.to_thread(
                station, "scrap", "--batch", "L42", "--reason", "dead", "--by", "Eve", "--data-dir", bench.data_dir
            )
            assert scrapped.returncode == 0, scrapped.stderr
            await until_question(operator, "all 2 planned units have a result")
            await operator.press("x")
            await until_question(operator, "(1 of them scrapped)")
            await operator.press("x")
            await operator.until_text("no batch")
        running.interrupt()
        running.end()
