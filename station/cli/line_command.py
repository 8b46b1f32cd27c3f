"""What `run`, `flash` and `demo` have in common: a line in the main thread, its runs printed, its signals heard."""

from __future__ import annotations

import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from station.cli.output import say
from station.cli.progress import progress_bars
from station.errors import HINTS, StationError, UsageError
from station.json_lines import text_line
from station.model.batches import Batch
from station.model.notices import Notice
from station.model.runs import Outcome, RunRecord
from station.model.units import unit_key
from station.process_facts import allow_many_files
from station.supervisor import is_supervised, supervisor
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.line.running_line import Line
    from station.line.setup import LineSetup
    from station.settings import Settings
    from station.wiring.bench import Bench

USUAL_CAMERAS = 16
"""So many at least, where no slots are configured."""
FILES_OF_A_LINE = 64
"""Measured: 36, of the station's own process, which has the most."""
FILES_OF_A_CAMERA = 4
"""Measured: 3."""
MOST_UNPRINTED = 1000
"""So many runs wait for a reader who is slow; of more, only the log has the record."""
EXIT_PASSED = 0
EXIT_NOT_PASSED = 1
EXIT_INTERRUPTED = 130


class RunPrinter:
    """Prints finished runs in a thread of its own: a reader that is slow or gone must never hold up the line."""

    def __init__(self, *, as_json: bool, after_each: Callable[[], None] | None = None) -> None:
        """`after_each` is called for each run, in the thread that prints."""
        self._as_json = as_json
        self._queue: queue.Queue[RunRecord | None] = queue.Queue(MOST_UNPRINTED)
        self._unprinted = 0
        self._thread = threading.Thread(target=self._print_all, name="printer", daemon=True)
        self._after_each = after_each
        self.has_runs = False
        """Whether there was a run."""
        self._not_passed: set[str] = set()

    def __call__(self, run: RunRecord) -> None:
        """Take one finished run; called by the line.

        What is kept of it must not grow with the runs: a line works for months.
        """
        self.has_runs = True
        unit = unit_key(run.serial, run.identified, run.run_id)
        if run.outcome is Outcome.PASS or run.code == "unit.already_passed":
            self._not_passed.discard(unit)
        else:
            # A camera without an identity is another unit each time: for all of them one entry.
            self._not_passed.add(unit if run.identified else "")
        try:
            self._queue.put_nowait(run)
        except queue.Full:
            self._unprinted += 1

    def _print_all(self) -> None:
        listening = True
        while (run := self._queue.get()) is not None:
            if self._after_each:
                self._after_each()
            try:
                if listening:
                    print_run(run, as_json=self._as_json)
            except OSError:
                # The reader is gone. The log has every run; the line goes on.
                listening = False

    @contextmanager
    def printing(self) -> Iterator[RunPrinter]:
        """Print until the end of the block, and then what is left."""
        self._thread.start()
        try:
            yield self
        finally:
            with suppress(queue.Full):
                self._queue.put(None, timeout=10)
                self._thread.join(10)
            if self._unprinted:
                say(f"{self._unprinted} runs were not printed, because nobody read them; they are in: station export")

    @property
    def all_passed(self) -> bool:
        """Whether every unit's newest run passed. A unit skipped because it had passed before is no failure."""
        return not self._not_passed


def print_run(run: RunRecord, *, as_json: bool) -> None:
    """One finished run: a JSON line on stdout, or a line for people with what to do on a failure."""
    if as_json:
        sys.stdout.write(text_line(run.to_json()))
    else:
        seconds = f"{run.duration_s:7.1f} s" if run.duration_s is not None else ""
        line = f"{run.outcome:<8} {run.slot:<10} {run.serial:<24} {seconds}"
        details = " - ".join(part for part in (run.code, run.message) if part)
        sys.stdout.write(f"{line}  {details}".rstrip() + "\n")
        if run.code in HINTS:
            sys.stdout.write(f"{'':<8} {HINTS[run.code]}\n")
    sys.stdout.flush()


@contextmanager
def interruptions(line: Line) -> Iterator[list[int]]:
    """SIGINT, or a terminal that hangs up: running cameras finish; again, or SIGTERM: they end at their next block.

    To a service SIGTERM is the first word, not the last: running cameras finish, until systemd loses its patience.
    Yields the signals heard. A hang-up that is ignored (`nohup`) stays ignored.
    """
    heard: list[int] = []
    at_once: set[int] = set() if is_supervised() else {signal.SIGTERM}

    def hear(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        abort = number in at_once or len(heard) > 1
        line.stop(abort=abort)
        what = "running cameras are ended now" if abort else "running cameras finish; interrupt again to end them now"
        say(f"stopping: {what}")

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield heard
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def say_ready(bench: Bench) -> None:
    """Cameras may come from now on: one that is plugged in earlier may have left its bootloader unheld."""
    say("ready for cameras")
    bench.ready()


def _run_supervised(line: Line, bench: Bench) -> StationError | None:
    """Run the line to its end; where it is a service, systemd hears when it is ready and that it is alive."""
    with supervisor() as service:
        if service is None:
            return line.run(on_ready=partial(say_ready, bench))

        def on_ready() -> None:
            say_ready(bench)
            service.ready()

        return line.run(on_ready, service.alive)


def _plan_reached(data_dir: Path, batch: Batch) -> None:
    """Cameras wait from now on, and only a screen can ask how to go on: who has none reads it here."""
    say(
        f"batch {batch.name} has its planned quantity ({batch.planned}): new cameras are held and wait. "
        f"To go on with it or end it: station dashboard --data-dir {data_dir}; "
        "to let them run in another batch, start again with: station run --batch NAME"
    )


def say_notice(notice: Notice) -> None:
    """A camera that is left alone: whoever waits for it has to know."""
    say(printable(notice.line))


def require_files(settings: Settings, cameras: int | None = None) -> None:
    """Before anything else is opened: UsageError `station.no_descriptors` where they are too few for so many cameras.

    Such a line would open none of them, or stop in the middle, and say something else wherever it is short first.
    """
    count = max(USUAL_CAMERAS, len(settings.slots), cameras or 0)
    allowed, needed = allow_many_files(), FILES_OF_A_LINE + FILES_OF_A_CAMERA * count
    if allowed < needed:
        text = f"this process may have {allowed} files open, a line of {count} cameras needs {needed}"
        raise UsageError("station.no_descriptors", text)


def run_line(
    settings: Settings,
    bench: Bench,
    setup: LineSetup,
    printer: RunPrinter,
    on_notice: Callable[[Notice], None] = say_notice,
) -> int:
    """Run one line to its end and return the exit code. A line that stopped by itself raises its reason."""
    from station.cli.engineer import proving
    from station.line.listeners import Listeners
    from station.wiring.line import running_line

    prove = proving(settings.data_dir, settings.station_id, setup.operator)
    listeners = Listeners(printer, on_plan_reached=partial(_plan_reached, settings.data_dir), on_notice=on_notice)
    running = running_line(settings, bench, setup, listeners, prove)
    with running as line, interruptions(line) as heard, progress_bars(line.views):
        reason = _run_supervised(line, bench)
    if reason is not None:
        raise reason
    if heard:
        return EXIT_INTERRUPTED
    return EXIT_PASSED if printer.all_passed else EXIT_NOT_PASSED
