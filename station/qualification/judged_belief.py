"""A belief about cameras that a camera can answer, and what the slots of a bench answered to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from station.qualification.bench_run import AS_EXPECTED, DIFFERS, NOT_SEEN, Expectations, Kind, SlotCycles


@dataclass(frozen=True, slots=True)
class Answer:
    """What one slot showed."""

    as_expected: bool
    found: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a belief is judged by: one slot, beside all of them."""

    wanted: Expectations
    cycles: SlotCycles
    others: tuple[SlotCycles, ...] = ()


@dataclass(frozen=True, slots=True)
class Belief:
    """One belief. `key` is stable; `expected` makes its text, `judge` answers None where a slot showed nothing."""

    key: str
    name: str
    expected: Callable[[Expectations], str]
    judge: Callable[[Seen], Answer | None]


@dataclass(frozen=True, slots=True)
class SlotAnswer:
    """An answer with its slot and the cameras that were in it."""

    slot: str
    serials: tuple[str, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Judged:
    """A belief after the qualification."""

    key: str
    name: str
    expected: str
    answers: tuple[SlotAnswer, ...]

    @property
    def kind(self) -> Kind:
        """As expected in every slot that showed it, or not."""
        if not self.answers:
            return NOT_SEEN
        return AS_EXPECTED if all(each.answer.as_expected for each in self.answers) else DIFFERS

    @property
    def result(self) -> str:
        """ "as expected", "not seen", or "differs: found …" with the slots."""
        if self.kind != DIFFERS:
            return self.kind
        found: dict[str, list[str]] = {}
        for each in self.answers:
            if not each.answer.as_expected:
                found.setdefault(each.answer.found, []).append(each.slot)
        return "differs: found " + "; ".join(f"{what} ({', '.join(slots)})" for what, slots in found.items())

    @property
    def found(self) -> str:
        """What was found, whatever was expected; each finding once."""
        return ", ".join(dict.fromkeys(each.answer.found for each in self.answers if each.answer.found))

    def to_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        return {
            "key": self.key,
            "belief": self.name,
            "expected": self.expected,
            "verdict": self.kind,
            "result": self.result,
            "slots": [
                {
                    "slot": each.slot,
                    "serials": list(each.serials),
                    "as_expected": each.answer.as_expected,
                    "found": each.answer.found,
                }
                for each in self.answers
            ],
        }
