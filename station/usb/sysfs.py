"""USB devices as Linux shows them under /sys, and what was last known of each place there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from station.board.usb_ids import UsbIds
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceLeft
from station.usb.ports import parse_port_path


def list_cameras(ids: UsbIds, root: str = "/sys/bus/usb/devices") -> dict[str, Device]:
    """Every camera that the kernel has enumerated, by its folder's path; none where the machine has no USB at all.

    sysfs is read directly: libudev's listing takes several times as long, and after an overflow cameras wait for it.
    """
    try:
        links = [os.path.join(root, name) for name in os.listdir(root) if ":" not in name]
        # The links lead straight to the folders: resolving every part of the path would cost more than all the rest.
        places = [os.path.normpath(os.path.join(root, os.readlink(link))) for link in links]
    except FileNotFoundError:
        return {}
    found = ((place, read_camera(ids, place)) for place in places)
    return {place: device for place, device in found if device is not None}


def read_camera(ids: UsbIds, folder: str) -> Device | None:
    """The device of a folder in sysfs, if it is one of the camera's vendor; None too where it has just left.

    The kernel read all of this from the device when it enumerated it: no transfer is made.
    """
    try:
        vendor_id = int(_attribute(folder, "idVendor"), 16)
        if vendor_id != ids.vendor_id:
            return None
        port_path = str(parse_port_path(os.path.basename(folder)))
        product_id = int(_attribute(folder, "idProduct"), 16)
        bus, address = int(_attribute(folder, "busnum")), int(_attribute(folder, "devnum"))
        return Device(
            port_path=port_path,
            bus=bus,
            address=address,
            vendor_id=vendor_id,
            product_id=product_id,
            serial=_serial(folder),
            bcd_device=int(_attribute(folder, "bcdDevice"), 16),
            mode=ids.mode_of(vendor_id, product_id),
            node=f"/dev/bus/usb/{bus:03d}/{address:03d}",
        )
    except (OSError, ValueError):
        return None


def is_authorized(port_path: str, root: str = "/sys/bus/usb/devices") -> bool:
    """Whether this machine's policy lets the device at a port be used; True too where nothing can be read of it."""
    try:
        return _attribute(f"{root}/{port_path}", "authorized") != "0"
    except OSError:
        return True


def is_configured(port_path: str, root: str = "/sys/bus/usb/devices") -> bool:
    """Whether the kernel has configured the device at a port; False too where nothing can be read of it."""
    try:
        return bool(_attribute(f"{root}/{port_path}", "bConfigurationValue").strip())
    except OSError:
        return False


def _attribute(folder: str, name: str) -> str:
    with open(f"{folder}/{name}", "rb", buffering=0) as file:
        return file.readall().decode(errors="replace").removesuffix("\n")


def _serial(folder: str) -> str:
    """A device without a serial has no such file."""
    try:
        return _attribute(folder, "serial")
    except FileNotFoundError:
        return ""


class Presence:
    """Which camera is where, by the device's path in sysfs: the announcement of a departure names nothing else."""

    def __init__(self, emit: Callable[[DeviceEvent], None]) -> None:
        self._emit = emit
        self._known: dict[str, Device] = {}

    @property
    def known(self) -> dict[str, Device]:
        """What is there now, by path."""
        return dict(self._known)

    def arrived(self, path: str, device: Device | None) -> None:
        """Tell an arrival, and before it the departure of whatever was there without anybody saying so."""
        if device is None:
            return
        known = self._known.get(path)
        if known is not None and _enumeration(known) != _enumeration(device):
            self._emit(DeviceLeft(known.port_path))
        self._known[path] = device
        self._emit(DeviceArrived(device))

    def left(self, path: str, address: int | None = None) -> None:
        """Tell a departure once. Where `address` is known and is not that of the device there, the news is stale."""
        known = self._known.get(path)
        if known is None or (address is not None and address != known.address):
            return
        del self._known[path]
        self._emit(DeviceLeft(known.port_path))

    def listed(self, found: Mapping[str, Device]) -> None:
        """Tell the difference between what is known and what a listing found."""
        for path in [path for path in self._known if path not in found]:
            self.left(path)
        for path, device in found.items():
            known = self._known.get(path)
            if known is None or _enumeration(known) != _enumeration(device):
                self.arrived(path, device)


def _enumeration(device: Device) -> tuple[int, int]:
    return device.bus, device.address
