"""A conversation: something said and heard over a serial port, with one result, driven from outside, without I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from station.app.exchange import Heard, Listen, PortAction, PortBroken, PortGone, PortReply, Send, Sent, Silent, Stuck
from station.errors import ApplicationError
from station.problem import sentence

Result = TypeVar("Result")

Turns = Generator[PortAction, PortReply, Result]
"""A conversation's inside: yields actions, is sent replies, returns the result or raises an ApplicationError."""


class Conversation(Generic[Result]):
    """One conversation, not yet begun. Hand it to `converse`."""

    __slots__ = ("turns",)

    def __init__(self, turns: Turns[Result]) -> None:
        self.turns = turns


def converse(conversation: Conversation[Result], perform: Callable[[PortAction], PortReply]) -> Result:
    """Carry a conversation on to its end over `perform`; raises the ApplicationError that it ends with."""
    turns = conversation.turns
    try:
        action = next(turns)
        while True:
            action = turns.send(perform(action))
    except StopIteration as end:
        result: Result = end.value
        return result


class BoundedPort:
    """One port as a conversation sees it: the time, and what may not be waited for any longer.

    `begin` sets the limit of everything that follows. Each method raises ApplicationError `test.port_vanished` and
    `test.port_io` for a port that fails.
    """

    def __init__(self, send_limit_s: float = 1.0) -> None:
        self.now_s = 0.0
        self._send_limit_s = send_limit_s
        self._limit_s = 0.0
        self._end_s: float | None = None

    def begin(self, limit_s: float) -> None:
        """From the next reply on, `limit_s` seconds are left for everything."""
        self._limit_s, self._end_s = limit_s, None

    @property
    def is_over(self) -> bool:
        """Whether the limit has passed."""
        return self._end_s is not None and self.now_s >= self._end_s

    def send(self, data: bytes) -> Turns[bool]:
        """Send; whether the camera took it."""
        reply = yield Send(data, self._send_limit_s)
        self._note(reply)
        return isinstance(reply, Sent)

    def listen(self, until_s: float) -> Turns[bytes]:
        """What comes until then, or until the limit, as soon as something comes; nothing where nothing came."""
        if self._end_s is not None:
            until_s = min(until_s, self._end_s)
        reply = yield Listen(until_s)
        self._note(reply)
        return reply.data if isinstance(reply, Heard) else b""

    def _note(self, reply: PortReply) -> None:
        if isinstance(reply, PortGone):
            raise ApplicationError("test.port_vanished", sentence("the camera's serial port vanished"))
        if isinstance(reply, PortBroken):
            raise ApplicationError(
                "test.port_io", sentence("the camera's serial port failed (error {number})", number=reply.errno)
            )
        assert isinstance(reply, Sent | Stuck | Heard | Silent)
        self.now_s = max(self.now_s, reply.at_s)
        if self._end_s is None:
            self._end_s = self.now_s + self._limit_s
