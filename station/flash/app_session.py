"""A worker's conversation with its camera's application, over the serial port at the camera's place.

1. The port is looked up anew whenever it is opened: a camera that restarted has another one.
2. What is said never keeps the worker from its pipe: between two replies it takes in what happened, a cancellation is
   raised, and a wait is cut into pieces no longer than `SLICE_S`.
3. Whatever is asked ends within its limits (`FunctionalTests`), with an ApplicationError where it is not answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from station.app.app_client import Client
from station.app.conversation import Conversation, converse
from station.app.exchange import Listen, PortAction, PortReply, Silent
from station.app.packet_link import Timing
from station.app.script import ScriptOutput
from station.clock import monotonic_s
from station.errors import ApplicationError
from station.model.functional_tests import FunctionalTests
from station.model.ids import new_id
from station.problem import sentence
from station.usb.tty import Tty, open_tty, wait_for_tty

Result = TypeVar("Result")

SLICE_S = 0.25

FindTty = Callable[[], str | None]
"""Where the camera's serial port is now, None while it has none."""


class AppSession:
    """Opens the port when something is asked; `close` ends it, and the next question opens it again."""

    def __init__(self, port_path: str, find: FindTty, limits: FunctionalTests, look: Callable[[], None]) -> None:
        """`look` takes in what the worker is sent; it may raise to end everything."""
        self._port_path = port_path
        self._find = find
        self._limits = limits
        self._look = look
        self._tty: Tty | None = None
        self._client = Client()
        self._limit_s = self._end_s = 0.0

    def begin(self, port_s: float, more_s: float = 0.0) -> None:
        """A test begins: its limit, and `more_s`, run from the moment at which the port is there.

        ApplicationError `test.no_port` where that takes more than `port_s`.
        """
        self._open(port_s)
        self._limit_s = self._limits.limit_s + more_s
        self._end_s = monotonic_s() + self._limit_s

    def ask(self, question: Callable[[Client], Conversation[Result]]) -> Result:
        """One question and its answer. ApplicationError `test.*`; what `look` raises."""
        tty = self._tty
        assert tty is not None
        return converse(question(self._client), lambda action: self._perform(tty, action))

    def run_script(self, source: str, limit_s: float) -> ScriptOutput:
        """Run a script of ours to its end, within `limit_s`."""
        return self.ask(lambda client: client.run_script(source, f"station-{new_id()[-12:]}", limit_s))

    def close(self) -> None:
        """Give the port back."""
        if self._tty is not None:
            self._tty.close()
            self._tty = None

    def _open(self, port_s: float) -> None:
        if self._tty is not None:
            return

        def find() -> str | None:
            self._look()
            return self._find()

        limits = self._limits
        self._tty = open_tty(wait_for_tty(self._port_path, port_s, find=find))
        # The camera's own patience is the first window; all of its repetitions have to fit into the limit of an answer.
        self._client = Client(replace(Timing(), limit_s=limits.answer_s))

    def _perform(self, tty: Tty, action: PortAction) -> PortReply:
        while True:
            self._look()
            now_s = monotonic_s()
            if now_s >= self._end_s:
                text = sentence("the test took longer than {seconds} s", seconds=f"{self._limit_s:g}")
                raise ApplicationError("test.script_timeout", text)
            if not isinstance(action, Listen):
                return tty.perform(action)
            until_s = min(action.until_s, now_s + SLICE_S)
            reply = tty.perform(Listen(until_s))
            if not isinstance(reply, Silent) or reply.at_s >= action.until_s:
                return reply
