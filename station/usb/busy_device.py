"""A camera that another program has open: which one, so that somebody can close it."""

from __future__ import annotations

from station.errors import UsbBusyError
from station.problem import sentence
from station.process_facts import processes_with

_MOST_NAMED = 3


def busy(node: str) -> UsbBusyError:
    """`usb.busy`: names the programs and processes that have the device node open, where this user may see them."""
    found = processes_with(node)
    if not found:
        return UsbBusyError("usb.busy", sentence("another program is using the camera ({node})", node=node))
    named = ", ".join(map(str, found[:_MOST_NAMED]))
    return UsbBusyError(
        "usb.busy", sentence("another program is using the camera ({node}): {programs}", node=node, programs=named)
    )
