"""A program for test_killed: writes runs until it is killed, and prints the key of each that was committed."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from pathlib import Path

from station.ledger.recorder import Recorder
from station.model.events import AttemptFinished, LedgerReply, OpeningCommitted, RunCommitted, RunFinished, RunOpened
from tests.unit.ledger.builders import a_run, opened

waiting = threading.Semaphore(20)


def tell(reply: LedgerReply) -> None:
    if isinstance(reply, OpeningCommitted):
        return
    try:
        assert isinstance(reply, RunCommitted)
        os.write(1, f"{reply.run.run_id}\n".encode())
    except BaseException:
        os._exit(1)  # the test has gone: this program must not outlive it
    waiting.release()


def main() -> None:
    recorder = Recorder(Path(sys.argv[1]), tell)
    # Sixteen cameras are held for as long as the program lives.
    for number in range(16):
        recorder.submit(RunOpened(opened(a_run(serial=f"{number:024X}"))))
    for number in itertools.count(100):
        run = a_run(minute=number, serial=f"{number:024X}")
        waiting.acquire()
        recorder.submit(RunOpened(opened(run)))
        recorder.submit(AttemptFinished(run.run_id, run.attempts[0]))
        recorder.submit(RunFinished(run))


main()
