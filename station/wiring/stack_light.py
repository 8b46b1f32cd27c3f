"""The stack light of a line: a process beside it drives the light (`light_process`), and says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from station.model.notices import Notice
from station.model.stack_lights import StackLight
from station.wiring.beside_line import beside_line

LAST_S = 6.0
"""A command that is called at the end is given 5 s."""


@contextmanager
def lighting(data_dir: Path, light: StackLight, tell: Callable[[Notice], None]) -> Iterator[None]:
    """Show on a light how the line of a data folder stands, until the end of the block; then it is dark."""
    if light.kind == "off":
        yield
        return
    with beside_line("light", shine, (data_dir, light), last_s=LAST_S, tell=tell):
        yield


def shine(connection: Connection, words: Connection, data_dir: Path, light: StackLight) -> None:
    """The process. Its code is loaded there and not in the line."""
    from station.wiring import light_process

    light_process.main(connection, words, data_dir, light)
