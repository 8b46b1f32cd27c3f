"""A program for test_killed: binds label after label until it is killed, and prints each that was committed.

Every unit has a run, and a sink hears of it: a binding changes three tables.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from station.ledger.recorder import Recorder
from station.model.events import BindingCommitted, BindingSaid, LedgerReply, RunCommitted, RunFinished
from station.model.sinks import Sink
from station.model.unit_values import UnitBinding, UnitValues
from tests.unit.ledger.builders import a_run

waiting = threading.Semaphore(20)


def tell(reply: LedgerReply) -> None:
    if isinstance(reply, RunCommitted):
        return
    try:
        assert isinstance(reply, BindingCommitted)
        os.write(1, f"{reply.unit.product_serial}\n".encode())
    except BaseException:
        os._exit(1)  # the test has gone: this program must not outlive it
    waiting.release()


def main() -> None:
    recorder = Recorder(Path(sys.argv[1]), tell, sinks=[Sink("mes", "folder", "/mes")])
    for number in itertools.count():
        serial = f"{number:024X}"
        waiting.acquire()
        recorder.submit(RunFinished(a_run(minute=number, serial=serial)))
        said = UnitBinding(
            serial, "bench-1", datetime.now(UTC), "ann", f"P-{number}", UnitValues.of({"box": str(number)})
        )
        recorder.submit(BindingSaid(str(number), said))


main()
