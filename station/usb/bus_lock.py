"""One station a bus: two that flash the same cameras would write into each other's transfers."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct
from pathlib import Path
from types import TracebackType

from station.errors import BusyError

BUS_NAME = "openmv-ae3-station-bus"

_CREDENTIALS = struct.Struct("3i")


class BusLock:
    """Held from `acquire` to `release`, at the latest to the end of the process.

    The lock is a bound socket in Linux's abstract namespace: the kernel lets go of it with the process, however that
    ends, and no file is left behind. `where` is what a refusal says about the bus.
    """

    def __init__(self, name: str = BUS_NAME, where: str = "on this machine's USB bus") -> None:
        self._address = f"\0{name}"
        self._where = where
        self._socket: socket.socket | None = None

    def acquire(self) -> None:
        """Take the bus; BusyError `station.busy` where another station has it."""
        if self._socket is not None:
            return
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            taken.bind(self._address)
            taken.listen()
        except OSError as error:
            taken.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise BusyError("station.busy", f"another station{self._holder()} works {self._where}") from error
        self._socket = taken

    @classmethod
    def of_virtual(cls, directory: Path) -> BusLock:
        """The lock of the virtual cameras that are served in a folder, however the folder is spelled."""
        folder = directory.resolve()
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
        return cls(f"{BUS_NAME}-{digest}", f"with the virtual cameras in {folder}")

    def release(self) -> None:
        """Let the next station have the bus; safe to call twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _holder(self) -> str:
        """Say who listens there. Nobody answers where the other is just ending: then there is nothing to say."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(self._address)
                raw = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            except OSError:
                return ""
        pid, _, _ = _CREDENTIALS.unpack(raw)
        return f" (process {pid})"

    def __enter__(self) -> BusLock:
        """Acquire."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release."""
        self.release()
