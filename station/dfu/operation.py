"""An operation: a few requests with one result, driven from outside, without I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from station.dfu.actions import Action, Reply
from station.dfu.transition_table import ProtocolMisuse

Result = TypeVar("Result")

Steps = Generator[Action, Reply, Result]
"""An operation's inside: yields actions, is sent replies, returns the result or raises a CameraError."""


@dataclass(frozen=True, slots=True)
class Finished(Generic[Result]):
    """The operation ended well."""

    result: Result


class Operation(Generic[Result]):
    """One running operation. Either step it with `next_action` and `receive`, or hand it to `drive`.

    Operations of one engine run one after another. One that is dropped half-way leaves the engine believing that the
    request in flight was lost.
    """

    __slots__ = ("_next", "_running", "steps")

    def __init__(self, steps: Steps[Result]) -> None:
        self.steps = steps
        self._next: Action | Finished[Result] | None = None
        self._running = True

    def next_action(self) -> Action | Finished[Result]:
        """What to do now; the same until `receive` is called. Raises where nothing may be sent at all."""
        if self._next is None:
            self._advance(None)
        if self._next is None:
            raise ProtocolMisuse("the operation has failed before")
        return self._next

    def receive(self, reply: Reply) -> None:
        """Take in the reply to the action. Raises the operation's failure (a CameraError) once it is certain."""
        if self._next is None or not self._running:
            raise ProtocolMisuse("a reply to nothing")
        self._advance(reply)

    def _advance(self, reply: Reply | None) -> None:
        self._next = None
        if not self._running:
            return
        try:
            self._next = next(self.steps) if reply is None else self.steps.send(reply)
        except StopIteration as end:
            self._running = False
            self._next = Finished(end.value)
        except BaseException:
            self._running = False
            raise


def drive(operation: Operation[Result], perform: Callable[[Action], Reply]) -> Result:
    """Run an operation to its end over `perform`; raises what the operation raises, and what `perform` raises."""
    steps = operation.steps
    send = steps.send
    try:
        action = next(steps)
        while True:
            action = send(perform(action))
    except StopIteration as end:
        result: Result = end.value
        return result
