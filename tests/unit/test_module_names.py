"""A module is found by its name: no two share one, but for commands and wiring, named as typed and as what is built."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

STATION = Path(__file__).parents[2] / "station"


def test_no_two_modules_share_a_name() -> None:
    modules = [
        path.stem
        for path in STATION.rglob("*.py")
        if not path.stem.startswith("__") and path.parent.name not in {"cli", "wiring"}
    ]
    assert [name for name, times in Counter(modules).items() if times > 1] == []
