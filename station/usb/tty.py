"""The serial port of a camera's application: found by the camera's place on the bus, read and written within limits.

1. The port is the one that the kernel made for the device in this place, never one with a certain name or number.
2. `open_tty` chooses the line coding and raises DTR: the camera decides by both what it speaks (`app.omv_protocol`).
   Closing the port drops DTR, which ends the protocol.
3. A port that vanishes is the reply `PORT_GONE`, at whatever moment.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Callable
from typing import Final

import serial

from station.app.exchange import PORT_GONE, Heard, Listen, PortAction, PortBroken, PortReply, Send, Sent, Silent, Stuck
from station.app.omv_protocol import PROTOCOL_RATE
from station.errors import ApplicationError, StationError, UsbAccessError
from station.problem import sentence
from station.usb.busy_device import busy
from station.usb.ports import parse_port_path

SYSFS: Final = "/sys/bus/usb/devices"
LOOK_S: Final = 0.02
READ_BYTES: Final = 16_384
_GONE: Final = frozenset({errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.EBADF})
"""A hangup is EIO; cdc_acm says ENODEV, and pyserial EBADF or nothing."""


def find_tty(port_path: str, root: str = SYSFS) -> str | None:
    """The node ("/dev/ttyACM3") of the serial port that the device in this place has; None where it has none."""
    parse_port_path(port_path)
    try:
        interfaces = sorted(name for name in os.listdir(os.path.join(root, port_path)) if name.startswith(port_path))
    except OSError:
        return None
    for interface in interfaces:
        try:
            names = os.listdir(os.path.join(root, port_path, interface, "tty"))
        except OSError:
            continue
        if names:
            return f"/dev/{min(names)}"
    return None


def wait_for_tty(
    port_path: str, limit_s: float, root: str = SYSFS, *, find: Callable[[], str | None] | None = None
) -> str:
    """The same, as soon as the kernel and udev have made it. ApplicationError `test.no_port` after `limit_s`.

    `find` looks elsewhere (`station.usb.access.tty_of`), and may raise to end the wait.
    """
    end_s = time.monotonic() + limit_s
    while True:
        node = find_tty(port_path, root) if find is None else find()
        # udev gives the permissions a moment after the kernel made the node.
        if node is not None and (os.access(node, os.R_OK | os.W_OK) or time.monotonic() >= end_s):
            return node
        if time.monotonic() >= end_s:
            raise ApplicationError(
                "test.no_port", sentence("the camera in {port_path} has no serial port", port_path=port_path)
            )
        time.sleep(LOOK_S)


class Tty:
    """One open port, for one thread. `perform` answers with a reply whatever the port does."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._poll = select.poll()
        self._poll.register(port.fileno(), select.POLLIN)

    def perform(self, action: PortAction) -> PortReply:
        """Carry one action out; times are those of `time.monotonic`."""
        try:
            return self._send(action) if isinstance(action, Send) else self._listen(action)
        except serial.SerialTimeoutException:
            return Stuck(time.monotonic())
        except (OSError, serial.PortNotOpenError) as error:
            # SerialException is an OSError, often without a number: a port that is ready to be read and has nothing.
            number = error.errno
            return PORT_GONE if number is None or number in _GONE else PortBroken(number)

    def close(self) -> None:
        """Give the port back; safe to call twice, and for a port that is gone."""
        try:
            self._port.close()
        except OSError:
            return

    def _send(self, action: Send) -> PortReply:
        if self._port.write_timeout != action.limit_s:
            self._port.write_timeout = action.limit_s
        self._port.write(action.data)
        return Sent(time.monotonic())

    def _listen(self, action: Listen) -> PortReply:
        while True:
            left_s = action.until_s - time.monotonic()
            ready = self._poll.poll(max(0.0, left_s) * 1000)
            # Both may be set at once: what came before the hangup is still there to be read.
            if ready and (data := self._port.read(READ_BYTES)):
                return Heard(bytes(data), time.monotonic())
            now_s = time.monotonic()
            if now_s >= action.until_s:
                return Silent(now_s)


def open_tty(node: str, rate: int = PROTOCOL_RATE) -> Tty:
    """Open a port for this program alone, with DTR raised.

    ApplicationError `test.port_vanished` and `test.port_io`; UsbAccessError `usb.access_denied`; UsbBusyError
    `usb.busy` where another program has it.
    """
    try:
        return Tty(serial.Serial(node, rate, timeout=0, write_timeout=1.0, exclusive=True))
    except OSError as error:
        raise _open_failure(error, node) from error


def _open_failure(error: OSError, node: str) -> StationError:
    number = error.errno
    if number in (errno.EACCES, errno.EPERM):
        return UsbAccessError("usb.access_denied", sentence("no permission to open {node}", node=node))
    if number in (errno.EBUSY, errno.EAGAIN):
        return busy(node)
    if number in _GONE:
        return ApplicationError("test.port_vanished", sentence("the camera's serial port vanished ({node})", node=node))
    return ApplicationError("test.port_io", sentence("{node} cannot be opened: {error}", node=node, error=error))
