"""How something ended: an outcome, and the problem that brought it about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from station.model.runs import Outcome
from station.problem import Problem, Sentence


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run or an attempt ended. `problem` is None for a PASS, and only there."""

    outcome: Outcome
    problem: Problem | None = None

    @property
    def code(self) -> str | None:
        """The stable code; None for a PASS."""
        return self.problem.code if self.problem else None

    @property
    def message(self) -> Sentence:
        """What happened, in one line; "" for a PASS."""
        return self.problem.message if self.problem else Sentence("")


PASSED: Final = Verdict(Outcome.PASS)


def ended_by(outcome: Outcome, code: str, message: Sentence) -> Verdict:
    """The verdict of a problem."""
    return Verdict(outcome, Problem(code, message))
