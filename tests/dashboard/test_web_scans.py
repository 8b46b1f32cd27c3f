"""Labels that are scanned into a browser: a real one, with a scanner's keys and its Enter, over a real line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from station.control.client import ask
from station.control.requests import TakeSnapshot
from tests.dashboard.browser import Page, chromium
from tests.dashboard.test_web import served, until
from tests.harness import Bench, Station, wait_for
from tests.integration.conftest import MakeBench, camera, serial
from tests.unit.report.test_page import proxy


def settings_in(folder: Path) -> Path:
    file = folder / "station.toml"
    file.write_text('[product_serial]\npattern = "P-[0-9]{4}"\nrequired = true\n[unit_values.lens]\nprefix = "LENS:"\n')
    return file


def act(bench: Bench, number: int) -> tuple[str, str | None]:
    """A slot's state and code, as every screen has them."""
    slots = ask(bench.data_dir, TakeSnapshot())["snapshot"]["slots"]
    found: dict[str, Any] = next((slot for slot in slots if slot["port_path"] == f"1-1.{number}"), {})
    return str(found.get("state")), found.get("code")


@asynccontextmanager
async def browser(bench: Bench, folder: Path, config: Path, *words: str) -> AsyncIterator[Page]:
    with served(bench, "--config", str(config), *words) as (port, _), proxy() as (address, _):
        async with chromium(folder / "profile", address) as page:
            await page.open(f"http://127.0.0.1:{port}/")
            await until(lambda: page.value("!!document.querySelector('body.-first-byte')"), "the dashboard")
            yield page
            assert page.errors == []


def waits(bench: Bench, number: int) -> bool:
    return act(bench, number)[1] == "product.unbound"


async def test_a_label_scanned_into_the_page_is_bound_as_at_the_terminal(make_bench: MakeBench, tmp_path: Path) -> None:
    """Slot and label, label and next camera, a value by key, a label that another camera has, and one with a wrong
    form: nothing is taken for keys that steer the line."""
    bench = make_bench([camera(1), camera(2), camera(3)])
    config = settings_in(tmp_path)
    with bench.station("--config", config, plug=False) as running:
        async with browser(bench, tmp_path, config, "--control") as page:
            bench.line.plug(serial(1))
            wait_for(lambda: waits(bench, 1), "it waits for its label")
            await page.shows("1-1.1")
            await page.scan("1-1.1")
            await page.scan("P-0001")
            await bound(running, 1, "P-0001")
            assert "".join(page.typed) == "1-1.1\rP-0001\r"
            assert len(page.typed) <= 4, "a network could tear them apart"

            await page.scan("P-0002")
            bench.line.plug(serial(2))
            await bound(running, 2, "P-0002")

            page.drawn = ""
            bench.line.plug(serial(3))
            wait_for(lambda: waits(bench, 3), "it waits for its label")
            await page.shows("1-1.3")
            await scan(page, "1-1.3", "scan the label of its camera")
            await scan(page, "P-0002", "is the product serial of unit")
            await scan(page, "pcrRxq", "No unit, batch or slot is called pcrRxq")
            await scan(page, "1-1.3", "scan the label of its camera")
            await scan(page, "P-0003", "P-0003 is bound, and in the log")
            await bound(running, 3, "P-0003")
            await scan(page, "1-1.3", "scan the label of its camera")
            await page.scan("LENS:L-7")
            wait_for(lambda: bench.export()[-1]["unit_values"] == {"lens": "L-7"}, "the value is in the log")
            status = ask(bench.data_dir, TakeSnapshot())["snapshot"]["status"]
            assert (status["accepting"], status["ended"]) == (True, False)
        running.interrupt()
        running.end()
    assert [(run["serial"], run["product_serial"]) for run in bench.export()] == [
        (serial(number), f"P-000{number}") for number in (1, 2, 3)
    ]


async def scan(page: Page, text: str, shown: str) -> None:
    """Scan it, and wait until the page shows this; a line of it, as it is drawn where there is room for it."""
    page.drawn = ""
    await page.scan(text)
    await page.shows(shown)


async def bound(running: Station, number: int, product: str) -> None:
    run = await asyncio.to_thread(running.run)
    assert (run["serial"], run["outcome"], run["product_serial"]) == (serial(number), "PASS", product)


async def test_a_browser_that_only_looks_binds_nothing(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    config = settings_in(tmp_path)
    with bench.station("--config", config) as running:
        wait_for(lambda: waits(bench, 1), "it waits for its label")
        async with browser(bench, tmp_path, config) as page:
            await page.scan("1-1.1")
            await page.scan("P-0001")
            await page.scan("P-0001")
            await until(lambda: page.value("document.body.className.includes('-first-byte')"), "it goes on")
            assert waits(bench, 1)
        assert bench.blocks_written(serial(1)) == 0
        running.interrupt()
        running.end()
