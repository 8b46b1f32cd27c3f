"""When a line stops, and why."""

from __future__ import annotations

from station.clock import monotonic_s
from station.errors import LedgerError, StationError
from station.line.setup import LineSetup
from station.line.stop_policy import Consequence, Limits, StopPolicy
from station.model.runs import RunRecord

ABORT_S = 5.0
"""How long an aborted run may take to end at its next block before its worker is killed."""


class Stopping:
    """What ends a line: enough runs, a policy's limit, a request, a reason of its own."""

    def __init__(self, setup: LineSetup) -> None:
        self._stop_after = setup.stop_after
        self._policy = StopPolicy(
            Limits(setup.errors_in_a_row, setup.same_failures_in_a_row, setup.slot_failures_in_a_row)
        )
        self._abort_at_s: float | None = None
        self.listed = False
        self.accepting = True
        self.returning = True
        """Whether a camera that was asked into its bootloader is still taken when it comes."""
        self.runs = 0
        self.reason: StationError | None = None
        """Why the line stopped by itself, None while it did not."""

    @property
    def stopped(self) -> bool:
        """Whether no new camera is taken and none will be."""
        return not self.accepting

    def refuse_arrivals(self) -> None:
        """Take no camera that was not there yet."""
        self.accepting = False

    def refuse_new(self) -> None:
        """Take no new camera."""
        self.accepting = self.returning = False

    def stop_because(self, reason: StationError) -> None:
        """The line stops by itself; the first reason is the one that is reported."""
        self.reason = self.reason or reason
        self.refuse_new()

    def abort(self) -> None:
        """Running cameras are to end now."""
        self._abort_at_s = self._abort_at_s or monotonic_s() + ABORT_S

    def abort_is_overdue(self) -> bool:
        """Whether running cameras had their time to end."""
        return self._abort_at_s is not None and monotonic_s() > self._abort_at_s

    def resumed(self) -> None:
        """The line was paused and goes on."""
        self._policy.resumed()

    def restored(self, port_path: str) -> None:
        """A slot that was taken out is used again."""
        self._policy.restored(port_path)

    def count(self, run: RunRecord) -> list[Consequence]:
        """A finished run; stops the line where enough are done. What follows from failures is for the caller to do."""
        self.runs += 1
        if run.code == "ledger.write_failed":
            self.stop_because(LedgerError("ledger.write_failed", run.message))
        if self._stop_after is not None and self.runs >= self._stop_after:
            self.refuse_new()
        return self._policy.count(run)
