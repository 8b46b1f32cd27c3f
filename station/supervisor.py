"""What systemd hears of a line that it runs as a service: that it is ready, and that it is alive.

1. Only where systemd asked to be told (NOTIFY_SOCKET); else there is no supervisor and nothing is loaded.
2. `alive` is called by the loop that does the work, as often as it turns. It is passed on once a second.
3. Neither waits: a systemd that does not read must not hold up a line.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from station.clock import monotonic_s

if TYPE_CHECKING:
    from systemd_watchdog.systemd_watchdog import WatchDog

ALIVE_EVERY_S = 1.0


class Supervisor:
    """systemd, as far as it listens to this process. Its methods may be called from any thread, and never fail."""

    def __init__(self, watchdog: WatchDog) -> None:
        self._watchdog = watchdog
        self._alive_due_s = 0.0

    def ready(self) -> None:
        """The service does from now on what it is for."""
        with suppress(OSError):
            self._watchdog.ready()

    def alive(self) -> None:
        """The work goes on. By the monotonic clock, which nobody sets: the library's own `ping` would be silent for an
        hour after the clock of a machine that was an hour ahead is set right."""
        if monotonic_s() < self._alive_due_s:
            return
        self._alive_due_s = monotonic_s() + ALIVE_EVERY_S
        with suppress(OSError):
            self._watchdog.notify()


@contextmanager
def supervisor() -> Iterator[Supervisor | None]:
    """The supervisor of this process; None where it is no service that is to tell how it is."""
    if not is_supervised():
        yield None
        return
    from systemd_watchdog.systemd_watchdog import WatchDog

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.setblocking(False)
        yield Supervisor(WatchDog(sending))


def is_supervised() -> bool:
    """Whether systemd waits to hear from this process."""
    return bool(os.environ.get("NOTIFY_SOCKET"))
