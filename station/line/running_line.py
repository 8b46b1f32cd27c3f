"""The line as the rest of the station uses it: start it, look at it, ask it to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from station.clock import monotonic_s
from station.control.wire import LineStatus
from station.errors import StationError, UsageError
from station.line.bound_batches import batch_refusal
from station.line.dispatcher import Dispatcher
from station.line.listeners import Listeners
from station.line.pool import Pool, Programs
from station.line.setup import LineSetup, OpenLog, Watcher
from station.model.events import LedgerReply
from station.model.slots import RerunWay, SlotView
from station.model.unit_values import OnBound, SaidOfUnit
from station.process_facts import step_forward


class Line:
    """One line. `run` blocks in the caller's thread; every other method may be called from any thread."""

    def __init__(
        self, setup: LineSetup, log: OpenLog, programs: Programs, watcher: Watcher, listeners: Listeners
    ) -> None:
        """`listeners.on_run` takes every run that is in the log (or, with the code `ledger.write_failed`, is not).

        `on_batch` takes the batch and the operator of the next runs where they change, `on_plan_reached` the batch that
        has its planned quantity: no camera starts until somebody says how to go on.
        """
        self._watcher = watcher
        self._setup = setup
        self._pool = Pool(programs, setup.workers_spare)
        self._dispatcher = Dispatcher(setup, log, self._pool, listeners)

    def start(self) -> None:
        """Start the child processes; cameras may arrive from now on."""
        self._pool.start()

    def run(
        self, on_ready: Callable[[], None] = lambda: None, on_turn: Callable[[], None] = lambda: None
    ) -> StationError | None:
        """Run until the line stops; the reason where it stopped by itself, None where it was asked to.

        `on_ready` is called once cameras may arrive, in a thread of its own: the line listens, and its holder can hold.
        `on_turn` is called by the loop that serves the slots, several times a second: where it is not, the line hangs.
        """
        dispatcher = self._dispatcher
        dispatcher.holds.on_ready = on_ready
        # The child processes have their parent by now, and do not inherit this; the watcher's thread does.
        step_forward()
        try:
            self._watcher.start(
                lambda event: dispatcher.post(partial(dispatcher.device_event, event, monotonic_s())),
                lambda failure: dispatcher.post(partial(dispatcher.stopping.stop_because, failure)),
            )
            dispatcher.post(dispatcher.listing_done)
            self._pool.warm()
            dispatcher.loop(on_turn)
        finally:
            self._watcher.stop()
            self._pool.close()
            dispatcher.close()
        return dispatcher.stopping.reason

    def stop_because(self, reason: StationError) -> None:
        """The line must end; `run` returns the reason."""
        self._dispatcher.post(partial(self._dispatcher.stopping.stop_because, reason))

    def ledger_replied(self, reply: LedgerReply) -> None:
        """The ledger's answer to a finished run."""
        self._dispatcher.post(partial(self._dispatcher.ledger_replied, reply))

    def views(self) -> list[SlotView]:
        """The newest state of every port."""
        return self._dispatcher.views()

    def status(self) -> LineStatus:
        """How the line stands."""
        return self._dispatcher.status()

    def pause(self) -> None:
        """Start no camera from now on: new ones are held and wait, running ones finish."""
        self._dispatcher.post(partial(self._dispatcher.pause, paused=True))

    def resume(self) -> None:
        """Start what waits."""
        self._dispatcher.post(partial(self._dispatcher.pause, paused=False))

    def begin_batch(self, name: str, operator: str | None, planned: int | None) -> None:
        """Runs that start from now on are of this batch and operator; a run under way keeps its own.

        UsageError `bundle.not_for_this_batch` where the line's bundle is bound to others.
        """
        if refusal := batch_refusal(self._setup, name):
            raise UsageError(refusal.code, refusal.message)
        self._dispatcher.post(partial(self._dispatcher.batch_requests.begin, name, operator, planned))

    def end_batch(self, name: str) -> None:
        """End the batch, if it is the one at the bench. The line is paused then."""
        self._dispatcher.post(partial(self._dispatcher.batch_requests.end, name))

    def go_on_with_batch(self, name: str) -> None:
        """Let the batch have more units than planned, if it is the one at the bench."""
        self._dispatcher.post(partial(self._dispatcher.batch_requests.go_on, name))

    def count_batch(self, name: str) -> None:
        """Count the batch's results anew, if it is the one at the bench."""
        self._dispatcher.post(partial(self._dispatcher.batch_requests.count, name))

    def cuts_short(self, name: str | None, planned: int | None) -> bool:
        """Whether the batch at the bench would be cut short, were the next runs of this one; None for no batch."""
        return self._dispatcher.batching.cuts_short(name, planned)

    def restore_slot(self, place: str) -> None:
        """Use a slot again that was taken out; `place` is its name or its port path."""
        self._dispatcher.post(partial(self._dispatcher.restore_slot, place))

    def rerun(self, port_paths: Sequence[str]) -> dict[RerunWay, list[str]]:
        """Run the cameras in these slots once more; what becomes of it as things stand, by the slots' names."""
        ways = self._dispatcher.rerun_ways(port_paths)
        for port_path in port_paths:
            self._dispatcher.post(partial(self._dispatcher.rerun, port_path))
        return ways

    def bind(self, said: SaidOfUnit, on_bound: OnBound) -> None:
        """Somebody says what a unit is. `on_bound` is called when the log has it, or refuses it; in another thread."""
        self._dispatcher.post(partial(self._dispatcher.bind, said, on_bound))

    def stop(self, *, abort: bool = False) -> None:
        """Take no new camera; running ones finish, or end now with `abort`."""
        self._dispatcher.post(partial(self._dispatcher.stop, abort=abort))

    def cancel(self, port_path: str) -> None:
        """End one slot's run at its next block, or before it starts."""
        self._dispatcher.post(partial(self._dispatcher.cancel, port_path))
