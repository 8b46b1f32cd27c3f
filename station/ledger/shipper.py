"""What a station has recorded goes to the database of all stations, from a thread of the line or by hand.

1. The log is only read: neither a commit of the line nor a camera waits for anything here.
2. It asks the log every second whether something changed, so that what other commands change (a release, a scrapped
   camera, an import) travels too.
3. A centre that does not answer is tried again after 1, 2, 4, ... 60 seconds, less a random part: twenty stations do
   not come back in step. Every wait has a limit, whatever the other side does.
4. Rows that the centre cannot hold are named in the program's log and counted; those behind them go on.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from station.clock import now
from station.errors import LedgerError
from station.ledger import central, changes, shipment, shipping_state
from station.ledger.database import is_refused, open_reader, translated
from station.ledger.shipment import Sender, Shipment
from station.ledger.shipping_state import ShippingState
from station.problem import as_sentence, sentence

POLL_S = 1.0
BATCH = 200
"""So many changes are one transaction."""
LIMIT_S = 60.0
"""How long one of them may take."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
CLOSE_S = 5.0
"""How long the end of a line waits for what it recorded last, where the centre answers."""

_OTHER = {
    True: sentence("the central database is of real cameras, and this log is of virtual ones"),
    False: sentence("the central database is of virtual cameras, and this log is of real ones"),
}
_log = logging.getLogger(__name__)


class Pusher:
    """Sends what the centre has not got, one shipment at a time. For one thread. Errors: LedgerError."""

    def __init__(
        self,
        data_dir: Path,
        station_id: str,
        url: str,
        *,
        virtual: bool = False,
        connect_s: int = central.CONNECT_S,
    ) -> None:
        """`virtual`: the log is of virtual cameras. `connect_s`: how long a connection may take, in whole seconds."""
        self._data_dir = data_dir
        self._station_id = station_id
        self._virtual = virtual
        self._url = url
        self._log = open_reader(data_dir)
        self._centre = central.central_engine(url, statement_s=LIMIT_S, connect_s=connect_s, size=1)
        self._current = False
        self.state = replace(shipping_state.read(data_dir), code=None, message="")

    def close(self) -> None:
        """Close the connections."""
        self._log.dispose()
        self._centre.dispose()

    def has_more(self) -> bool:
        """Whether the log has changes that the centre is not known to have. The centre is not asked where not."""
        with self._reading() as connection:
            newest = changes.newest(connection)
        return self.state.sent_number is None or not self._current or newest != self.state.sent_number

    def push(self) -> int:
        """Send one shipment, all of it or nothing; returns how many changes that were, 0 where none waits."""
        with self._transaction() as connection:
            is_first = not self._current
            if is_first:
                self._require_usable(connection)
            sender, next_one = self._next(connection)
            if is_first:
                self._look_for_twin(connection, sender)
            done = next_one is None or shipment.put(connection, sender, next_one)
            self.state = replace(self.state, refused=shipment.progress(connection, sender)[1])
        self._current = True
        count = next_one.changes if next_one and done else 0
        self._sent(next_one.upto if next_one and done else None)
        return count

    def push_singly(self) -> int:
        """The same one change after the other, where together they were refused: what cannot be held is passed over."""
        sent = 0
        for _ in range(BATCH):
            try:
                if not self._push_one(skip=False):
                    break
            except LedgerError as error:
                if not is_refused(error.__cause__ or error):
                    raise
                _log.error("the central database cannot hold a row: %s", error.message)
                self._push_one(skip=True)
            sent += 1
        return sent

    def _push_one(self, *, skip: bool) -> bool:
        with self._transaction() as connection:
            sender, next_one = self._next(connection, 1)
            if next_one is None:
                return False
            if skip:
                shipment.note_sent(connection, sender, next_one, refused=1)
                _log.error("not in the central database: %s", next_one.named())
            else:
                shipment.put(connection, sender, next_one)
        self._sent(next_one.upto, refused=int(skip))
        return True

    def ask(self) -> None:
        """Ask the centre how far it has the log, and whether it would take what waits; nothing is sent."""
        with self._reading() as log:
            sender = Sender(self._station_id, changes.log_id(log), self._virtual)
        with self._transaction(CLOSE_S) as connection:
            self._require_usable(connection)
            sent, refused = shipment.progress(connection, sender)
            self._look_for_twin(connection, sender)
        self.state = replace(self.state, sent_number=sent, refused=refused)
        self._try()
        self._sent(None)

    def _try(self) -> None:
        """Send one change that waits, and take it back."""
        with self._transaction() as connection, closing(_Trial(connection)):
            sender, next_one = self._next(connection, 1)
            try:
                if next_one is not None:
                    shipment.put(connection, sender, next_one)
            except Exception as error:
                if not is_refused(error):  # a row that it cannot hold says nothing of others
                    raise

    def _look_for_twin(self, connection: Connection, sender: Sender) -> None:
        twin_at = shipment.twin_at(connection, sender)
        if twin_at is not None and self.state.twin_at is None:
            _log.warning("another log is sent to the central database as station %s too", sender.station_id)
        self.state = replace(self.state, twin_at=twin_at)

    def push_all_again(self) -> None:
        """The next push begins with the first change of the log."""
        with self._reading() as connection:
            sender = Sender(self._station_id, changes.log_id(connection), self._virtual)
        with self._transaction() as connection:
            self._require_usable(connection)
            shipment.forget_sent(connection, sender)

    def failed(self, error: Exception) -> None:
        """What went wrong is known to whoever asks."""
        self._current = False
        known = error if isinstance(error, LedgerError) else LedgerError("central.unreachable", as_sentence(str(error)))
        with suppress(LedgerError):
            self._keep(replace(self.state, code=known.code, message=str(known.message)))

    def _require_usable(self, connection: Connection) -> None:
        central.require_current(connection, self._url)
        if shipment.is_of(connection, virtual=not self._virtual):
            raise LedgerError("central.other_cameras", _OTHER[self._virtual])

    @contextmanager
    def _transaction(self, limit_s: float = LIMIT_S) -> Iterator[Connection]:
        with ExitStack() as opened:
            opened.enter_context(central.central_errors(self._url))
            connection = opened.enter_context(self._centre.connect())
            opened.enter_context(central.limited(connection, limit_s))
            opened.enter_context(connection.begin())
            yield connection

    def _next(self, connection: Connection, limit: int = BATCH) -> tuple[Sender, Shipment | None]:
        """What is to be sent, by what the centre has."""
        with self._reading() as log:
            sender = Sender(self._station_id, changes.log_id(log), self._virtual)
            newest = changes.newest(log)
        sent = shipment.sent_number(connection, sender)
        if sent > newest:
            # An older state of this log is in its place: all of it is sent, which changes what differs.
            shipment.forget_sent(connection, sender)
            sent = 0
        self.state = replace(self.state, sent_number=sent)
        with self._reading() as log:
            return sender, shipment.taken(log, sent, limit)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._data_dir), self._log.connect() as connection:
            yield connection

    def _sent(self, upto: int | None, refused: int = 0) -> None:
        state = replace(self.state, code=None, message="", refused=self.state.refused + refused)
        if upto is not None:
            state = replace(state, sent_number=upto, sent_at=now())
        self._keep(state)

    def _keep(self, state: ShippingState) -> None:
        with self._reading() as connection:
            count, since = changes.waiting(connection, state.sent_number or 0)
        self.state = replace(state, waiting=count, waiting_since=since)
        shipping_state.write(self._data_dir, self.state)


class _Trial:
    """What is done to the centre until it is closed is taken back."""

    def __init__(self, connection: Connection) -> None:
        self._nested = connection.begin_nested()

    def close(self) -> None:
        """Take it back."""
        if self._nested.is_active:
            self._nested.rollback()


class Shipper:
    """A line's thread that pushes."""

    def __init__(self, pusher: Pusher) -> None:
        self._pusher = pusher
        self._on_state: Callable[[ShippingState], None] | None = None
        self._ending = threading.Event()
        self._is_away = threading.Event()
        self._thread = threading.Thread(target=self._work, name="shipper", daemon=True)

    def start(self, on_state: Callable[[ShippingState], None] | None = None) -> None:
        """Begin; returns at once. `on_state` is called in the thread, after every attempt, and must be quick."""
        self._on_state = on_state
        self._thread.start()

    def close(self, limit_s: float = CLOSE_S) -> None:
        """End once all is sent, at the latest after `limit_s` seconds; at once where the centre is away."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(0 if self._is_away.is_set() else limit_s)

    def _work(self) -> None:
        pause_s = FIRST_PAUSE_S
        with closing(self._pusher):
            while True:
                ended = self._ending.is_set()
                wait_s = POLL_S if self._push_all() else pause_s * random.uniform(0.5, 1.0)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S) if self._is_away.is_set() else FIRST_PAUSE_S
                if ended or (self._ending.wait(wait_s) and self._is_away.is_set()):
                    return

    def _push_all(self) -> bool:
        """Send all that waits; False where something is wrong."""
        try:
            while self._pusher.has_more() and push(self._pusher):
                self._tell()
        except Exception as error:  # the thread must live, whatever a row or a server brings
            if not self._is_away.is_set():
                _log.warning("nothing goes to the central database for now: %s", error)
            self._is_away.set()
            self._pusher.failed(error)
        else:
            self._is_away.clear()
        self._tell()
        return not self._is_away.is_set()

    def _tell(self) -> None:
        if self._on_state is not None:
            self._on_state(self._pusher.state)


def push(pusher: Pusher) -> int:
    """One shipment; where the centre refuses it, one change after the other. Returns how many changes went."""
    try:
        return pusher.push()
    except LedgerError as error:
        if not is_refused(error.__cause__ or error):
            raise
        return pusher.push_singly()
