"""The HTML report in a real browser, without a network: nothing is asked for, and its figures are the JSON's."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from station.model.runs import Outcome
from station.report import cells
from station.report.render import render_report
from station.yields.counting import YieldReport, summarize
from tests.bench.shift import BAD_SLOT, BATCH, shift_runs
from tests.unit.ledger.builders import a_run

EVIL = '<script>document.title="owned"</script><img src="http://evil.invalid/x">'
LIMIT_S = 120


@pytest.fixture(scope="module")
def report() -> YieldReport:
    """A shift, and one camera whose words are meant to break out of the page."""
    evil = a_run(Outcome.FAIL, serial=EVIL, slot=EVIL, code=EVIL, operator=EVIL, batch=BATCH)
    return replace(summarize([*shift_runs(5), evil], batch=BATCH), operator=EVIL)


@pytest.fixture(scope="module")
def page(report: YieldReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(render_report(report, "html"), encoding="utf-8")
    return file


@contextmanager
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that answers nothing and remembers what it was asked: all requests of a browser come here."""
    asked: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    asked.append(connection.recv(4096).partition(b"\r\n")[0])

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)


def browse(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium (Debian: apt-get install chromium)")
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}", *words,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)


def of_the_page(asked: list[bytes]) -> list[bytes]:
    """Without the browser's own housekeeping, which no flag stops for good: all of it goes to its maker."""
    return [line for line in asked if b"google" not in line]


class Figures(HTMLParser):
    """The figures of a page: by path, the full value and what is shown. Also its tags and where they point."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.shown: dict[str, str] = {}
        self.tags: list[str] = []
        self.targets: set[str | None] = set()
        self._open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.targets |= {
            found[name] for name in ("src", "href", "xlink:href", "srcset", "action", "data") if name in found
        }
        if path := found.get("data-figure"):
            self.values[path] = found["data-value"] or ""
            self.shown[path], self._open = "", path

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.shown[self._open] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "span":
            self._open = None


def at(data: Any, path: str) -> Any:
    for step in path.split("."):
        data = data[int(step)] if isinstance(data, list) else data[step]
    return data


def test_the_page_asks_for_nothing_and_has_the_figures_of_the_json(
    page: Path, report: YieldReport, tmp_path: Path
) -> None:
    with proxy() as (address, asked):
        # <-loopback> sends requests to this machine to the proxy too.
        flags = (f"--proxy-server={address}", "--proxy-bypass-list=<-loopback>")
        dom = browse(tmp_path, *flags, "--dump-dom", page.as_uri()).stdout
        assert "google" not in dom
        assert of_the_page(asked) == []
        # The same browser with a page that does ask: the proxy would have seen it.
        curious = tmp_path / "curious.html"
        curious.write_text('<img src="http://pictures.invalid/picture">')
        browse(tmp_path, *flags, "--dump-dom", curious.as_uri())
        assert any(b"picture" in line for line in of_the_page(asked))
    figures = Figures()
    figures.feed(dom)
    data = json.loads(render_report(report, "json"))
    assert len(figures.values) > 100
    for path, value in figures.values.items():
        expected = at(data, path)
        assert (value if isinstance(expected, str) else json.loads(value)) == expected, path
    assert figures.shown["first_pass_yield"] == cells.share(data["first_pass_yield"])
    assert figures.shown["final_yield"] == cells.share(data["final_yield"])
    assert figures.shown["units_passed"] == str(data["units_passed"])
    assert {path.partition(".")[0] for path in figures.values} >= {
        "units_started", "first_pass_yield", "final_yield", "retest_yield", "units_per_hour", "duration_s", "outcomes",
        "failures", "slots", "images", "open_units",
    }  # fmt: skip
    # Nothing that a camera says becomes a part of the page.
    assert not {"script", "img", "link", "iframe", "object"} & set(figures.tags)
    assert "<title>Yield report 2026-47</title>" in dom
    assert figures.tags.count("svg") >= 3


def test_the_page_prints_on_a4(page: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    browse(tmp_path, f"--print-to-pdf={pdf}", "--no-pdf-header-footer", page.as_uri())
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf.read_bytes())
    # A4 is 595 by 842 points.
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}
    assert 2 <= len(boxes) <= 5


def test_the_page_refers_to_nothing_outside(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    figures = Figures()
    figures.feed(text)
    assert figures.targets == set()
    assert "@import" not in text
    assert "url(" not in text


def test_the_page_is_grey(page: Path) -> None:
    colours = {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}\b", page.read_text())}
    assert colours
    assert all(colour[1:3] == colour[3:5] == colour[5:7] for colour in colours)


def test_the_page_names_the_slot_with_the_bad_cable(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert f"LOOK AT SLOT {BAD_SLOT}" in text
    assert f"{BAD_SLOT} suspect" in text


def test_a_page_of_nothing() -> None:
    text = render_report(summarize([]), "html")
    assert "Every unit that was started is done." in text
    assert "<svg" not in text
