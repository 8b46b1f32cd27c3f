"""A camera that runs its application is sent into its bootloader, over its serial port. Runs in a worker process.

1. The OpenMV protocol first: it is served while the user's script runs. Where nothing speaks it (firmware 4.x), where
   it is refused, or where the camera is still there after it, the raw REPL.
2. A port that vanishes once the camera was asked is what success looks like. What enumerates next proves it, and that
   is for the line to see.
3. Every wait has its limit; a camera that is mute ends both.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import Final

from station.app.app_client import Client, Leaving
from station.app.conversation import converse
from station.app.omv_protocol import PROTOCOL_RATE
from station.app.packet_link import Timing
from station.app.repl import BOOTLOADER_SCRIPT, REPL_RATE, run_in_repl
from station.errors import ApplicationError, StationError
from station.flash.messages import STAYED, BootloaderEntered, BootloaderNotEntered
from station.model.devices import Device
from station.problem import Problem
from station.usb.access import UsbAccess, tty_of
from station.usb.tty import open_tty, wait_for_tty

TTY_LIMIT_S: Final = 5.0
"""How long the kernel and udev may take to make the serial port: a camera may be asked just after it came."""
TIMING: Final = Timing(retries=2)
"""3.5 s without an answer, then the REPL: a person waits, and a camera that speaks the protocol answers at once."""
SCRIPT_LIMIT_S: Final = 3.0
VANISHED: Final = "test.port_vanished"


def enter_bootloader(access: UsbAccess, device: Device) -> BootloaderEntered | BootloaderNotEntered:
    """Ask the application on this device's port; whether it took the request."""
    try:
        node = wait_for_tty(device.port_path, TTY_LIMIT_S, find=partial(tty_of, access, device.port_path))
        has_left = _has_left(node)
    except StationError as error:
        return BootloaderNotEntered(device, error.problem)
    return BootloaderEntered(device) if has_left else BootloaderNotEntered(device, Problem("test.refused", STAYED))


def _has_left(node: str) -> bool:
    """Whether the camera left upon a request; raises the StationError of the last way where it could not be asked."""
    was_asked = False
    try:
        if _by_protocol(node) is Leaving.VANISHED:
            return True
        was_asked = True
    except ApplicationError as error:
        if error.code == VANISHED:
            raise
    try:
        return _by_repl(node)
    except ApplicationError as error:
        # It was on its way already.
        if was_asked and error.code == VANISHED:
            return True
        raise


def _by_protocol(node: str) -> Leaving:
    with closing(open_tty(node, PROTOCOL_RATE)) as port:
        return converse(Client(TIMING).enter_bootloader(), port.perform)


def _by_repl(node: str) -> bool:
    with closing(open_tty(node, REPL_RATE)) as port:
        return converse(run_in_repl(BOOTLOADER_SCRIPT, SCRIPT_LIMIT_S, may_leave=True), port.perform).has_left
