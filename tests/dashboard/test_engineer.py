"""The engineer's PIN on the dashboard: asked for when an act needs it, hidden, shown in the header, ended by a key."""

from __future__ import annotations

from textual.widgets import Input

from station.dashboard.screens.pin_form import PinDialog
from station.dashboard.screens.question import Question
from station.ledger import audit
from station.roles.pin_file import set_pin
from tests.dashboard.driving import Operator, dashboard
from tests.dashboard.test_batches import scan, until_dialog, until_question
from tests.harness import wait_for
from tests.integration.conftest import MakeBench, camera

PIN = "2580"


async def until_pin(operator: Operator) -> None:
    await operator.until(lambda: isinstance(operator.app.screen, PinDialog), "the PIN's dialog")


async def end_the_batch(operator: Operator) -> None:
    await operator.press("b")
    await until_question(operator, "change operator")
    await operator.press("x")
    await until_question(operator, "Batch L42")
    await operator.press("x")


async def test_a_batch_that_is_ended_short_needs_the_engineer(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running:
        async with dashboard(bench, size=(110, 30)) as operator:
            set_pin(bench.data_dir, "engineer", PIN)
            await operator.until_text("no batch")
            await operator.press("b")
            await until_dialog(operator)
            for text in ("L42", "ann", "2"):
                scan(operator.app, text)
            await operator.until_text("batch L42 (0 of 2) · ann")

            await end_the_batch(operator)
            await until_pin(operator)
            await operator.press("escape")
            assert "batch L42" in operator.text(), "who gives no PIN ends nothing"

            await end_the_batch(operator)
            await until_pin(operator)
            await operator.press(*"Ada", "enter", *"1111")
            assert operator.app.screen.query_one("#pin", Input).value == "1111"
            assert "1111" not in operator.text()
            await operator.press("enter")
            await operator.until_text("this is not the PIN")
            await until_pin(operator)
            await operator.press(*PIN, "enter")
            await operator.until_text("no batch")
            await operator.until_text("ENGINEER Ada ")
            await operator.press("e")
            await operator.until(lambda: "ENGINEER" not in operator.text(), "an operator again")
            assert not isinstance(operator.app.screen, Question)
        running.interrupt()
        running.end()
    wait_for(lambda: len(audit.rows(bench.data_dir)) >= 3, "the rows")
    rows = [(row.act, row.subject, row.who, row.role) for row in audit.rows(bench.data_dir)]
    assert rows[1:] == [("pin.refused", "", "Ada", "operator"), ("batch.ended_short", "L42", "Ada", "engineer")]


async def test_a_line_without_proofs_says_so_on_every_screen_and_tile(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    off = {"STATION_RUN__VERIFY": "false", "STATION_RUN__CONFIRM_BOOT": "off"}
    with bench.station(environment=off) as running:
        async with dashboard(bench) as operator:
            await operator.until_word("1-1.1", "PASS")
            assert "!!1-1.1" in operator.text()
            assert "!! NOT READ BACK, START NOT WAITED FOR" in operator.text()
            for key in "2345":
                await operator.press(key)
                assert operator.text().startswith(" NOT READ BACK · START NOT WAITED FOR · "), key
        running.interrupt()
        running.end()
