"""What the child processes run, and the small server process that they are forked from.

Their code is imported in them and not here: the station's main process needs none of it, and every module that it does
not load is time in which cameras are not yet held.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext

from station.usb.access import UsbAccess

PRELOAD = ["station.line.preloaded"]


def hold(connection: Connection, access: UsbAccess) -> None:
    """The holder's process, until the station ends."""
    from station.line import holder

    holder.main(connection, access)


def work(connection: Connection, access: UsbAccess) -> None:
    """A worker's process, until the station ends."""
    from station.line import worker

    worker.main(connection, access)


def fork_context() -> ForkServerContext:
    """How children are made: forked from a server process that has loaded the line's code once."""
    context: ForkServerContext = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


def start_fork_server() -> None:
    """Start that server now, so that it loads its code while the caller still reads its configuration.

    Returns at once. It ends with this process, whether or not it was used. May be called again.
    """
    from multiprocessing import forkserver

    fork_context()
    forkserver.ensure_running()
