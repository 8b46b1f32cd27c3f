"""When a line stops, and why."""

from __future__ import annotations

from station.clock import monotonic_s
from station.errors import LedgerError, StationError
from station.line.setup import LineSetup
from station.line.stop_policy import UNIDENTIFIED, SameFailures, SlotFailures, what_to_check
from station.model.runs import Outcome, RunRecord

ABORT_S = 5.0
"""How long an aborted run may take to end at its next block before its worker is killed."""


class Stopping:
    """Counts what ends a line: enough runs, too many station errors in a row, a request, a reason of its own."""

    def __init__(self, setup: LineSetup) -> None:
        self._setup = setup
        self._errors_in_a_row = 0
        self._same_failures = SameFailures(setup.same_failures_in_a_row)
        self._slot_failures = SlotFailures(setup.slot_failures_in_a_row)
        self._abort_at_s: float | None = None
        self.listed = False
        self.accepting = True
        self.runs = 0
        self.reason: StationError | None = None
        """Why the line stopped by itself, None while it did not."""

        self.pause_reason: StationError | None = None
        """Why the line paused by itself, None while it did not."""
        self.slots_to_take_out: list[str] = []
        """Port paths of slots in which unit after unit failed while others passed; whoever takes them out clears it."""

    @property
    def stopped(self) -> bool:
        """Whether no new camera is taken and none will be."""
        return not self.accepting

    def refuse_new(self) -> None:
        """Take no new camera."""
        self.accepting = False

    def stop_because(self, reason: StationError) -> None:
        """The line stops by itself; the first reason is the one that is told."""
        self.reason = self.reason or reason
        self.accepting = False

    def abort(self) -> None:
        """Running cameras are to end now."""
        self._abort_at_s = self._abort_at_s or monotonic_s() + ABORT_S

    def abort_is_overdue(self) -> bool:
        """Whether running cameras had their time to end."""
        return self._abort_at_s is not None and monotonic_s() > self._abort_at_s

    def count(self, run: RunRecord) -> None:
        """A finished run; stops the line where enough are done or too many errors came in a row."""
        self.runs += 1
        if run.outcome is Outcome.ERROR and run.code not in UNIDENTIFIED:
            self._errors_in_a_row += 1
        elif run.outcome in (Outcome.PASS, Outcome.FAIL):
            self._errors_in_a_row = 0
        if run.code == "ledger.write_failed":
            self.stop_because(LedgerError("ledger.write_failed", run.message))
        limit = self._setup.errors_in_a_row
        if limit and self._errors_in_a_row >= limit:
            text = f"{limit} station errors in a row, the last one {run.code}: {run.message}"
            self.stop_because(StationError("line.stopped", text))
        self._count_failure(run)
        if self._setup.stop_after is not None and self.runs >= self._setup.stop_after:
            self.accepting = False

    def _count_failure(self, run: RunRecord) -> None:
        self.slots_to_take_out += self._slot_failures.count(run)
        if not self._same_failures.count(run) or self.pause_reason is not None:
            return
        code = run.code or ""
        text = (
            f"{len(self._same_failures.units)} cameras in a row failed with {code}, the last one in {run.slot}: "
            f"check {what_to_check(code)}"
        )
        reason = StationError("line.same_failures", text)
        if self._setup.attended:
            self.pause_reason = reason
        else:
            self.stop_because(reason)

    def resumed(self) -> None:
        """Somebody looked: the count of failures begins anew."""
        self.pause_reason = None
        self._same_failures.clear()
