"""A terminal that is closed leaves other files alone: their numbers are given out again."""

from __future__ import annotations

import os
import select
import threading
from typing import Any, cast

from station.sim.pseudo_terminal import PseudoTerminal


class Unplugged:
    """A camera that is nowhere, as far as a terminal asks."""

    class spec:
        port_path = "1-1"

    lock = threading.RLock()
    connection = None
    composite = None


def test_waking_a_closed_terminal_writes_into_no_other_file() -> None:
    terminal = PseudoTerminal(cast(Any, Unplugged()), None, lambda: None)
    (thread,) = [each for each in threading.enumerate() if each.name == "tty-1-1"]
    terminal.close()
    thread.join(60)
    assert not thread.is_alive()
    pipes = [os.pipe() for _ in range(8)]
    try:
        assert terminal._wake_in in {number for pipe in pipes for number in pipe}, "its number is another file's now"
        terminal.pump()
        terminal.close()
        assert select.select([out for out, _ in pipes], [], [], 0)[0] == []
    finally:
        for number in (number for pipe in pipes for number in pipe):
            os.close(number)
