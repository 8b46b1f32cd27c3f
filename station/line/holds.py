"""Holds under way: which cameras the holder was asked to keep in their bootloader, since when, and what it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from station.clock import monotonic_s
from station.flash.messages import CameraHeld, CameraNotHeld, HolderReady
from station.line.pool import Pool
from station.model.devices import Device

HOLD_FIRST_S = 1.5
"""For how long a hold under way keeps workers from starting. One that takes longer is a broken camera, no busy line."""


LONGEST_HOLD_S = 30.0
"""The holder answers of every camera, also of one that says nothing, in half of this: else it hangs."""


class Holds:
    """For the dispatcher's thread. `on_answer` is called once for each hold, unless it was forgotten before."""

    def __init__(self, pool: Pool, on_answer: Callable[[CameraHeld | CameraNotHeld], None]) -> None:
        self._pool = pool
        self._on_answer = on_answer
        self._asked: dict[str, tuple[Device, float]] = {}
        self._unanswered: dict[Device, float] = {}
        """Whatever the holder was asked and has not answered, also of cameras that have left; and since when."""
        self.on_ready: Callable[[], None] | None = None
        """Called in a thread of its own when cameras may come."""

    @property
    def connections(self) -> list[Connection]:
        """The holder's pipe: `read` it when it is ready."""
        return [self._pool.holder.connection] if self._pool.holder else []

    def ask(self, device: Device) -> None:
        """Have a camera held, now."""
        self._asked[device.port_path] = device, monotonic_s()
        self._send(device)

    def _send(self, device: Device) -> None:
        self._unanswered[device] = monotonic_s()
        self._pool.hold(device)

    def forget(self, port_path: str) -> None:
        """The camera left: nobody waits for its answer any more."""
        self._asked.pop(port_path, None)

    @property
    def come_first(self) -> bool:
        """Whether a hold is under way that must not be made slower."""
        since_s = monotonic_s() - HOLD_FIRST_S
        return any(asked_s > since_s for _, asked_s in self._asked.values())

    def read(self, connection: Connection) -> None:
        """The holder answers, or has died: whatever it was holding is asked for again; cameras that it held already
        stay held."""
        if connection not in self.connections:
            return  # replaced in the meantime, because a hold could not be sent to it
        try:
            answer = connection.recv()
        except (EOFError, OSError):
            self._replace()
            return
        if isinstance(answer, HolderReady):
            self._report_ready()
        elif isinstance(answer, CameraHeld | CameraNotHeld):
            self.answered(answer)

    def replace_silent(self, forgiven_s: float) -> None:
        """Put another holder in the place of one that hangs: no camera would be held any more. `forgiven_s`: so long
        nobody listened."""
        for device in self._unanswered:
            self._unanswered[device] += forgiven_s
        overdue_s = monotonic_s() - LONGEST_HOLD_S
        if self._pool.holder and any(asked_s < overdue_s for asked_s in self._unanswered.values()):
            self._pool.holder.kill()
            self._replace()

    def _replace(self) -> None:
        self._pool.replace_holder()
        self._unanswered.clear()
        for device, _ in self._asked.values():
            self._send(device)

    def answered(self, answer: CameraHeld | CameraNotHeld) -> None:
        """An answer about a device that is not on the port any more says nothing about the one that is."""
        self._unanswered.pop(answer.device, None)
        path = answer.device.port_path
        asked = self._asked.get(path)
        if asked is not None and asked[0] == answer.device:
            del self._asked[path]
            self._on_answer(answer)

    def _report_ready(self) -> None:
        """The holder can hold; reported once, also where a holder that died is replaced later."""
        on_ready, self.on_ready = self.on_ready, None
        if on_ready is not None:
            threading.Thread(target=on_ready, name="ready", daemon=True).start()
