"""A station's figures, gathered: the log is read, the line is looked at as a screen does. Nobody waits for this."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from station import __version__
from station.control.line_signal import LineWatch, takes_cameras
from station.control.wire import LineAbout, Snapshot
from station.errors import StationError
from station.ledger import shipping_state
from station.ledger.metric_queries import MetricQueries
from station.ledger.reader import Reader
from station.metrics.station_figures import CentreFigures, LineFigures, StationFigures
from station.model.slots import SlotState
from station.model.write_times import Spread

if TYPE_CHECKING:
    from station.settings import Settings

FRESH_S = 1.0
"""Who asks again sooner is given the same figures: no scraper makes the log busy."""
MISSED_FOR = timedelta(hours=24)
BATCH_PARTS = ("planned", "passed", "passed_earlier", "failed", "open")


class Figures:
    """Gathers them when asked, from any thread. What cannot be read is left out, and read again the next time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watch = LineWatch(settings.data_dir)
        self._lock = threading.Lock()
        self._queries: MetricQueries | None = None
        self._reader: Reader | None = None
        self._taken_s = -FRESH_S
        self._newest = StationFigures(settings.station_id, __version__)

    def take(self) -> StationFigures:
        """The figures of now, or of a second ago. Raises nothing."""
        with self._lock:
            if monotonic() - self._taken_s >= FRESH_S:
                self._newest, self._taken_s = self._gather(), monotonic()
            return self._newest

    def close(self) -> None:
        """Close log and line."""
        with self._lock:
            self._watch.close()
            self._close_log()

    def _gather(self) -> StationFigures:
        line = self._line()
        try:
            return self._of_log(line)
        except StationError:
            # Not there yet, locked, or of another schema: it is opened anew the next time.
            self._close_log()
            return StationFigures(self._settings.station_id, __version__, line, at=datetime.now(UTC))

    def _line(self) -> LineFigures | None:
        snapshot, about = self._watch.snapshot(), self._watch.about
        if snapshot is None or about is None:
            return None
        return line_figures(snapshot, about, self._watch.log_writes())

    def _of_log(self, line: LineFigures | None) -> StationFigures:
        settings, now = self._settings, datetime.now(UTC)
        self._queries = self._queries or MetricQueries(settings.data_dir, settings.station_id)
        self._reader = self._reader or Reader(settings.data_dir)
        runs, written, durations = self._queries.take()
        found = {backlog.sink: backlog for backlog in self._reader.backlogs()}
        missed = Counter(label.sink for label in self._reader.lost_labels(now - MISSED_FOR))
        printers = [sink.name for sink in settings.sinks if sink.is_printer]
        return StationFigures(
            settings.station_id,
            __version__,
            line,
            log_readable=True,
            runs={(one.slot, one.outcome, one.code): one.runs for one in runs},
            written={(one.slot, one.partition): (one.bytes, one.seconds) for one in written},
            durations=durations,
            outbox=dict.fromkeys(settings.outbox, (0, None))
            | {name: (one.waiting, one.oldest_at) for name, one in found.items()},
            labels_missed={name: missed[name] for name in {*printers, *missed}},
            centre=self._centre(now),
            batch=self._batch(self._reader),
            at=now,
        )

    def _centre(self, now: datetime) -> CentreFigures | None:
        if not self._settings.central_url:
            return None
        state = shipping_state.read(self._settings.data_dir)
        lag_s = (now - state.waiting_since).total_seconds() if state.waiting_since else 0.0
        return CentreFigures(state.waiting, max(0.0, lag_s), state.code is not None)

    def _batch(self, reader: Reader) -> dict[str, int] | None:
        batch = reader.open_batch(self._settings.station_id)
        if batch is None:
            return None
        summary = reader.batch_summary(batch.name)
        return {part: int(getattr(summary, part)) for part in BATCH_PARTS}

    def _close_log(self) -> None:
        for one in (self._queries, self._reader):
            if one is not None:
                with suppress(Exception):
                    one.close()
        self._queries, self._reader = None, None


def line_figures(snapshot: Snapshot, about: LineAbout, log_writes: Spread | None) -> LineFigures:
    """How a line stands."""
    running = [view for view in snapshot.slots if view.state is SlotState.RUNNING and view.progress is not None]
    return LineFigures(
        takes_cameras=takes_cameras(snapshot.status),
        bundle=about.bundle,
        bundle_version=about.bundle_version,
        recipe=about.recipe,
        states=Counter(str(view.state) for view in snapshot.slots),
        phases=Counter(view.progress.phase for view in running if view.progress),
        log_writes=log_writes,
    )
