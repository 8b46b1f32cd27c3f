"""A line's figures for a monitoring system: a process beside it serves them (`metrics_process`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from station.model.notices import Notice
from station.wiring.beside_line import beside_line

if TYPE_CHECKING:
    from station.settings import Settings

LAST_S = 2.0


@contextmanager
def measuring(settings: Settings, tell: Callable[[Notice], None]) -> Iterator[None]:
    """Serve the figures of a line's data folder until the end of the block, where the configuration names a port."""
    if not settings.metrics.port:
        yield
        return
    with beside_line("metrics", serve, (settings,), last_s=LAST_S, tell=tell):
        yield


def serve(connection: Connection, words: Connection, settings: Settings) -> None:
    """The process. Its code is loaded there and not in the line."""
    from station.wiring import metrics_process

    metrics_process.main(connection, words, settings)
