"""When failures of cameras speak against the set-up, not the cameras: pure counting over finished runs.

1. So many different units in a row, over all slots, that fail with one code pause the line. A PASS or a failure with
   another code begins the count anew; what the operator or the station did neither counts nor clears.
2. So many different units in a row that fail in one slot, while another slot passed one since, take that slot out.
3. A run that names no unit (its serial is empty, zero or doubled) is an ERROR, and counts for 1 like a failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from station.model.runs import Outcome, RunRecord
from station.model.units import unit_key

UNIDENTIFIED = frozenset({"identity.default_serial", "identity.duplicate_serial"})
"""Codes of an ERROR that speaks of a camera's serial and of no trouble of the station."""

WHAT_TO_CHECK = {
    "boot.": "whether the bundle is the one for these cameras, and boot_timeout_s",
    "dfu.": "whether the bundle is the one for these cameras, and the hubs' power supply",
    "identity.": "which lot these cameras are of: they are not what the bundle was made for, or have no serials",
    "mram.": "which lot these cameras are of: their external memory, and the setting mram",
    "usb.": "the hubs, their power supply and their cables",
    "verify.": "the hubs' power supply and cables, and which external memory this lot has",
}
"""By the beginning of a code."""


def what_to_check(code: str) -> str:
    """What to look at where many cameras fail with one code."""
    found = (text for prefix, text in WHAT_TO_CHECK.items() if code.startswith(prefix))
    return next(found, "the bundle, the settings and the bench")


@dataclass
class SameFailures:
    """Counts units in a row that fail with one code; `limit` 0 is never."""

    limit: int
    code: str = ""
    units: list[str] = field(default_factory=list)

    def count(self, run: RunRecord) -> bool:
        """Take a finished run; whether the limit is reached by it."""
        if run.outcome is Outcome.PASS:
            self.clear()
        if not is_failure(run):
            return False
        if run.code != self.code:
            self.code, self.units = run.code or "", []
        unit = unit_key(run.serial, run.identified, run.run_id)
        if unit in self.units:
            return False
        self.units.append(unit)
        return 0 < self.limit <= len(self.units)

    def clear(self) -> None:
        """Begin anew."""
        self.code, self.units = "", []


def is_failure(run: RunRecord) -> bool:
    """Whether a run counts as one more failure with its code."""
    return run.outcome is Outcome.FAIL or (run.outcome is Outcome.ERROR and run.code in UNIDENTIFIED)


@dataclass
class _Streak:
    units: list[str] = field(default_factory=list)
    others_passed: bool = False


@dataclass
class SlotFailures:
    """Counts units in a row that fail in one slot while others pass; `limit` 0 is never."""

    limit: int
    streaks: dict[str, _Streak] = field(default_factory=dict)

    def count(self, run: RunRecord) -> list[str]:
        """Take a finished run; the port paths of the slots that are to be taken out by it."""
        if run.outcome is Outcome.PASS:
            self.streaks.pop(run.port_path, None)
            for streak in self.streaks.values():
                streak.others_passed = True
        elif run.outcome is Outcome.FAIL:
            streak = self.streaks.setdefault(run.port_path, _Streak())
            unit = unit_key(run.serial, run.identified, run.run_id)
            if unit not in streak.units:
                streak.units.append(unit)
        out = [path for path, s in self.streaks.items() if s.others_passed and 0 < self.limit <= len(s.units)]
        for path in out:
            del self.streaks[path]
        return out
