"""One thing that the doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.errors import StationError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Where it is wrong, `fix` is the command or the sentence that helps."""

    name: str
    ok: bool
    found: str
    fix: str = ""
    exit_code: int = 0

    def to_json(self) -> dict[str, Any]:
        """The finding as an element of `checks` in `doctor --json`."""
        return {"check": self.name, "ok": self.ok, "found": self.found, "fix": self.fix or None}


def wrong(name: str, error: StationError) -> Finding:
    """A failure as a finding."""
    return Finding(name, False, error.message, error.hint, error.exit_code)


def text_of(file: Path) -> str:
    """What is in a small file; "" where it cannot be read."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
