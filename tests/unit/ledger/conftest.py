from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from station.ledger import central, schema_version
from station.ledger.database import FILE_NAME
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.model.events import LedgerReply, OpeningCommitted, OpeningNotCommitted
from tests.postgres import Postgres, postgres_for_tests
from tests.silent_server import BlackHole

LIMIT_S = 120.0


class Replies:
    """What the recorder answered, openings apart; waits for each answer, with a limit."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[LedgerReply] = queue.SimpleQueue()
        self._openings: queue.SimpleQueue[LedgerReply] = queue.SimpleQueue()

    def __call__(self, reply: LedgerReply) -> None:
        opening = isinstance(reply, OpeningCommitted | OpeningNotCommitted)
        (self._openings if opening else self._queue).put(reply)

    def next_opening(self) -> LedgerReply:
        return self._openings.get(timeout=LIMIT_S)

    def next(self) -> LedgerReply:
        return self._queue.get(timeout=LIMIT_S)

    def none_left(self) -> bool:
        return self._queue.empty()


@pytest.fixture(scope="session")
def migrated_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One log, made by the real migrations; tests take copies of it."""
    data_dir = tmp_path_factory.mktemp("migrated")
    schema_version.create_or_check(data_dir)
    return data_dir / FILE_NAME


@pytest.fixture
def data_dir(tmp_path: Path, migrated_log: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(migrated_log, folder / FILE_NAME)
    return folder


@pytest.fixture
def replies() -> Replies:
    return Replies()


@pytest.fixture
def new_recorder(data_dir: Path, replies: Replies) -> Iterator[Callable[..., Recorder]]:
    """Makes recorders, and closes them at the end."""
    made: list[Recorder] = []

    def make(write_limit_s: float = 10.0) -> Recorder:
        made.append(Recorder(data_dir, replies, write_limit_s=write_limit_s))
        return made[-1]

    yield make
    closed = [recorder.close(LIMIT_S) for recorder in made]
    assert all(closed)


@pytest.fixture
def recorder(new_recorder: Callable[..., Recorder]) -> Recorder:
    return new_recorder()


@pytest.fixture
def reader(data_dir: Path) -> Iterator[Reader]:
    made = Reader(data_dir)
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests. Its crash is a test's own matter: it starts it again."""
    with postgres_for_tests() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_centre(postgres: Postgres) -> str:
    """A database, made by the real migrations; tests take copies of it."""
    name = postgres.new_database()
    central.upgrade(postgres.url(name))
    return name


@pytest.fixture
def centre(postgres: Postgres, migrated_centre: str) -> str:
    """The URL of a central database of this test's own."""
    return postgres.url(postgres.new_database(migrated_centre))


@pytest.fixture
def black_hole() -> Iterator[BlackHole]:
    """A server that never answers."""
    with closing(BlackHole()) as made:
        yield made
