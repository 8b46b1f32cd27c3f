from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from station.control.client import is_served
from station.dashboard import log_queries
from station.dashboard.language import choose
from station.local_time import use_zone
from tests.dashboard.screenless import Screenless
from tests.harness import Bench, wait_for
from tests.integration.conftest import make_bench, release

__all__ = ["make_bench", "release", "watch"]


@pytest.fixture(autouse=True)
def clock_in_utc() -> Iterator[None]:
    """What the screen shows does not depend on where this machine stands."""
    use_zone("UTC")
    yield
    use_zone("")


@pytest.fixture(autouse=True)
def the_next_test_reads_english() -> Iterator[None]:
    """The language is the program's: a test that opens a screen in another one leaves it behind."""
    yield
    choose("en")


@pytest.fixture(autouse=True)
def questions_do_not_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that took 2 s to answer would rest for 40 s, and a picture waits until all is answered."""
    monkeypatch.setattr(log_queries, "RESTS", 1)


Watch = Callable[[Bench], Screenless]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Connect a screen without a screen to the line of a bench."""
    with ExitStack() as stack:

        def connect(bench: Bench) -> Screenless:
            # The line holds cameras before it has opened its log; screens are served from then on.
            wait_for(lambda: is_served(bench.data_dir), "the line answers")
            screen = Screenless(bench.data_dir)
            stack.callback(screen.close)
            return screen

        yield connect
