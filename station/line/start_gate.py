"""Whether runs that wait may start: the line may be paused, or its batch may have every planned unit."""

from __future__ import annotations

from collections.abc import Callable

from station.control.wire import LineStatus
from station.errors import StationError
from station.line.open_batch import Batching
from station.line.stop_policy import PauseForFailures
from station.line.stop_reasons import Stopping
from station.model.batches import Batch
from station.problem import Problem


class StartGate:
    """For the dispatcher's thread; `status` is for others, too."""

    def __init__(
        self,
        batching: Batching,
        stopping: Stopping,
        *,
        attended: bool,
        due: Callable[[], tuple[str, ...]] = tuple,
        refusal: Callable[[str | None], Problem | None] = lambda _batch: None,
    ) -> None:
        """`attended`: somebody looks at a screen and can end a pause. `due`: the slots to verify again. `refusal`: why
        no camera of a batch may get the bundle."""
        self._refusal = refusal
        self._due = due
        self._batching = batching
        self._stopping = stopping
        self._attended = attended
        self._paused = False
        self._reason: PauseForFailures | None = None
        self._plan_was_reached = False

    @property
    def is_open(self) -> bool:
        """Whether the next run may start."""
        return not self._paused and not self._batching.asks and self._refused is None

    @property
    def _refused(self) -> Problem | None:
        """Why no camera of the batch at the bench may get the bundle: whoever goes on does not change that."""
        batch = self._batching.batch
        return self._refusal(batch.name if batch else None)

    def pause(self, *, paused: bool) -> None:
        """Start no camera while paused: cameras are held and wait, running ones finish."""
        self._paused, self._reason = paused, None
        if not paused:
            self._stopping.resumed()

    def pause_for(self, reason: PauseForFailures) -> None:
        """Too many failed alike: pause, or stop where nobody could end the pause."""
        if not self._attended:
            self._stopping.stop_because(StationError("line.same_failures", reason.message))
        else:
            self._paused, self._reason = True, reason

    def newly_reached(self) -> Batch | None:
        """The batch, once, when its plan is reached, whichever way that came about: the last unit, a smaller quantity,
        a batch that goes on."""
        asks, batch = self._batching.asks, self._batching.batch
        reached = batch if asks and not self._plan_was_reached else None
        self._plan_was_reached = asks
        return reached

    def status(self) -> LineStatus:
        """How the line stands."""
        refused = self._refused
        stopped, paused = self._stopping.reason, self._reason or refused
        return LineStatus(
            accepting=self._stopping.accepting,
            paused=self._paused or refused is not None,
            code=stopped.code if stopped else None,
            message=stopped.message if stopped else "",
            plan_reached=self._batching.asks,
            paused_code=paused.code if paused else None,
            paused_message=paused.message if paused else "",
            verification_due=", ".join(self._due()),
        )
