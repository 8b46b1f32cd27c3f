"""Who is logged in, in which browser: a PIN is changed for a cookie that no script and no other site can use.

1. A session is a random token in memory: it ends with this process, after `SESSION_S`, when somebody logs out, and as
   soon as the PIN that it was given for is taken away or changed.
2. Its cookie is HttpOnly and SameSite=Strict, and Secure where the browser came by https.
3. Wrong PINs are slowed down by who checks them (`pin_file`), for all browsers together.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from station.clock import monotonic_s
from station.errors import UsageError

COOKIE = "station_session"
SESSION_S = 12 * 3600.0
"""A shift, and a little."""
MOST_SESSIONS = 500
STEERING = frozenset({"operator", "engineer"})


@dataclass(slots=True)
class Session:
    """One browser that is logged in; `open` are its dashboards."""

    role: str
    until_s: float
    mark: str
    """The PIN's, by `PinCheck.marks`."""
    open: set[web.WebSocketResponse] = field(default_factory=set)


class PinCheck(Protocol):
    """Who knows the PINs. Both may block."""

    def holder_of(self, pin: str, address: str) -> str:
        """The role whose PIN came from an address; UsageError."""
        ...

    def marks(self) -> Mapping[str, str]:
        """By role, what changes with its PIN; a role without one is not there."""
        ...


class Logins:
    """`mode` is "off" (nobody logs in; `control` says whether all steer), "to steer" or "always"."""

    def __init__(self, mode: str = "off", pins: PinCheck | None = None, *, control: bool = False) -> None:
        self.mode = mode
        self._pins = pins
        self._control = control
        self._sessions: dict[str, Session] = {}

    def session(self, request: web.Request) -> Session | None:
        """The session of a browser; None where it is not logged in, or is no longer."""
        found = self._sessions.get(request.cookies.get(COOKIE, ""))
        return found if found is not None and monotonic_s() < found.until_s else None

    def may_look(self, request: web.Request) -> bool:
        """Whether the browser may see the line."""
        return self.mode != "always" or self.session(request) is not None

    def may_steer(self, request: web.Request) -> bool:
        """Whether the browser may steer it."""
        if self.mode == "off":
            return self._control
        session = self.session(request)
        return session is not None and session.role in STEERING

    async def log_in(self, pin: str, address: str) -> str:
        """The token of a new session; UsageError where it is no PIN of a role."""
        if self._pins is None:
            raise UsageError("role.no_pin", "nobody logs in here")
        # Before it is looked at: one that is changed meanwhile gives no session that lasts.
        marks = await asyncio.to_thread(self._pins.marks)
        role = await asyncio.to_thread(self._pins.holder_of, pin, address)
        now_s = monotonic_s()
        self._sessions = {token: one for token, one in self._sessions.items() if now_s < one.until_s}
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        token = secrets.token_urlsafe(32)
        self._sessions[token] = Session(role, now_s + SESSION_S, marks.get(role, ""))
        return token

    async def log_out(self, request: web.Request) -> None:
        """End the browser's session, and its dashboards."""
        session = self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        if session is not None:
            await _close(session)

    async def end_outdated(self) -> None:
        """End the sessions whose PIN was taken away or changed, and their dashboards."""
        if self._pins is None or not self._sessions:
            return
        marks = await asyncio.to_thread(self._pins.marks)
        gone = [token for token, one in self._sessions.items() if marks.get(one.role) != one.mark]
        ended = [self._sessions.pop(token) for token in gone]
        await asyncio.gather(*map(_close, ended))


async def _close(session: Session) -> None:
    await asyncio.gather(*(websocket.close() for websocket in list(session.open)))


def give_cookie(answer: web.StreamResponse, token: str, *, secure: bool) -> None:
    """Hand a session to the browser."""
    answer.set_cookie(COOKIE, token, max_age=int(SESSION_S), path="/", httponly=True, samesite="Strict", secure=secure)
