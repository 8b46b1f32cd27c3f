"""Who decides, for the line's server, whether somebody is an engineer; and how a connection becomes an engineer's.

1. Proving takes a part of a second, on purpose, and may wait for others who try: it has a thread of its own, and no
   screen and no camera waits for it.
2. A connection has one proof under way. It is an engineer's for some minutes after the proof and after each act, and
   no longer than the PIN is the one that was proved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from station.clock import monotonic_s
from station.control.requests import ProveEngineer
from station.errors import UsageError
from station.problem import as_json, mistake_of_ours, sentence
from station.roles.guarded_acts import ANYBODY, ENGINEER, Done, Who

NEEDED = "role.engineer_needed"


class Authority(Protocol):
    """What the server asks. Any thread may call."""

    @property
    def stays_s(self) -> float:
        """So long a connection stays an engineer's."""
        ...

    def is_guarded(self) -> bool:
        """Whether a PIN is set. UsageError where that cannot be known."""
        ...

    def prove(self, pin: str, name: str) -> None:
        """Nothing where it is the engineer's PIN; UsageError. Blocks."""
        ...

    def mark(self) -> str:
        """What changes with the engineer's PIN."""
        ...

    def note(self, done: Done) -> None:
        """Put an act into the audit. Returns at once."""
        ...


class Unguarded:
    """Where there is no PIN and no audit."""

    stays_s = 0.0

    def is_guarded(self) -> bool:
        """Never."""
        return False

    def prove(self, pin: str, name: str) -> None:
        """There is nothing to prove."""

    def mark(self) -> str:
        """There is no PIN."""
        return ""

    def note(self, done: Done) -> None:
        """Nobody keeps it."""


@dataclass(slots=True)
class Standing:
    """What one connection has proved so far. Of the server's thread."""

    authority: Authority
    name: str = ""
    mark: str = ""
    until_s: float = 0.0
    is_proving: bool = False

    @property
    def is_engineer(self) -> bool:
        """Whether its next act is an engineer's."""
        return monotonic_s() < self.until_s

    def became_engineer(self, name: str, mark: str) -> dict[str, Any]:
        """The proof was right. What the connection is answered."""
        self.name, self.mark, self.until_s = name, mark, monotonic_s() + self.authority.stays_s
        return self.to_json()

    def ended(self) -> dict[str, Any]:
        """It is an operator's again. What it is answered."""
        self.until_s = 0.0
        return self.to_json()

    def allow(self, operator: str) -> Who:
        """Who does an act now; UsageError `role.engineer_needed`. The time as an engineer begins anew."""
        if not self.authority.is_guarded():
            return Who(operator, ANYBODY)
        if self.authority.mark() != self.mark:
            self.until_s = 0.0
        if not self.is_engineer:
            raise UsageError(NEEDED, sentence("only an engineer may do this"))
        self.until_s = monotonic_s() + self.authority.stays_s
        return Who(self.name, ENGINEER)

    def to_json(self) -> dict[str, Any]:
        """`{"engineer": {"name", "seconds"}}`; 0 seconds for an operator."""
        left_s = max(0.0, self.until_s - monotonic_s())
        return {"engineer": {"name": self.name if left_s else "", "seconds": left_s}}


def proving(
    standing: Standing, request: ProveEngineer, answered: Callable[[Callable[[], Mapping[str, Any]]], None]
) -> None:
    """Prove in a thread of its own; `answered` gets, in that thread, what makes the answer in the server's thread."""
    if standing.is_proving:
        raise UsageError("request.invalid", "this connection proves one PIN at a time")
    standing.is_proving = True

    def ask() -> None:
        mark = standing.authority.mark()  # before: one that is changed meanwhile makes nobody an engineer
        try:
            standing.authority.prove(request.pin, request.name)
        except UsageError as error:
            refused = refusal(error)
            answered(lambda: _over(standing, refused))
        except Exception as error:  # who asked must not wait for ever
            mistake = mistake_of_ours(error)
            refused = refusal(UsageError(mistake.code, mistake.message))
            answered(lambda: _over(standing, refused))
        else:
            answered(lambda: _over(standing, {"done": request.do, **standing.became_engineer(request.name, mark)}))

    threading.Thread(target=ask, name="PIN", daemon=True).start()


def _over(standing: Standing, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    standing.is_proving = False
    return answer


def refusal(error: UsageError, asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The answer to what is refused; `asked` is the request that a PIN would help."""
    refused: dict[str, Any] = {"code": error.code, "text": str(error.message), "message": as_json(error.message)}
    if asked is not None:
        refused["asked"] = asked
    return {"refused": refused}
