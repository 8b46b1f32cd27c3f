"""The spread of a figure over the cycles of one slot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """`p5` and `p75` are what 5 % and 75 % of the cycles stay below; every figure None where nothing was measured."""

    count: int = 0
    least: float | None = None
    p5: float | None = None
    median: float | None = None
    p75: float | None = None
    most: float | None = None

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of these."""
        ordered = sorted(values)
        if not ordered:
            return cls()
        twentieths = quantiles(ordered * 2 if len(ordered) == 1 else ordered, n=20, method="inclusive")
        return cls(len(ordered), ordered[0], twentieths[0], twentieths[9], twentieths[14], ordered[-1])

    def to_json(self) -> dict[str, Any]:
        """Rounded to a tenth of a thousandth."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}
