"""Where the dashboard starts: in a terminal, until the operator leaves it."""

from __future__ import annotations

import gc
from pathlib import Path

from station.dashboard.app import Dashboard
from station.dashboard.exit_status import Leaving
from station.dashboard.input.barcode import Scanner
from station.dashboard.line_end import LineEnd
from station.dashboard.log_port import AllStations, Records

SHORT = 5_000
"""Objects between two collections: some milliseconds' worth."""


def show(
    data_dir: Path,
    records: Records,
    *,
    all_stations: AllStations | None = None,
    language: str = "en",
    read_only: bool = False,
    scanner: Scanner,
    yield_target: float | None = None,
    kiosk: bool = False,
) -> Leaving:
    """Show the line that works in `data_dir`, at first in this language. `yield_target` is a share, 0 to 1.

    A dashboard that ended by itself leaves the line running. Of a `kiosk` it ends with the line.
    """
    # A collection holds up the key that comes during it: many short ones, and none through what was loaded until now.
    gc.freeze()
    gc.set_threshold(SHORT, 5, 50)
    dashboard = Dashboard(
        data_dir,
        records,
        all_stations=all_stations,
        language=language,
        read_only=read_only,
        scanner=scanner,
        yield_target=yield_target,
    )
    if kiosk:
        dashboard.leave_with(LineEnd(data_dir))
    return dashboard.run() or Leaving(line_goes_on=True)
