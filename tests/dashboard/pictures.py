"""Pictures of every screen of the running program, over virtual cameras: `python -m tests.dashboard.pictures FOLDER`.

A station runs half a shift with them; two dashboards of different sizes look on all the time. Needs chromium.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from textual.widgets import Input

from station.control.wire import LineStatus
from station.dashboard.app import Dashboard
from station.line.stop_policy import what_to_check
from station.model.slots import SlotState
from station.problem import sentence
from station.sim.faults import Fault
from station.sim.spec import CameraSpec
from station.sim.virtual_line import ControlClient, VirtualLine
from tests.dashboard.driving import Operator, dashboard
from tests.dashboard.scripted import EVERY_STATE, RECORDS, scripted_line, view
from tests.dashboard.settling import until_begun, until_still
from tests.harness import Bench, wait_for
from tests.releases import make_demo_release

SIZES = ((80, 24), (160, 45), (240, 67))
SLOTS = 8
ROUNDS = 4
PLANNED = 40
FONT = "DejaVu Sans Mono"
BLOCK_REFUSED = Fault("err_write", "WRITE", alt=1, times=4)
NEVER_BOOTS = Fault("boot_never", times=None)
OUT = sentence(
    "slot {slot} was taken out: {count} different cameras failed here in a row while others passed. "
    "Check its cable, port and hub, then: station slots restore {name}",
    slot="A2",
    count=3,
    name="A2",
)
ALARMED = (
    view(1, SlotState.FAILED, "dfu.err_write", "HP block 3: errWRITE"),
    view(2, SlotState.TAKEN_OUT, None, OUT),
    *EVERY_STATE[4:8],
)
PAUSED = LineStatus(
    paused=True,
    paused_code="dfu.err_write",
    paused_message=sentence(
        "{count} cameras in a row failed with {code}, the last one in {slot}: check {reason}",
        count=5,
        code="dfu.err_write",
        slot="A1",
        reason=what_to_check("dfu.err_write"),
    ),
)
CONFIG = """
[station]
id = "bench-3"
[run]
boot_timeout_s = 2.0
[slots]
"""


def serial(number: int) -> str:
    """A chip's id; each ends differently."""
    return f"3A0F5C77B1D2E496{(number + 1) * 0x9E3779B1 % (1 << 32):08X}"


def camera(number: int, slot: int, scale: float = 0.2, faults: Sequence[Fault] = ()) -> CameraSpec:
    """A camera for a slot, counted from 1."""
    return CameraSpec(
        serial=serial(number), port_path=f"1-1.{slot}", profile="mram", scale=scale, boot_s=0.1, faults=tuple(faults)
    )


class Shift:
    """A bench whose slots get one camera after the other, and the dashboards that look at it."""

    def __init__(self, line: VirtualLine, operators: Sequence[Operator], folder: Path, release: Path) -> None:
        self._control = ControlClient(line.addresses[0])
        self._line = line
        self.operators = operators
        self._folder = folder
        self.release = release

    def insert(self, spec: CameraSpec) -> None:
        """Take out what is in the slot, and plug this camera in."""
        self._line.unplug(spec.port_path)
        self._control.ask("plug", camera=spec.to_json())

    async def until(self, slot: int, serial: str, *words: str) -> None:
        """Until every dashboard says this of the camera in the slot."""
        for operator in self.operators:
            await operator.until(partial(_says, operator, f"A{slot}", serial, words), f"A{slot} says {words}", 60)

    async def press(self, *keys: str) -> None:
        """Press keys on every dashboard."""
        for operator in self.operators:
            await operator.press(*keys)

    async def until_text(self, text: str) -> None:
        """Until it stands on every dashboard."""
        for operator in self.operators:
            await operator.until_text(text)

    def take(self, name: str) -> None:
        """A picture of every dashboard as it is now."""
        for operator in self.operators:
            for field in operator.app.screen.query(Input):
                field.cursor_blink = False
            size = operator.app.size
            with operator.app._context():  # without it, Textual draws with the size of the other dashboard
                svg = operator.app.export_screenshot()
            picture(svg, self._folder / f"{name}-{size.width}x{size.height}.png")


def _says(operator: Operator, slot: str, serial: str, words: Sequence[str]) -> bool:
    face = operator.faces.get(slot)
    return face is not None and face.word in words and face.serial == serial[-6:]


def picture(svg: str, file: Path) -> None:
    """Draw an SVG as it comes from Textual, with a font of this machine in place of one from the internet."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", FONT)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box
    width, height = (round(float(side)) for side in box.groups())
    with tempfile.NamedTemporaryFile("w", suffix=".svg") as source:
        source.write(svg)
        source.flush()
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--window-size={width},{height}", f"--screenshot={file}", source.name,
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


async def begin(shift: Shift) -> None:
    """The dialog, filled in on every dashboard; the first one's Enter begins the batch."""
    await shift.until_text("no batch")
    await shift.press("b")
    await shift.press(*"L42", "enter", *"ann", "enter", *str(PLANNED))
    shift.take("batch")
    await shift.operators[0].press("enter")
    await shift.press("escape")
    await shift.until_text("batch L42")


async def work(shift: Shift) -> None:
    """Full slots again and again, with some bad cameras."""
    bad = {3: BLOCK_REFUSED, 9: BLOCK_REFUSED, 10: NEVER_BOOTS, 22: BLOCK_REFUSED}
    for turn in range(ROUNDS):
        numbers = range(turn * SLOTS, (turn + 1) * SLOTS)
        for slot, number in enumerate(numbers, 1):
            shift.insert(camera(number, slot, faults=[bad[number]] if number in bad else []))
        for slot, number in enumerate(numbers, 1):
            await shift.until(slot, serial(number), "PASS", "FAIL")


async def one_of_each(shift: Shift) -> None:
    """A slot in each state."""
    for slot in (1, 2, 5, 7):
        shift.insert(camera(100 + slot, slot, scale=600.0))
    shift.insert(camera(104, 4, faults=[NEVER_BOOTS]))
    shift.insert(camera(0, 6).with_(release=str(shift.release)))
    shift.insert(camera(109, 9).with_(release=str(shift.release)))
    await shift.until(4, serial(104), "FAIL")
    await shift.until(6, serial(0), "SKIPPED")
    await shift.until(5, serial(105), "WRITING")
    shift.operators[0].app.line.ask("cancel", port_path="1-1.5")
    await shift.until(5, serial(105), "ABORTED")
    shift.take("line")
    await shift.press("t")
    shift.take("line-light")
    await shift.press("t")
    await shift.operators[0].press("p")
    shift.insert(camera(108, 8))
    await shift.until(8, serial(108), "WAITING")
    shift.take("line-paused")
    await shift.operators[0].press("p")


async def screens(shift: Shift) -> None:
    """Every other screen."""
    await shift.press("2")
    await shift.press(*serial(9)[-5:].lower(), "enter")
    await shift.until_text("✗ FAIL   dfu.err_write")
    shift.take("units")
    for key, seen, name in (
        ("f3", "boot.timeout", "failures"),
        ("f4", "95 % interval", "yield"),
        ("f5", "SKIPPED", "log"),
        ("f6", "KEYS", "help"),
    ):
        await shift.press(key)
        await shift.until_text(seen)
        shift.take(name)
    await shift.press("escape")


async def questions(shift: Shift) -> None:
    """What is asked."""
    for keys, seen, name in (
        ("c", "half written", "cancel"),
        ("q", "Leave it running", "leave"),
        ("bx", "final yield", "closing"),
    ):
        await shift.press(*keys)
        await shift.until_text(seen)
        shift.take(name)
        await shift.press("escape")
    shift.operators[0].app.line.ask("begin_batch", name="L42", operator="ann", planned=20)
    await shift.until_text("all 20 planned")
    shift.take("plan-reached")


async def alarms(folder: Path) -> None:
    """A line that paused because cameras fail alike, with a slot that was taken out; over a line that says so."""
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="ae3-pictures-") as name, scripted_line(Path(name), ALARMED, PAUSED):
            app = Dashboard(Path(name), RECORDS)
            async with app.run_test(size=size) as pilot:
                await until_begun(pilot, app, "textual-dark")
                await until_still(pilot, app)
                picture(app.export_screenshot(), folder / f"alarms-{size[0]}x{size[1]}.png")


async def show(folder: Path) -> None:
    """Run the shift and take the pictures."""
    with tempfile.TemporaryDirectory(prefix="ae3-pictures-") as name:
        work_folder = Path(name)
        config = work_folder / "station.toml"
        config.write_text(CONFIG + "".join(f'A{slot} = "1-1.{slot}"\n' for slot in range(1, SLOTS + 1)))
        release = work_folder / "release"
        release.mkdir()
        make_demo_release(release, version="4.8.1", romfs0_bytes=400_000, hp_bytes=41_000, he_bytes=20_480)
        specs = [camera(900 + slot, slot).with_(plugged=False) for slot in range(1, SLOTS + 2)]
        with VirtualLine(specs, shards=1) as line:
            bench = Bench(line, work_folder / "data", release)
            with bench.station("--config", config, plug=False) as running:
                async with AsyncExitStack() as stack:
                    operators = [await stack.enter_async_context(dashboard(bench, size)) for size in SIZES]
                    await take_all(Shift(line, operators, folder, release))
                running.interrupt()
                # Two at once would be one: signals of a kind do not queue.
                wait_for(lambda: any("interrupt again" in line for line in running.talk), "the first was heard")
                running.interrupt()
                running.end()


async def take_all(shift: Shift) -> None:
    """The pictures in their order."""
    await begin(shift)
    await work(shift)
    await one_of_each(shift)
    await screens(shift)
    await questions(shift)


def main() -> None:
    """Into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(alarms(folder))
    asyncio.run(show(folder))


if __name__ == "__main__":
    main()
