"""The database of all stations: how it is reached, what its errors mean, and its schema.

1. PostgreSQL by psycopg, and nothing that databases which speak its language lack: no triggers, LISTEN, advisory locks
   or sequences. Both are loaded here and only where a centre is named.
2. Whoever waits for it has a limit of his own: the server's time limit, `limited` for one that answers nothing at all.
3. Its password is in no message.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from station.errors import LedgerError, UsageError
from station.ledger import sqlite
from station.ledger.revisions import HEAD, REVISIONS
from station.problem import sentence

CONNECT_S = 5
"""Seconds within which a connection stands or does not; psycopg takes whole ones, at least 2."""
STATEMENT_S = 60.0
"""Seconds that the server works on one statement for a person who waits."""
DRIVER = "postgresql+psycopg"
REFUSED = ("25006", "28", "42501")
"""SQLSTATEs: only to be read, nobody who may come in, no right to do this."""


@dataclass(frozen=True, slots=True)
class CentralUpgrade:
    """What `upgrade` did. `before` is None where the tables were made."""

    before: str | None
    after: str


def url_of(text_: str) -> URL:
    """The URL that is configured. Errors: UsageError central.url for one that names no PostgreSQL."""
    try:
        url = make_url(text_)
    except SQLAlchemyError:
        raise UsageError("central.url", sentence("central.url is no URL of a database")) from None
    if url.drivername not in (DRIVER, "postgresql"):
        raise UsageError("central.url", sentence("central.url begins with {driver}://", driver=DRIVER))
    return url.set(drivername=DRIVER)


def shown(url: str) -> str:
    """Where the centre is, without its password."""
    return url_of(url).render_as_string(hide_password=True)


def central_engine(url: str, *, statement_s: float = STATEMENT_S, connect_s: int = CONNECT_S, size: int = 2) -> Engine:
    """An engine of at most `size` connections. Nothing is opened before the first. Times are UTC, keys come as text."""
    options = f"-c timezone=UTC -c statement_timeout={round(statement_s * 1000)}"
    given = {
        "connect_timeout": connect_s,
        "application_name": "ae3-station",
        "client_encoding": "utf8",
        "options": options,
        # A peer that is gone without a word: the kernel gives up on it.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    engine = create_engine(url_of(url), connect_args=given, pool_size=size, max_overflow=0, pool_timeout=connect_s)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _entry: object) -> None:
        from psycopg.types.string import TextLoader

        connection.adapters.register_loader("uuid", TextLoader)

    return engine


@contextmanager
def central_errors(url: str) -> Iterator[None]:
    """Database errors inside become LedgerError central.unreachable, with one line of reason and no password."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise as_central_error(url, error) from error


def as_central_error(url: str, error: BaseException) -> LedgerError:
    """What an error means for whoever runs the station."""
    reason = " ".join(sqlite.reason_of(error).split())
    secret = url_of(url).password
    if secret:
        reason = reason.replace(str(secret), "***")
    said = sentence("the central database {url} cannot be used: {reason}", url=shown(url), reason=reason)
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return LedgerError("central.refused" if state.startswith(REFUSED) else "central.unreachable", said)


@contextmanager
def limited(connection: Connection, seconds: float) -> Iterator[None]:
    """What is inside ends within so many seconds, also where the server answers nothing: its socket is shut down then,
    which the driver takes for a lost connection."""
    driver: Any = connection.connection.driver_connection
    timer = threading.Timer(seconds, shut_down, (driver,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def limited_errors(url: str, engine: Engine, seconds: float) -> Callable[[], AbstractContextManager[None]]:
    """`central_errors` that also end what takes longer than so many seconds, with every connection of this engine."""
    drivers: list[Any] = []

    @event.listens_for(engine, "connect")
    def keep(connection: Any, _entry: object) -> None:
        drivers[:] = [*(driver for driver in drivers if not driver.closed), connection]

    def shut_all() -> None:
        for driver in drivers:
            shut_down(driver)

    @contextmanager
    def errors() -> Iterator[None]:
        timer = threading.Timer(seconds, shut_all)
        timer.daemon = True
        timer.start()
        try:
            with central_errors(url):
                yield
        finally:
            timer.cancel()

    return errors


def shut_down(driver: Any) -> None:
    """Shut the socket of a driver's connection down, from any thread: whoever waits on it gets an error at once."""
    with suppress(Exception), socket.socket(fileno=socket.dup(driver.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)


def revision_of(connection: Connection) -> str | None:
    """The schema's revision; None where there is none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def require_encoding(connection: Connection, url: str) -> None:
    """LedgerError central.encoding where the centre cannot hold every text: then rows would be left out."""
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        said = sentence("the central database {url} has the encoding {found}", url=shown(url), found=encoding)
        raise LedgerError("central.encoding", said)


def require_current(connection: Connection, url: str) -> None:
    """Errors: LedgerError central.schema_outdated, central.schema_unknown, central.encoding."""
    require_encoding(connection, url)
    found = revision_of(connection)
    if found == HEAD:
        return
    where = shown(url)
    if found is not None and found not in REVISIONS:
        newer = sentence(
            "the central database {url} has schema {found}, unknown here (newest: {wanted})",
            url=where,
            found=found,
            wanted=HEAD,
        )
        raise LedgerError("central.schema_unknown", newer)
    if found is None:
        raise LedgerError(
            "central.schema_outdated", sentence("the central database {url} has no tables yet", url=where)
        )
    older = sentence(
        "the central database {url} has schema {found}; this version needs {wanted}",
        url=where,
        found=found,
        wanted=HEAD,
    )
    raise LedgerError("central.schema_outdated", older)


def upgrade(url: str) -> CentralUpgrade:
    """Bring the centre to this version's schema, in one transaction. Errors: LedgerError central.*."""
    from station.ledger import migrate

    engine = central_engine(url, statement_s=0)
    try:
        with central_errors(url), engine.begin() as connection:
            require_encoding(connection, url)
            before = revision_of(connection)
            if before is not None and before not in REVISIONS:
                require_current(connection, url)
            if before != HEAD:
                migrate.run(connection, "head")
    finally:
        engine.dispose()
    return CentralUpgrade(before, HEAD)
