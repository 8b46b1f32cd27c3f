"""How an operator left the dashboard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leaving:
    """`line_goes_on` is False where the line has ended, by itself or because it was asked to."""

    line_goes_on: bool
