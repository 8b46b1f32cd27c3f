"""A transport that is a list: each request that is expected, with its reply. Beside the real one, for tests without a
bus, and in milliseconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from station.dfu.actions import Action, ControlOut, Reply, SetInterface, Wait

RESET = "reset"
"""Stands among the requests for a reset of the port."""
Exchange = tuple[Action | str, Reply | Exception]
"""What is expected, whatever its time limit, and the reply, or what is raised."""


class UnexpectedRequest(AssertionError):
    """The request is not the one that is next in the list."""


class ScriptedTransport:
    """Answers from `exchanges`, in order. `strings` are the string descriptors, from index 1."""

    def __init__(self, exchanges: Sequence[Exchange], configuration: bytes = b"", strings: Sequence[str] = ()) -> None:
        self.left = deque(exchanges)
        """What was not asked yet: empty where everything was."""
        self.closed = False
        self._configuration = configuration
        self._strings = ("", *strings)

    def perform(self, action: Action) -> Reply:
        """The reply to the next request of the list; UnexpectedRequest where that is another."""
        return self._answer(action)

    def configuration_descriptor_raw(self) -> bytes:
        """The descriptor that was given."""
        return self._configuration

    def string(self, index: int) -> str:
        """The string that was given."""
        return self._strings[index]

    def reset(self) -> None:
        """The port is reset, if that is next in the list."""
        self._answer(RESET)

    def close(self) -> None:
        """Noted in `closed`."""
        self.closed = True

    def _answer(self, asked: Action | str) -> Reply:
        if not self.left:
            raise UnexpectedRequest(f"{asked} where nothing more was expected")
        expected, reply = self.left.popleft()
        if _without_limit(asked) != _without_limit(expected):
            raise UnexpectedRequest(f"{asked} where {expected} was expected")
        if isinstance(reply, Exception):
            raise reply
        return reply


def _without_limit(request: Action | str) -> Action | str:
    if isinstance(request, str | SetInterface | Wait):
        return request
    if isinstance(request, ControlOut):
        return replace(request, data=bytes(request.data), timeout_s=0)
    return replace(request, timeout_s=0)
