"""Running cameras once more: what is asked of the line for each slot, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable

from station.dashboard.language import tr_count
from station.dashboard.line_port import LinePort
from station.model.slots import SlotState, SlotView

FAILED = frozenset({SlotState.FAILED, SlotState.ERROR, SlotState.ABORTED})


def rerun(line: LinePort, views: Iterable[SlotView]) -> None:
    """Run the cameras in these slots once more."""
    for view in views:
        line.ask("rerun", port_path=view.port_path)


def rerun_failed(line: LinePort, views: Iterable[SlotView]) -> str:
    """Run every camera once more that failed and is still in its slot; what to say of it."""
    failed = [view for view in views if view.state in FAILED]
    rerun(line, failed)
    return tr_count("Re-running {count} slot.", "Re-running {count} slots.", len(failed))
