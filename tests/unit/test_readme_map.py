"""README's map of the code: every package is in it, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_map_has_every_package_and_no_other() -> None:
    there = {path.parent.name for path in ROOT.glob("station/*/__init__.py")}
    named = set(re.findall(r"^\| `station/([a-z]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named == there
