"""After a broken transfer: is the camera still there, has it come back by itself, or was it pulled out?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from station.clock import monotonic_s
from station.errors import CameraError
from station.flash.pipe import Link
from station.model.devices import Device, DeviceMode

LEAVING_S = 2.0
"""How long after a failed transfer the port may take to report that its device left."""
REPORTED_S = 20.0
"""The same where the kernel said already that it left: only the report can be late, on a busy machine by seconds."""
HOLD_S = 3.0
"""How much longer to wait for a camera that has come back and is just being held."""


class Whereabouts(Enum):
    """Where the camera is after a failure."""

    STAYED = auto()
    CAME_BACK = auto()
    CAME_BACK_AS_APPLICATION = auto()
    LEFT = auto()


@dataclass(frozen=True, slots=True)
class Return:
    """Where the camera is; `device` is set where it came back, `bootloader` where it is held."""

    whereabouts: Whereabouts
    device: Device | None = None
    bootloader: str = ""


def after_failure(link: Link, error: CameraError, return_window_s: float) -> Return:
    """Find out where the camera is after `error`, waiting at most for the return window and one hold."""
    if not error.code.startswith("usb."):
        return Return(Whereabouts.STAYED)
    change = link.wait_change(REPORTED_S if error.code == "usb.disconnected" else LEAVING_S)
    if change is None:
        return Return(Whereabouts.STAYED)
    back_by_s = change.at_s + return_window_s
    until_s = monotonic_s() + return_window_s
    while True:
        if change is not None and change.device is not None:
            if change.at_s > back_by_s and not change.held:
                return Return(Whereabouts.LEFT)  # heard of late: a hand has put it in again, or another one
            if change.device.mode is DeviceMode.APPLICATION:
                return Return(Whereabouts.CAME_BACK_AS_APPLICATION, change.device)
            if change.held:
                return Return(Whereabouts.CAME_BACK, change.device, change.bootloader)
            until_s = max(until_s, monotonic_s() + HOLD_S)
        left_s = until_s - monotonic_s()
        if left_s <= 0:
            return Return(Whereabouts.LEFT)
        change = link.wait_change(left_s)
