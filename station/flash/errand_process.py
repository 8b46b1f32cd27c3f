"""The errand process: asks applications into their bootloaders and cycles ports' power, for slots that have no run.

One process for all of them, a thread for each: they wait far more than they work, and a person who wants eight cameras
run again waits for them. It is not stepped back as workers are, and needs nothing of what a run needs.
"""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from threading import Lock, Thread

from station.flash.bootloader_entry import enter_bootloader
from station.flash.messages import CyclePortPower, Errand, ErrandAnswer, not_done
from station.flash.port_power import cycle_power
from station.problem import mistake_of_ours
from station.process_facts import name_process
from station.usb.access import UsbAccess


def main(connection: Connection, access: UsbAccess) -> None:
    """The process: takes `EnterBootloader` and `CyclePortPower`, answers each once, ends when the station does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name_process("station-errand")
    lock = Lock()

    def answer(errand: Errand) -> None:
        done = _done(errand, access)
        with lock:
            connection.send(done)

    while True:
        try:
            errand: Errand = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        Thread(target=answer, args=(errand,), daemon=True).start()


def _done(errand: Errand, access: UsbAccess) -> ErrandAnswer:
    """Whatever happens is an answer: one camera's surprise must not cost the others theirs."""
    try:
        if isinstance(errand, CyclePortPower):
            return cycle_power(errand.template, errand.port_path)
        return enter_bootloader(access, errand.device)
    except Exception as error:
        return not_done(errand, mistake_of_ours(error))
