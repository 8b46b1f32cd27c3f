"""How the dashboard answers its keys, and what it costs. `tests/run -m bench -k dashboard_speed -s`.

The figures go to stdout and, as JSON, to the file that STATION_BENCH_OUTPUT names; none is asserted. The virtual line
and the dashboard share this machine: the cameras are slowed down so that they and their workers leave it some room.
STATION_BENCH_LOG names a folder to keep the log of a million runs in, so that it is made once.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import pytest

from station.control.client import is_served
from station.control.wire import LineStatus
from station.ledger.database import FILE_NAME
from station.model.slots import SlotState
from station.sim.spec import CameraSpec
from station.sim.virtual_line import VirtualLine
from tests.bench import big_log
from tests.bench.keyboard import Press, dashboard_on_pty, figures, tell
from tests.dashboard.screenless import Screenless
from tests.dashboard.scripted import ABOUT, EVERY_STATE, scripted_line
from tests.harness import Bench, wait_for
from tests.releases import make_demo_release

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

CAMERAS = 48
SLOWER = 3.0
"""NOR boards at a third of their speed: 48 of them keep two cores at work, but do not fill them."""
SCREENS = [
    ("f2", "erial, or its end"),
    ("f3", "Nothing to run|failed at"),
    ("f4", "first-pass yield"),
    ("f5", "how only what"),
    ("f6", "KEYS"),
]

SLOTS = tuple(view for view in EVERY_STATE if view.state is not SlotState.NOT_A_SLOT)


def port(number: int) -> str:
    return f"1-{1 + number // 8}.{1 + number % 8}"


def selected(name: str) -> str:
    """The pattern of the title bar of a slot's tile while it is selected."""
    return f"\u25c6[^\x1b]*{re.escape(name)} "


def arrows(names: list[str], count: int) -> list[Press]:
    """Right and left from slot to slot, from the first slot on and back to it."""
    there = [Press("right", selected(name)) for name in names[1:]]
    back = [Press("left", selected(name)) for name in names[-2::-1]]
    return list(islice(cycle([*there, *back]), count))


def screens(first: str, count: int) -> list[Press]:
    """From each screen to the next, and between them back to the line."""
    return [press for key, text in islice(cycle(SCREENS), count) for press in (Press(key, text), Press("f1", first))]


def copies(presses: list[Press]) -> list[Press]:
    return [replace(press) for press in presses]


@pytest.fixture(scope="module")
def full_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of real size."""
    folder = tmp_path_factory.mktemp("full")
    make_demo_release(folder)
    return folder


def test_forty_eight_busy_slots(tmp_path: Path, full_release: Path) -> None:
    specs = [
        CameraSpec(serial=big_log.serial_of(number), port_path=port(number), profile="nor", scale=SLOWER, plugged=False)
        for number in range(CAMERAS)
    ]
    with VirtualLine(specs, shards=2) as line:
        bench = Bench(line, tmp_path / "data", full_release)
        with bench.station("--recipe", "romfs0", "--batch", "L42") as running:
            wait_for(lambda: is_served(bench.data_dir), "the line answers")
            spy = Screenless(bench.data_dir)
            wait_for(lambda: _writing(spy) == CAMERAS, "all cameras are being written", 300)
            with dashboard_on_pty(bench.data_dir, 240, 67) as keyboard:
                time.sleep(5)
                begun_s, cpu_s = time.perf_counter(), keyboard.cpu_s()
                time.sleep(20)
                looked_on = (keyboard.cpu_s() - cpu_s) / (time.perf_counter() - begun_s)
                moves = copies(arrows([port(number) for number in range(CAMERAS)], 140))
                begun_s, cpu_s = time.perf_counter(), keyboard.cpu_s()
                keyboard.press(moves)
                changes = screens(moves[-1].expected, 35)
                keyboard.press(changes)
                pressed = (keyboard.cpu_s() - cpu_s) / (time.perf_counter() - begun_s)
                assert _writing(spy) == CAMERAS, "the line was done too early"
                arrows_s, screens_s = keyboard.delays_s(moves), keyboard.delays_s(changes)
            spy.close()
            running.process.kill()
    tell(
        {
            "what": f"{CAMERAS} cameras, nor, {SLOWER} times slower, 240x67",
            "load": os.getloadavg()[0],
            "arrows": figures(arrows_s),
            "screens": figures(screens_s),
            "all": figures([*arrows_s, *screens_s]),
            "cpu_looked_on": round(looked_on, 3),
            "cpu_with_keys": round(pressed, 3),
        }
    )


def _writing(spy: Screenless) -> int:
    return sum((slot["progress"] or {}).get("phase") == "write" for slot in spy.snapshot()["slots"])


@pytest.fixture(scope="module")
def big_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("STATION_BENCH_LOG")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("big")
    if not (folder / FILE_NAME).exists():
        big_log.make(folder)
    return folder


@pytest.mark.parametrize("batch", ["B0240", None], ids=["batch of 2,000", "everything"])
def test_a_million_runs(big_data_dir: Path, batch: str | None) -> None:
    about = replace(ABOUT, batch=batch, started_at=datetime(2026, 6, 1, tzinfo=UTC))
    with (
        scripted_line(big_data_dir, SLOTS, LineStatus(), about, run_every=5),
        dashboard_on_pty(big_data_dir, 160, 45) as keyboard,
    ):
        # From the first moment on: the first report is being made meanwhile.
        first = copies(arrows([view.slot for view in SLOTS], 30))
        keyboard.press(first)
        at = first[-1].expected
        wait_for(lambda: keyboard.seen("first pass 9"), "the header's figures", 120)
        changes = screens(at, 40)
        begun_s, cpu_s = time.perf_counter(), keyboard.cpu_s()
        keyboard.press(changes)
        typed = [Press("f2", "erial, or its end"), *(Press(key, key) for key in "BE0C91AB")]
        keyboard.press(typed)
        cpu = (keyboard.cpu_s() - cpu_s) / (time.perf_counter() - begun_s)
        assert keyboard.process.poll() is None
        first_s, changes_s, typed_s = (keyboard.delays_s(presses) for presses in (first, changes, typed))
    tell(
        {
            "what": f"1,000,000 runs, header of {batch or 'everything'}, a run finished twice a second",
            "load": os.getloadavg()[0],
            "while the first report is made": figures(first_s),
            "screens": figures(changes_s),
            "typed in search": figures(typed_s),
            "cpu": round(cpu, 3),
        }
    )
