"""Pictures of what a browser shows, on a desk and on a phone: `python -m tests.dashboard.web_pictures FOLDER`.

The dashboard of a line with cameras of every kind, and the report of the same log. Needs chromium.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from station.model.runs import Outcome
from station.report.render import render_report
from station.sim.virtual_line import VirtualLine
from station.yields.counting import summarize
from tests.bench.shift import BATCH, shift_runs
from tests.dashboard.browser import Page, chromium
from tests.dashboard.pictures import BLOCK_REFUSED, CONFIG, NEVER_BOOTS, camera
from tests.dashboard.test_web import served, until
from tests.harness import Bench
from tests.releases import make_demo_release

DESK, PHONE = (1280, 800), (390, 844)
SLOTS = 8
SLOW = 60.0
"""Of a camera that is to be seen while it is written."""


async def take(page: Page, size: tuple[int, int], name: Path) -> None:
    """A picture of the page at this size of the window."""
    await page.do(
        "Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False
    )
    await asyncio.sleep(3)  # for people to look at, not a test: the terminal in the page takes its new size first
    taken = await page.do("Page.captureScreenshot", format="png")
    name.with_name(f"{name.name}-{size[0]}x{size[1]}.png").write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def line_at_work(folder: Path) -> Iterator[Bench]:
    """A line whose cameras pass, fail and are still written."""
    release = folder / "release"
    release.mkdir()
    make_demo_release(release, version="4.8.1", romfs0_bytes=400_000, hp_bytes=41_000, he_bytes=20_480)
    config = folder / "station.toml"
    config.write_text(CONFIG + "".join(f'A{slot} = "1-1.{slot}"\n' for slot in range(1, SLOTS + 1)))
    bad = {3: [BLOCK_REFUSED], 4: [NEVER_BOOTS]}
    specs = [
        camera(slot, slot, SLOW if slot > 5 else 0.2, bad.get(slot, ())).with_(plugged=False)
        for slot in range(1, SLOTS)
    ]
    with VirtualLine(specs, shards=1) as line:
        bench = Bench(line, folder / "data", release)
        with bench.station("--config", config, "--batch", "L42", "--operator", "ann") as running:
            running.runs(5)
            yield bench
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(120)


async def show(folder: Path) -> None:
    """The dashboard, and the report of a shift."""
    with tempfile.TemporaryDirectory(prefix="ae3-pictures-") as name:
        work = Path(name)
        report = work / "report.html"
        bad = summarize(shift_runs(5), batch=BATCH)
        report.write_text(render_report(bad, "html"), encoding="utf-8")
        assert dict(bad.outcomes)[Outcome.FAIL]
        with line_at_work(work) as bench:
            for language in ("en", "zh_CN"):
                os.environ["STATION_LANGUAGE"] = language
                with served(bench) as (port, _):
                    async with chromium(work / f"profile-{language}", "127.0.0.1:9") as page:
                        await take_dashboard(page, port, folder / f"web-{language}")
        async with chromium(work / "profile", "127.0.0.1:9") as page:
            await page.open(report.as_uri())
            for size in (DESK, PHONE, (PHONE[0], 6000)):
                await take(page, size, folder / "report")


async def take_dashboard(page: Page, port: int, name: Path) -> None:
    """The dashboard in both windows."""
    await page.open(f"http://127.0.0.1:{port}/")
    await until(lambda: page.value("!!document.querySelector('body.-first-byte')"), "the dashboard")
    for size in (DESK, PHONE):
        await take(page, size, name)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    asyncio.run(show(Path(sys.argv[1])))
