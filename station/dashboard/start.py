"""Where the dashboard starts: in a terminal, until the operator leaves it."""

from __future__ import annotations

from pathlib import Path

from station.dashboard.app import Dashboard
from station.dashboard.leaving import Leaving
from station.dashboard.records import Records


def show(data_dir: Path, records: Records, *, language: str = "en", read_only: bool = False) -> Leaving:
    """Show the line that works in `data_dir`, at first in this language.

    A dashboard that ended by itself leaves the line running.
    """
    return Dashboard(data_dir, records, language=language, read_only=read_only).run() or Leaving(line_goes_on=True)
