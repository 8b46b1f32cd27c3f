"""`station web` with logins: who may look, who may steer, what the cookie is, and how wrong PINs are slowed down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from station.dashboard.web.host_names import own_names
from station.dashboard.web.logins import COOKIE, Logins
from station.dashboard.web.proxies import LOOPBACK, Proxies
from station.dashboard.web.web_server import DashboardServer
from station.ledger import audit, schema_version
from station.roles import wrong_pins
from station.roles.pin_file import set_pin
from station.wiring.web_logins import WebLogins

Client = TestClient[web.Request, web.Application]
PINS = {"engineer": "2580", "operator": "3141", "look": "1618"}
SAYS = ("python3", "-c", "import sys; print(sys.argv)")


class NoViewer:
    """No dashboard."""

    def __init__(self, _command: str, **_given: object) -> None:
        """Nothing is started."""

    async def start(self, _width: int, _height: int) -> None:
        """Nothing is drawn."""

    async def stop(self) -> None:
        """Nothing was started."""


@asynccontextmanager
async def served(
    data_dir: Path, mode: str, *, behind_proxy: bool = False, proxies: tuple[str, ...] = LOOPBACK
) -> AsyncIterator[Client]:
    schema_version.create_or_check(data_dir)
    for role, pin in PINS.items():
        set_pin(data_dir, role, pin)
    logins = Logins(mode, WebLogins(data_dir, "bench-1"))
    names = own_names("127.0.0.1", ("line.factory.example",))
    believed = Proxies(proxies, behind_proxy=behind_proxy)
    server = DashboardServer(SAYS, "127.0.0.1", 0, "bench-1", lambda: True, names, logins, believed)
    async with TestClient(TestServer(await server.application())) as client:
        yield client


async def log_in(client: Client, pin: str, **headers: str) -> aiohttp.ClientResponse:
    return await client.post("/login", data={"pin": pin}, headers=headers, allow_redirects=False)


async def test_always_means_that_nobody_looks_without_a_pin(tmp_path: Path) -> None:
    async with served(tmp_path, "always") as client:
        page = await client.get("/", allow_redirects=False)
        assert (page.status, page.headers["Location"]) == (303, "/login")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await client.ws_connect("/ws")
        assert "password" in await (await client.get("/login")).text()
        done = await log_in(client, PINS["look"])
        assert (done.status, done.headers["Location"]) == (303, "/")
        assert "Log out (look)" in await (await client.get("/")).text()
        await client.post("/logout", allow_redirects=False)
        assert (await client.get("/", allow_redirects=False)).status == 303


async def test_to_steer_means_that_everybody_looks(tmp_path: Path) -> None:
    async with served(tmp_path, "to steer") as client:
        assert "Log in to steer" in await (await client.get("/")).text()
        await log_in(client, PINS["operator"])
        assert "Log out (operator)" in await (await client.get("/")).text()


@pytest.mark.parametrize(
    ("mode", "role", "steers"),
    [
        ("to steer", "", False),
        ("to steer", "look", False),
        ("to steer", "operator", True),
        ("to steer", "engineer", True),
        ("always", "look", False),
        ("always", "operator", True),
        ("always", "engineer", True),
    ],
)
async def test_who_steers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, role: str, steers: bool) -> None:
    commands: list[str] = []

    class Viewer(NoViewer):
        def __init__(self, command: str, **_given: object) -> None:
            commands.append(command)

    monkeypatch.setattr("station.dashboard.web.web_server.Viewer", Viewer)
    async with served(tmp_path, mode) as client:
        if role:
            await log_in(client, PINS[role])
        async with client.ws_connect("/ws"):
            pass
    assert [command.endswith(" --read-only") for command in commands] == [not steers]


async def test_the_cookie_is_for_this_site_only_and_for_no_script(tmp_path: Path) -> None:
    async with served(tmp_path, "to steer") as client:
        for headers, secure in (({}, False), ({"X-Forwarded-Proto": "https"}, True)):
            given = (await log_in(client, PINS["operator"], **headers)).headers["Set-Cookie"]
            parts = {part.strip().partition("=")[0].lower() for part in given.split(";")}
            assert {COOKIE, "httponly", "samesite", "path", "max-age"} <= parts
            assert "SameSite=Strict" in given
            assert ("secure" in parts) is secure
            assert len(given.partition("=")[2].partition(";")[0]) >= 40


async def test_wrong_pins_are_slowed_down_for_all_browsers_and_not_at_the_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_pins, "FIRST_WAIT_S", 300.0)  # longer than any machine takes for the next try
    async with served(tmp_path, "always") as client:
        statuses = [(await log_in(client, "0000")).status for _ in range(4)]
        assert statuses == [403, 403, 403, 429]
        refused = await log_in(client, PINS["engineer"])
        assert refused.status == 429
        assert "wrong PINs in a row" in await refused.text()
        assert COOKIE not in refused.headers.get("Set-Cookie", "")
    rows = [(row.act, row.details) for row in audit.rows(tmp_path)]
    assert rows == [
        ("pin.refused", '{"addresses":{"127.0.0.1":1},"where":"station web","wrong_in_a_row":1}'),
        ("pin.refused", '{"addresses":{"127.0.0.1":2},"where":"station web","wrong_in_a_row":3}'),
    ]
    assert not (tmp_path / "wrong-pins.json").exists()


@pytest.mark.parametrize("new", ["9753", None], ids=["changed", "taken away"])
@pytest.mark.parametrize("mode", ["always", "to steer"])
async def test_a_session_ends_with_its_pin_and_its_dashboard_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, new: str | None
) -> None:
    """Whoever gave the old PIN is nobody; whoever gave another role's is who he was."""
    monkeypatch.setattr("station.dashboard.web.web_server.Viewer", NoViewer)
    async with served(tmp_path, mode) as client:
        await log_in(client, PINS["operator"])
        cookies = {one.key: one.value for one in client.session.cookie_jar}
        async with client.ws_connect("/ws") as operators:
            await log_in(client, PINS["engineer"])
            async with client.ws_connect("/ws") as engineers:
                set_pin(tmp_path, "operator", new)
                async with asyncio.timeout(60):
                    assert (await operators.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
                assert not engineers.closed
                assert "Log out (engineer)" in await (await client.get("/")).text()
        client.session.cookie_jar.clear()
        page = await client.get("/", headers={"Cookie": f"{COOKIE}={cookies[COOKIE]}"}, allow_redirects=False)
        assert page.status == (303 if mode == "always" else 200)
        assert "Log out" not in await page.text()


async def test_a_request_right_behind_the_change_is_nobody_s(tmp_path: Path) -> None:
    async with served(tmp_path, "always") as client:
        await log_in(client, PINS["look"])
        assert (await client.get("/", allow_redirects=False)).status == 200
        set_pin(tmp_path, "look", "9753")
        assert (await client.get("/", allow_redirects=False)).status == 303
        await log_in(client, "9753")
        assert (await client.get("/", allow_redirects=False)).status == 200


async def test_a_made_up_session_is_none(tmp_path: Path) -> None:
    async with served(tmp_path, "always") as client:
        for made_up in ("", "x" * 43, "None"):
            page = await client.get("/", headers={"Cookie": f"{COOKIE}={made_up}"}, allow_redirects=False)
            assert page.status == 303


async def test_another_page_logs_nobody_in(tmp_path: Path) -> None:
    async with served(tmp_path, "always") as client:
        assert (await log_in(client, PINS["operator"], Origin="http://evil.example")).status == 403


async def test_a_login_is_a_row_with_the_role_and_the_browsers_address(tmp_path: Path) -> None:
    async with served(tmp_path, "always", behind_proxy=True) as client:
        await log_in(client, PINS["look"])
        said = "10.9.9.9, 192.168.7.20, 127.0.0.1"
        await log_in(client, PINS["engineer"], **{"X-Forwarded-For": said})
    rows = [(row.act, row.role, row.details) for row in audit.rows(tmp_path)]
    assert rows == [
        ("web.login", "look", '{"address":"127.0.0.1","where":"station web"}'),
        ("web.login", "engineer", '{"address":"192.168.7.20","where":"station web"}'),
    ]


@pytest.mark.parametrize(
    ("behind_proxy", "proxies"), [(False, LOOPBACK), (True, ("10.0.0.1",)), (True, ("10.0.0.0/8", "2001:db8::/32"))]
)
async def test_nobody_is_believed_who_is_no_proxy_of_ours(
    tmp_path: Path, behind_proxy: bool, proxies: tuple[str, ...]
) -> None:
    async with served(tmp_path, "to steer", behind_proxy=behind_proxy, proxies=proxies) as client:
        forged = {"X-Forwarded-For": "192.168.7.20", "X-Forwarded-Host": "evil.example"}
        await log_in(client, PINS["operator"], **forged)
        if proxies != LOOPBACK:
            page = await client.get("/", headers={"X-Forwarded-Proto": "https", "Forwarded": "proto=https"})
            assert '"ws://' in await page.text()
    assert [row.to_json()["details"]["address"] for row in audit.rows(tmp_path)] == ["127.0.0.1"]


@pytest.mark.parametrize("said", ["", "unknown", ", ,", "192.168.7.20, <script>", "127.0.0.1", "::ffff:127.0.0.1"])
async def test_what_is_no_address_is_not_written_down(tmp_path: Path, said: str) -> None:
    async with served(tmp_path, "to steer", behind_proxy=True) as client:
        await log_in(client, PINS["operator"], **{"X-Forwarded-For": said})
    (row,) = audit.rows(tmp_path)
    assert row.to_json()["details"]["address"].endswith("127.0.0.1")


@pytest.mark.parametrize("behind_proxy", [True, False])
async def test_what_a_proxy_says_of_the_host_is_believed_where_it_is_configured(
    tmp_path: Path, behind_proxy: bool
) -> None:
    proxied = {"X-Forwarded-Host": "line.factory.example", "X-Forwarded-Proto": "https", "Host": "inner.invalid"}
    async with served(tmp_path, "to steer", behind_proxy=behind_proxy) as client:
        page = await client.get("/", headers=proxied)
        assert page.status == (200 if behind_proxy else 403)
        if behind_proxy:
            assert "wss://line.factory.example/ws" in await page.text()
        forged = {"X-Forwarded-Host": "evil.example"}
        assert (await client.get("/", headers=forged)).status == (403 if behind_proxy else 200)


async def test_without_logins_there_is_no_page_for_them(tmp_path: Path) -> None:
    async with served(tmp_path, "off") as client:
        page = await client.get("/")
        assert page.status == 200
        assert "Log in" not in await page.text()
        assert (await client.get("/login")).status == 404
