"""Child processes that hang: in the kernel, behind a stopped debugger, in a library. No slot waits for one without end.

1. A worker tells its progress several times a second, but for the steps in which it waits for its camera. The limit is
   above all of these together, so that no camera, however slow, ever looks like a worker that hangs.
2. The holder answers of every camera, whatever that does.
3. Time in which this line itself stalled (a stopped terminal, a machine without memory) is not held against them.
"""

from __future__ import annotations

from station.clock import monotonic_s
from station.line.holds import Holds
from station.line.run_workers import RunWorkers
from station.line.setup import LineSetup

LONGEST_STEP_S = 300.0
"""More than twice the time limit of an initialization, the longest wait for one answer; or a reset in a sick kernel."""
TESTS = 6
STALL_S = 2.0
"""The line turns several times a second: where it did not for so long, it stalled."""


def silence_limit_s(setup: LineSetup) -> float:
    """How long a worker may be silent before it hangs, whatever it waits for."""
    options, tests = setup.options, setup.tests
    at_boot_s = 2 * options.boot_timeout_s + options.boot_stays_s + options.return_window_s
    testing_s = tests.port_s + tests.stays_s + TESTS * tests.tries * (tests.limit_s + tests.he_answer_s)
    return LONGEST_STEP_S + at_boot_s + testing_s + setup.recovery.total_s + setup.recovery.bootloader_timeout_s


class HungChildren:
    """Looks for them once a turn of the line, and knows for how long the line stalled before this one."""

    def __init__(self, workers: RunWorkers, holds: Holds) -> None:
        self._workers = workers
        self._holds = holds
        self._turned_s = monotonic_s()
        self.stalled_s = 0.0
        """For so long the line stalled before this turn; 0 where it did not."""

    def turned(self) -> None:
        """A turn begins: nothing of what came meanwhile was taken in yet."""
        now_s = monotonic_s()
        since_s, self._turned_s = now_s - self._turned_s, now_s
        self.stalled_s = since_s if since_s > STALL_S else 0.0

    def look(self) -> None:
        """End what hangs."""
        self._workers.kill_silent(self.stalled_s)
        self._holds.replace_silent(self.stalled_s)
