"""The report of a qualification: slots, beliefs, and what the bench can be taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from station.qualification.beliefs import judged
from station.qualification.bench_run import AS_EXPECTED, DIFFERS, NOT_SEEN, Expectations, SlotCycles
from station.qualification.judged_belief import Judged
from station.qualification.learned import Learned, learned
from station.qualification.slot_figures import SlotFigures, complaints, slot_figures


@dataclass(frozen=True, slots=True)
class About:
    """What was qualified, when and with what."""

    station_id: str
    station_version: str
    bundle: str
    bundle_version: str
    cycles: int
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class BenchReport:
    """All that one qualification found."""

    about: About
    slots: tuple[SlotFigures, ...]
    beliefs: tuple[Judged, ...]
    learned: tuple[Learned, ...]
    complaints: tuple[str, ...]
    notes: tuple[tuple[str, tuple[str, ...]], ...]
    """What the records say besides, each with the slots where it was said."""

    @property
    def qualified(self) -> bool:
        """Whether every slot made all its cycles, and each passed."""
        cycles = self.about.cycles
        return bool(self.slots) and all(not slot.gave_up and slot.passed == slot.runs >= cycles for slot in self.slots)

    def count(self, kind: str) -> int:
        """How many beliefs came out so."""
        return sum(belief.kind == kind for belief in self.beliefs)

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON document."""
        about = self.about
        return {
            "station_id": about.station_id,
            "station_version": about.station_version,
            "bundle": about.bundle,
            "bundle_version": about.bundle_version,
            "cycles": about.cycles,
            "started_at": about.started_at.isoformat(),
            "finished_at": about.finished_at.isoformat(),
            "qualified": self.qualified,
            "complaints": list(self.complaints),
            "slots": [slot.to_json() for slot in self.slots],
            "belief_counts": {kind: self.count(kind) for kind in (AS_EXPECTED, DIFFERS, NOT_SEEN)},
            "beliefs": [belief.to_json() for belief in self.beliefs],
            "learned": [each.to_json() for each in self.learned],
            "rate_limits_mib_per_s": [
                {
                    "slot": slot.slot,
                    "write": _rounded(slot.write_mib_per_s.p5),
                    "read": _rounded(slot.read_mib_per_s.p5),
                }
                for slot in self.slots
            ],
            "notes": [{"note": note, "slots": list(slots)} for note, slots in self.notes],
        }


def bench_report(about: About, wanted: Expectations, slots: Sequence[SlotCycles]) -> BenchReport:
    """The report of these slots."""
    figures = tuple(slot_figures(each, wanted.board.block_bytes) for each in slots)
    notes: dict[str, list[str]] = {}
    for each in slots:
        for note in dict.fromkeys(str(note) for run in each.runs for note in run.notes):
            notes.setdefault(note, []).append(each.slot)
    return BenchReport(
        about,
        figures,
        judged(wanted, slots),
        learned(wanted, slots),
        tuple(complaints(figures)),
        tuple((note, tuple(where)) for note, where in notes.items()),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
