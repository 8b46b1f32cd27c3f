"""The outbox's deliverer: a process of its own beside the line, which never waits for it.

1. It is forked from the line's fork server, and ends with the line, however that ends: its pipe is closed then. What is
   due it still delivers, for `LAST_S` seconds at most.
2. One that died is started again after a pause.
3. One at a time works in a data folder: the next one waits until the one before it has ended.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import BusyError, StationError
from station.file_lock import locked
from station.flash import child_processes
from station.model.sinks import Sink
from station.process_facts import name_process, step_back

if TYPE_CHECKING:
    from station.ledger.outbox import Outbox

LAST_S = 10.0
"""For how long the end of a line waits for records that are due."""
AGAIN_S = 5.0
LOCK_NAME = "outbox.lock"

_log = logging.getLogger(__name__)


@contextmanager
def delivering(data_dir: Path, sinks: Sequence[Sink]) -> Iterator[None]:
    """Deliver what waits, until the end of the block and a little longer. Nothing is started where there are no sinks.

    The log must be there, or be made inside the block.
    """
    if not sinks:
        yield
        return
    process = _Process(data_dir, sinks)
    process.start()
    try:
        yield
    finally:
        process.end()


class _Process:
    """The deliverer's process, and the thread that starts it again where it died."""

    def __init__(self, data_dir: Path, sinks: Sequence[Sink]) -> None:
        self._arguments = (data_dir, tuple(sinks))
        self._context = child_processes.fork_context()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: ForkServerProcess | None = None
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._keep, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Let it deliver what is due, and see it end."""
        with self._lock:
            self._ending.set()
            if self._connection is not None:
                self._connection.close()
        self._thread.join(LAST_S + AGAIN_S)
        if self._process is not None and self._process.is_alive():
            self._process.kill()

    def _keep(self) -> None:
        while True:
            with self._lock:
                # The first is begun however soon the line ends: its runs are to be delivered too.
                if not self._begin():
                    return
                if self._ending.is_set() and self._connection is not None:
                    self._connection.close()
            assert self._process is not None
            self._process.join()
            if self._ending.is_set():
                return
            _log.warning("the outbox's process ended unexpectedly, and is started again in %.0f s", AGAIN_S)
            if self._ending.wait(AGAIN_S):
                return

    def _begin(self) -> bool:
        """False where no process can be made: what waits is delivered the next time."""
        try:
            ours, theirs = self._context.Pipe()
            self._process = self._context.Process(target=deliver, args=(theirs, *self._arguments), daemon=True)
            self._process.start()
        except OSError as error:
            _log.error("the outbox's process cannot be started: %s", error)
            return False
        # Only the child may hold its end, or its death would not close the pipe.
        theirs.close()
        self._connection = ours
        return True


def deliver(connection: Connection, data_dir: Path, sinks: Sequence[Sink]) -> None:
    """The process: until the other end of the pipe is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # They reach every process of a terminal, or of a service, and this one ends behind the line.
        signal.signal(number, signal.SIG_IGN)
    name_process("station-outbox")
    step_back()
    with suppress(TimeoutError), locked(data_dir / LOCK_NAME, wait_s=LAST_S * 2):
        _deliver_until_closed(connection, data_dir, sinks)
    os._exit(0)


def _deliver_until_closed(connection: Connection, data_dir: Path, sinks: Sequence[Sink]) -> None:
    from station.factory.deliverer import Deliverer

    outbox = _opened(connection, data_dir)
    if outbox is None:
        return
    with closing(outbox):
        deliverer = Deliverer(sinks, outbox)
        deliverer.start()
        with suppress(EOFError, OSError):
            connection.recv()
        deliverer.drain(LAST_S)


def _opened(connection: Connection, data_dir: Path) -> Outbox | None:
    """The outbox, once the line has made its log or brought it up to date; None where it ended and there is none."""
    from station.ledger.outbox import Outbox

    ended = False
    while True:
        try:
            return Outbox(data_dir)
        except StationError:
            if ended:
                return None
            # A line may make its log and end in less than this: it is looked for once more then.
            ended = connection.poll(1.0)


def deliver_now(data_dir: Path, sinks: Sequence[Sink], limit_s: float) -> bool:
    """Deliver what is due, here and now; True where nothing that was due is left untried within `limit_s` seconds.

    BusyError where a line that runs does it anyway. LedgerError.
    """
    from station.factory.deliverer import Deliverer
    from station.ledger.outbox import Outbox

    with closing(Outbox(data_dir)) as outbox:
        try:
            with locked(data_dir / LOCK_NAME):
                deliverer = Deliverer(sinks, outbox)
                deliverer.start()
                return deliverer.drain(limit_s)
        except TimeoutError as error:
            raise BusyError("station.busy", f"a line that works in {data_dir} delivers already") from error
