"""The dashboard in a browser: seen by a real one, only to look at, not for other pages, with nothing from outside."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from station.control.client import is_served
from tests.dashboard.browser import chromium
from tests.dashboard.conftest import Watch
from tests.dashboard.driving import dashboard
from tests.harness import LIMIT_S, PROGRAM, Bench, descendants, station, wait_for
from tests.integration.conftest import MakeBench, camera
from tests.receivers import free_port
from tests.unit.report.test_page import of_the_page, proxy

SLOW = {"profile": "mram", "scale": 1.0, "forced": True}


@contextmanager
def served(bench: Bench, *words: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """`station web` over the line of a bench, once it serves: its port and its process."""
    wait_for(lambda: is_served(bench.data_dir), "the line answers")
    port = free_port()
    command = [*PROGRAM, "web", "--port", str(port), "--data-dir", str(bench.data_dir), *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        assert f"http://127.0.0.1:{port}/" in process.stderr.readline()
        yield port, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(120)
        assert process.stderr
        process.stderr.close()


async def until(true: Callable[[], Awaitable[Any]], what: str) -> Any:
    async with asyncio.timeout(LIMIT_S):
        while not (answer := await true()):
            await asyncio.sleep(0.1)
        return answer


async def test_a_browser_sees_eight_tiles_turn_green_and_asks_nobody_else(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench([camera(number, **SLOW) for number in range(1, 9)])
    with bench.station(plug=False) as running, served(bench) as (port, _), proxy() as (address, proxied):
        async with chromium(tmp_path / "profile", address) as page:
            await page.open(f"http://127.0.0.1:{port}/")
            await until(lambda: page.value("!!document.querySelector('body.-first-byte')"), "the dashboard")
            assert await page.green_tiles() == 0
            await asyncio.to_thread(bench.line.plug_all)

            async def all_green() -> bool:
                return await page.green_tiles() == 8

            await until(all_green, "eight green tiles")
            assert await page.value("document.fonts.check('16px \"Roboto Mono\"')")
            assert [run["outcome"] for run in running.runs(8)] == ["PASS"] * 8
            ours = [url for url in page.asked if not url.startswith("data:")]
            assert len(ours) > 4
            assert {url.partition("://")[2].partition("/")[0] for url in ours} == {f"127.0.0.1:{port}"}
            assert page.errors == []
            # The same browser with a page that does ask: the proxy and the list would have had it.
            assert of_the_page(proxied) == []
            await page.value("fetch('http://elsewhere.invalid/x').catch(() => 0)")
            assert any("elsewhere" in url for url in page.asked)
            assert any(b"elsewhere" in line for line in of_the_page(proxied))
        running.interrupt()
        running.end()


class Browser:
    """As much of a browser as the page's script is: a socket that is written to, and read from all the time, as a
    browser's is: the server hangs up on one that leaves its pings unanswered while the test looks at another."""

    def __init__(self, link: aiohttp.ClientWebSocketResponse) -> None:
        self._link = link
        self.seen = ""
        self._left = False
        self._changed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while not self._left:
            message = await self._link.receive()
            async with self._changed:
                self._left = message.type is not aiohttp.WSMsgType.BINARY
                self.seen += "" if self._left else message.data.decode()
                self._changed.notify_all()

    async def type(self, keys: str) -> None:
        await self._link.send_json(["stdin", keys])

    async def until(self, text: str) -> None:
        """Wait until this was drawn."""
        async with asyncio.timeout(LIMIT_S), self._changed:
            await self._changed.wait_for(lambda: text in self.seen or self._left)
        assert text in self.seen, f"{text!r} was not drawn, and the other end hung up"

    async def until_left(self) -> None:
        """Wait until the other end hangs up."""
        async with asyncio.timeout(LIMIT_S):
            await self._reading


async def test_several_look_and_nobody_steers(make_bench: MakeBench, watch: Watch) -> None:
    bench = make_bench([camera(1, **{**SLOW, "scale": 40.0})])
    with bench.station(plug=False) as running, served(bench) as (port, process):
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/ws?width=120&height=40"
            async with session.ws_connect(url) as first, session.ws_connect(url) as second:
                one, two = Browser(first), Browser(second)
                await one.until("No camera yet")
                await two.until("No camera yet")
                bench.line.plug_all()
                await one.until("WRITING")
                await two.until("WRITING")
                assert "Pause" not in one.seen
                assert "Batch" not in one.seen
                spy = watch(bench)
                # Every key that steers, in both cases, with answers to whatever is asked: nothing comes of it.
                await one.type("pcyrRbs1")
                await one.type("\x1bOR")
                await one.until("failed at")
                await one.type("R\r\x1bOP")
                await one.type("q")
                await one.until_left()
                status = spy.snapshot()
                assert (status["status"]["paused"], status["status"]["accepting"]) == (False, True)
                assert status["slots"][0]["state"] == "running"
                two.seen = ""
                await two.until("/4")
                left = (lambda: len(list(_dashboards(process.pid))) == 1, "the dashboard of the browser that left ends")
                await asyncio.to_thread(wait_for, *left)
        await asyncio.to_thread(wait_for, lambda: not list(_dashboards(process.pid)), "no dashboards")
        running.process.kill()


def _dashboards(pid: int) -> Iterator[int]:
    for child in descendants(pid):
        with suppress(FileNotFoundError):  # it has just ended
            if b"dashboard" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield child


async def test_a_dashboard_that_only_looks_is_refused_by_the_line_whatever_its_screens_ask(
    make_bench: MakeBench,
) -> None:
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running:
        async with dashboard(bench, read_only=True) as operator:
            await operator.until_text("No camera yet")
            for request in ("pause", "stop"):
                assert operator.app._bridge.request(request)
            await operator.until(lambda: operator.text().count("may only look: no") == 2, "both are refused")
            operator.app.line.ask("pause")
            await operator.until_text("may only look")
            assert not operator.app.state.snapshot.status.paused
        running.interrupt()
        running.end()


async def test_with_control_a_browser_steers_the_line(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running, served(bench, "--control") as (port, _):
        async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/ws") as link:
            browser = Browser(link)
            await browser.until("No camera yet")
            await browser.type("p")
            await browser.until("PAUSED")
        running.interrupt()
        running.end()


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://elsewhere.example"}, {"Host": "elsewhere.example"}, {"Host": "elsewhere.example:8000"}],
    ids=["another page", "another name", "another name with a port"],
)
async def test_pages_of_others_are_refused(make_bench: MakeBench, headers: dict[str, str]) -> None:
    bench = make_bench([])
    with bench.station(plug=False) as running, served(bench, "--control") as (port, process):
        async with aiohttp.ClientSession() as session:
            for path in ("/", "/ws"):
                async with session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as answer:
                    assert answer.status == 403
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"http://127.0.0.1:{port}/ws", headers=headers)
            assert not list(_dashboards(process.pid))
            async with session.get(f"http://localhost:{port}/") as answer:
                assert answer.status == 200
                assert f"ws://localhost:{port}/ws" in await answer.text()
        running.interrupt()
        running.end()


async def test_a_name_that_is_not_known_is_told_the_remedy_and_then_taken(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench([])
    given = {"Host": "line3.example.com"}
    with bench.station(plug=False) as running:
        async with aiohttp.ClientSession() as session:
            with served(bench) as (port, _):
                async with session.get(f"http://127.0.0.1:{port}/", headers=given) as answer:
                    assert answer.status == 403
                    assert 'host_names = ["line3.example.com"]' in await answer.text()
                local = {"Host": f"{socket.gethostname()}.local:{port}"}
                async with session.get(f"http://127.0.0.1:{port}/", headers=local) as answer:
                    assert answer.status == 200
            monkeypatch.setenv("STATION_WEB__HOST_NAMES", '["line3.example.com"]')
            with served(bench) as (port, _):
                async with session.get(f"http://127.0.0.1:{port}/", headers=given) as answer:
                    assert answer.status == 200
        running.interrupt()
        running.end()


@pytest.mark.parametrize(
    ("headers", "socket_url"),
    [
        ({"X-Forwarded-Proto": "https"}, "wss://localhost/ws"),
        ({"X-Forwarded-Proto": "HTTPS, http"}, "wss://localhost/ws"),
        ({"Forwarded": "for=10.0.0.1;proto=https"}, "wss://localhost/ws"),
        ({"X-Forwarded-Proto": "http"}, "ws://localhost/ws"),
    ],
)
async def test_behind_an_https_proxy_the_page_opens_a_secure_socket(
    make_bench: MakeBench, headers: dict[str, str], socket_url: str
) -> None:
    bench = make_bench([])
    with bench.station(plug=False) as running, served(bench) as (port, _):
        async with aiohttp.ClientSession() as session:
            given = {"Host": "localhost", **headers}
            async with session.get(f"http://127.0.0.1:{port}/", headers=given) as answer:
                assert f'"{socket_url}"' in await answer.text()
        running.interrupt()
        running.end()


async def test_when_the_line_is_gone_the_page_waits_for_the_next(make_bench: MakeBench) -> None:
    bench = make_bench([])
    with bench.station(plug=False) as running, served(bench) as (port, process):
        async with aiohttp.ClientSession() as session:
            running.interrupt()
            running.end()
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                assert answer.status == 503
                assert "No line works now" in await answer.text()
            # Between the page and its socket the line may end: the browser is told.
            async with session.ws_connect(f"http://127.0.0.1:{port}/ws") as link:
                await Browser(link).until_left()
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130


def test_the_port_is_taken_or_there_is_no_line(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([])
    with bench.station(plug=False) as running, served(bench) as (port, _):
        done = station("web", "--port", str(port), "--data-dir", bench.data_dir)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(f"usage.port: another program has port {port} of 127.0.0.1.")
        running.interrupt()
        running.end()
    done = station("web", "--data-dir", tmp_path / "nowhere")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("usage.no_line: ")
    assert "station web --port" in station("web", "--help").stdout


def test_the_settings_of_the_web_are_checked(tmp_path: Path) -> None:
    done = station("web", "--data-dir", tmp_path, STATION_WEB__PORT="0")
    assert done.returncode == 2
    assert "STATION_WEB__PORT" in done.stderr
