"""The dashboard in browsers: each browser gets a `station dashboard` process of its own, through textual-serve.

Whoever reaches the port sees the line, so pages of other sites must not: a browser sends them all here if they ask. A
request is refused where its Host is a name that is not this machine's (a name may be made to point anywhere) or where
its Origin is another page (`host_names`).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shlex
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from station.clock import monotonic_s
from station.dashboard.web.host_names import OwnNames, host_of_page, name_of
from station.dashboard.web.logins import COOKIE, Logins, give_cookie
from station.dashboard.web.proxies import Proxies
from station.errors import UsageError

PAGES = Path(__file__).parent
MOST_VIEWERS = 24
"""So many browsers at once: each costs a process."""
LEAVE_LIMIT_S = 5.0
HEARTBEAT_S = 15.0
PINS_S = 1.0
"""How often it is looked whether a PIN was taken away or changed."""
SIZE_LIMITS = (20, 500)
"""Columns and rows that a browser may ask for."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Viewer(AppService):
    """The dashboard process of one browser."""

    async def run(self) -> None:
        """Pass on what it draws until it ends; a browser whose dashboard is gone learns that, however it went."""
        try:
            await super().run()
        finally:
            await self.remote_close()

    async def set_terminal_size(self, width: int, height: int) -> None:
        """The browser's window changed."""
        await super().set_terminal_size(_size(width), _size(height))

    async def stop(self) -> None:
        """End the process; one that does not leave is killed."""
        process = self._process
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_LIMIT_S):
                await super().stop()
                if process is not None:
                    await process.wait()
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


class DashboardServer(Server):
    """Serves the dashboards that `command` starts, `--read-only` behind it for who only looks; `has_line` says whether
    there is anything to look at."""

    def __init__(
        self,
        command: Sequence[str],
        host: str,
        port: int,
        title: str,
        has_line: Callable[[], bool],
        names: OwnNames,
        logins: Logins | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        super().__init__("exec " + shlex.join(command), host, port, title, templates_path=PAGES)
        self._names = names
        self._logins = logins or Logins()
        self._proxies = proxies or Proxies()
        self._has_line = has_line
        self._open: set[web.WebSocketResponse] = set()

    async def application(self) -> web.Application:
        """The web application, guarded."""
        application = await self._make_app()
        if self._logins.mode != "off":
            application.router.add_get("/login", self.handle_login_page)
            application.router.add_post("/login", self.handle_login)
            application.router.add_post("/logout", self.handle_logout)
            application.cleanup_ctx.append(self._watch_logins)
        application.middlewares.append(self._guard)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        host = self._proxies.host(request)
        if not self._names.has(host):
            raise web.HTTPForbidden(text=_unknown_name(name_of(host)))
        origin = request.headers.get("Origin")
        if origin is not None and not self._names.may_ask(origin, host):
            raise web.HTTPForbidden(text=_another_page(name_of(host_of_page(origin))))
        await self._logins.end_outdated()
        return await handler(request)

    async def _watch_logins(self, _application: web.Application) -> AsyncIterator[None]:
        """Dashboards that are open end with their PIN, too."""
        watching = asyncio.create_task(self._end_outdated())
        yield
        watching.cancel()

    async def _end_outdated(self) -> None:
        while True:
            await asyncio.sleep(PINS_S)
            with suppress(Exception):  # whatever one look brings, the next one is made
                await self._logins.end_outdated()

    async def on_startup(self, app: web.Application) -> None:
        """The command says where it serves."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Let every browser go: the server would wait for them."""
        await asyncio.gather(*(websocket.close() for websocket in self._open))

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page; while there is no line, one that looks again."""
        if not self._logins.may_look(request):
            raise web.HTTPSeeOther("/login")
        has_line = await asyncio.to_thread(self._has_line)
        # A page that came by https may open no other socket.
        scheme = "wss" if self._proxies.is_https(request) else "ws"
        socket = f"{scheme}://{self._proxies.host(request)}/ws"
        session = self._logins.session(request)
        known: dict[str, Any] = {"title": self.title, "websocket": socket, "login": self._logins.mode != "off"}
        known["role"] = session.role if session else ""
        known["font_size"] = min(max(to_int(request.query.get("fontsize", "16"), 16), 6), 60)
        page = "page.html.j2" if has_line else "no_line.html.j2"
        return aiohttp_jinja2.render_template(page, request, known, status=200 if has_line else 503)

    async def handle_login_page(self, request: web.Request) -> web.StreamResponse:
        """The form for the PIN."""
        return self._login_page(request, "", 200)

    async def handle_login(self, request: web.Request) -> web.StreamResponse:
        """A PIN: a session for it, or the form again, with why not."""
        pin = (await request.post()).get("pin")
        try:
            token = await self._logins.log_in(pin if isinstance(pin, str) else "", self._proxies.browser(request))
        except UsageError as error:
            return self._login_page(request, error.message, 429 if error.code == "role.too_many_tries" else 403)
        answer = _see("/")
        give_cookie(answer, token, secure=self._proxies.is_https(request))
        return answer

    async def handle_logout(self, request: web.Request) -> web.StreamResponse:
        """The browser is nobody's again."""
        await self._logins.log_out(request)
        answer = _see("/login")
        answer.del_cookie(COOKIE, path="/")
        return answer

    def _login_page(self, request: web.Request, wrong: str, status: int) -> web.Response:
        known = {"title": self.title, "wrong": wrong, "may_look": self._logins.mode == "to steer"}
        return aiohttp_jinja2.render_template("login.html.j2", request, known, status=status)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One browser, until it or its dashboard leaves."""
        if len(self._open) >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text="Too many browsers look already.")
        if not self._logins.may_look(request):
            raise web.HTTPUnauthorized(text="Log in first: /login")
        websocket = web.WebSocketResponse(heartbeat=HEARTBEAT_S)
        await websocket.prepare(request)

        async def close() -> None:
            await websocket.close()

        viewer = Viewer(
            self.command if self._logins.may_steer(request) else f"{self.command} --read-only",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=close,
            download_manager=self.download_manager,
        )
        self._open.add(websocket)
        session = self._logins.session(request)
        ends = None
        if session is not None:
            session.open.add(websocket)
            loop = asyncio.get_running_loop()
            ends = loop.call_later(session.until_s - monotonic_s(), lambda: loop.create_task(close()))
        try:
            width, height = (to_int(request.query.get(name, ""), 80) for name in ("width", "height"))
            await viewer.start(_size(width), _size(height))
            # What is no message of the page's script ends the connection.
            with suppress(ValueError, TypeError, KeyError, IndexError, AssertionError, AttributeError):
                await self._process_messages(websocket, viewer)
        finally:
            self._open.discard(websocket)
            if session is not None and ends is not None:
                session.open.discard(websocket)
                ends.cancel()
            await viewer.stop()
        return websocket


def serve(server: DashboardServer, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM. UsageError where the port cannot be had."""
    logging.getLogger("textual-serve").setLevel(logging.CRITICAL)
    asyncio.run(_serve(server, on_ready))


async def _serve(server: DashboardServer, on_ready: Callable[[], None]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    runner = web.AppRunner(await server.application(), access_log=None, shutdown_timeout=2 * LEAVE_LIMIT_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, server.host, server.port).start()
        on_ready()
        await ended.wait()
    except OSError as error:
        raise _refused(server.host, server.port, error) from error
    finally:
        await runner.cleanup()


def _refused(host: str, port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError("usage.port", f"another program has port {port} of {host}")
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return UsageError("usage.port", f"cannot serve on port {port} of {host}: {reason}")


def _see(path: str) -> web.Response:
    """The browser goes on there, with a GET."""
    return web.Response(status=303, headers={"Location": path})


def _unknown_name(name: str) -> str:
    return f"This station does not know the name {_shown(name)}. {_remedy(name)}"


def _another_page(name: str) -> str:
    return f"Another page asks ({_shown(name)}). If that is a proxy of this station: {_remedy(name)}"


def _remedy(name: str) -> str:
    return (
        f'Add it to the configuration, in [web]: host_names = ["{_shown(name)}"], and start station web again; '
        "or ask for the station by its address."
    )


def _shown(name: str) -> str:
    """A name as it may stand in an answer."""
    return "".join(letter for letter in name if letter.isalnum() or letter in "-._:")[:253] or "NAME"


def _size(wanted: int) -> int:
    least, most = SIZE_LIMITS
    return min(max(int(wanted), least), most)
