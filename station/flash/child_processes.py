"""What the child processes run, and the small server process that they are forked from.

Their code is imported in them and not here: the station's main process needs none of it, and every module that it does
not load is time in which cameras are not yet held.
"""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext

from station.board.board import Board
from station.usb.access import UsbAccess

PRELOAD = ["station.flash.fork_imports"]


def hold(connection: Connection, access: UsbAccess, board: Board) -> None:
    """The holder's process, until the station ends."""
    from station.flash import holder

    holder.main(connection, access, board)


def work(connection: Connection, access: UsbAccess, board: Board) -> None:
    """A worker's process, until the station ends."""
    from station.flash import worker

    worker.main(connection, access, board)


def run_errands(connection: Connection, access: UsbAccess) -> None:
    """The errand process, until the station ends."""
    from station.flash import errand_process

    errand_process.main(connection, access)


def fork_context() -> ForkServerContext:
    """How children are made: forked from a server process that has loaded the line's code once."""
    context: ForkServerContext = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


def start_fork_server() -> None:
    """Start that server now, so that it loads its code while the caller still reads its configuration.

    Returns at once. It ends with this process, whether or not it was used. May be called again.
    """
    from multiprocessing import forkserver, resource_tracker

    fork_context()
    # Starts a process of its own, and allows SIGINT again afterwards: it has to be there first.
    resource_tracker.ensure_running()
    # Ctrl-C reaches every process of a terminal, and one that is still loading its code would show a traceback. A
    # child begins with what is blocked here; for this process the signal waits.
    allowed = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, allowed)
