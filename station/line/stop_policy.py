"""When failures speak of the set-up and not of the cameras: the line stops or pauses, or a slot is taken out. Pure.

1. Station errors in a row, over all slots, stop the line. Cameras whose serial names no unit are not among them; all
   cameras that left with one hub are one error.
2. Cameras in a row, over all slots, that fail with one code pause the line: a wrong set-up fails every camera alike. A
   PASS, or a failure with another code, starts the count over. A unit that fails again counts once.
3. Different units in a row that fail in one slot, while another slot passes one, take that slot out.
A limit of 0 turns a rule off. Runs that touched no camera, or that a person ended, change no count.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from station.model.runs import Outcome, RunRecord
from station.model.units import unit_key
from station.problem import sentence

UNIDENTIFIED = ("identity.default_serial", "identity.duplicate_serial")
"""Codes of cameras that are refused for their serial: ERROR, and yet about what was plugged in."""


HUB_LOST = "usb.hub_lost"


WHAT_TO_CHECK = {
    "boot.": sentence("whether the bundle is the one for these cameras, and boot_timeout_s"),
    "dfu.": sentence("whether the bundle is the one for these cameras, and the hubs' power supply"),
    "identity.": sentence(
        "which lot these cameras are of: they are not what the bundle was made for, or have no serials"
    ),
    "mram.": sentence("which lot these cameras are of: their external memory, and the setting mram"),
    "usb.": sentence("the hubs, their power supply and their cables"),
    "verify.": sentence("the hubs' power supply and cables, and which external memory this lot has"),
}
"""By the beginning of a code."""


def what_to_check(code: str) -> str:
    """What to look at where many cameras fail with one code."""
    found = (text for prefix, text in WHAT_TO_CHECK.items() if code.startswith(prefix))
    return next(found, sentence("the bundle, the settings and the bench"))


@dataclass(frozen=True, slots=True)
class Limits:
    """How many in a row are too many; 0: never."""

    errors: int = 5
    same_failures: int = 5
    slot_failures: int = 3


@dataclass(frozen=True, slots=True)
class StopForErrors:
    """The line is to stop."""

    message: str


@dataclass(frozen=True, slots=True)
class PauseForFailures:
    """The line is to pause: `count` cameras in a row failed with `code`."""

    code: str
    count: int
    message: str


@dataclass(frozen=True, slots=True)
class TakeSlotOut:
    """The slot at `port_path` is not to be used any more."""

    port_path: str
    message: str


Consequence = StopForErrors | PauseForFailures | TakeSlotOut


@dataclass(slots=True)
class _SlotCount:
    """The failures in a row of one slot; `others_passed` since the first of them."""

    units: list[str] = field(default_factory=list)
    others_passed: bool = False


class StopPolicy:
    """The counts of one line."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._errors = 0
        self._lost_with_hub: set[str] = set()
        self._code = ""
        self._units: list[str] = []
        self._slots: dict[str, _SlotCount] = {}

    def resumed(self) -> None:
        """Somebody looked and let the line go on: failures are counted from zero."""
        self._code, self._units = "", []

    def restored(self, port_path: str) -> None:
        """Somebody put the slot back: its failures are counted from zero."""
        self._slots.pop(port_path, None)

    def count(self, run: RunRecord) -> list[Consequence]:
        """One finished run, and what follows from it."""
        return [
            consequence
            for consequence in (self._count_error(run), self._count_failure(run), self._count_slot(run))
            if consequence is not None
        ]

    def _count_error(self, run: RunRecord) -> Consequence | None:
        if run.outcome is Outcome.ERROR and run.code not in UNIDENTIFIED:
            self._errors += self._is_another_error(run)
        elif run.outcome in (Outcome.PASS, Outcome.FAIL):
            self._errors, self._lost_with_hub = 0, set()
        limit = self._limits.errors
        if run.outcome is not Outcome.ERROR or not limit or self._errors < limit:
            return None
        last = sentence("{code}: {what}", code=run.code, what=run.message)
        return StopForErrors(sentence("{count} station errors in a row, the last one {error}", count=limit, error=last))

    def _is_another_error(self, run: RunRecord) -> bool:
        """A hub was lost again when one of the ports that it took along is reported a second time."""
        if run.code != HUB_LOST:
            return True
        first = not self._lost_with_hub or run.port_path in self._lost_with_hub
        self._lost_with_hub = {run.port_path} | (set() if first else self._lost_with_hub)
        return first

    def _count_failure(self, run: RunRecord) -> Consequence | None:
        failed = run.outcome is Outcome.FAIL or run.code in UNIDENTIFIED
        if run.outcome is Outcome.PASS:
            self.resumed()
        if not failed or run.code is None:
            return None
        if run.code != self._code:
            self._code, self._units = run.code, []
        unit = unit_key(run.serial, run.identified, run.run_id)
        if unit in self._units:
            return None
        self._units.append(unit)
        limit, count = self._limits.same_failures, len(self._units)
        if not limit or count < limit:
            return None
        self.resumed()
        text = sentence(
            "{count} cameras in a row failed with {code}, the last one in {slot}: check {reason}",
            count=count,
            code=run.code,
            slot=run.slot,
            reason=what_to_check(run.code),
        )
        return PauseForFailures(run.code, count, text)

    def _count_slot(self, run: RunRecord) -> Consequence | None:
        if run.outcome is Outcome.PASS:
            self._slots.pop(run.port_path, None)
            for path, others in self._slots.items():
                others.others_passed = others.others_passed or path != run.port_path
        if run.outcome is not Outcome.FAIL:
            return None
        count = self._slots.setdefault(run.port_path, _SlotCount())
        unit = unit_key(run.serial, run.identified, run.run_id)
        if unit not in count.units:
            count.units.append(unit)
        limit = self._limits.slot_failures
        if not limit or len(count.units) < limit or not count.others_passed:
            return None
        del self._slots[run.port_path]
        text = sentence(
            "slot {slot} was taken out: {count} different cameras failed here in a row while others passed. "
            "Check its cable, port and hub, then: station slots restore {name}",
            slot=run.slot,
            count=limit,
            name=run.slot,
        )
        return TakeSlotOut(run.port_path, text)
