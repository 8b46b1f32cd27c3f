"""How long something took, many times over: counted in buckets, which is all that is kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WRITE_BOUNDS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""A transaction of the log: some milliseconds on a good disk."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How many were at most as long as each of `bounds_s`, not counting those of the bound before; the last count is of
    those that were longer than all. `total_s` is the sum."""

    bounds_s: tuple[float, ...]
    counts: tuple[int, ...]
    total_s: float

    @classmethod
    def nothing(cls, bounds_s: Sequence[float]) -> Spread:
        """None yet."""
        return cls(tuple(bounds_s), (0,) * (len(bounds_s) + 1), 0.0)

    def with_one(self, seconds: float) -> Spread:
        """One more."""
        place = bisect_left(self.bounds_s, seconds)
        counts = (*self.counts[:place], self.counts[place] + 1, *self.counts[place + 1 :])
        return Spread(self.bounds_s, counts, self.total_s + seconds)

    def plus(self, other: Spread) -> Spread:
        """Both together; their bounds are the same."""
        counts = tuple(ours + theirs for ours, theirs in zip(self.counts, other.counts, strict=True))
        return Spread(self.bounds_s, counts, self.total_s + other.total_s)

    def to_json(self) -> dict[str, Any]:
        """The value as JSON."""
        return {"bounds_s": list(self.bounds_s), "counts": list(self.counts), "total_s": self.total_s}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Spread:
        """The value from its JSON form."""
        counts = tuple(map(int, given["counts"]))
        return cls(tuple(map(float, given["bounds_s"])), counts, float(given["total_s"]))
