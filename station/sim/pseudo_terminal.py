"""A camera's serial port where there is no kernel to make one of its USB interface: a pseudo-terminal.

1. The rate is read from the terminal's settings whenever bytes come, as a host sets it before it writes.
2. DTR cannot be seen: it counts as set. So a host that closes the port does not end the protocol here; the next one
   begins with PROTO_SYNC, which does. (Through USB/IP and cdc_acm, DTR is as real as the rate.)
3. One thread does all reading and writing; `pump` and `close` only wake it. When the camera leaves the bus the terminal
   is hung up, as a tty is whose device went.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import tty
from collections.abc import Callable

from station.sim.camera import Camera
from station.sim.serial_port import PROTOCOL_RATE, REPL_RATE

_READ_BYTES = 65536
_WAITING_LIMIT_BYTES = 1 << 18
_OUTPUT_SPEED = 5


class PseudoTerminal:
    """The serial port of `camera` as it is connected now; `on_change` is called when its next deadline moved."""

    def __init__(self, camera: Camera, connection: int | None, on_change: Callable[[], None]) -> None:
        self._camera = camera
        self._connection = connection
        self._on_change = on_change
        self._master, self._slave = os.openpty()
        self._wake_out, self._wake_in = os.pipe()
        self._wake_lock = threading.Lock()
        self._closing = self._ended = False
        self._waiting = b""
        tty.setraw(self._slave)
        self._set_first_rate()
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        """What a host opens."""
        threading.Thread(target=self._run, name=f"tty-{camera.spec.port_path}", daemon=True).start()

    def pump(self) -> None:
        """The camera may have something to say."""
        self._wake(b"p")

    def close(self) -> None:
        """Hang up; any thread may call it, more than once."""
        self._closing = True
        self._wake(b"c")

    def _wake(self, reason: bytes) -> None:
        # Once it is closed its number may be another file's: a byte written there would break a camera's USB/IP stream.
        with self._wake_lock, contextlib.suppress(OSError):
            if not self._ended:
                os.write(self._wake_in, reason)

    def _set_first_rate(self) -> None:
        settings = termios.tcgetattr(self._slave)
        settings[4] = settings[_OUTPUT_SPEED] = termios.B115200
        termios.tcsetattr(self._slave, termios.TCSANOW, settings)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while not self._closing:
                writing = [self._master] if self._waiting else []
                ready, _, _ = select.select([self._master, self._wake_out], writing, [])
                if self._wake_out in ready:
                    os.read(self._wake_out, _READ_BYTES)
                self._exchange(os.read(self._master, _READ_BYTES) if self._master in ready else b"")
        with self._wake_lock:
            self._ended = True
            for file in (self._master, self._slave, self._wake_out, self._wake_in):
                os.close(file)

    def _exchange(self, data: bytes) -> None:
        camera = self._camera
        with camera.lock:
            if camera.connection != self._connection or camera.composite is None:
                return
            due_s = camera.due_s
            port = camera.composite.serial_port
            port.rate, port.dtr = self._rate(), True
            if data:
                camera.take_serial(data)
            self._waiting = (self._waiting + (port.give(_WAITING_LIMIT_BYTES) or b""))[-_WAITING_LIMIT_BYTES:]
            # A fault may have cut the power: the host must see that the camera left.
            changed = camera.due_s != due_s or camera.connection != self._connection
        if self._waiting:
            with contextlib.suppress(BlockingIOError):
                self._waiting = self._waiting[os.write(self._master, self._waiting) :]
        if changed:
            self._on_change()

    def _rate(self) -> int:
        speed = termios.tcgetattr(self._master)[_OUTPUT_SPEED]
        return PROTOCOL_RATE if speed == termios.B921600 else REPL_RATE
