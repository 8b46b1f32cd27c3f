"""The figures of one slot: how fast, how often it left, what failed; and which slot is unlike the others.

A camera that left the bus in the middle of a run and came back by itself is a *return*, one that did not is a *loss*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from station.model import bench_facts
from station.model.runs import AttemptRecord, ImageRecord, Outcome
from station.qualification.bench_run import SlotCycles
from station.qualification.spread import Spread

MIB = 1 << 20
SLOW_SHARE = 0.8
"""A slot whose median rate is below this share of the other slots' is named, where three in four of its cycles
are slower than these, too: one slow cycle says more about the machine than about a cable."""
FEWEST_CYCLES = 3
RETURN_CODES = ("usb.disconnected",)
LOSS_CODES = ("operator.unplugged", "usb.hub_lost")
LINK_CODES = ("usb.", "dfu.", "verify.")
"""Failures that a bad cable makes, where the camera is known to be good."""


@dataclass(frozen=True, slots=True)
class SlotFigures:
    """One slot. Rates are MiB/s of a whole cycle, times seconds; `failures` counts attempts by code."""

    slot: str
    port_path: str
    serials: tuple[str, ...]
    runs: int
    passed: int
    gave_up: str
    hold_s: Spread
    boot_s: Spread
    entered_s: Spread
    write_mib_per_s: Spread
    read_mib_per_s: Spread
    rates: tuple[tuple[str, Spread, Spread], ...]
    """Each partition, the rates of writing and of reading back."""
    returns: int
    losses: int
    not_entered: int
    failures: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the report."""
        return {
            "slot": self.slot,
            "port_path": self.port_path,
            "serials": list(self.serials),
            "runs": self.runs,
            "passed": self.passed,
            "gave_up": self.gave_up or None,
            "hold_s": self.hold_s.to_json(),
            "boot_s": self.boot_s.to_json(),
            "entered_s": self.entered_s.to_json(),
            "write_mib_per_s": self.write_mib_per_s.to_json(),
            "read_mib_per_s": self.read_mib_per_s.to_json(),
            "partitions": [
                {"partition": name, "write_mib_per_s": write.to_json(), "read_mib_per_s": read.to_json()}
                for name, write, read in self.rates
            ],
            "returns": self.returns,
            "losses": self.losses,
            "not_entered": self.not_entered,
            "failures": [{"code": code, "count": count} for code, count in self.failures],
        }


def slot_figures(cycles: SlotCycles, block_bytes: int) -> SlotFigures:
    """The figures of one slot."""
    codes = Counter(attempt.code for attempt in cycles.attempts if attempt.code)
    run_codes = Counter(run.code for run in cycles.runs if run.code and run.outcome is not Outcome.PASS)
    failures = Counter(codes)
    for code, count in run_codes.items():  # runs that ended before any attempt have no other place
        failures[code] = max(failures[code], count)
    partitions = dict.fromkeys(image.partition for image in cycles.images)
    return SlotFigures(
        slot=cycles.slot,
        port_path=cycles.port_path,
        serials=cycles.serials,
        runs=len(cycles.runs),
        passed=cycles.passed,
        gave_up=cycles.gave_up,
        hold_s=Spread.of(cycles.numbers(bench_facts.HOLD_S)),
        boot_s=Spread.of(cycles.numbers(bench_facts.BOOT_S)),
        entered_s=Spread.of(cycles.entered_s),
        write_mib_per_s=_spread_of(_write_rate(attempt.images, block_bytes) for attempt in cycles.attempts),
        read_mib_per_s=_spread_of(_read_rate(attempt.images) for attempt in cycles.attempts),
        rates=tuple(
            (
                name,
                _spread_of(_write_rate(_of(attempt, name), block_bytes) for attempt in cycles.attempts),
                _spread_of(_read_rate(_of(attempt, name)) for attempt in cycles.attempts),
            )
            for name in partitions
        ),
        returns=sum(failures[code] for code in RETURN_CODES),
        losses=sum(failures[code] for code in LOSS_CODES),
        not_entered=cycles.not_entered,
        failures=tuple(sorted(failures.items(), key=lambda item: (-item[1], item[0]))),
    )


def _of(attempt: AttemptRecord, partition: str) -> list[ImageRecord]:
    return [image for image in attempt.images if image.partition == partition]


def _spread_of(rates: Any) -> Spread:
    return Spread.of(rate for rate in rates if rate is not None)


def _write_rate(images: Sequence[ImageRecord], block_bytes: int) -> float | None:
    seconds = sum(image.write_s for image in images)
    written = sum(image.blocks_written for image in images) * block_bytes
    return written / MIB / seconds if seconds and written else None


def _read_rate(images: Sequence[ImageRecord]) -> float | None:
    read = [image for image in images if image.readback_sha256 is not None and image.verify_s]
    seconds = sum(image.verify_s for image in read)
    return sum(image.size_bytes for image in read) / MIB / seconds if seconds else None


def complaints(slots: Sequence[SlotFigures]) -> list[str]:
    """One sentence for each way in which a slot is worse than it should be, with what to look at."""
    said = []
    for slot in slots:
        said += _own_complaints(slot)
        for what, mine, theirs in (
            ("writes", slot.write_mib_per_s, [each.write_mib_per_s for each in slots if each is not slot]),
            ("reads", slot.read_mib_per_s, [each.read_mib_per_s for each in slots if each is not slot]),
        ):
            others = [each.median for each in theirs if each.median is not None]
            if _is_slow(mine, others):
                said.append(
                    f"{slot.slot} {what} {mine.median:.2f} MiB/s where the other slots make {median(others):.2f}: "
                    "look at its cable, its port and its hub, then at its camera's memory"
                )
    return said


def _is_slow(mine: Spread, others: Sequence[float]) -> bool:
    if mine.median is None or mine.p75 is None or mine.count < FEWEST_CYCLES or not others:
        return False
    return mine.median < SLOW_SHARE * median(others) and mine.p75 < median(others)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _own_complaints(slot: SlotFigures) -> list[str]:
    said = []
    if slot.gave_up:
        said.append(f"{slot.slot} gave up after {slot.runs} runs: {slot.gave_up}")
    if slot.returns:
        said.append(f"{slot.slot}: the camera left the bus and came back {_times(slot.returns)}: its cable or its hub")
    if slot.losses:
        said.append(f"{slot.slot}: the camera was lost {_times(slot.losses)}: its cable or its hub")
    if slot.not_entered:
        said.append(f"{slot.slot}: the camera did not come into its bootloader {_times(slot.not_entered)}")
    if rest := [f"{code} ({count})" for code, count in slot.failures if code not in (*RETURN_CODES, *LOSS_CODES)]:
        link = all(code.startswith(LINK_CODES) for code in rest)
        advice = (
            "its cable or its hub, as its camera is good" if link else "see the codes in the README and station unit"
        )
        said.append(f"{slot.slot}: {', '.join(rest)}: {advice}")
    return said
