from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.dashboard.screenless import Screenless
from tests.harness import Bench
from tests.integration.conftest import make_bench, release

__all__ = ["make_bench", "release", "watch"]

Watch = Callable[[Bench], Screenless]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Connect a screen without a screen to the line of a bench."""
    with ExitStack() as stack:

        def connect(bench: Bench) -> Screenless:
            screen = Screenless(bench.data_dir)
            stack.callback(screen.close)
            return screen

        yield connect
