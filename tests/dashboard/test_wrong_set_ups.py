"""What the screen shows where the bench is wrong, not a camera: the red banner, a slot taken out, who is left alone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from textual.widgets import DataTable

from station.control.client import is_served
from station.control.wire import LineStatus
from station.dashboard.eta import Pace
from station.dashboard.tiles.tile_content import face_of
from station.dashboard.widgets.status_lines import banner_of
from station.errors import HINTS
from station.line.left_alone import APPLICATION, NOT_A_SLOT, NOT_HELD
from station.model.slots import SlotState, SlotView
from station.sim.faults import Fault
from station.sim.spec import CameraSpec
from station.sim.virtual_line import ControlClient
from tests.dashboard.conftest import Watch
from tests.dashboard.driving import Operator, dashboard
from tests.dashboard.terminal import terminal
from tests.harness import PROGRAM, Bench, wait_for
from tests.integration.conftest import MakeBench, camera, serial

REFUSES = (Fault("err_write", "WRITE", alt=1, times=None),)
LARGE = (160, 45)
N6 = "an OpenMV board that is no AE3 (37C5:9206) is here: it is left alone"


def swap(bench: Bench, spec: CameraSpec) -> None:
    """Another camera in the place of the one on its port."""
    with closing(ControlClient(bench.line.addresses[0])) as client:
        client.ask("unplug", port_path=spec.port_path)
        client.ask("plug", camera=spec.to_json())


async def notices(operator: Operator) -> list[str]:
    """The log page's lines about devices that are not run."""
    await operator.press("f5")
    table = operator.app.desk.page.query_one(DataTable)
    rows = [table.get_row_at(row) for row in range(table.row_count)]
    return [str(cells[4]) for cells in rows if str(cells[1]) == "⊘ NOTICE"]


def test_the_same_failure_in_a_row_pauses_the_line_with_a_red_banner(make_bench: MakeBench, tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text("[line]\nsame_failures_in_a_row = 2\n")
    bench = make_bench([camera(1, faults=REFUSES), camera(2, faults=REFUSES), camera(3)])
    words = [*PROGRAM, "run", *bench.words, "--bundle", bench.release, "--config", config]
    with terminal(tmp_path, words) as screen:
        screen.wait_for("No camera yet")
        bench.line.plug(serial(1))
        bench.line.plug(serial(2))
        screen.wait_for("THE LINE PAUSED")
        text = " ".join(screen.text.split())
        for said in ("2 cameras in a row failed with dfu.err_write", "check whether the bundle", "Press p to go on"):
            assert said in text
        bench.line.plug(serial(3))
        screen.wait_for("WAITING")
        screen.press("p")
        screen.wait_for("✓ PASS")
        assert "THE LINE PAUSED" not in screen.text
        screen.press("q")
        screen.wait_for("Stop the line")
        screen.press("s")
        wait_for(lambda: not is_served(bench.data_dir), "the line has ended")
    assert [run["outcome"] for run in bench.export()].count("PASS") == 1


def test_a_pause_for_failures_is_an_alarm_and_a_pause_by_hand_is_none() -> None:
    message = "5 cameras in a row failed with mram.wrapped, the last one in A3: check the hubs"
    kind, text = banner_of(LineStatus(paused=True, paused_code="mram.wrapped", paused_message=message))
    assert kind == "alarm"
    assert message in text
    assert text.endswith("Press p to go on.")
    assert banner_of(LineStatus(paused=True))[0] == "note"


async def test_a_slot_that_was_taken_out_is_used_again_by_a_key(make_bench: MakeBench, watch: Watch) -> None:
    bench = make_bench([camera(1, faults=REFUSES), camera(2)])
    with bench.station(STATION_LINE__SLOT_FAILURES_IN_A_ROW="2", STATION_RUN__MAX_ATTEMPTS="1") as running:
        async with dashboard(bench, LARGE) as operator:
            socket = watch(bench)
            await operator.until_word("1-1.1", "FAIL")
            await operator.until_word("1-1.2", "PASS")
            await operator.press("u")
            await operator.until_text("This slot is not taken out.")
            swap(bench, camera(1, faults=REFUSES).with_(serial=serial(5)))
            face = await operator.until_word("1-1.1", "TAKEN OUT")
            assert face.look.tone == "error"
            assert "u uses the slot again" in face.details[0]
            swap(bench, camera(1, forced=True).with_(serial=serial(7)))
            await operator.until(lambda: operator.faces["1-1.1"].serial == serial(7)[-6:], "the camera left alone")
            assert operator.faces["1-1.1"].word == "TAKEN OUT"
            await operator.press("left", "left", "u")
            await operator.until_word("1-1.1", "PASS")
            assert socket.fact("notice")["code"] == "notice.slot_taken_out"
        running.interrupt()
        running.end()
    assert [run["outcome"] for run in bench.export() if run["serial"] == serial(7)] == ["PASS"]


async def test_who_is_left_alone_is_told_once_on_its_tile_and_in_the_log(
    make_bench: MakeBench, watch: Watch, tmp_path: Path
) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[slots]\nA1 = "1-1.1"\n')
    bench = make_bench([camera(1), camera(2)])
    with bench.station("--config", config, plug=False) as running:
        async with dashboard(bench, LARGE) as operator:
            socket = watch(bench)
            await operator.until_word("A1", "empty")
            bench.line.plug(serial(2))
            face = await operator.until_word("1-1.2", "not a slot")
            assert face.details == ("this port is not a slot: the camera is left alone",)
            await operator.until(lambda: [fact for fact in socket.facts if "notice" in fact], "a notice")
            # A whole run on another port comes after it: a second notice would have come before its end.
            bench.line.plug(serial(1))
            await operator.until_word("A1", "PASS")
            told = [fact["notice"] for fact in socket.facts if "notice" in fact]
            assert [(notice["slot"], notice["code"]) for notice in told] == [("1-1.2", "notice.not_a_slot")]
            text = "notice.not_a_slot this port is not a slot: the camera is left alone"
            assert await notices(operator) == [text]
            # A notice is in no log: the line tells it to a screen that comes later, with its own time.
            async with dashboard(bench, LARGE) as later:
                await later.until(lambda: later.app.state.events, "the notice of before")
                assert await notices(later) == [text]
                assert later.app.state.events[0].at == operator.app.state.events[0].at
        running.interrupt()
        running.end()
    assert bench.blocks_written(serial(2)) == 0


@pytest.mark.parametrize(
    ("state", "code", "message", "seen"),
    [
        (SlotState.APPLICATION, None, APPLICATION, APPLICATION),
        (SlotState.NOT_A_SLOT, None, NOT_A_SLOT, NOT_A_SLOT),
        (SlotState.NOT_A_SLOT, None, N6, N6),
        (SlotState.EMPTY, "usb.not_held", NOT_HELD, HINTS["usb.not_held"]),
        (SlotState.FAILED, "boot.unstable", "the application came and went", HINTS["boot.unstable"]),
    ],
    ids=["application", "no slot", "N6", "left before it was held", "comes and goes"],
)
def test_a_tile_says_why_its_camera_is_not_run(state: SlotState, code: str | None, message: str, seen: str) -> None:
    view = SlotView("A1", "1-1.1", state, "", "", code, message)
    assert face_of(view, Pace(), (), 0.0).details[0] == seen
