"""The outbox's deliverer: a process of its own beside the line, which never waits for it.

1. It ends with the line, however that ends (`station.wiring.beside_line`). What is due it still delivers, for `LAST_S`
   seconds at most.
2. One at a time works in a data folder: the next one waits until the one before it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import BusyError, StationError
from station.file_lock import locked
from station.model.sinks import Sink
from station.wiring.beside_line import beside_line

if TYPE_CHECKING:
    from station.ledger.outbox import Outbox

LAST_S = 10.0
"""For how long the end of a line waits for records that are due."""
LOCK_NAME = "outbox.lock"


@contextmanager
def delivering(data_dir: Path, sinks: Sequence[Sink]) -> Iterator[None]:
    """Deliver what waits, until the end of the block and a little longer. Nothing is started where there are no sinks.

    The log must be there, or be made inside the block.
    """
    if not sinks:
        yield
        return
    with beside_line("outbox", deliver, (data_dir, tuple(sinks)), last_s=LAST_S):
        yield


def deliver(connection: Connection, _words: Connection, data_dir: Path, sinks: Sequence[Sink]) -> None:
    """The process: until the other end of the pipe is closed."""
    with suppress(TimeoutError), locked(data_dir / LOCK_NAME, wait_s=LAST_S * 2):
        _deliver_until_closed(connection, data_dir, sinks)


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
