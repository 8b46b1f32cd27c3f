"""The spread of a figure over the cycles of one slot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
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
        return cls(
            len(ordered),
            ordered[0],
            quantile(ordered, 0.05),
            quantile(ordered, 0.5),
            quantile(ordered, 0.75),
            ordered[-1],
        )

    def to_json(self) -> dict[str, Any]:
        """Rounded to a tenth of a thousandth."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


def quantile(ordered: list[float], share: float) -> float:
    """The value below which that share of some sorted values lies, between two of them by their distance.

    >>> quantile([1.0, 2.0, 3.0], 0.25)
    1.5
    """
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
