"""A headless Chromium, driven through its own debugging protocol; whatever it asks for is seen."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness import wait_for

LIMIT_S = 120.0
COUNT_GREEN = """
async (png) => {
    const picture = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
    const [width, height] = [Math.floor(picture.width / 4), Math.floor(picture.height / 4)];
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.imageSmoothingEnabled = false;
    canvas.drawImage(picture, 0, 0, width, height);
    const { data } = canvas.getImageData(0, 0, width, height);
    const green = (at) => data[4 * at + 1] > 1.4 * data[4 * at] && data[4 * at + 1] > 1.2 * data[4 * at + 2]
        && data[4 * at + 1] > 120;
    const seen = new Uint8Array(width * height);
    let areas = 0;
    for (let start = 0; start < width * height; start++) {
        let size = 0;
        for (const todo = [start]; todo.length;) {
            const at = todo.pop();
            if (seen[at] || !green(at)) continue;
            seen[at] = 1; size++;
            if (at % width) todo.push(at - 1);
            if ((at + 1) % width) todo.push(at + 1);
            if (at >= width) todo.push(at - width);
            if (at + width < width * height) todo.push(at + width);
        }
        if (size > 400) areas++;
    }
    return areas;
}
"""
"""How many green areas of the size of a tile a picture has. Its title bar is darker: tiles do not run together."""


_KEYS = {"-": 189, ".": 190, ":": 186}
"""The keys of a keyboard that have no number of their character."""


class Page:
    """One page: `asked` are the addresses of all that it requested, `errors` what went wrong in its scripts, `drawn`
    is what came over its socket to be drawn, `typed` are the keys that went the other way."""

    def __init__(self, link: aiohttp.ClientWebSocketResponse) -> None:
        self._link = link
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.drawn = ""
        self.typed: list[str] = []

    async def read(self) -> None:
        """Take in what the browser says, until it leaves."""
        async for message in self._link:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Network.requestWillBeSent":
                self.asked.append(said["params"]["request"]["url"])
            elif said["method"] == "Network.webSocketCreated":
                self.asked.append(said["params"]["url"])
            elif said["method"] == "Network.webSocketFrameReceived":
                frame = said["params"]["response"]
                self.drawn += (
                    base64.b64decode(frame["payloadData"]).decode(errors="replace") if frame["opcode"] == 2 else ""
                )
            elif said["method"] == "Network.webSocketFrameSent":
                self._take_in(json.loads(said["params"]["response"]["payloadData"]))
            elif said["method"] == "Runtime.exceptionThrown":
                self.errors.append(str(said["params"]["exceptionDetails"]))

    def _take_in(self, sent: list[Any]) -> None:
        if sent[0] == "stdin" and not sent[1].startswith("\x1b"):
            self.typed.append(sent[1])

    async def do(self, method: str, **given: object) -> dict[str, Any]:
        """One command of the protocol."""
        self._number += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        await self._link.send_json({"id": self._number, "method": method, "params": given})
        said = await asyncio.wait_for(answer, LIMIT_S)
        assert "error" not in said, said
        result: dict[str, Any] = said["result"]
        return result

    async def value(self, script: str) -> Any:
        """The value of a script in the page."""
        done = await self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def open(self, address: str) -> None:
        """Go there, and remember what is asked for on the way."""
        for part in ("Page", "Network", "Runtime"):
            await self.do(f"{part}.enable")
        await self.do("Page.navigate", url=address)

    async def green_tiles(self) -> int:
        """How many tiles are green now."""
        picture = await self.do("Page.captureScreenshot", format="png")
        return int(await self.value(f"({COUNT_GREEN})({json.dumps(picture['data'])})"))

    async def shows(self, text: str) -> None:
        """Wait until this was drawn."""
        async with asyncio.timeout(LIMIT_S):
            while text not in self.drawn:
                await asyncio.sleep(0.1)

    async def type(self, key: str) -> None:
        """Type a character."""
        for kind in ("keyDown", "keyUp"):
            await self.do("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")

    async def scan(self, text: str) -> None:
        """What a scanner does, which is a keyboard to the machine: keys, one right behind the other, and Enter."""
        presses = [(letter, letter, _KEYS.get(letter, ord(letter.upper())), 8 * letter.isupper()) for letter in text]
        events: list[dict[str, object]] = []
        for key, typed, code, modifiers in [*presses, ("Enter", "\r", 13, 0)]:
            more = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
            events += [{"type": "keyDown", "text": typed, **more}, {"type": "keyUp", **more}]
        await asyncio.gather(*(self.do("Input.dispatchKeyEvent", **event) for event in events))


@asynccontextmanager
async def chromium(folder: Path, proxy: str) -> AsyncIterator[Page]:
    """A page of a browser of its own, whose requests to anywhere but this machine go to a proxy."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium (Debian: apt-get install chromium)")
    command = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
        "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
        "--window-size=1280,800", "--remote-debugging-port=0", f"--user-data-dir={folder}", f"--proxy-server={proxy}",
        "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = await asyncio.to_thread(wait_for, lambda: _port(folder), "the browser's port")
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as listed:
                target = next(target for target in await listed.json() if target["type"] == "page")
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as link:
                page = Page(link)
                reading = asyncio.create_task(page.read())
                try:
                    yield page
                finally:
                    reading.cancel()
    finally:
        process.terminate()
        process.wait(120)


def _port(folder: Path) -> str:
    file = folder / "DevToolsActivePort"
    return file.read_text().partition("\n")[0] if file.exists() else ""
