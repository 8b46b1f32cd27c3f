"""Who says that the line is alive: the loop that serves the slots, so that a hung one is silent."""

from __future__ import annotations

import threading

from station.errors import StationError
from station.line.dispatcher import Dispatcher
from station.line.listeners import Listeners
from station.line.pool import Pool
from tests.unit.line.quiet_line import NO_LOG, PROGRAMS, SETUP


def test_a_loop_that_hangs_does_not_say_that_it_turns() -> None:
    dispatcher = Dispatcher(SETUP, NO_LOG, Pool(PROGRAMS, 0), Listeners(lambda run: None))
    said_by: list[int] = []
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        goes_on.wait(60)

    loop = threading.Thread(target=dispatcher.loop, args=(lambda: said_by.append(threading.get_ident()),))
    dispatcher.post(hang)
    loop.start()
    assert hangs.wait(60)
    before = len(said_by)
    dispatcher.post(lambda: dispatcher.stopping.stop_because(StationError("line.stopped", "the test is over")))
    assert len(said_by) == before
    goes_on.set()
    loop.join(60)
    dispatcher.close()
    # Not a thread beside it, which would go on while the loop hangs.
    assert before
    assert set(said_by) == {loop.ident}
