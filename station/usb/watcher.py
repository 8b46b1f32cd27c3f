"""Which cameras are plugged in: the watchers of the machine's own bus and of virtual ones, and a listing of both."""

from __future__ import annotations

import select
from collections.abc import Callable

from station.board.usb_ids import UsbIds
from station.model.devices import Device
from station.usb.access import UsbAccess
from station.usb.sysfs import Presence, list_cameras, read_camera
from station.usb.udev import Overflow, UdevEvent, UdevMonitor
from station.usb.usbip.usbip_watcher import VirtualWatcher, virtual_devices
from station.usb.watcher_thread import OnEvent, Watcher

__all__ = ["UdevWatcher", "VirtualWatcher", "Watcher", "list_devices"]

_ARRIVALS = frozenset({"add", "bind"})
"""At `add` the kernel may still be configuring the device (who opens it is kept waiting); `bind` says that it has."""
_DEPARTURES = frozenset({"remove", "unbind"})


class UdevWatcher(Watcher):
    """Watches the machine's own bus. `start` raises UsbAccessError `usb.no_udev` where udev does not run."""

    _name = "udev-watcher"

    def __init__(self, ids: UsbIds, open_monitor: Callable[[], UdevMonitor] = UdevMonitor) -> None:
        super().__init__()
        self._ids = ids
        self._open_monitor = open_monitor

    def _watch(self, on_event: OnEvent, ready: Callable[[], None], wake_fd: int) -> None:
        # Listen first, then list: what arrives in between is announced twice, the other way round never.
        monitor = self._open_monitor()
        presence = Presence(on_event)
        presence.listed(monitor.cameras(self._ids))
        ready()
        waiting = select.poll()
        waiting.register(monitor.fileno(), select.POLLIN)
        waiting.register(wake_fd, select.POLLIN)
        while all(fd != wake_fd for fd, _ in waiting.poll()):
            try:
                for event in monitor.receive():
                    _tell(event, presence, self._ids)
            except Overflow:
                presence.listed(monitor.cameras(self._ids))


def list_devices(access: UsbAccess, ids: UsbIds) -> list[Device]:
    """Every camera that is plugged in now. UsbAccessError `usb.no_sim` where virtual ones are not served."""
    return virtual_devices(access, ids) if access.kind == "usbip" else list(list_cameras(ids).values())


def _tell(event: UdevEvent, presence: Presence, ids: UsbIds) -> None:
    if event.action in _ARRIVALS:
        presence.arrived(event.path, read_camera(ids, event.path))
    elif event.action in _DEPARTURES:
        presence.left(event.path, event.address)
