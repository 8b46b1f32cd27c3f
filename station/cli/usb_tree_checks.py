"""What the doctor sees of the USB tree: how many devices, how deep, whose power, asleep or not, who has them open.

All of it is read from sysfs and /proc; nothing is opened. `root` is where sys, proc and dev are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from station.cli.finding import Finding, text_of
from station.errors import UsbAccessError
from station.process_facts import OpenedBy, processes_with

ADDRESSES = 127
"""A device's address on its bus has 7 bits, and 0 is the one of a device that has none yet (USB 2.0, 9.4.6)."""
HUBS_IN_A_ROW = 5
"""USB 2.0, 4.1.1: seven tiers, the host's and the last device's among them. Linux serves no sixth hub."""
HUB_CLASS = "09"
SELF_POWERED = 0x40
"""bmAttributes of a configuration (USB 2.0, 9.6.3)."""
OWN_PROCESSES = ("station", "w ")
"""As the station's own processes call themselves."""


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device as sysfs shows it."""

    port_path: str
    vendor_id: str
    is_hub: bool
    has_own_power: bool
    may_sleep: bool
    node: str
    ttys: tuple[str, ...]

    @property
    def bus(self) -> str:
        """The bus's number."""
        return self.port_path.partition("-")[0]

    @property
    def depth(self) -> int:
        """How many ports are between the host and it: 1 for one that is plugged into the machine."""
        return self.port_path.count(".") + 1


def usb_tree(root: Path) -> list[UsbDevice]:
    """Every device but the root hubs, by port path."""
    folders = (root / "sys/bus/usb/devices").glob("*-*")
    return [_device(folder) for folder in sorted(folders) if ":" not in folder.name]


def _device(folder: Path) -> UsbDevice:
    def said(name: str) -> str:
        return text_of(folder / name).strip()

    attributes, numbers = said("bmAttributes"), (said("busnum"), said("devnum"))
    node = "/dev/bus/usb/{:0>3}/{:0>3}".format(*numbers)
    ttys = sorted(f"/dev/{tty.name}" for tty in folder.glob(f"{folder.name}:*/tty/tty*"))
    # What does not say how it is powered is not accused.
    own_power = not attributes or bool(_hex(attributes) & SELF_POWERED)
    is_hub, sleeps = said("bDeviceClass") == HUB_CLASS, said("power/control") == "auto"
    return UsbDevice(folder.name, said("idVendor").lower(), is_hub, own_power, sleeps, node, tuple(ttys))


def _hex(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return SELF_POWERED


def usb_findings(root: Path, vendor_id: str, slots: Sequence[str], install_rule: str) -> Iterator[Finding]:
    """What is wrong with the tree; `slots` are the port paths of the bench, `vendor_id` is the cameras' in sysfs."""
    tree = usb_tree(root)
    cameras = [device for device in tree if device.vendor_id == vendor_id]
    yield from _buses(tree, slots)
    yield from _hubs(tree, [*slots, *(camera.port_path for camera in cameras)])
    yield from _asleep(cameras, install_rule)
    yield from _held(root, cameras)


def _buses(tree: Sequence[UsbDevice], slots: Sequence[str]) -> Iterator[Finding]:
    """Whether every slot can have its camera: what is there now and every slot that is empty need an address each."""
    if not tree:
        return
    there = {device.port_path for device in tree}
    needed = Counter(path.partition("-")[0] for path in there | set(slots))
    now = Counter(device.bus for device in tree)
    for bus, count in sorted(needed.items()):
        if count > ADDRESSES:
            found = f"bus {bus} needs {count} addresses with every slot filled, and has {ADDRESSES}"
            yield _usb("devices", found, "Plug one of its hubs into another USB controller of this machine.")
            return
    said = ", ".join(f"{count} on bus {bus}" for bus, count in sorted(now.items()))
    yield Finding("devices", True, f"{said}; a bus has {ADDRESSES} addresses")


def _hubs(tree: Sequence[UsbDevice], places: Sequence[str]) -> Iterator[Finding]:
    hubs = [device for device in tree if device.is_hub]
    deep = [hub.port_path for hub in hubs if hub.depth > HUBS_IN_A_ROW]
    weak = [hub.port_path for hub in hubs if not hub.has_own_power and _feeds(hub.port_path, places)]
    if deep:
        found = f"{_named('hub', deep)}: more than {HUBS_IN_A_ROW} hubs in a row, and USB serves none behind the fifth"
        yield _usb(
            "hub depth", found, "Plug it in nearer to the machine; many a large hub is two or three hubs in a row."
        )
    if weak:
        found = f"{_named('hub', weak)}: without power of its own, so each of its ports gives 100 mA"
        yield _usb("hub power", found, "Plug in its power supply, or take a hub that has one.")
    if hubs and not deep and not weak:
        depth = max(hub.depth for hub in hubs)
        yield Finding("hubs", True, f"{len(hubs)}, at most {depth} in a row; those of the cameras have their own power")


def _feeds(hub: str, places: Sequence[str]) -> bool:
    """Whether a camera's place is at this hub itself: one behind another hub is fed by that."""
    return any(place.rpartition(".")[0] == hub for place in places)


def _asleep(cameras: Sequence[UsbDevice], install_rule: str) -> Iterator[Finding]:
    if found := [camera.port_path for camera in cameras if camera.may_sleep]:
        now = "; ".join(f"echo on | sudo tee /sys/bus/usb/devices/{path}/power/control" for path in found)
        said = f"{_named('camera', found)}: may be suspended while nothing is sent, and many a device does not wake up"
        yield _usb("autosuspend", said, f"{now}; for good (and look into TLP, powertop): {install_rule}")


def _held(root: Path, cameras: Sequence[UsbDevice]) -> Iterator[Finding]:
    """Other programs that have a camera open. Whose processes this user may not look into are not seen."""
    found: dict[OpenedBy, list[str]] = {}
    for camera in cameras:
        holders = {one for name in (camera.node, *camera.ttys) for one in processes_with(name, root)}
        for one in holders:
            if not one.program.startswith(OWN_PROCESSES):
                found.setdefault(one, []).append(camera.port_path)
    for one, paths in sorted(found.items(), key=lambda item: item[0].pid):
        said = f"{one} has {_named('camera', paths)} open"
        yield _usb("held by another program", said, f"Close {one.program}, or: sudo kill {one.pid}")


def _named(what: str, paths: Sequence[str]) -> str:
    return f"{what}{'s' if len(paths) > 1 else ''} {', '.join(paths)}"


def _usb(name: str, found: str, fix: str) -> Finding:
    return Finding(name, False, found, fix, UsbAccessError.exit_code)
